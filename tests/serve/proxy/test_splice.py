"""Putting an item into a JSON text changes nothing else in it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remanence.serve.proxy.splice import items, members

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), VALUES, max_size=5), st.sampled_from([None, 1, "\t"]))
def test_members_and_items_are_where_they_are(value: dict[str, object], indent: object) -> None:
    text = json.dumps(value, indent=indent)  # type: ignore[arg-type]
    found = members(text)
    assert {name: part.value for name, part in found.items()} == value
    for part in found.values():
        assert json.loads(text[part.start : part.end]) == part.value
        if isinstance(part.value, list):
            inner = items(text, part)
            assert [one.value for one in inner] == part.value
            assert [json.loads(text[one.start : one.end]) for one in inner] == part.value


@given(st.text(alphabet='{}[]",:0a \\\n', max_size=30))
def test_it_takes_what_is_json_and_nothing_else(text: str) -> None:
    try:
        known = json.loads(text)
    except ValueError:
        known = None
    if isinstance(known, dict):
        assert {name: part.value for name, part in members(text).items()} == known
    else:
        with pytest.raises(ValueError):
            members(text)
