"""The base level of activation: a power law of forgetting in which every use leaves a trace of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from remanence.catalogue.declare import mechanism
from remanence.errors import InvalidInput
from remanence.seams import Uses
from remanence.text.keep.ragged import DAY, Float64s, days, owners, positive, until
from remanence.types import Micros

SOONEST = 1_000_000 / DAY
"""Days. A use is at least a second ago: the power law has no value at zero."""


@mechanism(
    seam="Keeper",
    source="doi:10.1111/j.1467-9280.1991.tb00174.x",
    title="Reflections of the Environment in Memory",
    year=1991,
    where="the power law of practice and retention; in ACT-R, B = ln(sum of t^-d)",
    fidelity="adapted",
)
@dataclass(frozen=True, slots=True, kw_only=True)
class BaseLevel:
    """B = ln(sum over j of t_j^-decay), the first `t` from when it was learnt, one more for each use; mapped to a probability of
    recall, 1 / (1 + exp((threshold - B) / noise)).

    `t` in days. With the defaults, what was never used stands at one half after 30 days (threshold = -ln(30) / 2), and what was
    used four times, long ago, at one half after 25 times as long. The sum is taken over all uses: the ledger has them, and with the
    approximation that ACT-R uses where it doesn't (Petrov, ICCM 2006) it was no faster.

    Departs from the paper: days instead of seconds, traces are never younger than a second, and the threshold is set so that a
    month counts, where ACT-R's models of experiments use minutes."""

    decay: float = 0.5
    threshold: float = -1.7006
    noise: float = 0.4

    def __post_init__(self) -> None:
        positive(decay=self.decay, noise=self.noise)
        if not np.isfinite(self.threshold):
            raise InvalidInput(f"threshold={self.threshold!r}", hint="a finite number")

    def strength(self, born: NDArray[np.int64], uses: Uses, now: Micros) -> NDArray[np.float32]:
        level = self.activation(born, uses, now)
        return (1 / (1 + np.exp((self.threshold - level) / self.noise))).astype(np.float32)

    def activation(self, born: NDArray[np.int64], uses: Uses, now: Micros) -> Float64s:
        """(n,) B itself."""
        seen = until(uses, now)
        first = np.maximum(days(born, now), SOONEST)
        ages = np.maximum(days(seen.at, now), SOONEST)
        traces = np.bincount(owners(seen), ages**-self.decay, minlength=len(born))
        return np.log(traces + first**-self.decay)
