"""Text to word pieces: cleaned so that no string can break the tokenizer, with places in the text as it was given."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

WINDOW: Final = 256
"""Word pieces, [CLS] and [SEP] included: what sentence-transformers gives this model, and the length it was trained at."""
LONGEST: Final = 64 * WINDOW
"""Characters that are looked at. Text averages 4 to 5 characters a piece, so the window is full long before; a 10 MB string costs no
more than a page."""
SPECIAL: Final = frozenset({"[CLS]", "[SEP]", "[PAD]", "[MASK]"})
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class Pieces(NamedTuple):
    """`ids` (t,) int64 with the special pieces; `words` (m,) places in `ids` of the pieces that hold a letter or digit; `spans`: m
    pairs, the characters of each of these in the text."""

    ids: NDArray[np.int64]
    words: NDArray[np.int64]
    spans: list[tuple[int, int]]


class Cutter:
    """A tokenizer and what it has to know of its vocabulary. `window` None: no limit but that of characters."""

    def __init__(self, tokenizer_json: bytes, *, window: int | None = WINDOW) -> None:
        self.tokenizer_json = tokenizer_json
        self._tokenizer = Tokenizer.from_str(tokenizer_json.decode())
        self._tokenizer.no_padding()
        if window is None:
            self._tokenizer.no_truncation()
        else:
            self._tokenizer.enable_truncation(max_length=window)
        places = self._tokenizer.get_vocab(with_added_tokens=True)
        self.vocabulary = sorted(places, key=places.__getitem__)
        self._is_word = np.array([_is_word(piece) for piece in self.vocabulary])

    def cut(self, text: str) -> Pieces:
        """Same text, same pieces. Lone surrogates count as unknown characters."""
        return self._pieces(self._tokenizer.encode(without_surrogates(text[:LONGEST])))

    def cut_ids(self, texts: Sequence[str]) -> Iterator[NDArray[np.int64]]:
        """Only the ids of the pieces that hold a letter or digit: no places in the text, which take a third of the time."""
        for text in texts:
            (encoding,) = self._tokenizer.encode_batch_fast([without_surrogates(text[:LONGEST])])
            ids = np.array(encoding.ids, dtype=np.int64)
            yield ids[self._is_word[ids]]

    def _pieces(self, encoding: Encoding) -> Pieces:
        ids = np.array(encoding.ids, dtype=np.int64)
        words = np.flatnonzero(self._is_word[ids])
        offsets = encoding.offsets
        return Pieces(ids, words, [offsets[place] for place in words])


def without_surrogates(text: str) -> str:
    """Every lone surrogate, which no UTF-8 can hold, replaced by U+FFFD: as many characters as before."""
    return _SURROGATE.sub("\ufffd", text)


def _is_word(piece: str) -> bool:
    """Whether a piece holds anything but punctuation and symbols; `[UNK]` stands for something unknown, so it does."""
    if piece in SPECIAL:
        return False
    body = piece.removeprefix("##")
    return any(unicodedata.category(character)[0] not in "PSZC" for character in body)
