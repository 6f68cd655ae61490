"""When it was said, against the time that the question names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from remanence.catalogue.declare import mechanism
from remanence.seams import Question, Ranked, View
from remanence.text.read.calibrate import best_first
from remanence.text.write.dates import DAY, asked
from remanence.types import Micros

Floats = NDArray[np.float32]


@mechanism(
    seam="Ranker",
    source="arXiv:2410.10813",
    title="LongMemEval: Benchmarking Chat Assistants on Long-Term Interactive Memory",
    year=2024,
    where="time-aware retrieval",
    fidelity="adapted",
)
@dataclass(frozen=True, kw_only=True)
class Temporal:
    """Adds `weight` to what was said inside the time that the question names, and less the further away.

    Departs from the paper: a preference that fades with e-folds of `fade` days, not a filter, for people tell things later;
    times come from rules, not from a language model. Intervals longer than `longest` days say too little. Signals: `in_time`
    (1 inside), `near_time` (fading)."""

    weight: float = 0.5
    fade: float = 7.0
    longest: int = 400

    def rank(self, question: Question, view: View, ranked: Ranked) -> Ranked:
        inside = np.zeros(len(ranked.ords), np.float32)
        near = np.zeros(len(ranked.ords), np.float32)
        moments = view.rows["valid_from"][ranked.ords]
        for since, until in times(question, view):
            if until - since > self.longest * DAY:
                continue
            away = np.maximum(np.maximum(since - moments, moments - until + 1), 0) / DAY
            near = np.maximum(near, np.exp(-away / self.fade).astype(np.float32))
            inside = np.maximum(inside, (away == 0).astype(np.float32))
        signals = {"in_time": inside, "near_time": near}
        scores = ranked.scores + np.float32(self.weight) * (inside + near)
        return best_first(ranked, scores, signals)


def times(question: Question, view: View) -> tuple[tuple[Micros, Micros], ...]:
    """The intervals that the question names. Where one begins after the last record was said, all are resolved as seen from there:
    years later, "in May" still means the May that the memories are about."""
    if not question.dates:
        return ()
    last = view.derived("newest", _newest).at
    if all(since <= last for since, _ in question.dates):
        return question.dates
    return asked(question.query.text, last + DAY)


class Newest(NamedTuple):
    """The moment of the newest of the first `seen` records."""

    seen: int
    at: Micros


def _newest(view: View, before: Newest | None) -> Newest:
    seen, at = before if before is not None else (0, 0)
    moments = view.rows["valid_from"][seen:][view.visible[seen:]]
    return Newest(view.n, int(moments.max(initial=at)))
