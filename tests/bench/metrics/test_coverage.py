"""Coverage at a token budget, by hand."""

from __future__ import annotations

import pytest

from remanence.bench.metrics.coverage import coverage, packed, tokens

COSTS = {"a": 30, "b": 50, "c": 20, "d": 5}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("Hi, Ana!", 4),
        ("incomprehensibilities", 3),
        ("3.50", 3),
        ("¿Qué?", 3),
        ("snake_case", 3),
    ],
)
def test_tokens(text: str, count: int) -> None:
    assert tokens(text) == count


def test_packed_stops_at_the_first_that_does_not_fit() -> None:
    assert packed(["a", "b", "c", "d"], COSTS, 79) == ["a"]
    assert packed(["a", "b", "c", "d"], COSTS, 80) == ["a", "b"]
    assert packed(["a", "a", "c"], COSTS, 50) == ["a", "c"]


def test_coverage() -> None:
    assert coverage(["a", "b", "c"], ["b", "z"], COSTS, 100) == 0.5
    assert coverage(["a", "b", "c"], ["b", "c"], COSTS, 79) == 0.0
    assert coverage(["c", "b"], ["b", "c"], COSTS, 70) == 1.0
