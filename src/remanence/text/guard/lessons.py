"""Lessons: what was found harmful once, kept apart from memory and consulted before anything like it is believed again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import numpy as np

from remanence.catalogue.declare import mechanism
from remanence.seams import Verdict, View
from remanence.text.analyze import analyze
from remanence.text.guard.claims import statements
from remanence.types import Add, Record, Source

KIND: Final = "lesson"
"""The kind of such records: search leaves it out."""
ORIGIN: Final = "guard"
"""Where they come from. What another channel calls a lesson is none: who could write lessons could hide memories."""


class Pattern(NamedTuple):
    """What a lesson looks for: the hash of its words in any order, its stems, and of these the names and numbers."""

    fold: int
    stems: frozenset[str]
    values: frozenset[str]


def lesson_of(record: Record | Add, why: str) -> Add:
    """The lesson of a record that was found harmful, or of what a guard refused: to be stored beside it.

    It names the record as its source, so that forgetting the record forgets the lesson too: quarantine what should still be
    recognised. `why` is for people."""
    stored = isinstance(record, Record)
    return Add(
        scope=record.scope,
        text=record.text,
        kind=KIND,
        meta={"why": why, "origin": record.origin},
        sources=(Source(record.id),) if stored and record.id else (),
        origin=ORIGIN,
    )


def pattern(text: str) -> Pattern:
    """What a text is recognised by."""
    said = statements(text)
    return Pattern(
        analyze(text, {}).fold,
        frozenset().union(*(one.stems for one in said)),
        frozenset().union(*(one.names | one.numbers for one in said)),
    )


@mechanism(
    seam="Guard",
    source="arXiv:2510.02373",
    title="Lessons: a second memory of what was harmful",
    year=2025,
    where="section 3.3, dual memory",
    fidelity="adapted",
)
@dataclass(frozen=True, slots=True, kw_only=True)
class Lessons:
    """Quarantines what repeats a lesson, where its trust is below `threshold`.

    Departs from the paper: a lesson there is a reasoning path that a language model recognised as wrong, and a model revises
    the plan when it comes up again; here it is the words of the record, and what has the same words in any order, or its names and numbers
    and `share` of its stems, is kept out. Deterministic; a paraphrase without its words is not recognised."""

    known: Sequence[Pattern] = ()
    threshold: float = 0.7
    share: float = 0.75

    @classmethod
    def of(cls, texts: Iterable[str], *, threshold: float = 0.7, share: float = 0.75) -> Self:
        """From the texts of lessons."""
        return cls(known=tuple(pattern(text) for text in texts), threshold=threshold, share=share)

    def repeats(self, text: str) -> bool:
        """Whether a text says what a lesson says."""
        if not self.known:
            return False
        new = pattern(text)
        return any(
            (bool(old.fold) and old.fold == new.fold)
            or (
                len(old.stems) > 1
                and old.values <= new.stems
                and len(old.stems & new.stems) >= self.share * len(old.stems)
            )
            for old in self.known
        )

    def admit(self, add: Add) -> Verdict:
        own = add.kind == KIND and add.origin == ORIGIN
        if own or add.trust >= self.threshold or not self.repeats(add.text):
            return Verdict(action="allow", add=add)
        reason = "from an untrusted origin, repeats what was found harmful before"
        return Verdict(action="quarantine", add=add, reason=reason)


def lessons_in(view: View) -> Lessons:
    """The lessons of a space, computed once per state of it."""
    return view.derived("lessons", _read)


def _read(view: View, before: Lessons | None) -> Lessons:
    if KIND not in view.names:
        return Lessons()
    code = list(view.names).index(KIND)
    ords = np.flatnonzero((view.rows["kind"] == code) & view.standing).astype(np.int32)
    return Lessons.of(
        found.text for found in view.records(ords) if found and found.origin == ORIGIN
    )
