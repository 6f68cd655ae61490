"""Bodies as canonical bytes, and ids that the store gives."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remanence.errors import InvalidInput
from remanence.store.content import body_of, decode, encode
from remanence.store.derive import is_ours, new_id
from tests.store.conformance import add

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.text(st.characters(codec=None)), anything, max_size=4))
def test_what_goes_in_comes_out_and_order_does_not_matter(body: dict[str, Any]) -> None:
    raw = encode(body)
    assert decode(raw) == body
    assert encode(dict(reversed(body.items()))) == raw
    assert encode(decode(raw)) == raw


def test_defaults_take_no_room() -> None:
    assert encode(body_of(add("hi"))) == b'{"text":"hi"}'


def test_content_too_large_or_too_deep_is_refused() -> None:
    nest: list[Any] = []
    for _ in range(100_000):
        nest = [nest]
    for wrong in ({"meta": nest}, {"text": "x" * (64 * 2**20)}):
        with pytest.raises(InvalidInput):
            encode(wrong)


@given(st.integers(-(2**62), 2**50 * 1000 - 2000), st.integers(1, 2**40 - 2))
def test_ids_sort_by_time_and_then_by_number(at: int, seq: int) -> None:
    id = new_id(at, seq)
    assert len(id) == 26
    assert set(id) <= set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
    assert id < new_id(at, seq + 1)
    assert is_ours(id, at, seq)
    assert not is_ours(id, at, seq + 1)
    if at >= 0:
        assert id <= new_id(at + 1000, seq)
