"""Centrality and diversity, against their definitions."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from remanence.text.keep.rank import central, diverse, nearest_to_mean


def alike(rows: np.ndarray) -> np.ndarray:
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return (unit @ unit.T).astype(np.float32)


@given(count=st.integers(1, 12), seed=st.integers(0, 2**31), threshold=st.floats(0, 0.9))
def test_the_walk_is_at_rest(count: int, seed: int, threshold: float) -> None:
    """The scores solve the equation that defines them: a left eigenvector of the matrix with jumps."""
    dice = np.random.default_rng(seed)
    same, says = alike(dice.random((count, 5)) + 1e-3), dice.random(count) + 0.1
    scores = central(same, says, threshold=threshold, damping=0.15)
    edges = np.where(same >= threshold, same, 0).astype(float)
    np.fill_diagonal(edges, 0)
    jump = says / says.sum()
    rows = [row / row.sum() if row.sum() else jump for row in edges]
    matrix = 0.15 * jump + 0.85 * np.array(rows)
    assert np.allclose(scores @ matrix, scores, atol=1e-6)
    assert np.isclose(scores.sum(), 1)


def test_the_hub_is_most_central() -> None:
    star, even = np.eye(5, dtype=np.float32), np.ones(5)
    star[0, :] = star[:, 0] = 0.5
    star[0, 0] = 1
    assert central(star, even, threshold=0.1, damping=0.15).argmax() == 0
    assert np.allclose(central(star, even, threshold=0.6, damping=0.15), 0.2)
    # What says much is jumped to.
    much = np.array([1, 1, 1, 9, 1])
    assert central(star, much, threshold=0.1, damping=0.85).argmax() == 3
    assert np.allclose(central(star, much, threshold=0.6, damping=0.15), much / 13)


def test_repetition_loses() -> None:
    same = np.array([[1, 0.99, 0], [0.99, 1, 0], [0, 0, 1]], np.float32)
    scores = np.array([1.0, 0.95, 0.6])
    assert diverse(same, scores, 2, 0.7) == [0, 2]
    assert diverse(same, scores, 2, 1.0) == [0, 1]
    assert diverse(same, scores, 9, 0.7) == [0, 2, 1]


def test_nearest_to_the_mean() -> None:
    rows = np.array([[1, 0], [0.8, 0.6], [0, 1], [0.8, 0.6]], np.float32)
    assert nearest_to_mean(rows, 2).tolist() == [1, 3]
