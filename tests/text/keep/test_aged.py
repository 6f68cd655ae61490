"""Mentions that halve, and add up."""

from __future__ import annotations

import pytest
from hypothesis import given

from remanence.text.keep.aged import AgeWeighted
from tests.text.keep.histories import ages, histories, holds, in_days, refuses, strengths


def test_closed_forms() -> None:
    told = [in_days(0), in_days(30), in_days(60), in_days(60, 30), in_days(60, 0)]
    values = [1, 1 / 2, 1 / 4, 1 - (1 - 1 / 4) * (1 - 1 / 2), 1]
    assert strengths(AgeWeighted(), told) == pytest.approx(values)
    assert strengths(AgeWeighted(half_life=10), [in_days(30)]) == pytest.approx([1 / 8])


def test_a_use_every_half_life_keeps_it_up() -> None:
    regular = in_days(30 * 60, *(30 * k for k in range(1, 60)))
    # Euler's function at one half: the product of all 1 - 2^-k.
    assert strengths(AgeWeighted(), [regular]) == pytest.approx([1 - 0.2887881], abs=1e-6)


@given(histories, ages, ages)
def test_laws(records: list, later: int, used: int) -> None:
    holds(AgeWeighted(), records, later, used)


def test_settings() -> None:
    refuses(AgeWeighted, half_life=0)
