"""Sentences ranked by how alike they are: which stand for many, and which of those say different things."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def central(
    alike: Floats, says: NDArray[np.float64], *, threshold: float, damping: float
) -> NDArray[np.float64]:
    """(s, s) similarities, (s,) how much each says -> (s,) the stationary chance of a walk that follows likeness, and jumps with
    probability `damping`, and from one without neighbours, to each in proportion to what it says.

    Erkan and Radev 2004, equations 2 to 4, with the jumps of Otterbacher, Erkan and Radev 2005, equation 1; none votes for itself.
    Similarities below `threshold` are no edges."""
    edges = np.where(alike >= threshold, alike, 0).astype(np.float64)
    np.fill_diagonal(edges, 0.0)
    total = edges.sum(axis=1, keepdims=True)
    jump = says / says.sum()
    edges = np.where(total > 0, edges / np.where(total > 0, total, 1), jump)
    chance: NDArray[np.float64] = jump
    for _ in range(100):
        after = damping * jump + (1 - damping) * (chance @ edges)
        moved = np.abs(after - chance).sum()
        chance = after
        if moved < 1e-9:
            break
    return chance


def nearest_to_mean(rows: Floats, count: int) -> NDArray[np.int64]:
    """The `count` rows, unit vectors, nearest to their mean, best first; ties: the earlier."""
    near = rows @ rows.mean(axis=0)
    return np.argsort(-near, kind="stable")[:count].astype(np.int64)


def diverse(alike: Floats, scores: NDArray[np.float64], count: int, relevance: float) -> list[int]:
    """At most `count` of them, best first, by maximal marginal relevance (Carbonell and Goldstein 1998): `relevance` times the score, as
    a share of the best, minus the rest times the greatest likeness to one already taken."""
    value = scores / scores.max()
    repeated = np.zeros(len(scores))
    left = np.ones(len(scores), np.bool_)
    taken: list[int] = []
    while len(taken) < min(count, len(scores)):
        gain = np.where(left, relevance * value - (1 - relevance) * repeated, -np.inf)
        best = int(np.argmax(gain))
        taken.append(best)
        left[best] = False
        repeated = np.maximum(repeated, alike[best])
    return taken
