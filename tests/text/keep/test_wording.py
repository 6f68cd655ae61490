"""What counts as the same words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remanence.text.keep.wording import wording


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I do NOT like the tea.", "i don't like tea!"),
        ("He cannot go", "He can't go"),
        ("We will not, ever", "we won't ever"),
        ("I'm at a café…", "i am at the cafe"),
        ("It cost 1,000 kr.", "It cost 1000 kr"),
        ("“Quoted” – words", '"quoted" words'),
        ("Call me!!", "Call me"),
        ("Really??", "really?"),
    ],
)
def test_the_same(one: str, other: str) -> None:
    assert wording(one) == wording(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I have 3 cats", "I have 4 cats"),
        ("It fell to -5 degrees", "It fell to 5 degrees"),
        ("a dose of .5 mg", "a dose of 5 mg"),
        ("3,5 km of rain", "35 km of rain"),
        ("5 apples and 3 pears", "3 apples and 5 pears"),
        ("version 1.10 is out", "version 1.1 is out"),
        ("I like tea but not milk", "I like milk but not tea"),
        ("I like tea", "I don't like tea"),
        ("I don't like tea but I like milk", "I like tea but I don't like milk"),
        ("I live in Oslo", "I lived in Oslo"),
        ("pills before lunch", "pills after lunch"),
        ("Ana owes Bob money", "Bob owes Ana money"),
        ("You are leaving?", "You are leaving."),
        ("I paid $5", "I paid €5"),
        ("50% off", "50 off"),
        ("what a day 😀", "what a day 😢"),
        ("she writes C++", "she writes C"),
        ("his car is red", "her car is red"),
    ],
)
def test_not_the_same(one: str, other: str) -> None:
    assert wording(one) != wording(other)


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text(one: str, other: str) -> None:
    """Case never makes a difference where it can be told apart, and every number does."""
    assert wording(one) == wording(one)
    if one.isascii():
        assert wording(one.upper()) == wording(one.lower())
    assert wording(f"{other} is 17") != wording(f"{other} is 71")
