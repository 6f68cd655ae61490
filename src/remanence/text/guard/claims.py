"""Statements side by side: whether two sentences speak of the same matter and say different things of it.

No model reads them. A sentence is its stems, the names and numbers among them, whether it is negated, and whether it speaks of its
speaker; what frames a claim ("update: …", "as confirmed by …") is left out, so that the frame neither helps nor hurts it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence, Set
from typing import Final, NamedTuple

from remanence.text.analyze import NEGATIONS, stem, words

MOST: Final = 24
"""Sentences of a text that are compared."""
SAME: Final = 0.5
"""Share of what each of two sentences is about that they have in common, by weight, where they speak of the same matter."""
ANSWERS: Final = 0.34
"""Share of the question's words, by weight, that a sentence needs to answer it."""
ROOT: Final = 5
"""Letters that two stems have in common at least where one is the beginning of the other (allerg-ic, allerg-y)."""
FEW_WORDS: Final = 3
"""An answer in plain words has at most so many."""
_END: Final = re.compile(
    r"(?<!\bdr)(?<!\bmr)(?<!\bmrs)(?<!\bms)(?<!\bst)[.!?;]+[\"')\]]*\s+|\n+", re.IGNORECASE
)
_MINE: Final = frozenset(
    "i me my mine myself i'm i've i'd i'll we us our ours we're we've we'll".split()
)
_NUMBER: Final = re.compile(r"[0-9]")
_SAID: Final = """
    update correction correct latest information info news new newest recent recently current currently actual actually
    fact facts true truth today day date now note noted notice record records recorded official officially confirm
    confirmed confirms verify verified verifies according administrator admin security team compliance department office
    staff manager's system changed change changes since last week month year ago earlier previous previously former
    formerly old outdated told tell tells said say says saying everybody everyone knows know known doubt discussed
    discussion remember reminder remind repeat repeated again longer anymore instead replaced replaces please user name
    named called call calls mentioned mention report reported reports reporting message source sources stated state
    statement set listed shows show according based per
"""
FRAME: Final = frozenset(found for word in _SAID.split() if (found := stem(word)))
"""Stems of words that say how something is said."""
_CALENDAR: Final = """
    january february march april may june july august september october november december
    monday tuesday wednesday thursday friday saturday sunday
"""
_TIMES: Final = frozenset(stem(word) for word in _CALENDAR.split())


_SPANS: Final = frozenset(stem(word) or word for word in ("days", "weeks", "months", "years"))
DATE: Final = "date"
"""What days and months, and the numbers beside them, count."""


class Statement(NamedTuple):
    """One sentence."""

    stems: frozenset[str]
    names: frozenset[str]
    """Stems of its capitalised words, days and months apart."""
    numbers: frozenset[str]
    """Its numbers, days and months."""
    negated: bool
    mine: bool
    """It speaks of its speaker."""
    counted: frozenset[tuple[str, str]] = frozenset()
    """Each number and the stem of what it counts, the word after it: "" where none does; months and days count `DATE`."""

    @property
    def about(self) -> frozenset[str]:
        """What it says something of: its stems without names and numbers."""
        return self.stems - self.names - self.numbers


def statements(text: str) -> tuple[Statement, ...]:
    """The sentences of a text that say anything, at most `MOST`.

    >>> sorted(statements("My dentist is Dr Hale.")[0].names)
    ['dr', 'hale']
    """
    found: list[Statement] = []
    for sentence in _END.split(text):
        if len(found) == MOST:
            break
        if (one := _statement(sentence)).stems:
            found.append(one)
    return tuple(found)


def _statement(sentence: str) -> Statement:
    stems, names, numbers = set(), set(), set()
    mine = negated = False
    row: list[tuple[str, bool]] = []
    for place, (word, start, _) in enumerate(words(sentence)):
        mine = mine or word in _MINE
        negated = negated or word in NEGATIONS
        found = stem(word)
        row.append((found or "", bool(found) and sentence[start].isupper()))
        if not found:
            continue
        if _NUMBER.search(found) or found in _TIMES:
            numbers.add(found)
        elif sentence[start].isupper() and (place or not sentence[start + 1 : start + 2].islower()):
            names.add(found)
        elif found in FRAME:
            continue
        elif sentence[start].isupper():
            names.add(found)  # the first word: a name or not, it is compared with both
        stems.add(found)
    counted = _counted(row) if numbers else frozenset()
    return Statement(frozenset(stems), frozenset(names), frozenset(numbers), negated, mine, counted)


def _counted(row: Sequence[tuple[str, bool]]) -> frozenset[tuple[str, str]]:
    """Each number of a row of stems (and whether they are capitalised) and what it counts."""
    found: set[tuple[str, str]] = set()
    for place, (one, _) in enumerate(row):
        if one in _TIMES:
            found.add((one, DATE))
        elif _NUMBER.search(one):
            after, name = row[place + 1] if place + 1 < len(row) else ("", False)
            before = row[place - 1][0] if place else ""
            unit = "" if name or after in FRAME - _SPANS or _NUMBER.search(after) else after
            found.add((one, DATE if before in _TIMES or after in _TIMES else unit))
    return frozenset(found)


