"""The gate of contextual integrity: a memory flows to those and for what its kind belongs to, and stays where it does not."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from remanence.catalogue.declare import mechanism
from remanence.errors import InvalidInput
from remanence.seams import Embedder, Question, Screened, View
from remanence.text.guard.contexts import Context, Contexts
from remanence.text.guard.domains import Domains, Told
from remanence.text.guard.policy import Integrity, Level, Policy
from remanence.types import Hit, Query, Record

KEPT: Final = 1 << 16
"""Texts whose domains are remembered, by digest."""
LIGHT: Final = frozenset(("open", "personal"))
"""Sensitivities of what is told by the way."""
OPEN: Final = frozenset(("none", "public", "open"))
"""What `Record.sensitivity` says of content that may go anywhere."""


class Judgement(NamedTuple):
    """Whether a record may be shown, and, where not, what it is about, in words that do not tell its content."""

    allowed: bool
    about: str = ""


@mechanism(
    seam="Gate",
    source="doi:10.1109/SP.2006.32",
    title="Privacy and contextual integrity: framework and applications",
    year=2006,
    where="sections 3.1 and 3.2: roles, attributes, norms of transmission",
    fidelity="adapted",
)
@dataclass(frozen=True, kw_only=True, eq=False)
class ContextualIntegrity:
    """Lets a hit through where the norms of the query's context allow what it tells; deny is the default for all that is sensitive.

    A question without `audience`, or whose audience is the owner (the user of its scope), sees everything. For another, the policy's
    role and purposes are recognised (see `contexts`) and give each domain a grade in [0, 1]; the strictness `level` says what
    grade content of each sensitivity must reach. What the caller said of a record goes before all recognition: its `audience` and
    `purpose` shut out everybody and everything else, an audience that fits opens it, `sensitivity` (names of domains and events, or
    `none`) stands for what it tells. A word there that no policy knows flows nowhere. Otherwise domains and events are recognised
    from the text (see `domains`); every domain that counts at this level must be accepted, and every event.

    Departs from the paper: norms are positive only, over (role, domain, purpose), without temporal conditions on earlier flows; the
    sender is always the owner's memory; roles, attributes and purposes are recognised from words rather than given; a norm has a
    grade instead of a truth value, so that strictness is one choice.

    Reasons name domains, never events: "3 about health: not for 'landlord' / 'negotiate lease terms'"."""

    policy: Policy = field(default_factory=Policy.shipped)
    level: str = ""
    """One of the policy's levels; "": the one that it names."""
    _told: OrderedDict[bytes, Told] = field(default_factory=OrderedDict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        levels = self.policy.integrity.levels
        if self.level and self.level not in levels:
            raise InvalidInput(f"no level {self.level!r}", hint=f"one of {', '.join(levels)}")

    @classmethod
    def load(cls, path: str | Path, *, level: str = "") -> ContextualIntegrity:
        """With the policy of a file. Raises: InvalidInput, BadImport with line and key."""
        return cls(policy=Policy.load(path), level=level)

    @property
    def strictness(self) -> Level:
        """The level that decides."""
        rules = self.rules
        return rules.levels[self.level or rules.level]

    @property
    def rules(self) -> Integrity:
        """The policy's section."""
        return self.policy.integrity

    @cached_property
    def domains(self) -> Domains:
        """What tells of a text what it is about."""
        return Domains.of(self.rules)

    @cached_property
    def contexts(self) -> Contexts:
        """What tells of a query where its answer goes."""
        return Contexts.of(self.rules, self.domains)

    def prepare(self, encoder: Embedder) -> None:
        """Encode the policy's sentences now rather than at the first question. Raises: what the encoder raises."""
        for prototypes in (
            self.domains.prototypes,
            self.contexts.like_roles,
            self.contexts.like_purposes,
        ):
            prototypes.rows(encoder)

    def screen(self, question: Question, view: View, hits: Sequence[Hit]) -> Screened:
        query = question.query
        if not hits or to_owner(query):
            return Screened(hits, ())
        context = self.contexts.context(query.audience, query.purpose, view.encoder)
        shown, reasons = [], Counter[str]()
        for hit, told in zip(hits, self.told(view, hits), strict=True):
            judged = self.judge(hit.record, told, context)
            if judged.allowed:
                shown.append(hit)
            else:
                reasons[judged.about] += 1
        to = f"not for {query.audience!r}" + (f" / {query.purpose!r}" if query.purpose else "")
        ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
        return Screened(shown, [f"{count} {about}: {to}" for about, count in ordered])

    def judge(self, record: Record, told: Told, context: Context) -> Judgement:
        """One record, of which it is known what its text tells, in one context."""
        if record.audience or record.purpose:
            if not self._reserved_for(record, context):
                return Judgement(False, "kept for others or for something else")
            if record.audience:
                return Judgement(True)
        if record.sensitivity:
            stated = self._stated(record.sensitivity)
            if stated is None:
                return Judgement(False, "marked as sensitive")
            told = stated
            if not told.domains and not told.events:
                return Judgement(True)
        level = self.strictness
        if not told.domains and not told.events:
            allowed = level.unrecognised == "allow"
            return Judgement(allowed, "" if allowed else "of no known kind")
        for domain in self._counted(told, level):
            if not context.accepts(domain, self.rules, level):
                return Judgement(False, f"about {_plain(domain)}")
        if level.events or not told.domains:
            for event in told.events:
                if not context.accepts_event(event, self.rules, level):
                    kind = next(iter(self.rules.events[event].belongs), "a private matter")
                    return Judgement(False, f"about {_plain(kind)}")
        return Judgement(True)

    def _counted(self, told: Told, level: Level) -> list[str]:
        """The domains that decide: a name or an hour only where nothing weightier is told, and of the rest what is near the first."""
        grave = [name for name in told.domains if self.rules.domains[name].level not in LIGHT]
        scores = {name: told.domains[name] for name in grave or told.domains}
        least = level.share * max(scores.values(), default=0.0)
        return [name for name, score in scores.items() if score >= least]

    def _reserved_for(self, record: Record, context: Context) -> bool:
        role = context.role.name if context.role else ""
        to = not record.audience or _among((context.audience, role), record.audience)
        what_for = (context.purpose, *context.purposes)
        return to and (not record.purpose or _among(what_for, record.purpose))

    def _stated(self, sensitivity: str) -> Told | None:
        """What the caller said that a record tells; None where a word is unknown."""
        names = [_fold(name) for name in sensitivity.replace(";", ",").split(",") if name.strip()]
        names = [name for name in names if name not in OPEN]
        if any(name not in self.rules.domains and name not in self.rules.events for name in names):
            return None
        return Told(
            {name: 1.0 for name in names if name in self.rules.domains},
            {name: 1.0 for name in names if name not in self.rules.domains},
        )

    def told(self, view: View, hits: Sequence[Hit]) -> list[Told]:
        """What each hit's text tells, by words and, where it has one, by its vector. Remembered by digest, without the text."""
        encoder = view.encoder
        ords = _ords(view, hits) if encoder is not None else np.full(len(hits), -1, np.int32)
        embedded = np.zeros(len(hits), np.bool_)
        if encoder is not None and (ords >= 0).any():
            rows, _ = self.domains.prototypes.rows(encoder)
            placed = np.flatnonzero(ords >= 0)
            if len(rows):  # an absent vector has cosine 0 with everything
                embedded[placed] = view.cosine(rows[0], ords[placed]) != 0.0
        names = [encoder.id if encoder and has else "" for has in embedded.tolist()]
        keys = [_key(hit.record, name) for hit, name in zip(hits, names, strict=True)]
        with self._lock:
            found = [self._told.get(key) for key in keys]
        missing = [at for at, told in enumerate(found) if told is None]
        near = [at for at in missing if embedded[at]]
        cosines: dict[int, NDArray[np.float32]] = {}
        if encoder is not None and near:
            rows, _ = self.domains.prototypes.rows(encoder)
            table = view.cosine(rows.T, ords[near])
            cosines = dict(zip(near, table, strict=True))
        for at in missing:
            found[at] = self.domains.told(_text(hits[at].record), cosines.get(at))
        with self._lock:
            for at in missing:
                self._told[keys[at]] = found[at] or Told({}, {})
            while len(self._told) > KEPT:
                self._told.popitem(last=False)
        return [told or Told({}, {}) for told in found]


def to_owner(query: Query) -> bool:
    """Whether the answer goes to nobody but the owner of the memory: the user whom the scope names."""
    audience = query.audience.strip().casefold()
    return not audience or (len(query.scope) > 1 and audience == query.scope[1].casefold())


def _ords(view: View, hits: Sequence[Hit]) -> NDArray[np.int32]:
    """(hits,) the row of each, -1 where it is not found. A first version's event is its place; later ones are looked for."""
    places = np.array([hit.place for hit in hits], np.int64)
    seqs = view.rows["seq"]
    ords = np.minimum(np.searchsorted(seqs, places), max(0, len(seqs) - 1)).astype(np.int32)
    if not len(seqs):
        return np.full(len(hits), -1, np.int32)
    fits = (seqs[ords] == places) & view.standing[ords]
    for at in np.flatnonzero(~fits).tolist():
        later = np.flatnonzero((view.rows["first"] == places[at]) & view.standing)
        ords[at] = later[-1] if len(later) else -1
    return ords


def _text(record: Record) -> str:
    return "\n".join((record.text, *(record.fields[name] for name in ("title", "caption") if name in record.fields)))  # fmt: skip


def _key(record: Record, encoder: str) -> bytes:
    said = f"{encoder}\0{_text(record)}".encode(errors="surrogatepass")
    return hashlib.blake2b(said, digest_size=16).digest()


def _fold(name: str) -> str:
    return "_".join(name.casefold().replace("-", " ").replace("_", " ").split())


def _among(names: Sequence[str], wanted: Sequence[str]) -> bool:
    known = {_fold(name) for name in names if name.strip()}
    return any(_fold(name) in known for name in wanted)


def _plain(name: str) -> str:
    return name.replace("_", " ")
