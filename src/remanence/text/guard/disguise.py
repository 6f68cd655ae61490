"""Text as a model would read it: disguises of letters and words undone, so that one pattern finds all spellings.

Look-alike letters, zero-width and tag characters, full-width and styled letters, digits for letters, l e t t e r s set apart, comments
of HTML, and blobs of base64, hex, percent or entity encoding that hold text. Nothing here decides anything.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import unicodedata
from codecs import decode as recode
from collections.abc import Container, Iterator
from itertools import product
from typing import Final, NamedTuple
from urllib.parse import unquote

BLOBS: Final = 8
"""Encoded passages of one text that are opened."""
BLOB: Final = 20_000
"""Characters of one of them that are."""
_PRINTABLE: Final = 0.97
_LETTERS: Final = 0.5

_LOOKS: Final = {
    "a": (0x251, 0x3b1, 0x430, 0x1d00,),
    "b": (0x299, 0x3b2, 0x432,),
    "c": (0x441, 0x1d04,),
    "d": (0x111, 0x501, 0x1d05,),
    "e": (0x3b5, 0x435, 0x451, 0x1d07,),
    "f": (0x192, 0xa730,),
    "g": (0x261, 0x262, 0x581,),
    "h": (0x127, 0x29c, 0x43d, 0x4bb, 0x570,),
    "i": (0x131, 0x269, 0x26a, 0x3b9, 0x456, 0x457,),
    "j": (0x458, 0x1d0a,),
    "k": (0x3ba, 0x43a, 0x1d0b,),
    "l": (0x142, 0x29f,),
    "m": (0x43c, 0x1d0d,),
    "n": (0x274, 0x3b7, 0x578,),
    "o": (0xf8, 0x3bf, 0x43e, 0x585, 0x1d0f,),
    "p": (0x3c1, 0x440, 0x584, 0x1d18,),
    "q": (0x51b,),
    "r": (0x280,),
    "s": (0x3c2, 0x455, 0xa731,),
    "t": (0x3c4, 0x442, 0x1d1b,),
    "u": (0x3c5, 0x57d, 0x1d1c,),
    "v": (0x3bd, 0x475, 0x1d20,),
    "w": (0x3c9, 0x461, 0x51d, 0x561, 0x1d21,),
    "x": (0x3c7, 0x445,),
    "y": (0x28f, 0x3b3, 0x443,),
    "z": (0x1d22,),
}  # fmt: skip
"""Cyrillic, Greek, Armenian, phonetic and small capital letters, by the Latin letter that they look like."""
_LOOK_ALIKE: Final = {code: letter for letter, codes in _LOOKS.items() for code in codes}
_UNSEEN: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0100-\U000e01ef]+"
)
_TAGGED: Final = re.compile("[\U000e0020-\U000e007e]+")
"""Letters of the tag block: shown by nothing, read by models."""
_QUOTES: Final = str.maketrans("\u2018\u2019\u02bc\u201c\u201d\u2010\u2011\u2212", "'''\"\"---")
_MARKS: Final = re.compile("[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u20d0-\u20ff]+")

_ODD: Final = re.compile(
    r"<!--|&#|&[a-z]{2,6};|%[0-9a-f]{2}|\\[ux][0-9a-f]{2}|[a-z0-9+/_-]{24}|[a-z][@$!|01345678][a-z]|\b[a-z@$!|]*[0134578@$][a-z]{2}"
    r"|(?:\b[a-z0-9][ .*_~|/-]+){4}",
    re.IGNORECASE,
)
"""What plain text rarely has: only then is the rest of this file run."""
_LATIN: Final = re.compile("[a-z]+")
_LIKE: Final = "".join(chr(code) for code in _LOOK_ALIKE if code >= 0x370)
_MIX: Final = re.compile(f"[A-Za-z][{_LIKE}]|[{_LIKE}][A-Za-z]")
_STYLED: Final = re.compile("[\U0001d400-\U0001d7ff\uff21-\uff3a\uff41-\uff5a]")
_SIGN: Final = re.compile(r"[<&%\\@$|0-9]|[A-Za-z]![A-Za-z]")
_RUN: Final = re.compile(r"\b[A-Za-z0-9][ .*_~|/-]+\b[A-Za-z0-9][ .*_~|/-]")
_APART: Final = re.compile(r"(?<![^\W_])(?:[^\W_][ .*_~|/-]{1,3}){4,400}[^\W_](?![^\W_])")
_BASE64: Final = re.compile(r"(?<![\w+/=-])[A-Za-z0-9+/_-]{24,}={0,2}(?![\w+/=-])")
_HEX: Final = re.compile(r"(?<![0-9A-Za-z])(?:[0-9a-fA-F]{2}[ :]?){16,}(?![0-9A-Za-z])")
_ESCAPES: Final = re.compile(r"\\u00([0-9a-fA-F]{2})|\\x([0-9a-fA-F]{2})")
_LEET: Final = re.compile(r"[a-z@$!|0-9]*[a-z][a-z@$!|0-9]*")
_DIGITS: Final = {
    "0": "o", "1": "il", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "@": "a", "$": "s", "!": "i", "|": "l",
}  # fmt: skip
_ENGLISH: Final = frozenset(
    "the to of and a in is for on that with you it this be are at as all any if about from not they them what when who will would can do"
    " has have was or by but he she his her your my we an no one there so".split()
)
_PLAIN_SHARE: Final = 0.15
"""Common words among all, from which a text is English as it stands."""


class Reading(NamedTuple):
    """One way to read a text: lower case, and how it was disguised; "" for the text as it stands."""

    text: str
    trick: str


def readings(text: str, known: Container[str]) -> Iterator[Reading]:
    """The text as it stands, folded, and each further text that is hidden in it.

    `known`: words that a guess may be made for, where a disguise leaves several spellings open ("a11": all or ail).

    >>> [reading.text for reading in readings("H\u0435llo  t0 a11", {"all", "to"})]
    ['hello t0 a11', 'hello to all']
    """
    plain, unseen = fold(text)
    trick = "unseen characters" if unseen else ""
    if not unseen and _mixed(text):
        trick = "look-alike letters"
    yield Reading(plain, trick)
    if text.isascii() and not _odd(text):
        yield from _whole(plain)
        return
    joined = _APART.sub(lambda run: _join(run[0].lower(), known), _UNSEEN.sub("", text))
    if joined != _UNSEEN.sub("", text):
        yield Reading(fold(joined)[0], "letters set apart")
    spelled = _LEET.sub(lambda word: _letters(word[0], known), plain)
    if spelled != plain:
        yield Reading(spelled, "digits for letters")
    for inner, trick in _opened(text):
        yield Reading(fold(inner)[0], trick)
        for again, _ in _opened(inner):
            yield Reading(fold(again)[0], trick)
    yield from _whole(plain)


def fold(text: str) -> tuple[str, bool]:
    """Lower case, look-alike letters and typographic signs as ASCII, runs of blanks as one; and whether unseen characters were in it."""
    if text.isascii():
        return " ".join(text.lower().split()), False
    tags = "".join(chr(ord(c) - 0xE0000) for run in _TAGGED.findall(text) for c in run)
    seen = _UNSEEN.sub("", _TAGGED.sub("", text))
    unseen = bool(tags) or len(text) - len(seen) > 2
    bare = _MARKS.sub("", unicodedata.normalize("NFKD", seen))
    lower = unicodedata.normalize("NFKC", bare).casefold().translate(_LOOK_ALIKE)
    return " ".join((lower.translate(_QUOTES) + " " + tags.lower()).split()), unseen


def _mixed(text: str) -> bool:
    """Whether words are spelt with letters of several alphabets, or the text with letters made for formulas or of full width."""
    if text.isascii():
        return False
    return len(_STYLED.findall(text)) > 8 or len(_MIX.findall(text)) > 1


def _odd(text: str) -> bool:
    """`_ODD`, looked for only where a sign of it is: most text has none."""
    if _SIGN.search(text) or _RUN.search(text) or any(len(word) > 23 for word in text.split()):
        return bool(_ODD.search(text))
    return False


def _whole(plain: str) -> Iterator[Reading]:
    """A text of several words with hardly a common English one: perhaps English, rotated or reversed."""
    found = plain.split()
    common = sum(map(_ENGLISH.__contains__, found))
    if len(found) < 5 or common >= _PLAIN_SHARE * len(found):
        return
    for other, trick in ((recode(plain, "rot13"), "rotated letters"), (plain[::-1], "reversed")):
        if sum(map(_ENGLISH.__contains__, _LATIN.findall(other))) > max(1, common):
            yield Reading(other, trick)


def _opened(text: str) -> Iterator[tuple[str, str]]:
    """Texts that stand encoded in it."""
    for match, _ in zip(_BASE64.finditer(text), range(BLOBS), strict=False):
        raw = match[0][:BLOB].rstrip("=").replace("-", "+").replace("_", "/")
        try:
            found = base64.b64decode(raw + "=" * (-len(raw) % 4))
        except binascii.Error:  # a word that only looks like it
            continue
        yield from _text(found, "base64")
    for match, _ in zip(_HEX.finditer(text), range(BLOBS), strict=False):
        digits = re.sub("[ :]", "", match[0][:BLOB])
        yield from _text(bytes.fromhex(digits[: len(digits) // 2 * 2]), "hexadecimal")
    if _ESCAPES.search(text):
        yield _ESCAPES.sub(lambda m: chr(int(m[1] or m[2], 16)), text), "escaped characters"
    if text.count("%") > 3 and (other := unquote(text)) != text:
        yield other, "percent encoding"
    if "&" in text and (other := html.unescape(text)) != text and text.count("&#") > 3:
        yield other, "entities"


def _text(found: bytes, trick: str) -> Iterator[tuple[str, str]]:
    for encoding in ("utf-8", "utf-16-le"):
        try:
            text = found.decode(encoding)
        except UnicodeDecodeError:  # not text in this encoding
            continue
        shown = sum(c.isprintable() or c.isspace() for c in text)
        letters = sum(c.isalpha() for c in text)
        if shown >= _PRINTABLE * len(text) and letters >= _LETTERS * len(text):
            yield text, trick
            return


def _join(run: str, known: Container[str]) -> str:
    """`i g n o r e   a l l` -> `ignore all`; without wider gaps the words are looked for among those known."""
    gaps = re.findall(r"[ .*_~|/-]+", run)
    narrow = min(gaps, key=len)
    if any(gap != narrow for gap in gaps):
        return "".join(
            letter if not gap or gap == narrow else f"{letter} "
            for letter, gap in re.findall(r"([^\W_])([ .*_~|/-]*)", run)
        )
    letters = run.replace(narrow, "")
    best: list[tuple[int, list[str]]] = [(0, [])]
    for end in range(1, len(letters) + 1):
        options = [
            (best[start][0] + len(letters[start:end]) ** 2, [*best[start][1], letters[start:end]])
            for start in range(max(0, end - 16), end)
            if letters[start:end] in known or letters[start:end] in _ENGLISH
        ]
        options.append((best[end - 1][0], [*best[end - 1][1], letters[end - 1]]))
        best.append(max(options, key=lambda option: option[0]))
    return re.sub(r"(?<=\b\w) (?=\w\b)", "", " ".join(best[-1][1]))


def _letters(word: str, known: Container[str]) -> str:
    """Digits and signs as the letters they stand for, where that makes a known word, or else the likeliest."""
    if word.isalpha() or not any(sign in _DIGITS for sign in word):
        return word
    tail = word[len(word.rstrip("!|")) :]
    core = word.removesuffix(tail) if tail else word
    choices = [_DIGITS.get(c, c) for c in core]
    if sum(len(c) > 1 for c in choices) > 4:
        return "".join(c[0] for c in choices) + tail
    spelled = ["".join(option) for option in product(*choices)]
    return next((one for one in spelled if one in known), spelled[0]) + tail
