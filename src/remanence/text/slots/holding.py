"""The facts of a space as a reader sees them: what each is about, what record it was read out of, who holds its slot now, and
what has to be said of a record whose facts no longer hold or are contradicted."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from remanence.seams import Question, View
from remanence.text.analyze import stem, words
from remanence.text.slots.words import COUNT, ENDED, HERE, WHEN, same_value, stems
from remanence.types import FOREVER, Micros, Slot, to_datetime

Ords = NDArray[np.int32]

GENERIC: Final = stems(
    "current currently now latest today still moment present right newest recent actual value thing set say tell give know remember name "
    "day date schedule plan take place many use"
)
"""Words of a question that ask for any slot's value."""


_SYNONYMS: Final = {
    key: stems(text)
    for name, text in (
        ("residence", "residence live lives lived reside house home city town country address move moved located apartment flat based"),
        ("employer", "employer work works working job company employed office firm"),
        ("job", "job work role position profession occupation career title"),
        ("manager", "manager boss supervisor manages report"),
        ("spouse", "spouse husband wife partner married"),
        ("like", "like likes love enjoy favourite favorite prefer hobby interest fond"),
        ("dislike", "dislike hate avoid like"),
        ("do", "do does doing hobby activity sport class quit stop start"),
        ("favorite", "favorite favourite best like"),
        ("deadline", "deadline due"),
        ("password", "password passcode passphrase code"),
        ("phone", "phone telephone mobile cell number"),
        ("color", "color colour"),
        ("start", "start begin prefix name named"),
        ("end", "end finish suffix name named"),
        ("include", "include contain name named"),
    )
    for key in {name, stem(name) or name}
}  # fmt: skip
_ASPECTS: Final = frozenset((WHEN, COUNT, "rule"))


class About(NamedTuple):
    """What a slot is about, ready to be compared with questions: `groups`, for each stem of the attribute the stems that ask for it;
    `subject`, stems of whose it is, empty where that is whoever speaks; `own`: the subject is the speaker."""

    slot: Slot
    groups: tuple[frozenset[str], ...]
    subject: frozenset[str]
    own: bool
    id: str
    source: str

    def matched(self, terms: frozenset[str]) -> int:
        """How many of the attribute's stems the question has."""
        return sum(not group.isdisjoint(terms) for group in self.groups)

    def asked(self, terms: frozenset[str], first_person: bool) -> bool:
        """Whether a question of these terms is after this slot: at least half of the attribute, and whose it is."""
        if 2 * self.matched(terms) < len(self.groups):
            return False
        return not self.subject or bool(self.subject & terms) or (self.own and first_person)

    def named(self, terms: frozenset[str], first_person: bool) -> bool:
        """Whether these terms name this slot and nothing besides."""
        if self.matched(terms) < len(self.groups):
            return False
        if not (self.subject <= terms or (self.own and first_person)):
            return False
        known = self.subject.union(*self.groups, GENERIC)
        return terms <= known


def about_of(slot: Slot, speaker: str, id: str, source: str) -> About:
    """What a fact's slot is about. `speaker`: who said it; `id`, `source`: of the fact, and of the record that it was read out of."""
    parts = [part for part in slot.attribute.split() if part not in _ASPECTS]
    groups = tuple(_SYNONYMS.get(part, frozenset((part,))) for part in parts)
    subject = frozenset(
        found
        for word in words(slot.subject)
        if (found := stem(word.text)) and found not in (HERE, "user")
    )
    own = bool(speaker) and slot.subject.startswith(speaker.casefold())
    return About(slot, groups, subject, own, id, source)


class Facts(NamedTuple):
    """All versions that fill a slot, among the first `seen` of a space: `ords` (m,), ascending."""

    seen: int
    ords: Ords
    by_source: NDArray[np.int64]
    """Places in `ords`, by the first event of the record that the fact was read out of; its own where it stands alone."""
    sources: NDArray[np.int64]
    """Those events, ascending."""
    by_slot: NDArray[np.int64]
    """Places in `ords`, by slot."""
    slots: NDArray[np.int64]
    """Those slots' hashes, ascending."""
    read: dict[int, About]
    """What was read of them, by sequence number."""

    def of(self, firsts: NDArray[np.int64]) -> Ords:
        """The facts that were read out of records with these first events."""
        return self._within(self.sources, self.by_source, firsts)

    def filling(self, slot: int) -> Ords:
        """The facts of one slot."""
        return self._within(self.slots, self.by_slot, np.array([slot]))

    def _within(
        self, values: NDArray[np.int64], places: NDArray[np.int64], wanted: NDArray[np.int64]
    ) -> Ords:
        starts, ends = values.searchsorted(wanted), values.searchsorted(wanted, "right")
        some = np.flatnonzero(starts < ends)
        if not len(some):
            return self.ords[:0]
        spans = zip(starts[some].tolist(), ends[some].tolist(), strict=True)
        found = np.concatenate([places[start:end] for start, end in spans])
        ords: Ords = self.ords[np.unique(found)]
        return ords


def facts_of_view(view: View) -> Facts:
    """The facts of a view's space; follows its growth."""
    return view.derived("facts", _facts)


def _facts(view: View, before: Facts | None) -> Facts:
    seen = before.seen if before is not None else 0
    ords = (np.flatnonzero(view.rows["slot"][seen:]) + seen).astype(np.int32)
    if before is not None:
        if not len(ords):
            return before._replace(seen=view.n)
        ords = np.concatenate((before.ords, ords))
    rows = view.rows[ords]
    sources = np.where(rows["source"] > 0, rows["source"], rows["first"]).astype(np.int64)
    slots = rows["slot"].astype(np.int64)
    by_source, by_slot = np.argsort(sources, kind="stable"), np.argsort(slots, kind="stable")
    read = before.read if before is not None else {}
    return Facts(view.n, ords, by_source, sources[by_source], by_slot, slots[by_slot], read)


