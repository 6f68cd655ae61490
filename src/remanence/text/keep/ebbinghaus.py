"""Retention falls by an exponential that every recall flattens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from remanence.catalogue.declare import mechanism
from remanence.seams import Uses
from remanence.text.keep.ragged import counts, days, last, positive, until
from remanence.types import Micros


@mechanism(
    seam="Keeper",
    source="arXiv:2305.10250",
    title="MemoryBank: Enhancing Large Language Models with Long-Term Memory",
    year=2023,
    where="section 2.3, R = exp(-t / S)",
    fidelity="adapted",
)
@dataclass(frozen=True, slots=True, kw_only=True)
class Ebbinghaus:
    """R = exp(-t / S): `S` is 1 at first and grows by 1 with every recall, from which `t` starts anew.

    Departs from the paper: what has faded moves to the archive and can come back, where MemoryBank deletes it; `t` counts in
    units of `unit` days (the paper names none; its authors' code has days, and t / 5, with which a memory keeps five times as long).
    That code also multiplies by S where the paper divides, so that a recalled memory would fade faster: here the paper's formula holds.

    An exponential leaves nothing to tell apart after some hundred units (all are 0 in float32)."""

    unit: float = 1.0

    def __post_init__(self) -> None:
        positive(unit=self.unit)

    def strength(self, born: NDArray[np.int64], uses: Uses, now: Micros) -> NDArray[np.float32]:
        seen = until(uses, now)
        elapsed = days(last(seen, born), now) / self.unit
        return np.exp(-elapsed / (1 + counts(seen))).astype(np.float32)
