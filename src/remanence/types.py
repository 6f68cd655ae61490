"""The nouns: plain frozen values that every floor shares. Standard library only.

Times in the public nouns are timezone-aware `datetime`s; inside indexes and stores they are `Micros`, whole
microseconds since 1970-01-01 UTC, and intervals are half open: `[start, end)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Literal, NamedTuple

Micros = int
Scope = tuple[str, ...]
"""Whose memory: `(tenant, user, agent, …)`. The first two parts name a *space*, the unit of isolation, of
statistics and of indexes; further parts narrow a read inside it."""

BEGINNING: Micros = -(2**62)
FOREVER: Micros = 2**62
EMPTY: Mapping[str, str] = MappingProxyType({})

Role = Literal["user", "assistant", "system", "tool", "document", ""]
AckStatus = Literal["stored", "duplicate", "rejected"]


def to_micros(moment: datetime) -> Micros:
    """Whole microseconds since 1970 UTC; exact, unlike `timestamp()`."""
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def to_datetime(micros: Micros) -> datetime | None:
    """The moment in UTC; None for `BEGINNING`, `FOREVER` and what lies outside the calendar."""
    if not _FIRST <= micros <= _LAST:
        return None
    return _EPOCH + timedelta(microseconds=micros)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = to_micros(datetime.min.replace(tzinfo=UTC))
_LAST = to_micros(datetime.max.replace(tzinfo=UTC))


class Slot(NamedTuple):
    """What a statement is about: `attribute` of `subject` is `value`.

    `exclusive`: one value at a time ("lives in"); otherwise a list that grows ("likes"). `corrects`: the words themselves say that an
    older value no longer holds ("moved to", "is now", "actually"). Subject and attribute are normalised by who made the slot:
    two slots are the same where both are equal."""

    subject: str
    attribute: str
    value: str
    exclusive: bool = True
    corrects: bool = False


ABOVE = "^"
"""As the id of a source: the record of the Add before this one in the same commit, whose id only the store knows."""


class Source(NamedTuple):
    """Where a record comes from: characters `start:end` of the text of record `id` (`ABOVE`: of the record just added)."""

    id: str
    start: int = 0
    end: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One memory, in one of its versions.

    `text` is what was said or written, verbatim. `fields` holds further searchable text by name
    (`title`, `caption`, `dates`, …) that is not part of it. `origin` names who or what the text came from; it is set by
    the caller's authenticated channel, never read out of the text. `meta` is the caller's, kept and filterable, not searched.
    """

    id: str
    scope: Scope
    text: str
    kind: str = "episode"
    session: str = ""
    speaker: str = ""
    role: Role = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    meta: Mapping[str, object] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()
    origin: str = ""
    trust: float = 1.0
    audience: tuple[str, ...] = ()
    purpose: tuple[str, ...] = ()
    sensitivity: str = ""
    payload: object = None
    slot: Slot | None = None
    """What a fact states; None for everything else."""
    marks: tuple[str, ...] = ()
    """`archived`, `pinned`, `quarantined`, …: what stands on it at the moment of the read."""
    valid_from: datetime | None = None
    """When it began to be true (for a turn: when it was said). None: since ever."""
    valid_to: datetime | None = None
    """When it stopped being true. None: still true."""
    known_from: datetime | None = None
    """When this version was committed."""
    known_to: datetime | None = None
    """When a later version replaced this one. None: this is the newest."""
    version: int = 1
    digest: str = ""
    """Hex digest of the content; `expect=` takes it, or the version, as a precondition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Add:
    """Remember something new. An empty `id` asks the store for one."""

    scope: Scope
    text: str
    id: str = ""
    kind: str = "episode"
    session: str = ""
    speaker: str = ""
    role: Role = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    meta: Mapping[str, object] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()
    origin: str = ""
    trust: float = 1.0
    audience: tuple[str, ...] = ()
    purpose: tuple[str, ...] = ()
    sensitivity: str = ""
    slot: Slot | None = None
    supersedes: tuple[str, ...] = ()
    """Ids of records that stop being true where this one begins; a link `supersedes` to each is kept."""
    marks: Mapping[str, str] = field(default_factory=dict)
    """Marks set with the same commit: name -> why."""
    valid_from: Micros | None = None
    """None: the moment of the commit."""
    valid_to: Micros = FOREVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Revise:
    """Replace a record's text (and what else is not None) by a new version; the old one stays readable by `known_at`."""

    scope: Scope
    id: str
    text: str
    expect: int | str | None = None
    fields: Mapping[str, str] | None = None
    meta: Mapping[str, object] | None = None
    valid_from: Micros | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retract:
    """No longer true from `at` on (None: from the commit on): closes valid time, keeps the record."""

    scope: Scope
    id: str
    at: Micros | None = None
    expect: int | str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """`src --relation--> dst` between two records of one space."""

    scope: Scope
    src: str
    relation: str
    dst: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """The record was used (read into a prompt, confirmed, clicked)."""

    scope: Scope
    id: str
    how: str = "used"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Set a mark on a record, or take it off: `archived`, `pinned`, `quarantined`, or the caller's own.

    Reads leave out what is archived or quarantined unless asked for it."""

    scope: Scope
    id: str
    mark: str
    on: bool = True
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """Take back the event `seq`: what it made is no longer known, what it closed is known again. The ledger keeps both."""

    scope: Scope
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget:
    """Erase the content of a record in all its versions, and of all that was derived from it."""

    scope: Scope
    id: str


Change = Add | Revise | Retract | Link | Touch | Mark | Undo | Forget


@dataclass(frozen=True, slots=True)
class Ack:
    """What became of one change: `stored`, with a reason where it waits for confirmation; `duplicate` of `id`; or `rejected`, and why."""

    status: AckStatus
    id: str = ""
    version: int = 0
    seq: int = 0
    reason: str = ""
    near: str = ""
    """Id of an earlier record with the same words in another order, case or punctuation."""


@dataclass(frozen=True, slots=True)
class Event:
    """A committed change as the ledger shows it: no content, but a salted digest of it."""

    seq: int
    at: datetime
    op: str
    scope: Scope
    id: str
    version: int
    actor: str
    digest: str
    hash: str
    erased: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question to memory. `as_of` restricts valid time, `known_at` known time; None means now."""

    text: str
    scope: Scope
    k: int = 10
    as_of: Micros | None = None
    known_at: Micros | None = None
    kinds: tuple[str, ...] = ()
    filters: Mapping[str, object] = field(default_factory=dict)
    """Equality on `session`, `speaker`, `role`, `kind`, or a key of `meta`; a list means any of them."""
    asker: str = ""
    """Who asks."""
    audience: str = ""
    """To whom the answer goes: "employer", "bank loan officer", …; empty: to nobody but the owner of the memory."""
    purpose: str = ""
    """What for: "apply for a loan"."""
    archived: bool = False
    """Whether what was moved to the archive is looked at too."""
    quarantined: bool = False
    """Whether what waits for confirmation is."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A record that answers, its score (comparable within one result only), and the signals behind it by name."""

    record: Record
    score: float
    signals: Mapping[str, float] = field(default_factory=dict)
    path: str = ""
    place: int = 0
    """Where it stands in the order of commits: what was said at one moment is told in this order."""
    notes: tuple[str, ...] = ()
    """What a reader has to know of it: "no longer so since 2024-05-03", "contradicts …"."""


