"""exp(-t / S), by the paper's own account of S and t."""

from __future__ import annotations

import pytest
from hypothesis import given

from remanence.text.keep.ebbinghaus import Ebbinghaus
from tests.text.keep.histories import ages, histories, holds, in_days, refuses, strengths


def test_golden_values() -> None:
    told = [
        in_days(0),
        in_days(1),
        in_days(2),
        in_days(5, 3),  # recalled once, three days ago: S = 2
        in_days(9, 7),
        in_days(9, 4, 7),  # twice, the last time four days ago: S = 3
        in_days(9, 0, 1, 4, 7),
    ]
    values = [1, 0.367879, 0.135335, 0.223130, 0.030197, 0.263597, 1]
    assert strengths(Ebbinghaus(), told) == pytest.approx(values, abs=1e-6)


def test_the_unit_of_time() -> None:
    assert strengths(Ebbinghaus(unit=5), [in_days(5)]) == pytest.approx([0.367879], abs=1e-6)


def test_what_fades_longest_is_still_a_number() -> None:
    assert strengths(Ebbinghaus(), [in_days(100_000)]) == [0]


@given(histories, ages, ages)
def test_laws(records: list, later: int, used: int) -> None:
    holds(Ebbinghaus(), records, later, used)


def test_settings() -> None:
    refuses(Ebbinghaus, unit=0)
    refuses(Ebbinghaus, unit=float("nan"))
