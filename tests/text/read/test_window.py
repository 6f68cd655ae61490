"""Neighbours lend their words: against a slow count."""

from __future__ import annotations

import numpy as np
import pytest

from remanence.seams import Ranked
from remanence.text.read.lexical import Lexical
from remanence.text.read.window import Window, around

TALK = [
    {"text": "Where did you buy the bread?", "session": "a"},
    {"text": "At the corner.", "session": "a"},
    {"text": "It was good bread, really good bread", "session": "a"},
    {"text": "Trains run late", "session": "b"},
    {"text": "The corner is dark", "session": "b"},
]


def everything(n: int) -> Ranked:
    return Ranked(np.arange(n, dtype=np.int32), np.zeros(n, np.float32))


def signal(ranked: Ranked, name: str) -> list[float]:
    return ranked.signals[name][np.argsort(ranked.ords)].tolist()


def test_surroundings_end_with_the_session(view) -> None:
    near = around(view(TALK), np.array([0, 2, 3], np.int32), 1, 0.5)
    assert near.ords.tolist() == [[-1, 0, 1], [1, 2, -1], [-1, 3, 4]]
    assert near.decay.tolist() == [0.5, 1, 0.5]


def test_alone_it_is_bm25(view, ask) -> None:
    seen, question = view(TALK), ask("good bread at the corner")
    ranked = Window().rank(question, seen, everything(5))
    plain = Lexical().retrieve(question, seen, 5)
    own = dict(zip(ranked.ords.tolist(), ranked.signals["bm25"].tolist(), strict=True))
    for ord, score in zip(plain.ords.tolist(), plain.scores.tolist(), strict=True):
        assert own.pop(ord) == pytest.approx(score, rel=1e-5)
    assert set(own.values()) <= {0.0}


def test_an_answer_is_found_by_the_question_before_it(view, ask) -> None:
    ranked = Window(reach=1).rank(ask("bread"), view(TALK), everything(5))
    window = signal(ranked, "bm25_window")
    assert signal(ranked, "bm25")[1] == 0
    assert window[1] > 0
    assert window[3] == window[4] == 0
    assert signal(ranked, "coverage") == pytest.approx([1, 0.6, 1, 0, 0])
    assert signal(ranked, "coverage_own") == pytest.approx([1, 0, 1, 0, 0])


def test_no_reach_no_neighbours(view, ask) -> None:
    ranked = Window(reach=0).rank(ask("bread"), view(TALK), everything(5))
    assert signal(ranked, "bm25_window") == pytest.approx(signal(ranked, "bm25"))


def test_passages_that_stand_one_after_the_other_are_no_neighbours(view) -> None:
    passages = [{"text": "one", "title": "One"}, {"text": "two", "title": "Two"}]
    near = around(view(passages), np.array([0, 1], np.int32), 1, 0.5)
    assert near.ords.tolist() == [[-1, 0, -1], [-1, 1, -1]]
