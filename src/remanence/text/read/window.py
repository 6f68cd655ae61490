"""Words of the question in the record or just beside it: an answer rarely repeats the question that it follows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from remanence.catalogue.declare import mechanism
from remanence.seams import Postings, Question, Ranked, View
from remanence.text.read.beside import beside
from remanence.text.read.calibrate import best_first, zscore
from remanence.text.read.lexical import Lexical, idf, occurrences
from remanence.text.read.question import sought

Floats = NDArray[np.float32]
Ords = NDArray[np.int32]


class Around(NamedTuple):
    """The surroundings of c candidates: `ords` (c, 2 reach + 1), -1 where the session ends; `decay` (2 reach + 1,) weights."""

    ords: Ords
    decay: Floats


def around(view: View, ords: Ords, reach: int, decay: float) -> Around:
    """The records up to `reach` steps before and after each candidate in its session, nearest in the middle."""
    steps = range(-reach, reach + 1)
    places = [beside(view, ords, step) if step else ords for step in steps]
    weights = np.array([decay ** abs(step) for step in steps], np.float32)
    return Around(np.stack(places, axis=1).astype(np.int32), weights)


def counts(postings: Postings, ords: Ords) -> Floats:
    """How often each of these records (any shape, -1 for none) holds the term."""
    if not len(postings.ords):
        return np.zeros(ords.shape, np.float32)
    at = np.minimum(np.searchsorted(postings.ords, ords), len(postings.ords) - 1)
    return np.where(postings.ords[at] == ords, postings.tf[at], np.float32(0))


@mechanism(
    seam="Ranker",
    source="Remanence",
    title="BM25 over a turn and its neighbours",
    year=2026,
    fidelity="ours",
)
@dataclass(frozen=True, kw_only=True)
class Window:
    """BM25 in which the `reach` records before and after lend their words, each step at `decay` of the last.

    Adds `weight` times the z-score of it, and `alone` times that of the record's own BM25. Signals: `bm25`, `bm25_window`;
    `coverage`, the idf-weighted share of the question's words that the window has, and `coverage_own`, that the record has.
    """

    weight: float = 0.5
    alone: float = 0.0
    reach: int = 2
    decay: float = 0.6
    lexical: Lexical = field(default_factory=Lexical)

    def rank(self, question: Question, view: View, ranked: Ranked) -> Ranked:
        near = around(view, ranked.ords, self.reach, self.decay)
        norm, window_norm = self._norms(view, near)
        signals = {
            name: np.zeros(len(ranked.ords), np.float32)
            for name in ("bm25", "bm25_window", "coverage_own", "coverage")
        }
        total = 0.0
        for term, times in sought(question, view).items():
            postings = occurrences(view, term, self.lexical.fields)
            if not len(postings.ords):
                continue
            rarity = np.float32(times * idf(len(postings.ords), view.count))
            total += float(rarity)
            tf = counts(postings, near.ords)
            own, whole = tf[:, self.reach], tf @ near.decay
            saturation = np.float32(self.lexical.k1 + 1)
            signals["bm25"] += rarity * saturation * own / (own + norm)
            signals["bm25_window"] += rarity * saturation * whole / (whole + window_norm)
            signals["coverage_own"] += rarity * (own > 0)
            signals["coverage"] += rarity * ((tf > 0) * near.decay).max(axis=1)
        for name in ("coverage_own", "coverage"):
            signals[name] /= np.float32(max(total, 1e-9))
        scores = (
            ranked.scores
            + np.float32(self.weight) * zscore(signals["bm25_window"])
            + np.float32(self.alone) * zscore(signals["bm25"])
        )
        return best_first(ranked, scores, signals)

    def _norms(self, view: View, near: Around) -> tuple[Floats, Floats]:
        """(c,) the length norms of the records alone, and of their windows against the mean window."""
        # k1 (1 - b + b length / mean) is linear in length, so a window's is the weighted mean of its records'.
        norms = self.lexical.norm(view, near.ords)
        mean = norms @ near.decay / near.decay.sum()
        return norms[:, self.reach], mean.astype(np.float32)
