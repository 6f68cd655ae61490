"""Every verb of a store, as one transaction over ledger and derived state, whatever engine is below."""

from __future__ import annotations

import json
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Final, Self, Unpack

from remanence.errors import Conflict, InvalidInput, NotFound
from remanence.seams import Analyzer, Delta, Encoded, Form, Marked, Settler, Shelf, Waiting
from remanence.store import people, reading, transfer
from remanence.store import vectors as encoded
from remanence.store import verify as checks
from remanence.store.changes import fingerprint, write
from remanence.store.engine import Connecting, Database
from remanence.store.forgetting import erase, receipts
from remanence.store.forgetting.erase import Erased, closure, forget_records
from remanence.store.forgetting.receipts import Signer
from remanence.store.forgetting.select import Choice, select
from remanence.store.forgetting.surfaces import Forgotten, erase_forms
from remanence.store.ledger import KEEP_CURSOR, Space, Transaction, find_space, last_event
from remanence.store.people import Changed, Chosen, LogLine, Readout, Span
from remanence.store.reading import Counts, Size
from remanence.store.scopes import SEPARATOR, check_name, tail_of
from remanence.store.transfer import Loaded
from remanence.store.verify import Pages, Report
from remanence.types import (
    EMPTY,
    Ack,
    Change,
    Check,
    Event,
    Forget,
    ForgetPlan,
    Micros,
    Receipt,
    Record,
    Scope,
)

Clock = Callable[[], Micros]
UNCHECKED: Final = 16
"""Forgets whose words are kept in memory for a later `recheck`."""


def system_clock() -> Micros:
    """Microseconds since 1970 UTC."""
    return time.time_ns() // 1000


