"""Every place where a mechanism can enter. Read `types.py` first, then this file; the rest of the house fills it.

Shape letters: n records of a space (in the order they were committed), c candidates, q query tokens, t stored tokens,
d dimensions. Scores are higher-is-better and comparable only within one list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeVar, runtime_checkable

from remanence.types import (
    Ack,
    Add,
    Change,
    Context,
    Event,
    Hit,
    Micros,
    Query,
    Receipt,
    Record,
    Scope,
    Slot,
    Source,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Ords = NDArray[np.int32]

T = TypeVar("T")


# --- encoders and chat models -------------------------------------------------------------------------------------


class Encoded(NamedTuple):
    """`dense` (n, d) float32, unit rows; `tokens`: per text the packed states of its tokens, empty bytes where none."""

    dense: Floats
    tokens: Sequence[bytes]


class EncodedQuery(NamedTuple):
    """`dense` (d,) float32, unit; `states` (q, token_dim) float32, unit rows; `spans`: characters of each of the q tokens."""

    dense: Floats
    states: Floats
    spans: Sequence[tuple[int, int]]


@runtime_checkable
class Embedder(Protocol):
    """Texts to vectors. Same text, same bytes, whatever it is batched with."""

    @property
    def id(self) -> str:
        """Names model, revision, precision and layout: rows carry it, and two encoders of one id are interchangeable."""
        ...

    @property
    def dim(self) -> int: ...

    @property
    def token_dim(self) -> int:
        """0 where the encoder has no token states."""
        ...

    @property
    def token_bytes(self) -> int:
        """Bytes of one packed token."""
        ...

    def encode(self, texts: Sequence[str]) -> Encoded: ...

    def query(self, text: str) -> EncodedQuery: ...

    def unpack(self, packed: NDArray[np.uint8]) -> Floats:
        """(t, token_bytes) -> (t, token_dim) float32, unit rows."""
        ...


@runtime_checkable
class ChatModel(Protocol):
    """Messages to text, or to an object that satisfies a JSON schema."""

    @property
    def id(self) -> str:
        """Names the model and where it runs."""
        ...

    def chat(
        self, messages: Sequence[Mapping[str, str]], *, schema: Mapping[str, Any] | None = None
    ) -> Any: ...


# --- the ledger ---------------------------------------------------------------------------------------------------


class Analyzed(NamedTuple):
    """What the lexical index keeps of a text: packed `(term hash u4, tf u1)` entries sorted by hash, the number of
    words of the body, and a hash of the body's set of stems (equal for the same words in another order, case or punctuation)."""

    terms: bytes
    length: int
    fold: int


Analyzer = Callable[[str, Mapping[str, str], Mapping[str, object]], Analyzed]
"""(text, fields, meta) -> what the lexical index keeps. Deterministic on every machine."""


class Delta(NamedTuple):
    """What changed in a space after some sequence number, for an index that follows it.

    `rows`: structured array of `store.rows.ROW`, new or changed versions, by `seq`; `terms`: the packed entries of each;
    `gone`: sequence numbers whose rows were erased; `seq`: the ledger's head that this delta reaches. `marks`: structured array of
    `store.rows.MARK`, set or taken off since; `uses`: of `store.rows.USE`, one for each `Touch` since. Both name a record by its
    first event."""

    seq: int
    rows: NDArray[Any]
    terms: Sequence[bytes]
    gone: Sequence[int]
    marks: NDArray[Any]
    uses: NDArray[Any]


class Waiting(NamedTuple):
    """Content that has no vectors yet: what is known of it before anything else of the record is read."""

    seq: int
    text: str
    speaker: str
    fields: Mapping[str, str]


class Holder(NamedTuple):
    """A known fact that holds a slot, for whoever decides what a new one does to it."""

    id: str
    slot: Slot
    valid_from: Micros
    valid_to: Micros
    origin: str
    trust: float
    sources: tuple[Source, ...]
    quarantined: bool


class Settler(Protocol):
    """What a new fact does to those that held its slot: closes them, is closed by a later one, or stands in conflict.

    Called inside the transaction that stored it, so that no two writers can miss each other. Deterministic."""

    def settle(self, add: Add, id: str, at: Micros, held: Sequence[Holder]) -> Sequence[Change]:
        """`at`: when the new one begins to be true; `held`: others of the same slot and scope, oldest first, never empty."""
        ...