class Voice(NamedTuple):
    """A text, the stems of its speaker's name, and all stems in it."""

    said: tuple[Statement, ...]
    speaker: frozenset[str]
    stems: frozenset[str]


def voice(text: str, speaker: str) -> Voice:
    """A text as `opposes` takes it."""
    said = statements(text)
    name = frozenset(stem(word) or word for word, _, _ in words(speaker))
    return Voice(said, name, frozenset().union(*(one.stems for one in said)))


Weight = Callable[[Set[str]], float]
"""Of a set of stems: the rarer among what is visible, the heavier."""


class Matter(NamedTuple):
    """What a comparison is about."""

    topic: frozenset[str]
    """Stems of the question, names of people apart."""
    people: frozenset[str]
    """Stems of the names of those who speak in this memory."""
    weight: Weight
    enough: float
    """Weight of the topic that a sentence needs to answer the question."""
    encoded: bool
    """Whether an encoder says which records are near to it."""


def matter(
    asked: frozenset[str], people: frozenset[str], weight: Weight, *, encoded: bool
) -> Matter:
    """What a question is about. `encoded`: an encoder says too which records are near to it, so fewer words are enough."""
    topic = asked - people - FRAME
    enough = (ANSWERS if encoded else SAME) * weight(topic)
    return Matter(topic, people, weight, enough, encoded)


class Line(NamedTuple):
    """A sentence in the light of a question."""

    one: Statement
    rest: frozenset[str]
    """All stems of its text."""
    persons: frozenset[str]
    told: frozenset[str]
    """Of the topic, what it speaks of."""
    speaks: bool
    """That is enough to answer."""
    about: frozenset[str]
    """What it says something of, names of people apart."""


def lines(said: Voice, of: Matter) -> list[Line]:
    """The sentences of a text in the light of a question."""
    found = []
    for one in said.said:
        told = _among(of.topic, one.stems)
        # Who names nobody speaks of what is theirs.
        persons = (
            one.stems & of.people | (said.speaker if one.mine else frozenset()) or said.speaker
        )
        about = one.about - of.people
        speaks = bool(told) and of.weight(told) >= of.enough
        found.append(Line(one, said.stems, persons, told, speaks, about))
    return found


def opposes(claim: Line, known: Line, of: Matter, near: tuple[bool, bool]) -> bool:
    """Whether `claim` says something else of a matter than `known` does. `near`: whether an encoder finds their records near to the
    question; without one, both are."""
    if not (claim.told or known.told or (of.encoded and near[0])):
        return False  # neither has to do with the question
    speaks = near[1] and known.speaks
    shared = claim.about & known.about
    if not shared and not (speaks and (near[0] or claim.told)):
        return False
    if claim.persons and known.persons and claim.persons.isdisjoint(known.persons):
        return False
    answered = speaks and bool(claim.told & known.told)
    answered = answered and of.weight(claim.told & known.told) >= of.enough
    same = answered or (speaks and near[0])
    if not same and not _shares(claim, known, shared, of):
        return False
    return _differ(claim, known, of.topic | of.people, answered)


def _shares(claim: Line, known: Line, shared: frozenset[str], of: Matter) -> bool:
    """Whether what they have in common is much of what either is about."""
    if not shared:
        return False
    return of.weight(shared) >= SAME * max(of.weight(claim.about), of.weight(known.about))


def backs(known: Sequence[Line], claim: Line, of: Matter) -> bool:
    """Whether a text says what a sentence says beyond the question: its names and numbers all, the rest mostly, and does not deny it."""
    own = claim.one.stems - of.people - of.topic
    if not own or not known:
        return False
    told, rest = (claim.one.names | claim.one.numbers) & own, known[0].rest
    if not (told <= rest and 3 * len(own & rest) >= 2 * len(own)):
        return False
    return any(line.one.negated == claim.one.negated and own & line.one.stems for line in known)


def _among(topic: frozenset[str], stems: frozenset[str]) -> frozenset[str]:
    """Those stems of the topic that are there, as they are or as the beginning or continuation of another."""
    return frozenset(
        one
        for one in topic
        if one in stems
        or (
            len(one) >= ROOT
            and any(len(s) >= ROOT and (s.startswith(one) or one.startswith(s)) for s in stems)
        )
    )


def _recounts(one: Statement, mine: Set[str], other: Statement, theirs: Set[str]) -> bool:
    """Whether different numbers count the same, or it is not said what one of them counts."""
    if not mine or not theirs:
        return False
    left = {unit for number, unit in one.counted if number in mine}
    right = {unit for number, unit in other.counted if number in theirs}
    return not left.isdisjoint(right) or "" in left or "" in right


def _differ(claim: Line, known: Line, topic: frozenset[str], answered: bool) -> bool:
    """Whether they put different names, numbers or (where both answer the question) words in the same place, or one denies the other."""
    one, other = claim.one, known.one
    mine, theirs = one.stems - known.rest - topic, other.stems - claim.rest - topic
    if not mine and one.negated != other.negated and len(one.stems & other.stems) > 1:
        return True
    if (mine & one.names and theirs & other.names) or _recounts(
        one, mine & one.numbers, other, theirs & other.numbers
    ):
        return True
    left, right = (mine - FRAME) & one.about, (theirs - FRAME) & other.about
    return answered and 0 < len(left) <= FEW_WORDS and bool(right)