class LedgerStore(ABC):
    """See `remanence.seams.Store`. What an engine does in its own way is at the end, as abstract methods."""

    def __init__(self, connections: Connecting, analyze: Analyzer, clock: Clock) -> None:
        self._connections = connections
        self._analyze = analyze
        self._clock = clock
        self.most = sys.maxsize
        """Versions of a space up to which whoever reads it follows it in memory alone."""
        self.later = False
        """Whether texts are encoded by workers elsewhere, not beside the writes."""
        self._unchecked: dict[int, Forgotten] = {}
        """Forgets whose receipts were not clean or not checked, by event."""

    def now(self) -> Micros:
        """The clock, but never before what is committed: at this moment every acknowledged write is known."""
        with self._connections.reading() as db:
            return max(self._clock(), last_event(db)[1])

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
        """Commit all changes at once, durably. Items that can't be stored are acknowledged `rejected` and the others stand.
        `settler` is asked about every fact whose slot is held; `cursor` (scope, name, value) is kept with the commit.

        Raises: Conflict where an `expect` does not match, a `key` returns with other changes, or one change is rejected and `whole`
        asks for all or none; InvalidInput where the settler asks for what can't be done: then nothing stands."""
        check_name(key, "a key")
        if not changes and cursor is None:
            return []
        with self._writing(actor) as tx:
            # An unusable scope here is the first item's fault, which `write` reports.
            key = key if changes else ""
            space = _space_or_none(tx, changes[0]) if key else None
            seal = fingerprint(changes) if key else b""
            if space is not None:
                row = tx.db.execute(
                    "SELECT digest, acks FROM keys WHERE space = ? AND key = ?", (space.id, key)
                ).fetchone()
                if row is not None:
                    if row[0] not in (None, seal):
                        raise Conflict(
                            f"key {key!r} was used with other changes",
                            hint="take a new key for a new call",
                        )
                    return [Ack(*ack) for ack in json.loads(row[1])]
            acks = [write(tx, change, settler) for change in changes]
            if whole and (bad := next((ack for ack in acks if ack.status == "rejected"), None)):
                what = f"{bad.id!r}: " if bad.id else ""
                raise Conflict(f"{what}{bad.reason}", hint="read again, then retry")
            if key and (space := _space_or_none(tx, changes[0])) is not None:
                tx.db.execute(
                    "INSERT INTO keys VALUES (?, ?, ?, ?)", (space.id, key, seal, _acks_json(acks))
                )
            if cursor is not None:
                _keep_cursor(tx, *cursor)
        if any(isinstance(change, Forget) for change in changes):
            self._settle()
        return acks

    def plan_forget(self, scope: Scope, ids: Sequence[str]) -> ForgetPlan:
        """What `forget` would erase, printed instead of done.

        Raises: NotFound where an id is not in this scope."""
        with self._space(scope) as (db, space):
            _refuse_unknown(db, space, scope, ids)
            return erase.plan(db, space, ids) if space else erase.NOTHING

    def plan_forget_space(self, scope: Scope) -> ForgetPlan:
        """What `forget_space` would erase."""
        with self._space(scope) as (db, space):
            if space is None:
                return erase.NOTHING
            return erase.plan(db, space, erase.inhabitants(db, space, tail_of(scope)))

    def forget(
        self,
        scope: Scope,
        ids: Sequence[str],
        *,
        actor: str = "",
        forms: Sequence[Form] = (),
        signer: Signer | None = None,
        recheck: bool = True,
    ) -> Receipt:
        """Erase records in all their versions and all that was derived from them, here and in `forms`; then read every surface
        again, the raw bytes of all files included, and say so in the receipt.

        Costs a pass over the files (about a second a GB) and, where bytes are left in gaps of pages, writing the file anew. Without
        `recheck` the erasure is the same, the receipt has no such check, and `recheck` makes it later, in this process.
        Readers go on. A long read can keep the log from being emptied: then the receipt is not clean.

        Raises: NotFound where an id is not in this scope; then nothing is erased."""
        with self._writing(actor) as tx:
            space = find_space(tx.db, scope)
            _refuse_unknown(tx.db, space, scope, ids)
            kin = closure(tx.db, space.id, ids) if space else []
            erased = forget_records(tx, space, kin) if space else Erased(Space(0, ("", ""), b""))
            forgotten = self._forgotten(tx, scope, erased, forms)
        return self._receipt(forgotten, forms, signer, recheck)

    def forget_space(
        self,
        scope: Scope,
        *,
        actor: str = "",
        forms: Sequence[Form] = (),
        signer: Signer | None = None,
        recheck: bool = True,
    ) -> Receipt:
        """Erase a whole person: every record of a space, and the names of the space. Writing to it again starts another one.
        In a narrowed scope (an agent's) what lies inside it, and what was derived from that.

        Raises: NotFound where nothing was ever written to it."""
        with self._writing(actor) as tx:
            space = find_space(tx.db, scope)
            if space is None:
                raise NotFound(f"nothing is remembered under {scope!r}", hint="check the scope")
            inside = erase.inhabitants(tx.db, space, tail_of(scope))
            erased = forget_records(tx, space, closure(tx.db, space.id, inside))
            if len(scope) <= 2:
                erase.forget_names(tx, space, erased)
            forgotten = self._forgotten(tx, scope, erased, forms)
        if len(scope) <= 2:
            forgotten.scope = ()  # a receipt that is kept must not name who was forgotten
        return self._receipt(forgotten, forms, signer, recheck)

    def recheck(
        self, receipt: Receipt, *, forms: Sequence[Form] = (), signer: Signer | None = None
    ) -> Receipt:
        """The receipt of an earlier forget of this process, with the checks made now.

        Raises: NotFound where what to look for is no longer known: it is kept in memory only, and of the last few."""
        forgotten = self._unchecked.get(receipt.seq)
        if forgotten is None or forgotten.head != receipt.head:
            raise NotFound(
                f"what event {receipt.seq} erased is no longer known",
                hint="forget with recheck=True",
            )
        return self._receipt(forgotten, forms, signer, True)

    def attest(self, receipt: Receipt) -> list[str]:
        """What the ledger says against a receipt; nothing where they agree."""
        with self._connections.reading() as db:
            return receipts.attest(db, receipt)

    def _forgotten(
        self, tx: Transaction, scope: Scope, erased: Erased, forms: Sequence[Form]
    ) -> Forgotten:
        forgotten = Forgotten(scope, tx.actor, tx.at, tx.seq, tx.hash.hex(), erased, erased.gone)
        # Before the commit, so that a kill can't leave them; and after it, as readers may make them anew until then.
        erase_forms(forgotten, forms)
        self._erasing(tx.db, tx.seq)
        return forgotten

    def _receipt(
        self, forgotten: Forgotten, forms: Sequence[Form], signer: Signer | None, recheck: bool
    ) -> Receipt:
        erase_forms(forgotten, forms)
        receipt = forgotten.receipt(self._look_again(forgotten, forms, recheck), signer)
        self._erased(forgotten.seq, left=any(one.found for one in receipt.checks))
        if recheck and receipt.clean:
            self._unchecked.pop(receipt.seq, None)
        else:
            self._unchecked[receipt.seq] = forgotten
            for seq in sorted(list(self._unchecked))[:-UNCHECKED]:
                self._unchecked.pop(seq, None)
        return receipt

    def cursor(self, scope: Scope, name: str) -> str:
        """What was last kept under this name for this very scope, "" where nothing was."""
        name = _cursor_name(scope, name)
        with self._space(scope) as (db, space):
            return reading.cursor(db, space, name) if space else ""

    def marked(self, scope: Scope, mark: str) -> list[Marked]:
        """Records that bear this mark now, oldest mark first."""
        check_name(mark, "a mark")
        with self._space(scope) as (db, space):
            return reading.marked(db, space, scope, mark) if space else []

    def linked(self, scope: Scope, relation: str) -> list[tuple[str, str, int]]:
        """(src, dst, event) of every link of this relation, oldest first."""
        check_name(relation, "a relation")
        with self._space(scope) as (db, space):
            return reading.linked(db, space, scope, relation) if space else []

    def get(
        self, scope: Scope, id: str, *, as_of: Micros | None = None, known_at: Micros | None = None
    ) -> Record | None:
        """The newest version known at `known_at` (None: now) that is valid at `as_of` (None: whenever).

        Raises: NotFound where the record was forgotten; one that never was is None."""
        check_name(id, "an id")
        with self._space(scope) as (db, space):
            return reading.get(db, space, scope, id, as_of, known_at) if space else None

    def records(
        self, scope: Scope, seqs: Sequence[int], *, known_at: Micros | None = None
    ) -> list[Record]:
        """The versions committed under these numbers, in this order; what is erased or not in the scope is left out.
        Their marks are those of `known_at` (None: now)."""
        known = self.found(scope, seqs, known_at=known_at)
        return [known[seq] for seq in seqs if seq in known]

    def found(
        self, scope: Scope, seqs: Sequence[int], *, known_at: Micros | None = None
    ) -> dict[int, Record]:
        """The same by number, so that one can see what is missing."""
        with self._space(scope) as (db, space):
            return reading.found(db, space, scope, seqs, known_at) if space else {}

    def history(self, scope: Scope, id: str) -> list[Record]:
        """All versions of a record, oldest first.

        Raises: NotFound where it was forgotten."""
        check_name(id, "an id")
        with self._space(scope) as (db, space):
            return reading.history(db, space, scope, id) if space else []

    def events(self, scope: Scope, *, after: int = 0, limit: int = 1000) -> Iterator[Event]:
        """What was committed in this space, oldest first, without content."""
        with self._space(scope) as (db, space):
            return iter(reading.events(db, space, scope, after, limit) if space else ())

    def links(self, scope: Scope, id: str) -> list[tuple[str, str, str]]:
        """(src, relation, dst) of every link from or to a record; in a narrowed scope, between records inside it."""
        check_name(id, "an id")
        with self._space(scope) as (db, space):
            return reading.links(db, space, scope, id) if space else []

    def touches(self, scope: Scope, id: str) -> list[Micros]:
        """When a record was used, ascending."""
        check_name(id, "an id")
        with self._space(scope) as (db, space):
            return reading.touches(db, space, scope, id) if space else []

    def children(self, scope: Scope, id: str) -> list[str]:
        """Ids of the records that name this one as a source."""
        check_name(id, "an id")
        with self._space(scope) as (db, space):
            return reading.children(db, space, id) if space else []

    def select(self, scope: Scope, **chosen: Unpack[Choice]) -> list[str]:
        """Ids of the records that a forget without ids means; see `select`."""
        with self._space(scope) as (db, space):
            return select(db, space, scope, **chosen) if space else []

    def log(self, scope: Scope, **chosen: Unpack[Chosen]) -> list[LogLine]:
        """What happened in this scope, in words; see `people.log`."""
        with self._space(scope) as (db, space):
            return people.log(db, space, scope, **chosen) if space else []

    def diff(self, scope: Scope, since: Micros, until: Micros) -> list[Changed]:
        """What is different at the known time `until` from what it was at `since`."""
        with self._space(scope) as (db, space):
            return people.diff(db, space, scope, since, until) if space else []

    def blame(self, scope: Scope, id: str) -> list[Span]:
        """Which words of a record came from where; empty where there is no such record.

        Raises: NotFound where it was forgotten."""
        check_name(id, "an id")
        with self._space(scope) as (db, space):
            return people.blame(db, space, scope, id) if space else []

    def readers(self, scope: Scope, id: str | None = None, limit: int = 100) -> list[Readout]:
        """Who read a record (None: any of the scope), newest first, where reads were noted."""
        with self._space(scope) as (db, space):
            return people.readers(db, space, scope, id, limit) if space else []

    def head(self) -> int:
        """The last sequence number."""
        with self._connections.reading() as db:
            return last_event(db)[0]

    def pulse(self) -> int:
        """Changes whenever anything was committed by anybody, vectors included. Costs microseconds."""
        return self._connections.pulse()

    def delta(self, scope: Scope, after: int, *, bare: int = 0) -> Delta:
        """What changed in this space after a sequence number: new versions, closed versions again, and erased ones; those up to
        `bare` without their words."""
        with self._space(scope) as (db, space):
            return reading.delta(db, space, after, bare)

    def shelf(self, scope: Scope) -> Shelf | None:
        """What answers for the words and vectors of a space of more than `most` versions; None for a smaller one, and where an engine
        has nothing of the kind."""
        return None

    def names(self, scope: Scope) -> Sequence[str]:
        """Code -> text of sessions, speakers, kinds and scope tails; code 0 and what was erased are ""."""
        with self._space(scope) as (db, space):
            return reading.names(db, space)

    def spaces(self) -> list[Scope]:
        """(tenant, user) of every space that was ever written to, forgotten ones apart."""
        with self._connections.reading() as db:
            return [
                (tenant, user)
                for tenant, user in db.execute(
                    'SELECT tenant, "user" FROM spaces WHERE tenant != ? ORDER BY id',
                    (erase.ANONYMOUS,),
                )
            ]

    def pending(self, encoder: str, limit: int) -> list[Waiting]:
        """Content that waits for this encoder, oldest first."""
        check_name(encoder, "an encoder's id")
        with self._connections.reading() as db:
            return encoded.pending(db, encoder, limit)

    def waiting(self, encoder: str) -> int:
        """How many texts wait for this encoder."""
        check_name(encoder, "an encoder's id")
        with self._connections.reading() as db:
            return encoded.waiting(db, encoder)

    def put_vectors(self, encoder: str, seqs: Sequence[int], vectors: Encoded) -> None:
        """Store what an encoder made of pending texts; what was forgotten meanwhile is left out.

        Raises: WrongDimension, InvalidInput."""
        check_name(encoder, "an encoder's id")
        with self._connections.writing() as db:
            encoded.put(db, encoder, seqs, vectors)

    def vectors(self, scope: Scope, encoder: str, after: int) -> list[tuple[int, bytes]]:
        """(seq, packed dense vector) of this space's versions after a sequence number, ascending."""
        check_name(encoder, "an encoder's id")
        with self._space(scope) as (db, space):
            return encoded.dense_of(db, space.id, encoder, after) if space else []

    def tokens(self, scope: Scope, encoder: str, seqs: Sequence[int]) -> list[bytes]:
        """Packed token states of these versions, empty bytes where there are none (yet), or not in this space."""
        check_name(encoder, "an encoder's id")
        with self._space(scope) as (db, space):
            return encoded.tokens_of(db, space.id, encoder, seqs) if space else [b""] * len(seqs)

    def encoders(self) -> dict[str, int]:
        """Encoders that have vectors here, and how many each."""
        with self._connections.reading() as db:
            return encoded.encoders(db)

    def drop_encoder(self, encoder: str) -> None:
        """Delete all vectors of an encoder."""
        with self._connections.writing() as db:
            encoded.drop(db, encoder)

    def counts(self, encoder: str = "") -> Counts:
        """How much there is; `embedded` and `pending` are for one encoder."""
        with self._connections.reading() as db:
            return reading.counts(db, self._connections.name, self._size(db), encoder)

    def verify(self) -> Report:
        """Check the chain, every digest, derived state against the ledger, vectors, and the pages of the file."""
        with self._connections.reading() as db:
            return checks.verify(db, self._analyze, self._pages(db))

    def rebuild(self) -> int:
        """Derive all state anew from the ledger. Returns the number of events."""
        with self._connections.writing() as db:
            events = checks.rebuild(db, self._analyze)
        self._settle()
        return events

    def state_digest(self) -> str:
        """64 hex digits over all that is known now; equal for equal knowledge anywhere, however it came about."""
        with self._connections.reading() as db:
            return checks.state_digest(db)

    def history_digest(self) -> str:
        """64 hex digits over everything that was ever known and when; equal for equal histories anywhere."""
        with self._connections.reading() as db:
            return checks.history_digest(db)

    def export_jsonl(self, path: str | Path) -> int:
        """Write everything as JSON lines. Returns their number.

        Raises: InvalidInput where the path can't be written or is the store, StoreFull."""
        self._refuse_own(Path(path))
        with self._connections.reading() as db:
            return transfer.export_jsonl(db, Path(path))

    def import_jsonl(self, path: str | Path) -> Loaded:
        """Read an export into this store, which must be empty.

        Raises: BadImport with the line; then nothing was imported."""
        with self._connections.writing(apart=True) as db:
            loaded = transfer.import_jsonl(db, self._analyze, Path(path), only=self._only)
        self._settle()
        return loaded

    def close(self) -> None:
        """Let go of everything; using the store afterwards is an error."""
        self._connections.close()
        self._unchecked.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _writing(self, actor: str) -> Iterator[Transaction]:
        check_name(actor, "an actor")
        try:
            with self._connections.writing() as db:
                yield Transaction(db, self._analyze, self._clock(), actor)
        except checks.UNEXPECTED as error:
            checks.explain(self.verify, self._connections.name, error)
            raise

    @contextmanager
    def _space(self, scope: Scope) -> Iterator[tuple[Database, Space | None]]:
        try:
            with self._connections.reading() as db:
                yield db, find_space(db, scope)
        except checks.UNEXPECTED as error:
            checks.explain(self.verify, self._connections.name, error)
            raise

    # --- the engine's own ---

    _only: str = ""
    """The only tenant that an import may be of; empty: any."""

    @abstractmethod
    def backup(self, path: str | Path) -> None:
        """Copy the store to another file while it is in use."""

    @abstractmethod
    def _erasing(self, db: Database, seq: int) -> None:
        """Note in the transaction of a forget, whose last event is `seq`, that its bytes are not looked after yet."""

    @abstractmethod
    def _look_again(
        self, forgotten: Forgotten, forms: Sequence[Form], recheck: bool
    ) -> list[Check]:
        """After the commit of a forget: make the bytes go, and where `recheck` look everywhere for them."""

    @abstractmethod
    def _erased(self, seq: int, *, left: bool) -> None:
        """It is done; or, where something is `left`, whoever opens the store next shall do it again."""

    @abstractmethod
    def _settle(self) -> None:
        """After a commit that erased or brought much: what an engine puts off otherwise."""

    @abstractmethod
    def _size(self, db: Database) -> Size:
        """Version of the schema, and bytes."""

    @abstractmethod
    def _pages(self, db: Database) -> Pages:
        """What the engine itself finds wrong with its pages, and where a replay may be put."""

    @abstractmethod
    def _refuse_own(self, path: Path) -> None:
        """Raises: InvalidInput where writing there would write over the store."""

    # --- behind all that says `list` and means Python's ---

    def list(
        self,
        scope: Scope,
        *,
        kinds: Sequence[str] = (),
        session: str = "",
        filters: Mapping[str, object] = EMPTY,
        as_of: Micros | None = None,
        known_at: Micros | None = None,
        after: int = 0,
        limit: int = 100,
        archived: bool = False,
        quarantined: bool = False,
        apart: Sequence[str] = (),
    ) -> list[Record]:
        """Records valid at `as_of` and known at `known_at` (None: now), in the order of commits, behind the first `after`;
        those that were then archived or quarantined only where asked for, those of the kinds `apart` only where kinds are.

        `filters`: equality on `session`, `speaker`, `role`, `kind` or a key of `meta`; a list means any of its items."""
        wanted = {**filters, "session": session} if session else filters
        with self._space(scope) as (db, space):
            if space is None:
                return []
            valid = max(self._clock(), last_event(db)[1]) if as_of is None else as_of
            asked = {"archived": archived, "quarantined": quarantined}
            unseen = [mark for mark, shown in asked.items() if not shown]
            visible = reading.listing(
                db, space, scope, kinds, wanted, valid, known_at, unseen, apart
            )
            return [*islice(visible, max(after, 0), max(after, 0) + max(limit, 0))]


def _refuse_unknown(db: Database, space: Space | None, scope: Scope, ids: Sequence[str]) -> None:
    for id in ids:
        check_name(id, "an id")
        if space is None or not reading.history(db, space, scope, id):
            raise NotFound(f"no record {id!r}", hint="check the id and the scope")


def _space_or_none(tx: Transaction, change: Change) -> Space | None:
    try:
        return find_space(tx.db, change.scope)
    except InvalidInput:
        return None


def _cursor_name(scope: Scope, name: str) -> str:
    if not check_name(name, "a cursor's name"):
        raise InvalidInput("a cursor without a name", hint="name it")
    return SEPARATOR.join((name, *scope[2:]))


def _keep_cursor(tx: Transaction, scope: Scope, name: str, value: str) -> None:
    name = _cursor_name(scope, name)
    if not isinstance(value, str):
        raise InvalidInput(f"a cursor's value is a {type(value).__name__}", hint="give a string")
    tx.db.execute(KEEP_CURSOR, (tx.space(scope).id, name, value))


def _acks_json(acks: Sequence[Ack]) -> str:
    return json.dumps([[a.status, a.id, a.version, a.seq, a.reason, a.near] for a in acks])