class Marked(NamedTuple):
    """A record with a mark on it."""

    id: str
    since: Micros
    why: str


class Store(Protocol):
    """The ledger and its derived state. Every call is one transaction; what it raises is a `StoreError` or `UsageError`."""

    def apply(
        self,
        changes: Sequence[Change],
        *,
        actor: str = "",
        key: str = "",
        settler: Settler | None = None,
        cursor: tuple[Scope, str, str] | None = None,
        whole: bool = False,
    ) -> list[Ack]:
        """Commit all changes at once, durably. Items that can't be stored are acknowledged `rejected` and the others
        stand; `expect` mismatches raise `Conflict` and nothing stands. `key` makes a retry return the first call's acks.
        `settler` is asked about every fact whose slot is held; `cursor` (scope, name, value) is kept with the commit.
        `whole`: where one change is rejected, `Conflict` is raised and nothing stands."""
        ...

    def cursor(self, scope: Scope, name: str) -> str:
        """What was last kept under this name, "" where nothing was: how far a sleeper is."""
        ...

    def marked(self, scope: Scope, mark: str) -> list[Marked]:
        """Records that bear this mark now, oldest mark first."""
        ...

    def linked(self, scope: Scope, relation: str) -> list[tuple[str, str, int]]:
        """(src, dst, event) of every link of this relation, oldest first."""
        ...

    def get(
        self, scope: Scope, id: str, *, as_of: Micros | None = None, known_at: Micros | None = None
    ) -> Record | None: ...

    def records(
        self, scope: Scope, seqs: Sequence[int], *, known_at: Micros | None = None
    ) -> list[Record]:
        """The versions committed under these sequence numbers, in this order, with the marks of `known_at` (None: now)."""
        ...

    def found(
        self, scope: Scope, seqs: Sequence[int], *, known_at: Micros | None = None
    ) -> dict[int, Record]:
        """The same by number, so that one can see what is missing."""
        ...

    def history(self, scope: Scope, id: str) -> list[Record]: ...

    def events(self, scope: Scope, *, after: int = 0, limit: int = 1000) -> Iterator[Event]: ...

    def head(self) -> int:
        """The last sequence number. Cheap: followers call it before every read."""
        ...

    def delta(self, scope: Scope, after: int, *, bare: int = 0) -> Delta:
        """`bare`: versions up to this number come with empty `terms`."""
        ...

    def names(self, scope: Scope) -> Sequence[str]:
        """Code -> text of sessions, speakers, kinds and narrower scopes in this space; code 0 is the empty string."""
        ...

    def forget(self, scope: Scope, ids: Sequence[str], *, actor: str = "") -> Receipt: ...

    def pending(self, encoder: str, limit: int) -> list[Waiting]:
        """What waits for this encoder, oldest first."""
        ...

    def put_vectors(self, encoder: str, seqs: Sequence[int], vectors: Encoded) -> None: ...

    def vectors(self, scope: Scope, encoder: str, after: int) -> Iterable[tuple[int, bytes]]:
        """(seq, packed dense vector) of a space's versions after a sequence number, ascending."""
        ...

    def tokens(self, scope: Scope, encoder: str, seqs: Sequence[int]) -> list[bytes]:
        """Packed token states of these versions, empty bytes where there are none (yet), or not in this space."""
        ...

    def pulse(self) -> int:
        """Changes whenever anything that a follower reads may have changed, vectors included. Cheap."""
        ...

    def close(self) -> None: ...


