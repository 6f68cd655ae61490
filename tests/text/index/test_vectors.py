"""Exact search and token matches against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remanence.store.rows import pack_unit, unpack_unit
from remanence.text.index.vectors import Dense, Tokens


def unit(rng: np.random.Generator, *shape: int) -> np.ndarray:
    rows = rng.standard_normal(shape).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


@given(
    seed=st.integers(0, 2**32), n=st.integers(0, 300), k=st.integers(1, 40), share=st.floats(0, 1)
)
def test_nearest_is_exact(seed: int, n: int, k: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    stored = pack_unit(unit(rng, n, 32).round(1))  # rounding makes ties and zero vectors likely
    dense = Dense(32)
    order = rng.permutation(n).astype(np.int32)
    dense.put(order, stored[order])
    query, visible = unit(rng, 32), rng.random(n) < share
    ords, cosines = dense.nearest(query, k, visible)
    truth = unpack_unit(stored) @ query
    here = np.flatnonzero(visible)
    best = sorted(truth[here], reverse=True)[:k]
    assert len(ords) == min(k, len(here))
    assert visible[ords].all()
    assert np.allclose(cosines, best, atol=1e-5)
    assert np.allclose(truth[ords], cosines, atol=1e-5)


def test_clusters_closer_than_the_quantised_query_can_tell() -> None:
    rng = np.random.default_rng(0)
    centre = unit(rng, 384)
    stored = pack_unit(centre + 0.002 * unit(rng, 5000, 384))
    dense = Dense(384)
    dense.put(np.arange(5000, dtype=np.int32), stored)
    ords, cosines = dense.nearest(centre, 10, np.ones(5000, np.bool_))
    truth = unpack_unit(stored) @ centre
    assert cosines[-1] == pytest.approx(np.sort(truth)[-10], abs=1e-6)
    assert len(set(ords.tolist())) == 10


def test_records_without_vectors_are_not_found() -> None:
    dense = Dense(8)
    assert dense.nearest(np.ones(8, np.float32), 3, np.ones(5, np.bool_))[0].size == 0
    dense.put(np.array([3], np.int32), np.ones((1, 8), np.int8))
    assert dense.nearest(np.ones(8, np.float32), 3, np.ones(5, np.bool_))[0].tolist() == [3]
    assert dense.cosine(np.ones(8, np.float32), np.array([0, 4, 500], np.int32)).tolist() == [
        0,
        0,
        0,
    ]
    dense.erase(3)
    assert not dense.rows.any()


@given(seed=st.integers(0, 2**32), counts=st.lists(st.integers(0, 6), min_size=1, max_size=20))
def test_best_tokens(seed: int, counts: list[int]) -> None:
    rng = np.random.default_rng(seed)
    states = [pack_unit(unit(rng, count, 16)) for count in counts]
    tokens = Tokens(16)
    for ord in rng.permutation(len(counts)):
        tokens.put(np.array([ord], np.int32), states[ord], np.array([counts[ord]]))
    asked = rng.permutation(len(counts)).astype(np.int32)
    queries = unit(rng, 4, 16)
    best = tokens.best(queries, asked)
    for column, ord in enumerate(asked):
        truth = (queries @ unpack_unit(states[ord]).T).max(axis=1) if counts[ord] else np.zeros(4)
        assert np.allclose(best[:, column], truth, atol=0.02)


def test_missing_and_erased_tokens() -> None:
    tokens = Tokens(4)
    asked = np.array([0, 7], np.int32)
    assert tokens.missing(asked).tolist() == [0, 7]
    assert tokens.best(np.ones((1, 4), np.float32) / 2, asked).tolist() == [[0, 0]]
    tokens.put(np.array([7], np.int32), np.full((2, 4), 5, np.int8), np.array([2]))
    assert tokens.missing(asked).tolist() == [0]
    tokens.erase(7)
    assert not tokens.states[: tokens.used].any()
    assert tokens.best(np.ones((1, 4), np.float32) / 2, np.array([7], np.int32)).tolist() == [[0]]


def test_records_beyond_the_last_vector_wait_for_theirs() -> None:
    dense = Dense(4)
    assert dense.having(np.array([0, 3], np.int32)).tolist() == [False, False]
    dense.put(np.array([1], np.int32), np.ones((1, 4), np.int8))
    assert dense.having(np.array([0, 1, 900], np.int32)).tolist() == [False, True, False]