class Hits(list[Hit]):
    """What a search found, best first; `withheld`: why records that matched are not among it, one line a reason."""

    withheld: tuple[str, ...]

    def __init__(self, hits: Iterable[Hit] = (), withheld: Iterable[str] = ()) -> None:
        super().__init__(hits)
        self.withheld = tuple(withheld)


@dataclass(frozen=True, slots=True)
class Context:
    """Hits packed into a budget, in conversation order, each citable as `[n]` = `hits[n - 1]`."""

    text: str
    hits: tuple[Hit, ...]
    tokens: int
    withheld: tuple[str, ...] = ()
    """Why records that matched are not in it, one line a reason."""
    complete: bool = False
    """True where the whole visible memory fitted the budget."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at after a forget: what, how much of it, and what was still found there (0: clean)."""

    surface: str
    looked: int
    found: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a `forget` erased, when and by whom, and what was read again afterwards.

    `versions`: content events that are blank now; `derived`: rows, vectors and files erased, by form; `digests`: the salted digests of
    the erased content, as the chain still holds them; `head`: the chain's hash right after. `signature`: Ed25519 over all the
    other fields (see `store.forgetting.receipts`), `signer`: the public key. Texts are not in it."""

    ids: tuple[str, ...]
    versions: int
    derived: Mapping[str, int]
    at: datetime
    seq: int
    scope: Scope = ()
    actor: str = ""
    digests: tuple[str, ...] = ()
    head: str = ""
    checks: tuple[Check, ...] = ()
    signer: str = ""
    signature: str = ""

    @property
    def clean(self) -> bool:
        """Every check was made and found nothing."""
        return bool(self.checks) and not any(check.found for check in self.checks)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetPlan:
    """What a forget would erase: `asked` and, derived from it at any remove, `kin`; rows and bytes by form."""

    asked: tuple[str, ...]
    kin: tuple[str, ...]
    forms: Mapping[str, int]
    bytes: int
