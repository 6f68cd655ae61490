"""Intervals: what is exact is compared exactly, what is random with the theory it must agree
with."""

from __future__ import annotations

from math import isnan, sqrt

import numpy as np
import pytest

from remanence.bench.metrics.bootstrap import macro, over_examples, over_questions, spread


def test_constant_values_have_no_width() -> None:
    estimate = over_questions([0.25] * 8)
    assert (estimate.mean, estimate.low, estimate.high, estimate.n) == (0.25, 0.25, 0.25, 8)


def test_interval_agrees_with_the_normal_theory() -> None:
    values = [1.0] * 300 + [0.0] * 100
    estimate = over_questions(values, seed=3)
    half = 1.96 * sqrt(0.75 * 0.25 / 400)
    assert estimate.mean == 0.75
    assert estimate.low == pytest.approx(0.75 - half, abs=0.006)
    assert estimate.high == pytest.approx(0.75 + half, abs=0.006)


def test_the_seed_decides() -> None:
    values = [0.0, 1.0, 1.0, 0.5, 0.0]
    assert over_questions(values, seed=1) == over_questions(values, seed=1)
    assert over_examples(values, list("aabbc"), seed=1) == over_examples(
        values, list("aabbc"), seed=1
    )


def test_clusters_of_equal_values_are_as_few_as_the_examples() -> None:
    values, examples = [1.0] * 50 + [0.0] * 50, ["a"] * 50 + ["b"] * 50
    clustered = over_examples(values, examples)
    assert (clustered.low, clustered.high) == (0.0, 1.0)
    assert over_questions(values).high < 0.65


def test_clusters_of_one_are_questions() -> None:
    values = list(np.random.default_rng(5).random(200))
    a, b = over_questions(values), over_examples(values, [str(i) for i in range(200)])
    assert a.low == pytest.approx(b.low, abs=0.01)
    assert a.high == pytest.approx(b.high, abs=0.01)


def test_nothing_to_average_is_not_a_number() -> None:
    assert isnan(over_questions([]).mean)
    assert over_examples([], []).n == 0


def test_macro_weighs_categories_alike() -> None:
    assert macro({"a": [1.0, 1.0, 1.0], "b": [0.0], "c": []}) == 0.5


def test_spread_over_examples() -> None:
    got = spread([1.0, 0.0, 1.0, 1.0], ["a", "a", "b", "b"])
    assert got == {"min": 0.5, "max": 1.0, "std": pytest.approx(sqrt(0.125)), "examples": 2.0}
