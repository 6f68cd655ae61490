"""Text to searchable terms: words, stop words, stems, and the packed entries that the lexical index
keeps.

A *word* is a run of letters and digits of any script: compatibility-normalised (NFKC), case-folded,
without accents and zero-width characters. Apostrophes stay inside a word, hyphens and underscores
part words. Scripts written without spaces (Chinese, Japanese, Korean, Thai, Lao, Khmer, Burmese)
become overlapping character pairs. A *term* is the Snowball English stem (Porter 2,
snowballstem.org) of a word that is no stop word. Question words and auxiliaries are stop words:
questions are made of them, answers are not.

Everything here is a pure function of its arguments, the same in every process and on every machine
with the same releases of the Snowball stemmer and of Python's Unicode tables. Caches are bounded
and forget all at once.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from hashlib import blake2b
from itertools import chain
from struct import Struct
from typing import Final, NamedTuple
from zlib import crc32

import numpy as np
import Stemmer

from remanence.seams import Analyzed

ENTRY: Final = np.dtype([("term", "<u4"), ("tf", "u1")])
"""One packed entry of `Analyzed.terms`, 5 bytes: hash of a term, times it occurs (255 means that or
more)."""

MOST_TF = 255
LONGEST_WORD = 64
"""Characters of a word that count; longer runs (base64, hex dumps) are cut."""
FEWEST_TO_FOLD = 3
"""Texts of fewer distinct stems ("ok, thanks") are too common to call near duplicates."""
CACHED_WORDS = 1 << 17
CACHED_FIELD = 160
"""Characters of the longest field value that is worth caching: speakers, days and titles repeat,
captions do not."""

_FUNCTION_WORDS = """
    a about above after again against ain all also am an and any are aren as at aw be because been
    before being below between both but by can cannot cant could couldn couldnt d did didn didnt do
    does doesn doesnt doing don dont down during each either else ever few for from further gonna
    gotta had hadn hadnt has hasn hasnt have haven havent having he her here hers herself hi hey
    hello him himself his how however i if im in into is isn isnt it its itself ive just kinda let
    lets like ll m ma me might mightn more most much must mustn my myself needn neither no nor not
    now o of off oh ok okay on once only onto or other ought our ours ourselves out over own per re
    really s same shan she should shouldn shouldnt so some such t than that thats the their theirs
    them themselves then there these they theyre this those though through thus to too under until
    up upon us ve very wanna was wasn wasnt we well were weren werent what whats whatever when
    whenever where wherever whether which whichever while who whoever whom whose why will with
    within without won wont would wouldn wouldnt wow y yeah yes yep you youd youll your youre yours
    yourself yourselves youve
"""
STOP_WORDS: Final = frozenset(_FUNCTION_WORDS.split())
"""English function words. "may" is not among them: it is a month."""

_TURNING_WORDS = """
    not no never nor neither none nothing nobody cannot cant dont didnt doesnt isnt wasnt wont
    wouldnt couldnt shouldnt hasnt havent hadnt arent werent can't don't didn't doesn't isn't wasn't
    won't wouldn't couldn't shouldn't hasn't haven't hadn't aren't weren't ain't mustn't needn't
"""
NEGATIONS: Final = frozenset(_TURNING_WORDS.split())
"""Words that turn a statement round: they are no terms, but part `fold`."""

_CONTRACTED = frozenset(("s", "m", "re", "ve", "ll", "d", "em"))
_CLIPPED = frozenset(("ca", "wo", "sha", "ai"))
"""What is left of can't, won't, shan't and ain't without the n't."""

_NUMBER_WORDS = "two three four five six seven eight nine ten eleven twelve"
_NUMBERS = {name: str(value) for value, name in enumerate(_NUMBER_WORDS.split(), 2)}


class Word(NamedTuple):
    """A normalised word and the characters `start:end` of the text that it was made of."""

    text: str
    start: int
    end: int


# --- words ----------------------------------------------------------------------------------------

# Atomic groups, not possessive quantifiers: Python before 3.11.5 takes "10:30." with its full stop by these.
_ASCII_WORD = re.compile(r"(?>[0-9]+(?:[.,:][0-9]+){1,8})(?![0-9a-z])|[a-z0-9]+(?:'[a-z0-9]+)*")
_APOSTROPHES = str.maketrans("\u2019\u02bc\uff07\u2018", "''''")

_ZERO_WIDTH = "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
_ACCENTS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f"
)
"""Marks that go without making another word. Indic vowel signs and Japanese voicing marks stay."""
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005\u3041-\u30ff\u3130-\u318f"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003fffd"
)
_MARKS = "".join(
    chr(code)
    for code in chain(range(0x300, 0x3100), range(0xA800, 0xAC00), range(0xFE00, 0xFE30))
    if unicodedata.category(chr(code))[0] == "M"
)
_LETTERS = rf"[^\W_](?:[^\W_]|[{_ZERO_WIDTH}{_MARKS}])*"
_ANY_WORD = re.compile(
    rf"(?>[0-9]+(?:[.,:][0-9]+){{1,8}})(?![^\W_])|{_LETTERS}(?:['\u2019\u02bc\uff07\u2018]{_LETTERS})*"
)
_DROPPED = re.compile(f"[{_ZERO_WIDTH}{_ACCENTS}]+")
_STRAY = re.compile(rf"[^\w'{_MARKS}]+")
"""What normalising puts into a word that belongs into none: the spaces of a ligature, a fraction's bar."""
_PIECE = re.compile(f"[{_UNSPACED}{_ZERO_WIDTH}{_ACCENTS}]+|[^{_UNSPACED}]+")
_UNSPACED_HERE = re.compile(f"[{_UNSPACED}]")


