"""Phrases and names by rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remanence.text.write.entities import MOST_WORDS, names, phrases


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Duke of York met J. K. Rowling in Rio de Janeiro.", ["duke of york", "j. k. rowling", "rio de janeiro"]),
        ("Who is Ludwig van Beethoven's teacher?", ["ludwig van beethoven"]),
        ("In 1984, Apollo 11 was old.", ["1984", "apollo 11"]),
        ("She read “The Left Hand of Darkness” twice.", ["the left hand of darkness", "left hand of darkness"]),
        ("Zoë Ångström lives in Škofja Loka", ["zoë ångström", "škofja loka"]),
        ("it is lower case", []),
        ("Yeah! Thanks. What? I'm fine, Great!", []),
        ("It cost $1999 or 1,999", []),
        ("A B C D E F G H I J K", []),
        ("Paris. Paris and PARIS", ["paris"]),
        ("", []),
    ],
)  # fmt: skip
def test_phrases(text: str, expected: list[str]) -> None:
    assert phrases(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Did Melanie and Dr. Ana Lima go on Friday?", ["Melanie", "Dr. Ana Lima"]),
        ("What is Caroline’s plan for May?", ["Caroline"]),
        ("NASA and R2D2 in 2020", []),
        ("Jean-Luc O'Brien", ["Jean-Luc O'Brien"]),
    ],
)
def test_names(text: str, expected: list[str]) -> None:
    assert names(text) == expected


@given(st.text(alphabet=st.characters(), max_size=200) | st.text("AbÉ'’. &\"“”of1", max_size=80))
def test_any_text(text: str) -> None:
    found = phrases(text)
    assert len(found) == len(set(found))
    assert all(phrase == phrase.strip() and len(phrase) > 1 for phrase in found)
    assert all(name in text and len(name.split()) <= 3 for name in names(text))


@given(st.integers(1, 12))
def test_long_runs_are_no_names(count: int) -> None:
    assert bool(phrases(" ".join(["Word"] * count))) == (count <= MOST_WORDS)
