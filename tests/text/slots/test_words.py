"""Noun phrases as keys, and what a value is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remanence.text.slots.words import key_of, phrase_of, same_value, value_at


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        (" $320 weekly starting now", "number", "$320 weekly"),
        (" 218, and more", "number", "218"),
        (" 3,400 pages per hour", "number", "3,400 pages per hour"),
        (" 2-4 acres and", "number", "2-4 acres"),
        (" 40kg after that", "number", "40kg"),
        (" Friday at 3pm", "when", "Friday at 3pm"),
        (" on October 9 at 7 am,", "when", "October 9 at 7 am"),
        (" 2024-05-01", "when", "2024-05-01"),
        (" QX-7741.", "code", "QX-7741"),
        (" 'e_' please", "quoted", "e_"),
        (" Marta Prado and", "name", "Marta Prado"),
    ],
)
def test_typed_values(text: str, kind: str, value: str) -> None:
    found = value_at(text, 0)
    assert found is not None
    assert (found.kind, found.text) == (kind, value)


def test_free_values_only_where_asked_for() -> None:
    assert value_at(" masked ball and music", 0) is None
    found = value_at(" masked ball and music", 0, free=True)
    assert found is not None
    assert found.text == "masked ball"
    assert value_at(" so good", 0, free=True) is None


@pytest.mark.parametrize(
    ("text", "words", "determiner"),
    [
        ("I think the meeting with Otto", ("meeting", "Otto"), "the"),
        ("measure the kiln firing time, which", ("kiln", "firing", "time"), "the"),
        ("glad that my Orbit shelf", ("Orbit", "shelf"), "my"),
        ("Lena's locker number", ("Lena's", "locker", "number"), ""),
    ],
)
def test_phrases(text: str, words: tuple[str, ...], determiner: str) -> None:
    found = phrase_of(text)
    assert found is not None
    assert (found.words, found.determiner) == (words, determiner)


@given(st.permutations(["Kestrel", "review", "deadline", "team"]))
def test_a_key_does_not_depend_on_the_order_of_words(words: list[str]) -> None:
    assert key_of(words, "") == key_of(("kestrel", "team", "deadline", "review"), "")


@given(st.text(max_size=30), st.text(max_size=30))
def test_sameness_has_no_direction(one: str, other: str) -> None:
    assert same_value(one, other) == same_value(other, one)
    assert same_value(one, one)