def read(view: View, ords: Ords) -> dict[int, About]:
    """What these facts are about, by ord; nothing for those that were forgotten meanwhile. Read from the store once each."""
    read = facts_of_view(view).read
    seqs = view.rows["seq"][ords].tolist()
    missing = [ord for ord, seq in zip(ords.tolist(), seqs, strict=True) if seq not in read]
    records = view.records(np.array(missing, np.int32)) if missing else []
    for ord, record in zip(missing, records, strict=True):
        if record is not None and record.slot is not None:
            source = record.sources[0].id if record.sources else record.id
            about = about_of(record.slot, record.speaker, record.id, source)
            read[int(view.rows["seq"][ord])] = about
    return {ord: read[seq] for ord, seq in zip(ords.tolist(), seqs, strict=True) if seq in read}


def known_facts(view: View, facts: Facts, ords: Ords, question: Question) -> Ords:
    """The facts, known and begun at the question's moments, that were read out of these records."""
    mine = facts.of(view.rows["first"][ords]) if len(facts.ords) else facts.ords
    if not len(mine):
        return mine
    rows = view.rows[mine]
    known_at = question.query.known_at
    known = rows["known_to"] == FOREVER
    if known_at is not None:
        known = (rows["known_from"] <= known_at) & (known_at < rows["known_to"])
    here: Ords = mine[known & (rows["valid_from"] <= question.now)]
    return here


def owners_of(view: View, facts: Ords, ords: Ords) -> dict[int, int]:
    """The candidate that each fact was read out of."""
    by_first = dict(zip(view.rows["first"][ords].tolist()[::-1], ords.tolist()[::-1], strict=True))
    rows = view.rows[facts]
    sources = np.where(rows["source"] > 0, rows["source"], rows["first"]).tolist()
    return {fact: by_first[first] for fact, first in zip(facts.tolist(), sources, strict=True)}


def holder_of(view: View, facts: Facts, fact: int, about: About) -> tuple[int, About] | None:
    """The fact that fills the slot of `fact` now: the newest, where several do. Of a list: what ended this very member."""
    same = _standing(view, facts, fact)
    if not len(same):
        return None
    same = same[~view.marked("quarantined")[same]]
    newest = same[np.lexsort((view.rows["seq"][same], view.rows["valid_from"][same]))][::-1]
    for ord, other in read(view, newest).items():
        if other.slot[:2] != about.slot[:2]:
            continue  # two slots of one hash
        if about.slot.exclusive or other.slot.value == ENDED + about.slot.value:
            return ord, other
    return None


def _standing(view: View, facts: Facts, fact: int) -> Ords:
    """The facts of the slot of this one that hold."""
    same = facts.filling(int(view.rows["slot"][fact]))
    here: Ords = same[view.standing[same]]
    return here


def record_of(view: View, fact: int) -> int | None:
    """The visible record that a fact was read out of; the fact itself where it stands alone."""
    first = int(view.rows["source"][fact])
    if not first:
        return fact
    at = int(np.searchsorted(view.rows["seq"], first))
    if at < view.n and view.rows["seq"][at] == first and view.visible[at]:
        return at
    found = np.flatnonzero((view.rows["first"] == first) & view.visible)
    return int(found[-1]) if len(found) else None


def notes(
    view: View,
    ords: Ords,
    question: Question,
    agreed: Collection[frozenset[str]] = frozenset(),
) -> list[tuple[str, ...]]:
    """For each record what a reader has to know of it: that what it states no longer holds, or that another contradicts it.

    `agreed`: pairs of ids of facts that somebody said may both stand (`text.slots.conflicts.agreed`)."""
    table = facts_of_view(view)
    mine = known_facts(view, table, ords, question)
    if not len(mine):
        return [()] * len(ords)
    abouts = read(view, mine)
    owners = owners_of(view, mine, ords)
    found: dict[int, list[str]] = {}
    for fact, about in abouts.items():
        lines = found.setdefault(owners[fact], [])
        if view.standing[fact]:
            lines += _contradictions(view, table, fact, about, question, agreed)
        elif (holder := holder_of(view, table, fact, about)) is not None and holder[
            1
        ].source != about.source:
            since = _day(int(view.rows["valid_to"][fact]))
            lines.append(
                f'no longer so since {since}: see {holder[1].source} ("{about.slot.value}" became "{holder[1].slot.value}")'
            )
    return [tuple(dict.fromkeys(found.get(ord, ()))) for ord in ords.tolist()]


def _contradictions(
    view: View,
    facts: Facts,
    fact: int,
    about: About,
    question: Question,
    agreed: Collection[frozenset[str]],
) -> Iterable[str]:
    if not about.slot.exclusive:
        return
    same = _standing(view, facts, fact)
    if not question.query.quarantined:  # it would quote what may not be read
        same = same[~view.marked("quarantined")[same]]
    for ord, other in read(view, same).items():
        opposed = other.slot[:2] == about.slot[:2] and not same_value(
            other.slot.value, about.slot.value
        )
        if opposed and other.slot.exclusive and frozenset((about.id, other.id)) not in agreed:
            day = _day(int(view.rows["valid_from"][ord]))
            yield f'contradicts {other.source} of {day} ("{about.slot.value}" against "{other.slot.value}")'


def _day(moment: Micros) -> str:
    day = to_datetime(moment)
    return str(day.date()) if day else "an unknown day"