def words(text: str) -> list[Word]:
    """The words of a text, in order, with their places in it.

    >>> [word.text for word in words("Zoë's T-shirt cost 1,000 kr.")]
    ["zoe's", 't', 'shirt', 'cost', '1000', 'kr']
    >>> [word.text for word in words("我喜欢茶 ok")]
    ['我喜', '喜欢', '欢茶', 'ok']
    """
    if text.isascii():
        found = _ASCII_WORD.finditer(text.lower())
        return [Word(_tidy(match[0]), *match.span()) for match in found]
    return list(_any_words(text))


def terms(text: str) -> list[str]:
    """Stems of the words of a text that are no stop words, in order, repeated as often as they
    occur.

    >>> terms("What did Caroline's friends say about running?")
    ['carolin', 'friend', 'say', 'run']
    """
    return [found for word in _tokens(text) if (found := stem(word))]


def spanned_terms(text: str) -> list[tuple[str, int, int]]:
    """`terms` with the characters `start:end` of the text that each was made of.

    >>> spanned_terms("Is it raining?")
    [('rain', 6, 13)]
    """
    return [(found, start, end) for word, start, end in words(text) if (found := stem(word))]


def _tokens(text: str) -> list[str]:
    """The normalised words of a text, without their places."""
    if not text.isascii():
        text = text.translate(_APOSTROPHES)
        if not text.isascii():
            return [word for word, _, _ in _any_words(text)]
    found: list[str] = _ASCII_WORD.findall(text.lower())
    return found


def _tidy(word: str) -> str:
    return word.replace(",", "")


def _any_words(text: str) -> Iterator[Word]:
    for match in _ANY_WORD.finditer(text):
        run, start = match[0], match.start()
        if run.isascii():
            yield Word(_tidy(run.lower()), start, match.end())
        elif _UNSPACED_HERE.search(run):
            yield from _pieces(run, start)
        elif word := _plain(run):
            yield Word(word, start, match.end())


def _pieces(run: str, offset: int) -> Iterator[Word]:
    """A run that holds unspaced script: that as character pairs, the rest as words."""
    for match in _PIECE.finditer(run):
        piece, start = match[0], offset + match.start()
        if not _UNSPACED_HERE.search(piece):
            if word := _plain(piece).strip("'"):
                yield Word(word, start, start + len(piece))
            continue
        places = [place for place, char in enumerate(piece) if not _DROPPED.match(char)]
        for first, last in zip(places, places[1:] or places, strict=False):
            if pair := _plain(piece[first : last + 1]):
                yield Word(pair, start + first, start + last + 1)


def _plain(word: str) -> str:
    """NFKC, case-folded, without accents, zero-width characters and long tails."""
    known = _plain_words.get(word)
    if known is None:
        bare = _DROPPED.sub("", unicodedata.normalize("NFKD", word[:LONGEST_WORD]))
        folded = unicodedata.normalize("NFKC", bare).casefold()
        known = unicodedata.normalize("NFKC", folded).translate(_APOSTROPHES)
        known = _STRAY.sub("", _DROPPED.sub("", known))
        _remember(_plain_words, word, known)
    return known


# --- stems and hashes -----------------------------------------------------------------------------

_snowball = Stemmer.Stemmer("english", 0)
_plain_words: dict[str, str] = {}
_stems: dict[str, str] = {}
_hashes: dict[str, int] = {}


def _remember(cache: dict[str, str], word: str, value: str) -> None:
    if len(word) <= LONGEST_WORD:
        if len(cache) >= CACHED_WORDS:
            cache.clear()
        cache[word] = value


def stem(word: str) -> str:
    """The stem of one normalised word; empty for a stop word.

    Numbers lose their commas and ordinal endings, and two to twelve become digits, so that "two"
    finds "2".

    >>> stem("running"), stem("don't"), stem("7th"), stem("twelve")
    ('run', '', '7', '12')
    """
    known = _stems.get(word)
    if known is None:
        known = _stem(word[:LONGEST_WORD])
        _remember(_stems, word, known)
    return known


def _stem(word: str) -> str:
    head, apostrophe, tail = word.partition("'")
    if apostrophe:
        if tail in _CONTRACTED:
            word = head
        elif tail == "t" and head.endswith("n"):
            word = "" if head[:-1] in _CLIPPED else head[:-1]
    if word in STOP_WORDS:
        return ""
    if word[:1].isdigit():
        number = word.replace(",", "")
        return number[:-2] if number[-2:] in _ORDINALS and number[:-2].isdigit() else number
    number_word = _NUMBERS.get(word)
    return number_word if number_word else str(_snowball.stemWord(word))


