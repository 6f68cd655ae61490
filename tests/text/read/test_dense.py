"""Nearest vectors, with the real (small) encoder."""

from __future__ import annotations

import numpy as np
import pytest

from remanence.seams import Ranked
from remanence.text.read.dense import Dense

TALK = [
    {"text": "my dog hates rain", "session": "a"},
    {"text": "ann moved from lisbon to paris in may", "session": "a"},
    {"text": "the cat loves milk and jazz", "session": "b"},
    {"text": "!", "session": "b"},
]


def everything(n: int) -> Ranked:
    return Ranked(np.arange(n, dtype=np.int32), np.zeros(n, np.float32))


def test_without_vectors_nothing_is_found(view, ask) -> None:
    seen, ranked = view(TALK), everything(4)
    assert Dense().rank(ask("dog"), seen, ranked) is ranked
    assert not len(Dense().retrieve(ask("dog"), seen, 3).ords)


def test_dense_finds_the_same_words(view, ask, encoder) -> None:
    seen = view(TALK, encoder)
    found = Dense().retrieve(ask(TALK[1]["text"], encoder), seen, 2)
    assert found.ords.tolist()[0] == 1
    assert found.scores[0] == pytest.approx(1, abs=0.02)
    ranked = Dense().rank(ask(TALK[1]["text"], encoder), seen, everything(4))
    assert ranked.ords.tolist()[0] == 1
