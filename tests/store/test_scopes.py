"""Names and scopes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remanence.errors import InvalidInput
from remanence.store.scopes import check_name, inside, scope_of, space_of, tail_of

names = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=8)


@given(st.lists(names, min_size=2, max_size=5).map(tuple))
def test_a_scope_comes_apart_and_together(scope: tuple[str, ...]) -> None:
    assert scope_of(*space_of(scope), tail_of(scope)) == scope


@given(st.lists(names, max_size=4), st.lists(names, max_size=4))
def test_inside_means_beginning_with(record: list[str], read: list[str]) -> None:
    tails = [tail_of(("t", "u", *tail)) for tail in (record, read)]
    assert inside(*tails) == (record[: len(read)] == read)


@given(st.text(st.characters(codec=None), max_size=20))
def test_a_name_is_printable_or_refused(name: str) -> None:
    bad = any(ord(c) < 32 or 127 <= ord(c) < 160 or 0xD800 <= ord(c) <= 0xDFFF for c in name)
    if bad:
        with pytest.raises(InvalidInput, match="use another name"):
            check_name(name, "a name")
    else:
        assert check_name(name, "a name") == name


def test_a_tenant_alone_has_one_space() -> None:
    assert space_of(("acme",)) == space_of(("acme", "")) == ("acme", "")
