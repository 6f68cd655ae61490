"""Means with percentile bootstrap intervals, over questions or over whole examples (conversations).

Source: Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979. Questions of one
conversation are not independent, so the clustered interval, which draws conversations with all
their questions, is the honest one where a figure is to speak for other conversations; with few
conversations it is wide, and rightly so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = Sequence[float] | NDArray[np.float64]
Labels = Sequence[str] | NDArray[np.str_]
RESAMPLES = 2000
CHUNK = 4_000_000
"""Draws held at once: bounds memory, changes no figure."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over n values, and the 95 % interval of it."""

    mean: float
    low: float
    high: float
    n: int


def over_questions(values: Values, *, seed: int = 0, resamples: int = RESAMPLES) -> Estimate:
    """Mean of n values; interval = 2.5th and 97.5th percentile of the means of `resamples` draws of
    n with replacement."""
    sample = np.asarray(values, dtype=float)
    n = len(sample)
    if n == 0:
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    rng = np.random.default_rng(seed)
    step = max(1, CHUNK // n)
    means = np.concatenate(
        [
            sample[rng.integers(0, n, size=(min(step, resamples - start), n))].mean(axis=1)
            for start in range(0, resamples, step)
        ]
    )
    return interval(float(sample.mean()), means, n)


def over_examples(
    values: Values, examples: Labels, *, seed: int = 0, resamples: int = RESAMPLES
) -> Estimate:
    """Mean of n values; the draws are of whole examples (`examples[i]` is value i's), each with all
    of its values: mean_b = Σ_e c_be S_e / Σ_e c_be n_e, where S_e and n_e are example e's sum and
    number, c_be how often draw b took it."""
    sample = np.asarray(values, dtype=float)
    if len(sample) == 0:
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    _, codes = np.unique(np.asarray(examples), return_inverse=True)
    sums, sizes = np.bincount(codes, weights=sample), np.bincount(codes)
    drawn = np.random.default_rng(seed).integers(0, len(sums), size=(resamples, len(sums)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    return interval(float(sample.mean()), means, len(sample))


def interval(mean: float, means: NDArray[np.float64], n: int) -> Estimate:
    """The estimate whose interval holds the middle 95 % of the resampled means."""
    low, high = np.percentile(means, [2.5, 97.5])
    return Estimate(mean, float(low), float(high), n)


def macro(values: Mapping[str, Values]) -> float:
    """Macro mean: mean over the categories of each category's mean; every category weighs the
    same."""
    return float(np.mean([np.mean(of) for of in values.values() if len(of)]))


def spread(values: Values, examples: Labels) -> dict[str, float]:
    """Mean by example, and over these means: `min`, `max` and `std` (n - 1; 0 with one example)."""
    by: dict[str, list[float]] = {}
    for value, example in zip(values, examples, strict=True):
        by.setdefault(str(example), []).append(float(value))
    means = [float(np.mean(of)) for of in by.values()]
    std = float(np.std(means, ddof=1)) if len(means) > 1 else 0.0
    return {"min": min(means), "max": max(means), "std": std, "examples": float(len(means))}
