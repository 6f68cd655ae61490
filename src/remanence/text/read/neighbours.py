"""Scores shared with what was said beside it, and with the whole session."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from remanence.catalogue.declare import mechanism
from remanence.seams import Question, Ranked, View
from remanence.text.read.beside import beside
from remanence.text.read.calibrate import best_first, minmax, zscore

Floats = NDArray[np.float32]


@mechanism(
    seam="Ranker",
    source="Remanence",
    title="Scores shared with neighbours",
    year=2026,
    fidelity="ours",
)
@dataclass(frozen=True)
class Neighbours:
    """Adds to each candidate `decay` ** distance times the best scaled score among the candidates up to `reach` steps away in
    its session. Signal: `beside`.

    For a retriever that scores records alone; `Window` and `LateInteraction` look around by themselves, and do it better."""

    reach: int = 1
    decay: float = 0.5

    def rank(self, question: Question, view: View, ranked: Ranked) -> Ranked:
        scaled = minmax(ranked.scores)
        order = np.argsort(ranked.ords)
        shared = np.zeros(len(scaled), np.float32)
        for step in range(-self.reach, self.reach + 1):
            if not step or not len(scaled):
                continue
            other = beside(view, ranked.ords, step)
            at = np.searchsorted(ranked.ords, other, sorter=order)
            place = order[np.minimum(at, len(order) - 1)]
            value = np.where(ranked.ords[place] == other, scaled[place], np.float32(0))
            shared = np.maximum(shared, np.float32(self.decay ** abs(step)) * value)
        return best_first(ranked, scaled + shared, {"beside": shared})


@mechanism(
    seam="Ranker",
    source="arXiv:2410.10813",
    title="LongMemEval: Benchmarking Chat Assistants on Long-Term Interactive Memory",
    year=2024,
    where="session-level against turn-level retrieval",
    fidelity="inspired",
)
@dataclass(frozen=True, kw_only=True)
class Sessions:
    """Two levels: adds `weight` times the z-score of the session, which is the mean of its `best` candidates' scores.

    Records without a session are sessions of their own. Signal: `session`."""

    weight: float = 0.3
    best: int = 3

    def rank(self, question: Question, view: View, ranked: Ranked) -> Ranked:
        codes = view.rows["session"][ranked.ords].astype(np.int64)
        alone = codes == 0
        codes[alone] = -1 - ranked.ords[alone]
        _, session = np.unique(codes, return_inverse=True)
        # Candidates come best first: a stable sort by session keeps that order inside each.
        order = np.argsort(session, kind="stable")
        starts = np.searchsorted(session[order], np.arange(session.max(initial=-1) + 1))
        place = np.arange(len(order)) - starts[session[order]]
        kept = order[place < self.best]
        count = np.maximum(np.bincount(session[kept]), 1)
        means = np.bincount(session[kept], weights=ranked.scores[kept]) / count
        signal = means[session].astype(np.float32)
        scores = zscore(ranked.scores) + np.float32(self.weight) * zscore(signal)
        return best_first(ranked, scores, {"session": signal})
