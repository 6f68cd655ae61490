"""Sentences as spans of their text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remanence.text.keep.sentences import spans


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Dr. Lee came at 5 p.m. today. All good!", ["Dr. Lee came at 5 p.m. today.", "All good!"]),
        ('"Yes." he said\nand left', ['"Yes."', "he said", "and left"]),
        ("It is 3.5 km. Done", ["It is 3.5 km.", "Done"]),
        ("J. K. Moss wrote it... Ok?", ["J. K. Moss wrote it...", "Ok?"]),
        ("a list:\n\n- one\n- two", ["a list:", "- one", "- two"]),
        ("no stop", ["no stop"]),
        (" \n ", []),
        ("", []),
    ],
)
def test_where_they_end(text: str, found: list[str]) -> None:
    assert [text[start:end] for start, end in spans(text)] == found


@given(st.text(alphabet="ab .!?\n\"'Dr", max_size=60))
def test_any_text(text: str) -> None:
    """In order, apart, trimmed, without line breaks; and nothing but space lies between them."""
    left = 0
    for start, end in spans(text):
        said = text[start:end]
        assert said == said.strip()
        assert said
        assert "\n" not in said
        assert not text[left:start].strip()
        left = end
    assert not text[left:].strip()
