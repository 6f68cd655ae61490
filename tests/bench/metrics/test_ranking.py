"""Ranking metrics against values worked out by hand."""

from __future__ import annotations

from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remanence.bench.metrics.ranking import (
    all_evidence,
    ndcg,
    recall,
    reciprocal_rank,
    session_recall,
    top,
)

GOT = ["a", "b", "a", "c", "d", "e"]


def test_top_counts_a_repeated_id_once() -> None:
    assert top(GOT, 3) == ["a", "b", "c"]


@pytest.mark.parametrize(("k", "value"), [(1, 0.0), (2, 1 / 3), (3, 2 / 3), (5, 2 / 3)])
def test_recall(k: int, value: float) -> None:
    assert recall(GOT, ["b", "c", "z"], k) == pytest.approx(value)


@pytest.mark.parametrize(("k", "value"), [(2, 0.0), (3, 1.0), (9, 1.0)])
def test_all_evidence(k: int, value: float) -> None:
    assert all_evidence(GOT, ["b", "c"], k) == value


def test_session_recall_finds_the_session_by_another_turn() -> None:
    sessions = {"a": "s1", "b": "s1", "c": "s2", "z": "s1", "y": "s3"}
    assert session_recall(GOT, ["z"], sessions, 1) == 1.0
    assert session_recall(GOT, ["z", "y"], sessions, 3) == 0.5
    assert session_recall(["p1"], ["p2"], {}, 1) == 0.0


def test_reciprocal_rank() -> None:
    assert reciprocal_rank(GOT, ["c", "d"]) == pytest.approx(1 / 3)
    assert reciprocal_rank(GOT, ["z"]) == 0.0


def test_ndcg_of_graded_gains() -> None:
    gains = {"a": 1.0, "c": 3.0, "z": 2.0}
    ideal = 3 / log2(2) + 2 / log2(3) + 1 / log2(4)
    assert ndcg(GOT, gains, 3) == pytest.approx((1 / log2(2) + 3 / log2(4)) / ideal)
    assert ndcg(["c", "z", "a"], gains, 10) == pytest.approx(1.0)
    assert ndcg(GOT, {}, 10) == 0.0


@given(
    st.lists(st.sampled_from("abcdefgh")),
    st.sets(st.sampled_from("abcdefgh"), min_size=1),
    st.integers(1, 8),
)
def test_bounds_and_monotony(got: list[str], gold: set[str], k: int) -> None:
    wanted = sorted(gold)
    assert 0.0 <= recall(got, wanted, k) <= recall(got, wanted, k + 1) <= 1.0
    assert all_evidence(got, wanted, k) == (recall(got, wanted, k) == 1.0)
    assert 0.0 <= ndcg(got, dict.fromkeys(wanted, 1.0), k) <= 1.0 + 1e-12
