"""Histories of uses, and what every keeper promises of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import strategies as st

from remanence.errors import InvalidInput
from remanence.seams import Keeper, Uses
from remanence.text.keep.ragged import DAY

NOW = 1_750_000_000_000_000
History = tuple[int, Sequence[int]]
"""The age of a record and the ages of its uses, in Micros."""
ages = st.integers(0, 2_000 * DAY)
history = st.tuples(ages, st.lists(ages, max_size=8))
histories = st.lists(history, min_size=1, max_size=6)


def ragged(records: Sequence[History]) -> tuple[np.ndarray, Uses]:
    born = np.array([NOW - age for age, _ in records], np.int64)
    start = np.cumsum([0, *(len(uses) for _, uses in records)])
    at = [NOW - age for _, uses in records for age in sorted(uses, reverse=True)]
    return born, Uses(start.astype(np.int64), np.array(at, np.int64))


def strengths(keeper: Keeper, records: Sequence[History], now: int = NOW) -> list[float]:
    found = keeper.strength(*ragged(records), now)
    assert found.dtype == np.float32
    assert found.shape == (len(records),)
    return found.tolist()


def in_days(age: float, *uses: float) -> History:
    return round(age * DAY), [round(use * DAY) for use in uses]


def holds(
    keeper: Keeper, records: Sequence[History], later: int, used: int, *, reinforced: bool = True
) -> None:
    """The laws of the seam: within 0 and 1; weaker with time; each record for itself; what is yet to come counts for
    nothing; and another use makes no memory weaker."""
    now = strengths(keeper, records)
    assert all(0 <= one <= 1 for one in now)
    then = strengths(keeper, records, NOW + later)
    assert all(after <= before + 1e-6 for before, after in zip(now, then, strict=True))
    alone = [strengths(keeper, [one])[0] for one in records]
    assert alone == now
    assert strengths(keeper, [(age, [*uses, -1 - used]) for age, uses in records]) == now
    if reinforced:
        again = strengths(keeper, [(age, [*uses, used]) for age, uses in records])
        assert all(new >= old - 1e-6 for new, old in zip(again, now, strict=True))
    assert strengths(keeper, records) == now


def refuses(make: Callable[..., Keeper], **settings: float) -> None:
    """A keeper isn't made with these settings."""
    with pytest.raises(InvalidInput):
        make(**settings)
