"""Slots of a text: which of its sentences state something that has one value at a time, or a list that grows.

"I moved to Porto", "the review is now on Friday", "my manager is Ines", "wifi password: otter-42", "always end test names with
'_t'": each gives a `Slot` and the sentence that states it. By rules, because a write spends microseconds, and because the
same text has to give the same slots on every machine. The rules are general English and rather miss a statement than invent
one: questions, conditions, wishes, plans, the past and what others said give nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

from remanence.text.slots import words as lexicon
from remanence.text.slots.people import (
    ends,
    instructions,
    preferences,
    relations,
    residence,
    work,
)
from remanence.text.slots.sentences import SELF, Sentence, sentences
from remanence.text.slots.things import (
    ANY_LINE,
    LINE,
    changed,
    counts,
    given_so,
    is_so,
    line,
    made,
)
from remanence.types import Slot

LONGEST = 8_000
"""Characters of a text that are read for slots."""
TELLERS: Final = ("", "user")
"""Roles whose statements are taken for facts; what assistants and tools say repeats or computes."""


class Found(NamedTuple):
    """A slot, and the characters `start:end` of the text that state it."""

    slot: Slot
    start: int
    end: int


def slots_of(text: str, *, speaker: str = "", role: str = "") -> list[Found]:
    """The slots that a text fills, in order of place; at most one of each subject and attribute a sentence.

    `speaker` is who "I" and "my" mean; without one, or where it is just called after its role, it is "user".

    >>> [(found.slot, found.start) for found in slots_of("Hello. I moved to Porto.", speaker="Ana")]
    [(Slot(subject='ana', attribute='residence', value='Porto', exclusive=True, corrects=True), 7)]
    """
    if role not in TELLERS:
        return []
    text = text[:LONGEST]
    if "```" in text:
        text = _CODE.sub(lambda match: _BLANK.sub(" ", match[0]), text)
    needed = _needed(text)
    lines = ("=" in text or ":" in text) and ANY_LINE.search(text) is not None
    if not needed and not lines:
        return []
    named = speaker.strip().casefold()
    me = named if named and named not in _ROLES else SELF
    found: list[Found] = []
    for sentence in sentences(text, me):
        if lines and (match := LINE.match(sentence.text)):
            line(sentence, match)
        if not sentence.found and needed:
            for family in _chosen(needed & _needed(sentence.text)):
                family(sentence)
        if sentence.found:
            # One sentence says one thing of each exclusive slot, and each member of a list once.
            said = {
                (s.subject, s.attribute, "" if s.exclusive else s.value): s
                for s in reversed(sentence.found)
            }
            found += [Found(slot, sentence.start, sentence.end) for slot in reversed(said.values())]
    return found


_ROLES: Final = frozenset(("user", "human", "me", "unknown", "i", "assistant", "you"))
_CODE: Final = re.compile(r"```.*?(?:```|\Z)", re.S)
_BLANK: Final = re.compile(r"[^\n]")
_WORD: Final = re.compile(r"[a-z]+(?:'[a-z]+)?|[0-9]")


# --- which families a text needs ------------------------------------------------------------------


def _forms(*lists: str) -> frozenset[str]:
    """Words, and their plain plurals."""
    found = {word for text in lists for word in text.split()}
    return frozenset(found | {f"{word}s" for word in found})


def _set(text: str) -> frozenset[str]:
    """Words, set apart by whatever else there is."""
    return frozenset(re.findall(r"[a-z]+(?:'[a-z]+)?|[0-9]", text.replace("?", "")))


_NAMES: Final = _forms(
    lexicon.EVENT_WORDS, lexicon.MEASURE_WORDS, lexicon.LABEL_WORDS, lexicon.RELATION_WORDS
)
_CHANGE_WORDS: Final = _set(lexicon.CHANGES)
_Family = Callable[[Sentence], None]
_FAMILIES: Final[tuple[tuple[_Family, frozenset[str], frozenset[str]], ...]] = (
    (
        residence,
        _set("live lives living reside resides based settled moved relocated"),
        _set("in at to near into"),
    ),
    (
        work,
        _set("work works working joined started hired promoted became"),
        _set("at for by with joined as to became"),
    ),
    (relations, _forms(lexicon.RELATION_WORDS), _set("my our is are")),
    (
        preferences,
        _set("favorite favourite like love enjoy adore prefer hate dislike stand"),
        _set("i my"),
    ),
    (
        ends,
        _set("longer anymore more quit stopped gave given left dropped started took taken begun"),
        _set("i we i've longer my quit left stopped"),
    ),
    (
        instructions,
        _set(
            "always never avoid prefix suffix start begin end finish include add import use using append starting ending ends started "
            "ended switch"
        ),
        frozenset(),
    ),
    (made, _CHANGE_WORDS | _set(lexicon.IMPERATIVES), _set("to until till")),
    (
        changed,
        _CHANGE_WORDS
        | _set("reached hit averages averaged totals equals grew rose fell went gone"),
        _set("to until till for on reached hit averages averaged totals equals"),
    ),
    (given_so, _forms(lexicon.EVENT_WORDS, lexicon.MEASURE_WORDS), _set("of have i've we've")),
    (
        counts,
        _set("have has i've we've"),
        _set("0 1 2 3 4 5 6 7 8 9 two three four five six seven eight nine ten eleven twelve"),
    ),
    (is_so, _NAMES | _set(lexicon.STATES) | {"now", "longer"}, _set("is are be isn't aren't")),
    (is_so, _set("now currently"), _set("is are it's")),
)
"""What each family needs: one word of the first set and, where there is a second, one of that."""


def _bits(place: int) -> dict[str, int]:
    """By word, a bit for each family whose first or second set (`place`) has it."""
    bits: dict[str, int] = {}
    for number, family in enumerate(_FAMILIES):
        for word in family[place]:  # type: ignore[union-attr]
            bits[word] = bits.get(word, 0) | 1 << number
    return bits


_FIRST: Final = _bits(1)
_SECOND: Final = _bits(2)
_ALONE: Final = sum(1 << number for number, family in enumerate(_FAMILIES) if not family[2])
_CUES: Final = frozenset(_FIRST) | frozenset(_SECOND)
_WIDTH: Final = len(_FAMILIES)
_BITS: Final = {word: _FIRST.get(word, 0) | _SECOND.get(word, 0) << _WIDTH for word in _CUES}
"""By word, the families whose first set has it, and above these the ones whose second set does."""


def _needed(text: str) -> int:
    """A bit for each family whose words are in a text."""
    bits = _ALONE << _WIDTH
    for word in _CUES.intersection(_WORD.findall(text.lower().replace("\u2019", "'"))):
        bits |= _BITS[word]
    return bits & bits >> _WIDTH


@lru_cache(maxsize=4096)
def _chosen(needed: int) -> tuple[_Family, ...]:
    """The families of these bits, each once, in their order."""
    chosen = [family for number, (family, _, _) in enumerate(_FAMILIES) if needed >> number & 1]
    return tuple(dict.fromkeys(chosen))
