"""When two texts say the same in the same words."""

from __future__ import annotations

import re
import unicodedata
from itertools import groupby
from typing import Final

from remanence.text.analyze import words

LIGHT: Final = frozenset("a an the oh hey hi hello".split())
"""Words that two texts may differ in."""
_NUMBER: Final = re.compile(r"(?<!\w)[-+\u2212]?[.,]?\d[\d.,:/]*|\d[\d.,:/]*")
_THOUSANDS: Final = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_SPOKEN: Final = "%#@&/?\\*<>=+^~$|"
_SHORTENED: Final = {"'m": "am", "'re": "are", "'ve": "have", "'ll": "will"}
_TURNED: Final = {"can't": ("can", "not"), "cannot": ("can", "not"), "won't": ("will", "not")}


def wording(text: str) -> tuple[tuple[str, ...], ...]:
    """What two texts must share to say the same: their words in order, their numbers, and their signs and pictures.

    Case, accents, punctuation, short forms and the words of `LIGHT` make no difference; anything else does: a number, a sign before it,
    "not", a tense, "before" for "after", who does it to whom, a question mark.

    >>> wording("I don't like the tea!") == wording("i do not like tea")
    True
    >>> wording("It fell to -5 degrees") == wording("It fell to 5 degrees")
    False
    """
    found = [part for word in words(text) for part in _written_out(word.text)]
    numbers = [match.rstrip(".,:/") for match in _NUMBER.findall(text)]
    plain = [n.replace(",", "") if _THOUSANDS.fullmatch(n) else n for n in numbers]
    signs = [c for c in text if c in _SPOKEN or (ord(c) > 127 and _sign(c))]
    return tuple(found), tuple(plain), tuple(sign for sign, _ in groupby(signs))


def _sign(char: str) -> bool:
    return unicodedata.category(char)[0] == "S"


def _written_out(word: str) -> tuple[str, ...]:
    if word in LIGHT:
        return ()
    if "'" in word:
        if word.endswith("n't") and word not in _TURNED:
            return word[:-3], "not"
        head, mark, tail = word.rpartition("'")
        if mark + tail in _SHORTENED:
            return head, _SHORTENED[mark + tail]
    return _TURNED.get(word, (word,))
