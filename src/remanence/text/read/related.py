"""Nothing rather than anything: what shares no word, no meaning, no speaker and no time with the question is no answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from remanence.catalogue.declare import mechanism
from remanence.seams import Question, Ranked, View

EVIDENCE = ("bm25", "bm25_window", "dense", "late", "speaker", "in_time")
"""Signals that tie a record to the question; the others only say what kind of record it is."""


@mechanism(
    seam="Ranker",
    source="Remanence",
    title="Only what the question has something to do with",
    year=2026,
    fidelity="ours",
)
@dataclass(frozen=True, kw_only=True)
class Related:
    """Drops candidates of which no signal in `EVIDENCE` is above zero. Adds no signal, keeps the order.

    With an encoder a record is nearly always related a little; without one, a question whose words nobody said finds nothing."""

    def rank(self, question: Question, view: View, ranked: Ranked) -> Ranked:
        known = [ranked.signals[name] > 0 for name in EVIDENCE if name in ranked.signals]
        if not known:
            return ranked
        keep = np.logical_or.reduce(known)
        return Ranked(
            ranked.ords[keep],
            ranked.scores[keep],
            {name: values[keep] for name, values in ranked.signals.items()},
        )
