"""A lazy pattern against the one that `re` compiles at once."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remanence.text.lazy import regex


@given(st.text("ab1 \n"), st.sampled_from([0, re.I, re.M]))
def test_it_finds_what_the_pattern_finds(text: str, flags: int) -> None:
    source = r"^(?P<head>A+)\d?|b$"
    late, eager = regex(source, flags), re.compile(source, flags)
    for _ in range(2):
        spans = [match.span("head") for match in late.finditer(text)]
        assert spans == [match.span("head") for match in eager.finditer(text)]
        assert late.sub("-", text) == eager.sub("-", text)
        assert bool(late.match(text, 1)) == bool(eager.match(text, 1))
    assert (late.pattern, late.flags) == (eager.pattern, eager.flags)


def test_a_wrong_one_shows_at_its_first_use() -> None:
    wrong = regex("(")
    with pytest.raises(re.error):
        wrong.search("")
