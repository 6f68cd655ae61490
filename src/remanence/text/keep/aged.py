"""Salience by age: every mention fades by half in the same time, and mentions add up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from remanence.catalogue.declare import mechanism
from remanence.seams import Uses
from remanence.text.keep.ragged import days, owners, positive, until
from remanence.types import Micros


@mechanism(
    seam="Keeper",
    source="arXiv:2504.16754",
    title="HEMA: A Hippocampus-Inspired Extended Memory Architecture for Long-Context AI Conversations",
    year=2025,
    where="semantic forgetting by age-weighted pruning",
    fidelity="inspired",
)
@dataclass(frozen=True, slots=True, kw_only=True)
class AgeWeighted:
    """1 - product over mentions of (1 - 2^(-age / half_life)), `half_life` in days: the telling is the first mention, every use one more.

    The idea is HEMA's, that pruning what is old and not salient makes search faster and costs little; the formula is ours, for the
    paper's could not be had. A record used just now is at 1, one never used halves every `half_life`, and regular use keeps
    it up: a use every half-life leaves more than .7 at any time."""

    half_life: float = 30.0

    def __post_init__(self) -> None:
        positive(half_life=self.half_life)

    def strength(self, born: NDArray[np.int64], uses: Uses, now: Micros) -> NDArray[np.float32]:
        seen = until(uses, now)
        with np.errstate(divide="ignore"):  # a mention of this very moment: log 0, strength 1
            lost = np.log1p(-np.exp2(-days(born, now) / self.half_life))
            if len(seen.at):
                each = np.log1p(-np.exp2(-days(seen.at, now) / self.half_life))
                lost = lost + np.bincount(owners(seen), each, minlength=len(born))
        return (-np.expm1(lost)).astype(np.float32)
