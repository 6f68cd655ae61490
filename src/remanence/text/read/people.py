"""Who the question is about: a speaker that it names, and the turns that this speaker said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from remanence.catalogue.declare import mechanism
from remanence.seams import Question, Ranked, View
from remanence.text.analyze import stem, words
from remanence.text.read.calibrate import best_first

Floats = NDArray[np.float32]

NO_NAMES = frozenset(
    (
        "user",
        "assistant",
        "system",
        "tool",
        "human",
        "ai",
        "bot",
        "me",
        "you",
        "the",
        "a",
        "unknown",
        "document",
    )
)
"""Speakers called so are roles, not people."""


class Speakers(NamedTuple):
    """Words of the visible speakers' names -> the codes of the speakers who bear them."""

    seen: int
    """Records looked at so far."""
    codes: frozenset[int]
    by_word: dict[str, frozenset[int]]


class Named(NamedTuple):
    """The speakers that a question names, and the stems of those names."""

    codes: frozenset[int]
    terms: frozenset[str]


def speakers(view: View) -> Speakers:
    """The people who speak in this view; follows its growth without reading everything again."""
    return view.derived("speakers", _speakers)


def _speakers(view: View, before: Speakers | None) -> Speakers:
    seen = before.seen if before is not None else 0
    known = before.codes if before is not None else frozenset()
    codes = known | {int(code) for code in np.unique(view.rows["speaker"][seen:])}
    if before is not None and codes == known:
        return before._replace(seen=view.n)
    by_word: dict[str, set[int]] = {}
    for code in codes:
        for word in words(view.names[code]):
            if word.text not in NO_NAMES and len(word.text) > 1:
                by_word.setdefault(word.text, set()).add(code)
    return Speakers(view.n, codes, {word: frozenset(found) for word, found in by_word.items()})


def named(question: Question, view: View) -> Named:
    """The speakers whose name, or a part of it, the question has. A name in small letters counts only in a question
    that is written in small letters throughout: "will" is rarely Will."""
    people = speakers(view).by_word
    codes: set[int] = set()
    terms: set[str] = set()
    text = question.query.text
    small = text == text.lower()
    for word in words(text):
        bare = word.text.removesuffix("'s")
        if bare in people and (small or text[word.start].isupper()):
            codes |= people[bare]
            terms.add(stem(bare) or bare)
    return Named(frozenset(codes), frozenset(terms))


@mechanism(
    seam="Ranker",
    source="Remanence",
    title="Speaker named in the question",
    year=2026,
    fidelity="ours",
)
@dataclass(frozen=True, kw_only=True)
class People:
    """Adds `weight` to what was said by the one speaker whom the question names. Signal: `speaker`, 1 or 0.

    Where a question names several speakers, or none, nobody is preferred."""

    weight: float = 0.8

    def rank(self, question: Question, view: View, ranked: Ranked) -> Ranked:
        signal = said_by(question, view, ranked)
        return best_first(ranked, ranked.scores + self.weight * signal, {"speaker": signal})


def said_by(question: Question, view: View, ranked: Ranked) -> Floats:
    """(c,) 1 for candidates said by the only speaker named."""
    codes = named(question, view).codes
    if len(codes) != 1:
        return np.zeros(len(ranked.ords), np.float32)
    return np.asarray(view.rows["speaker"][ranked.ords] == next(iter(codes)), np.float32)
