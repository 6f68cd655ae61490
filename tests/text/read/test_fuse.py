"""Fusion against hand-computed values, and composition by `>>`."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from remanence.seams import Question, Ranked, View
from remanence.text.read.compose import Pipeline, Reading, Source
from remanence.text.read.dense import Dense
from remanence.text.read.fuse import RRF, Fuse, Weighted
from remanence.text.read.late import LateInteraction
from remanence.text.read.lexical import Lexical
from remanence.text.read.neighbours import Neighbours
from remanence.text.read.pack import Fit


@dataclass(frozen=True)
class Fixed(Source):
    """A retriever that has made up its mind."""

    name: str
    scores: dict[int, float] = field(default_factory=dict)

    def retrieve(self, question: Question, view: View, k: int) -> Ranked:
        best = sorted(self.scores.items(), key=lambda pair: -pair[1])[:k]
        scores = np.array([score for _, score in best], np.float32)
        return Ranked(np.array([ord for ord, _ in best], np.int32), scores, {self.name: scores})


A, B = Fixed("a", {1: 9.0, 2: 8.0, 3: 1.0}), Fixed("b", {2: 0.9, 4: 0.1})


def fused(view, ask, by) -> Ranked:
    return Fuse(A, B, by=by).retrieve(ask("x"), view([{"text": "x"}]), 10)


def test_reciprocal_ranks(view, ask) -> None:
    ranked = fused(view, ask, RRF())
    wanted = {2: 1 / 62 + 1 / 61, 1: 1 / 61, 4: 1 / 62, 3: 1 / 63}
    assert dict(zip(ranked.ords.tolist(), ranked.scores.tolist(), strict=True)) == pytest.approx(
        wanted
    )
    assert ranked.ords.tolist() == [2, 1, 4, 3]
    assert ranked.signals["a"].tolist() == [8, 9, 0, 1]


def test_weighted_sums(view, ask) -> None:
    ranked = fused(view, ask, Weighted(weights=(1.0, 2.0), scale="minmax"))
    wanted = {2: 7 / 8 + 2, 1: 1.0, 3: 0.0, 4: 0.0}
    assert dict(zip(ranked.ords.tolist(), ranked.scores.tolist(), strict=True)) == pytest.approx(
        wanted
    )
    assert fused(view, ask, Weighted()).ords.tolist()[0] == 2


def test_empty_lists_do_no_harm(view, ask) -> None:
    ranked = Fuse(Fixed("none"), A).retrieve(ask("x"), view([{"text": "x"}]), 2)
    assert ranked.ords.tolist() == [1, 2]
    assert not len(Fuse(Fixed("none")).retrieve(ask("x"), view([{"text": "x"}]), 2).ords)


def test_values_compose(view, ask, encoder) -> None:
    line = Fuse(Lexical(), Dense(), by=RRF()) >> Neighbours(1) >> LateInteraction()
    assert isinstance(line, Pipeline)
    assert len(line.rankers) == 2
    reading = line >> Fit()
    assert isinstance(reading, Reading)
    assert reading.packer == Fit()
    told = [
        {"text": "my dog hates rain", "session": "s"},
        {"text": "ann moved to paris", "session": "s"},
    ]
    seen = view(told, encoder)
    found = reading.retriever.retrieve(ask("where did ann go in paris?", encoder), seen, 2)
    assert found.ords.tolist()[0] == 1
    assert {"bm25", "dense", "beside", "late"} <= set(found.signals)
    with pytest.raises(TypeError):
        line >> "not a ranker"