_ORDINALS = frozenset(("st", "nd", "rd", "th"))


def term_hash(stem: str, field: str = "") -> int:
    """32-bit hash of a term of the body, or of the named field: CRC-32 of `stem`, or of
    `field:stem`, in UTF-8.

    >>> hex(term_hash("run")), hex(term_hash("run", "title"))
    ('0x5076a4c0', '0x82809bd4')
    """
    key = f"{field}:{stem}" if field else stem
    return crc32(key.encode("utf-8", "surrogatepass"))


_QUESTION, _TIME, _NUMBER = (term_hash(form, "form") for form in ("question", "time", "number"))
_TIMES = """
    yesterday today tomorrow tonight last next ago weekend week weeks month months year years
    recently just monday tuesday wednesday thursday friday saturday sunday january february march
    april june july august september october november december
"""
_TIME_WORDS = frozenset(_TIMES.split())
_NUMBER_SET = frozenset(
    ("one", *_NUMBERS, "twice", "once", "dozen", "couple", "few", "several", "hundred")
)
_YEAR = re.compile(r"(?<![0-9])(?:19|20)[0-9]{2}(?![0-9])")
_DIGIT = re.compile(r"[0-9]")


# --- what the index keeps -------------------------------------------------------------------------


def analyze(text: str, fields: Mapping[str, str]) -> Analyzed:
    """The packed entries (`ENTRY`, ascending by term, each once) of a text and its fields; see
    `seams.Analyzed`.

    The field `form` notes what kind of text it is: `question`, `time`, `number`.
    `length` counts the terms of the body, with repetition. `fold` is below 2**63, so that it fits a
    signed column, and 0 for bodies of fewer than three distinct terms; a negated and a plain
    statement of the same stems differ in it.

    >>> np.frombuffer(analyze("Dogs love a dog", {"speaker": "Ana"}).terms, ENTRY)["tf"].tolist()
    [1, 2, 1]
    >>> analyze("Ana moved to Rome!", {}).fold == analyze("to ROME, ana moved", {}).fold
    True
    """
    tokens = _tokens(text)
    counts: dict[int, int] = {}
    length = 0
    known = _hashes.get
    for word in tokens:
        term = known(word)
        if term is None:
            term = _hash_word(word)
        if term >= 0:
            length += 1
            counts[term] = counts.get(term, 0) + 1
    fold = _fold(counts, tokens) if len(counts) >= FEWEST_TO_FOLD else 0
    for mark in _forms(text, tokens):
        counts[mark] = 1
    for field, value in fields.items():
        if value:
            count = _field_counts if len(value) <= CACHED_FIELD else _field_counts.__wrapped__
            for term, tf in count(field, value):
                counts[term] = counts.get(term, 0) + tf
    return Analyzed(_pack(counts), length, fold)


def _forms(text: str, tokens: list[str]) -> Iterator[int]:
    """What kind of text it is, as terms of the field `form`: it ends in a question, names a time, has a number."""
    if text[-16:].rstrip().endswith("?"):
        yield _QUESTION
    if not _TIME_WORDS.isdisjoint(tokens) or _YEAR.search(text):
        yield _TIME
    if not _NUMBER_SET.isdisjoint(tokens) or _DIGIT.search(text):
        yield _NUMBER


def _hash_word(word: str) -> int:
    """Hash of a body word's stem, -1 for a stop word; remembered."""
    found = stem(word)
    term = term_hash(found) if found else -1
    if len(word) <= LONGEST_WORD:
        if len(_hashes) >= CACHED_WORDS:
            _hashes.clear()
        _hashes[word] = term
    return term


@lru_cache(maxsize=4096)
def _field_counts(field: str, value: str) -> tuple[tuple[int, int], ...]:
    """(term hash, occurrences) of a field's value; a speaker may be called Will: there, stop words
    stay."""
    counts: dict[int, int] = {}
    for word in _tokens(value):
        found = stem(word) or (word if field == "speaker" else "")
        if found:
            term = term_hash(found, field)
            counts[term] = counts.get(term, 0) + 1
    return tuple(counts.items())


def _fold(counts: Mapping[int, int], tokens: list[str]) -> int:
    negated = b"" if NEGATIONS.isdisjoint(tokens) else b"not"
    stems = _packer("I", len(counts))(*sorted(counts))
    digest = blake2b(stems + negated, digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1 or 1


def _pack(counts: dict[int, int]) -> bytes:
    entries = sorted(counts.items())
    if max(counts.values(), default=0) > MOST_TF:
        entries = [(term, min(tf, MOST_TF)) for term, tf in entries]
    return _packer("IB", len(entries))(*chain.from_iterable(entries))


@lru_cache(maxsize=1024)
def _packer(item: str, count: int) -> Callable[..., bytes]:
    return Struct("<" + item * count).pack
