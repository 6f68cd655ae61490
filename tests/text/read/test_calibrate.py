"""Scores on one scale."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from remanence.seams import Ranked
from remanence.text.read.calibrate import (
    best_first,
    fill,
    followed_by_the_rest,
    minmax,
    top,
    zscore,
)

values = arrays(np.float32, st.integers(0, 30), elements=st.floats(-100, 100, width=16))


@given(values)
def test_scaling_keeps_the_order(scores: np.ndarray) -> None:
    for scaled in (zscore(scores), minmax(scores)):
        assert scaled.shape == scores.shape
        assert np.isfinite(scaled).all()
        if len(scores) and scores.max() - scores.min() > 1e-3:
            assert (np.diff(scaled[np.argsort(scores)]) >= -1e-6).all()


@given(values)
def test_zscores_have_mean_0_and_deviation_1(scores: np.ndarray) -> None:
    if len(scores) and scores.std() > 1e-2:
        assert abs(zscore(scores).mean()) < 1e-3
        assert abs(zscore(scores).std() - 1) < 1e-3
        assert (minmax(scores).min(), minmax(scores).max()) == (0, 1)


def test_equal_scores_say_nothing() -> None:
    same = np.full(4, 7, np.float32)
    assert zscore(same).tolist() == minmax(same).tolist() == [0, 0, 0, 0]


@given(values, st.integers(0, 40))
def test_best_first_moves_signals_along(scores: np.ndarray, k: int) -> None:
    ords = np.arange(len(scores), dtype=np.int32)
    ranked = best_first(Ranked(ords, np.zeros(len(scores), np.float32)), scores, {"own": scores})
    assert sorted(ranked.ords.tolist()) == ords.tolist()
    assert (ranked.signals["own"] == ranked.scores).all()
    assert (scores[ranked.ords] == ranked.scores).all()
    assert (np.diff(ranked.scores) <= 0).all()
    ties = np.diff(ranked.scores) == 0
    assert (np.diff(ranked.ords)[ties] > 0).all()
    cut = top(ranked, k)
    assert cut.ords.tolist() == ranked.ords[:k].tolist()
    assert len(cut.signals["own"]) == len(cut.ords)


def test_unknown_values_become_the_mean() -> None:
    known = np.array([True, False, True])
    assert fill(np.array([1, 0, 3], np.float32), known).tolist() == [1, 2, 3]
    assert fill(np.zeros(2, np.float32), np.array([False, False])).tolist() == [0, 0]


def test_the_rest_follows(view) -> None:
    seen = view([{"text": f"t{n}"} for n in range(4)])
    found = Ranked(np.array([2, 0], np.int32), np.array([5, -3], np.float32), {"own": np.ones(2)})
    whole = followed_by_the_rest(found, seen)
    assert whole.ords.tolist() == [2, 0, 1, 3]
    assert whole.scores.tolist() == [5, -3, -4, -4]
    assert whole.signals["own"].tolist() == [1, 1, 0, 0]
