"""Ages and uses as arrays: what every keeper computes with.

Moments are Micros, ages days as float64. Uses are ragged (`seams.Uses`): those of record `i` are `at[start[i]:start[i + 1]]`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from remanence.errors import InvalidInput
from remanence.seams import Uses
from remanence.types import Micros

DAY = 86_400_000_000
"""Micros of a day."""
Float64s = NDArray[np.float64]
Int64s = NDArray[np.int64]


def days(moments: Int64s, now: Micros) -> Float64s:
    """Days from each moment to now; 0 for what is yet to come."""
    passed: Float64s = np.maximum(now - moments, 0) / DAY
    return passed


def counts(uses: Uses) -> Int64s:
    """(n,) how many uses each record has."""
    many: Int64s = np.diff(uses.start)
    return many


def owners(uses: Uses) -> Int64s:
    """(u,) the record of each use."""
    many = counts(uses)
    return np.repeat(np.arange(len(many)), many)


def until(uses: Uses, now: Micros) -> Uses:
    """The uses up to now: a later one is not known yet."""
    if not len(uses.at) or int(uses.at.max()) <= now:
        return uses
    early = uses.at <= now
    before = np.zeros(len(early) + 1, np.int64)
    np.cumsum(early, out=before[1:])
    return Uses(before[uses.start], uses.at[early])


def last(uses: Uses, otherwise: Int64s) -> Int64s:
    """(n,) the moment of each record's last use; `otherwise` where that is later, or where there is none."""
    moments = otherwise.copy()
    used = counts(uses) > 0
    moments[used] = np.maximum(moments[used], uses.at[uses.start[1:][used] - 1])
    return moments


def select(uses: Uses, ords: NDArray[np.integer]) -> Uses:
    """The uses of these records, in this order."""
    many = counts(uses)[ords]
    start = np.zeros(len(many) + 1, np.int64)
    np.cumsum(many, out=start[1:])
    places = np.arange(start[-1]) + np.repeat(uses.start[ords] - start[:-1], many)
    return Uses(start, uses.at[places])


def positive(**values: float) -> None:
    """Raises: InvalidInput, where a setting is not a number above zero."""
    for name, value in values.items():
        if not 0 < value < float("inf"):
            raise InvalidInput(f"{name}={value!r}", hint=f"{name} is a number above 0")
