"""Scores of one list brought to one scale, and put in order.

Scores of different mechanisms (BM25, cosines, sums of matches) are comparable within one list only. Everything here works on the
candidates of one question, (c,) float32, and is stable: equal scores keep the order they came in.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from remanence.seams import Ranked, View

Floats = NDArray[np.float32]


def zscore(values: Floats) -> Floats:
    """Mean 0 and standard deviation 1 over the candidates; all zero where all are equal."""
    if not len(values):
        return values
    spread = float(values.std())
    if spread < 1e-9:
        return np.zeros_like(values)
    scaled: Floats = (values - values.mean()) / np.float32(spread)
    return scaled


def minmax(values: Floats) -> Floats:
    """0 for the worst candidate, 1 for the best; all zero where all are equal."""
    if not len(values):
        return values
    low, high = float(values.min()), float(values.max())
    if high - low < 1e-9:
        return np.zeros_like(values)
    scaled: Floats = (values - np.float32(low)) / np.float32(high - low)
    return scaled


def ranks(values: Floats) -> Floats:
    """1 for the best candidate, 2 for the next, …; equal values share the best of their places."""
    order = np.argsort(-values, kind="stable")
    descending = values[order]
    first = np.searchsorted(-descending, -values, side="left")
    return (first + 1).astype(np.float32)


def fill(values: Floats, known: NDArray[np.bool_]) -> Floats:
    """What is not known becomes the mean of what is, so that it neither helps nor harms."""
    if known.all() or not known.any():
        return values
    return np.where(known, values, values[known].mean()).astype(np.float32)


def best_first(ranked: Ranked, scores: Floats, signals: Mapping[str, Floats]) -> Ranked:
    """The same candidates by new scores, with further signals."""
    order = np.argsort(-scores, kind="stable")
    merged = {**ranked.signals, **signals}
    return Ranked(
        ranked.ords[order],
        scores[order].astype(np.float32),
        {name: values[order] for name, values in merged.items()},
    )


def top(ranked: Ranked, k: int) -> Ranked:
    """The first k."""
    if len(ranked.ords) <= k:
        return ranked
    return Ranked(
        ranked.ords[:k],
        ranked.scores[:k],
        {name: values[:k] for name, values in ranked.signals.items()},
    )


def followed_by_the_rest(ranked: Ranked, view: View) -> Ranked:
    """The candidates, and after them every other visible record, in order, with a score below theirs and no signal."""
    rest = np.setdiff1d(np.flatnonzero(view.visible).astype(np.int32), ranked.ords)
    none = np.zeros(len(rest), np.float32)
    return Ranked(
        np.concatenate((ranked.ords, rest)),
        np.concatenate((ranked.scores, none + ranked.scores.min(initial=0) - 1)),
        {name: np.concatenate((values, none)) for name, values in ranked.signals.items()},
    )
