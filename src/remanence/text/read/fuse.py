"""Several retrievers' lists made into one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from remanence.catalogue.declare import mechanism
from remanence.seams import Question, Ranked, Retriever, View
from remanence.text.read.calibrate import best_first, minmax, top, zscore
from remanence.text.read.compose import Source

Floats = NDArray[np.float32]


class Blend(Protocol):
    """One list's share in the joint score."""

    def share(self, ranked: Ranked, place: int) -> Floats:
        """(c,) what the `place`-th list adds for each of its candidates; candidates it lacks get `floor`."""
        ...

    def floor(self, ranked: Ranked, place: int) -> float: ...


@dataclass(frozen=True)
class RRF:
    """Reciprocal rank fusion, 1 / (k + rank) (doi:10.1145/1571941.1572114), optionally weighted by list. Asks nothing of
    the scores, and so trusts a weak list as much as a strong one."""

    k: int = 60
    weights: Sequence[float] = ()

    def share(self, ranked: Ranked, place: int) -> Floats:
        ranks = np.arange(1, len(ranked.ords) + 1, dtype=np.float32)
        return np.float32(_weight(self.weights, place)) / (np.float32(self.k) + ranks)

    def floor(self, ranked: Ranked, place: int) -> float:
        return 0.0


@dataclass(frozen=True)
class Weighted:
    """A weighted sum of calibrated scores (arXiv:2210.11934 shows that it beats RRF): each list's scores as z-scores or scaled
    to 0..1; a candidate that a list lacks gets the list's lowest."""

    weights: Sequence[float] = ()
    scale: Literal["z", "minmax"] = "z"

    def share(self, ranked: Ranked, place: int) -> Floats:
        scaled = zscore(ranked.scores) if self.scale == "z" else minmax(ranked.scores)
        return scaled * np.float32(_weight(self.weights, place))

    def floor(self, ranked: Ranked, place: int) -> float:
        return float(self.share(ranked, place).min(initial=0.0))


def _weight(weights: Sequence[float], place: int) -> float:
    return weights[place] if place < len(weights) else 1.0


@mechanism(
    seam="Retriever",
    source="doi:10.1145/1571941.1572114",
    title="Reciprocal Rank Fusion Outperforms Condorcet and Individual Rank Learning Methods",
    year=2009,
    where="the RRFscore formula, k = 60",
    fidelity="exact",
)
@dataclass(frozen=True, init=False)
class Fuse(Source):
    """Runs several retrievers and joins their lists `by` RRF or a calibrated weighted sum; keeps everybody's signals.

    Each retriever is asked for `depth` candidates, or for k where that is more."""

    retrievers: Sequence[Retriever]
    by: Blend
    depth: int

    def __init__(self, *retrievers: Retriever, by: Blend | None = None, depth: int = 200) -> None:
        object.__setattr__(self, "retrievers", retrievers)
        object.__setattr__(self, "by", by if by is not None else RRF())
        object.__setattr__(self, "depth", depth)

    def retrieve(self, question: Question, view: View, k: int) -> Ranked:
        lists = [each.retrieve(question, view, max(k, self.depth)) for each in self.retrievers]
        ords = np.unique(np.concatenate([np.empty(0, np.int32), *(each.ords for each in lists)]))
        scores = np.zeros(len(ords), np.float32)
        signals: dict[str, Floats] = {}
        for place, each in enumerate(lists):
            if not len(each.ords):
                continue
            at = np.searchsorted(ords, each.ords)
            share = np.full(len(ords), self.by.floor(each, place), np.float32)
            share[at] = self.by.share(each, place)
            scores += share
            for name, values in each.signals.items():
                aligned = np.zeros(len(ords), np.float32)
                aligned[at] = values
                signals[name] = aligned
        return top(best_first(Ranked(ords.astype(np.int32), scores), scores, signals), k)
