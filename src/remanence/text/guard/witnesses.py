"""Who else speaks of what a doubted memory speaks of: related records, whose word each is, and how the voices stand."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence, Set
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from remanence.seams import Question, View
from remanence.text.analyze import stem, words
from remanence.text.guard.claims import (
    FRAME,
    Line,
    Matter,
    Voice,
    backs,
    lines,
    matter,
    opposes,
    voice,
)
from remanence.types import Hit, Record

KEPT: Final = 20_000
"""Records of a space whose reading is remembered."""
RAREST: Final = 24
"""Stems of the doubted texts by which others are looked up."""
Ords = NDArray[np.int32]


def family(record: Record) -> str:
    """Whose word a record is, for counting: the channel and its name. Pages, threads and sessions of one are one voice.

    >>> family(Record(id="1", scope=("t", "u"), text="", origin="web:example.org/news"))
    'web:example.org'
    """
    channel, _, name = (record.origin or record.role or "user").casefold().partition(":")
    name = name.lstrip("/").partition("/")[0].partition("#")[0].partition("?")[0]
    return f"{channel}:{name}" if name else channel


class Entry:
    """What is remembered of one version of a record, by no words of it but their stems."""

    __slots__ = ("family", "said", "steers", "trust")

    def __init__(self, record: Record) -> None:
        self.said: Voice = voice(record.text, record.speaker)
        self.trust = record.trust
        self.family = family(record)
        self.steers: float | None = None


class Doubted(NamedTuple):
    """A hit under question."""

    place: int
    entry: Entry
    lines: list[Line]
    near: bool


class Witness(NamedTuple):
    """A related record."""

    entry: Entry
    lines: list[Line]
    near: bool


class Weighed(NamedTuple):
    """`above`: a more trusted voice contradicts it, and none as trusted backs it; `equal`: twice as many voices contradict it as back it;
    `backed`: a more trusted voice says the same."""

    above: bool
    equal: bool
    backed: bool


class Witnesses:
    """The doubted hits of one question, and the visible records related to the question or to them."""

    def __init__(
        self,
        question: Question,
        view: View,
        hits: Sequence[Hit],
        *,
        near: int,
        answers: float,
        margin: float,
    ) -> None:
        self.view, self.near, self.margin = view, near, margin
        self._idf: dict[str, float] = {}
        people = _people(view)
        encoded = question.encoded
        self.matter: Matter = matter(
            frozenset(question.terms), people, self.weight, encoded=encoded is not None
        )
        known = view.derived("witnesses", _alive)
        if len(known) > KEPT:
            known.clear()
        own = {hit.place: hit.record for hit in hits}
        mine = np.flatnonzero(view.visible & np.isin(view.rows["first"], list(own))).astype(
            np.int32
        )
        for ord in mine.tolist():
            if (seq := int(view.rows["seq"][ord])) not in known:
                known[seq] = Entry(own[int(view.rows["first"][ord])])
        entries = [known[seq] for seq in view.rows["seq"][mine].tolist()]
        others = self._related(question, [entry.said for entry in entries])
        others = others[~np.isin(others, mine)]
        ords = np.concatenate((mine, others))
        self._read(known, others)
        close = (
            view.cosine(encoded.dense, ords) >= answers
            if encoded is not None
            else np.ones(len(ords), np.bool_)
        )
        self.doubted: dict[int, Doubted] = {}
        self.witnesses: list[Witness] = []
        least = min(entry.trust for entry in entries) if entries else 1.0
        families = {entry.family for entry in entries}
        for ord, closely in zip(ords.tolist(), close.tolist(), strict=True):
            entry = known.get(int(view.rows["seq"][ord]))
            if entry is None:
                continue
            spoken: list[Line] | None = None
            if entry.trust > least or families != {entry.family}:
                spoken = lines(entry.said, self.matter)
                self.witnesses.append(Witness(entry, spoken, closely))
            place = int(view.rows["first"][ord])
            if place in own:
                spoken = lines(entry.said, self.matter) if spoken is None else spoken
                self.doubted[place] = Doubted(place, entry, spoken, closely)
        self._slots(own)

    def weigh(self, doubted: Doubted) -> Weighed:
        """How the voices stand on a hit: the worst of its sentences."""
        own = doubted.entry
        higher = own.trust + self.margin
        above = max(self.rivals.get(doubted.place, {}).values(), default=0.0) > higher
        equal = backed = False
        heard = [
            w for w in self.witnesses if w.entry.family != own.family and w.entry.trust >= own.trust
        ]
        for line in doubted.lines:
            against: dict[str, float] = {}
            backing = {own.family: own.trust}
            for witness in heard:
                name, trust = witness.entry.family, witness.entry.trust
                if backs(witness.lines, line, self.matter):
                    backing[name] = max(trust, backing.get(name, 0.0))
                elif name not in against or against[name] < trust:
                    near = (doubted.near, witness.near)
                    if any(opposes(line, other, self.matter, near) for other in witness.lines):
                        against[name] = trust
            best = max(backing.values())
            backed = backed or best > higher
            if against:
                above = above or max(against.values()) > best + self.margin
                equal = equal or len(against.keys() - backing.keys()) >= 2 * len(backing)
        return Weighed(above, equal, backed)

    def weight(self, stems: Set[str]) -> float:
        """The rarer among what is visible, the heavier."""
        return sum(map(self._rare, stems))

    def _rare(self, one: str) -> float:
        if one not in self._idf:
            found = len(self.view.postings(one).ords)
            self._idf[one] = math.log1p(self.view.count / (1 + found))
        return self._idf[one]

    def _related(self, question: Question, said: Sequence[Voice]) -> Ords:
        """Visible records that may speak of the same."""
        found = [self._sharing(question.terms)]
        if question.encoded is not None:
            found.append(self.view.nearest(question.encoded.dense, self.near)[0])
        claimed = frozenset().union(*(one.about for each in said for one in each.said))
        rarest = sorted(
            claimed - FRAME - self.matter.people, key=lambda one: (-self._rare(one), one)
        )
        found.append(
            self._sharing([one for one in rarest if len(self.view.postings(one).ords) > 1][:RAREST])
        )
        return np.unique(np.concatenate(found)).astype(np.int32)

    def _sharing(self, stems: Iterable[str]) -> Ords:
        """The `near` visible records that share most of these stems, by weight."""
        posted = [(self.view.postings(one).ords, self._rare(one)) for one in sorted(set(stems))]
        if not posted:
            return np.empty(0, np.int32)
        total = np.zeros(self.view.n, np.float32)
        for ords, rare in posted:
            total[ords] += rare
        some = np.flatnonzero(total)
        best = some[np.argsort(-total[some], kind="stable")[: self.near]]
        return best.astype(np.int32)

    def _read(self, known: dict[int, Entry], ords: Ords) -> None:
        seqs = self.view.rows["seq"][ords].tolist()
        lacking = [ord for ord, seq in zip(ords.tolist(), seqs, strict=True) if seq not in known]
        if lacking:
            new = np.array(lacking, np.int32)
            for seq, record in zip(
                self.view.rows["seq"][new].tolist(), self.view.records(new), strict=True
            ):
                if record is not None:
                    known[seq] = Entry(record)

    def _slots(self, own: dict[int, Record]) -> None:
        """Of each doubted hit, who holds another value in a slot that a fact taken from it fills, and how trusted they are."""
        self.rivals: dict[int, dict[str, float]] = {}
        rows, view = self.view.rows, self.view
        filled = view.standing & (rows["slot"] != 0)
        mine = np.flatnonzero(filled & np.isin(rows["source"], list(own))).astype(np.int32)
        if not len(mine):
            return
        same = np.flatnonzero(filled & np.isin(rows["slot"], rows["slot"][mine])).astype(np.int32)
        facts = [fact for fact in view.records(same) if fact and "quarantined" not in fact.marks]
        for ord, fact in zip(mine.tolist(), view.records(mine), strict=True):
            if fact is None or fact.slot is None or not fact.slot.exclusive:
                continue
            rivals = self.rivals.setdefault(int(rows["source"][ord]), {})
            for other in facts:
                if (
                    other.slot is not None
                    and other.slot[:2] == fact.slot[:2]
                    and other.slot.value != fact.slot.value
                ):
                    rivals[family(other)] = max(other.trust, rivals.get(family(other), 0.0))


def _alive(view: View, before: dict[int, Entry] | None) -> dict[int, Entry]:
    """What was remembered, without what was erased since."""
    if not before:
        return {}
    rows = view.rows
    alive = set(rows["seq"][rows["known_to"] > rows["known_from"]].tolist())
    return {seq: entry for seq, entry in before.items() if seq in alive}


def _people(view: View) -> frozenset[str]:
    """Stems of the names of those who speak."""
    codes = np.unique(view.rows["speaker"][view.visible]).tolist()
    names = (view.names[code] for code in codes if code)
    return frozenset(stem(word) or word for name in names for word, _, _ in words(name))