class Shelf(Protocol):
    """What an engine keeps of a space too large to be followed whole: in which versions words stand, and single vectors. Versions and
    vectors are named by sequence numbers."""

    def extend(self) -> int:
        """Put away the words of what waits, where that is worth it; the version up to which they are here."""
        ...

    def find(
        self, terms: Sequence[int], until: int
    ) -> list[tuple[NDArray[np.int64], NDArray[np.uint8]]]:
        """For each term (its hash) the versions up to `until` that hold it, ascending, and how often each does."""
        ...

    def vectors(
        self, encoder: str, after: int, limit: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int8]]:
        """The next `limit` versions behind `after` that have a vector, ascending; the numbers of their vectors; and (n, d) those."""
        ...

    def chosen(
        self, encoder: str, numbers: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
        """Of the vectors of these numbers those that are there, ascending, and (n, d) they themselves."""
        ...


# --- text: writing ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a caller hands to memory: one message, page or note, before any writer has seen it."""

    text: str
    scope: Scope
    id: str = ""
    session: str = ""
    speaker: str = ""
    role: str = ""
    at: Micros | None = None
    now: Micros | None = None
    """When it was handed over: "yesterday" in a message without `at` is seen from here."""
    title: str = ""
    origin: str = ""
    kind: str = "episode"
    fields: Mapping[str, str] = field(default_factory=dict)
    meta: Mapping[str, object] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()
    """What it is told of: forgotten with them, and not stored where one of them was forgotten."""


class Writer(Protocol):
    """An observation to changes, awake: deterministic, no generative model, no look at the store."""

    def write(self, observation: Observation) -> Sequence[Add]: ...


# --- text: reading ------------------------------------------------------------------------------------------------


class Postings(NamedTuple):
    """Records that hold a term: `ords` (m,) int32 ascending, `tf` (m,) float32. Visible records only."""

    ords: Ords
    tf: Floats


class View(Protocol):
    """One space as one moment saw it: only what is visible to the query's scope, time and filters exists here.

    Records are named by `ord`, 0 … n-1 in commit order; `rows[ord]` has the columns of `store.rows.ROW`."""

    n: int
    rows: NDArray[Any]
    visible: NDArray[np.bool_]
    standing: NDArray[np.bool_]
    """(n,) what holds and is known at the query's moments and in its scope, whatever its kind, marks and the filters: where a
    mechanism looks up facts, sources and superseders of what is visible."""
    count: int
    """Number of visible records; statistics (document frequency, mean length) are over these alone."""
    names: Sequence[str]
    encoder: Embedder | None

    def postings(self, term: str, field: str = "") -> Postings: ...

    def lengths(self) -> Floats:
        """(n,) words of the body of each record, stop words apart."""
        ...

    def neighbour(self, step: int) -> Ords:
        """(n,) the record `step` places later (negative: earlier) in the same session, -1 where there is none."""
        ...

    def nearest(self, vector: Floats, k: int) -> tuple[Ords, Floats]:
        """The k visible records nearest to a unit vector, by cosine, best first."""
        ...

    def cosine(self, vector: Floats, ords: Ords) -> Floats:
        """(c,) cosine of each candidate with a unit vector, (c, p) with the p columns of a matrix (d, p); 0 for a record that has no
        vector yet."""
        ...

    def token_max(self, states: Floats, ords: Ords) -> Floats:
        """(q, c) the best cosine of each query token (row of `states`, unit) over the tokens of each candidate: the inner
        half of MaxSim. 0 for a record that has no token states yet; the int8 kernel's error is below .01."""
        ...

    def marked(self, mark: str) -> NDArray[np.bool_]:
        """(n,) versions whose record bore this mark at the query's known time."""
        ...

    def uses(self) -> Uses:
        """When the record of each version was used, up to the query's known time."""
        ...

    def texts(self, ords: Ords) -> list[str]: ...

    def titles(self, ords: Ords) -> list[str]: ...

    def records(self, ords: Ords) -> list[Record | None]:
        """The versions themselves; None for what was forgotten since this view was made."""
        ...

    def derived(self, name: str, build: Callable[[View, T | None], T]) -> T:
        """A structure computed from what is visible (a phrase graph, a profile), built once per state of the space.
        `build` is given this view and what the last state's build returned (None the first time), so that it can
        go on from there; records with an ord below that state's `n` are the same records."""
        ...


class Uses(NamedTuple):
    """Ragged: the uses of version `i` are `at[start[i]:start[i + 1]]`, Micros ascending. `start` (n + 1,) int64."""

    start: NDArray[np.int64]
    at: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A query as the retrievers see it: parsed once, shared by all of them."""

    query: Query
    terms: tuple[str, ...]
    """Stems of its content words, in order, without stop words."""
    spans: tuple[tuple[int, int], ...] = ()
    """Characters of each term in `query.text`."""
    encoded: EncodedQuery | None = None
    dates: tuple[tuple[Micros, Micros], ...] = ()
    """Intervals of time that the text names, resolved against the moment of the query."""
    now: Micros = 0


@dataclass(frozen=True, slots=True)
class Ranked:
    """Candidates, best first: `ords` (c,), `scores` (c,), and `signals` (c,) each by name, aligned."""

    ords: Ords
    scores: Floats
    signals: Mapping[str, Floats] = field(default_factory=dict)


class Retriever(Protocol):
    """A question to candidates: at most k, fewer only where fewer are visible and related."""

    def retrieve(self, question: Question, view: View, k: int) -> Ranked: ...


class Ranker(Protocol):
    """Candidates to the same candidates in a better order, with the signals that say why."""

    def rank(self, question: Question, view: View, ranked: Ranked) -> Ranked: ...


class Packer(Protocol):
    """Hits to a context of at most `budget` tokens."""

    def pack(self, hits: Sequence[Hit], budget: int) -> Context: ...


# --- text: keeping and guarding -------------------------------------------------------------------------------------


class Keeper(Protocol):
    """How strong each memory is now, from its age and its uses alone: computed, never stored."""

    def strength(self, born: NDArray[np.int64], uses: Uses, now: Micros) -> Floats:
        """`born` (n,) Micros -> (n,) float32 in [0, 1]."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a guard says of something new. `allow`: store `changes` as they now are (labelled, redacted or as they were);
    `quarantine`: store, and keep out of reads until somebody confirms; `reject`: store nothing.
    `reason`: for people, without the content."""

    action: Literal["allow", "quarantine", "reject"]
    add: Add
    reason: str = ""


class Guard(Protocol):
    """Looks at what is about to be stored, awake: deterministic, no generative model, no look at the store."""

    def admit(self, add: Add) -> Verdict: ...


class Screened(NamedTuple):
    """The hits that may be shown, in their order, and why others may not: one line a reason, with a count, without their content."""

    hits: Sequence[Hit]
    withheld: Sequence[str]


class Gate(Protocol):
    """Decides per hit whether this reader may see it for this purpose."""

    def screen(self, question: Question, view: View, hits: Sequence[Hit]) -> Screened: ...


class Step(NamedTuple):
    """A piece of asleep work, committed whole: `changes`, the `cursor` to go on from after it, `note` for people, `done` of 1,
    `tokens` that a model was given and gave; `ahead`: how many the next step may take at the most, so that it isn't begun where fewer
    are left."""

    changes: Sequence[Change]
    cursor: str
    note: str = ""
    done: float = 0.0
    tokens: int = 0
    ahead: int = 0


class Sleeper(Protocol):
    """Work on a space while nobody waits: a sequence of steps, each of which may be the last before a kill.

    Deterministic ids for what it adds, so that a step that is run twice stores nothing twice."""

    @property
    def name(self) -> str: ...

    def steps(
        self, store: Store, scope: Scope, view: View, cursor: str, now: Micros
    ) -> Iterator[Step]:
        """`view`: the scope as it is at `now`, archive and quarantine included; `cursor`: that of the last committed step, ""
        at first. The store is there to be read: only the scheduler applies what the steps say."""
        ...


@runtime_checkable
class Form(Protocol):
    """A place outside the ledger that holds something made from records: a cache, KV blocks, adapters. What `forget` reaches."""

    @property
    def name(self) -> str: ...

    def erase(self, scope: Scope, ids: Sequence[str], texts: Sequence[str]) -> int:
        """Erase what was made from these records (`texts`: what they said, in all versions). Returns the number of things erased."""
        ...

    def scan(self, needles: Sequence[bytes]) -> tuple[int, int]:
        """(bytes or entries looked at, how many of these byte strings are still there)."""
        ...


# --- measuring ----------------------------------------------------------------------------------------------------


class Metric(Protocol):
    """Per question, never a mean: `got` ids best first, `gold` ids."""

    def __call__(self, got: Sequence[str], gold: Sequence[str]) -> float: ...
