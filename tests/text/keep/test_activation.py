"""Base-level activation against its sum, its closed forms, and the approximation against the sum."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remanence.text.keep.activation import SOONEST, BaseLevel
from remanence.text.keep.ragged import DAY
from tests.text.keep.histories import (
    NOW,
    History,
    ages,
    histories,
    history,
    holds,
    in_days,
    ragged,
    refuses,
    strengths,
)


def level(keeper: BaseLevel, *records: History) -> list[float]:
    return keeper.activation(*ragged(records), NOW).tolist()


def test_golden_values() -> None:
    told = [in_days(1), in_days(100), in_days(100, 25, 4, 1), in_days(16, 16, 16, 16)]
    # ln(100^-.5); ln(1/10 + 1/5 + 1/2 + 1); ln(4 / 4).
    assert level(BaseLevel(), *told) == pytest.approx([0, -2.302585, 0.587787, 0], abs=1e-6)
    assert level(BaseLevel(decay=0.2), in_days(32)) == pytest.approx([-math.log(2)])


@given(history, st.floats(0.1, 0.9))
def test_the_sum(one: History, decay: float) -> None:
    age, uses = one
    traces = [max(t / DAY, SOONEST) ** -decay for t in (age, *uses)]
    assert level(BaseLevel(decay=decay), one) == pytest.approx([math.log(sum(traces))], abs=1e-9)


def test_one_half_after_a_month_and_after_25_with_four_uses() -> None:
    at_half = [in_days(30), in_days(750, 750, 750, 750, 750)]
    assert strengths(BaseLevel(), at_half) == pytest.approx([0.5, 0.5], abs=1e-4)
    once = strengths(BaseLevel(threshold=-1.0, noise=0.25), [in_days(math.exp(3))])
    assert once == pytest.approx([1 / (1 + math.exp(2))], abs=1e-6)


@given(histories, ages, ages)
def test_laws(records: list, later: int, used: int) -> None:
    holds(BaseLevel(), records, later, used)


def test_used_before_this_version_was_made() -> None:
    revised = in_days(1, 64, 16, 4)
    assert level(BaseLevel(), revised) == pytest.approx([math.log(1 + 1 / 8 + 1 / 4 + 1 / 2)])


def test_settings() -> None:
    for wrong in ({"decay": 0}, {"noise": -1}, {"threshold": math.inf}):
        refuses(BaseLevel, **wrong)
