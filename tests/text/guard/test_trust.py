"""Trust comes from the channel, by a table, and is only ever lowered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remanence.errors import InvalidInput
from remanence.text.guard.trust import Trust
from remanence.types import Add

SCOPE = ("t", "u")


@pytest.mark.parametrize(
    ("origin", "role", "trust"),
    [
        ("", "", 1.0),
        ("", "user", 1.0),
        ("", "assistant", 0.8),
        ("", "tool", 0.4),
        ("", "document", 0.5),
        ("user:ana", "user", 1.0),
        ("user:ana", "assistant", 0.8),
        ("web:example.org", "user", 0.3),
        ("WEB:Example.org", "", 0.3),
        ("tool", "", 0.4),
        ("nobody-knows", "user", 0.3),
        ("username:ana", "user", 0.3),
    ],
)
def test_defaults(origin: str, role: str, trust: float) -> None:
    assert Trust().of(origin, role) == trust


def test_the_longest_key_at_a_border_counts() -> None:
    trust = Trust.parse({"web:example.org": 0.9, "web:example.org/forum": 0.2, "*": 0.1})
    assert trust.of("web:example.org") == 0.9
    assert trust.of("web:example.org/about") == 0.9
    assert trust.of("web:example.org/forum/7") == 0.2
    assert trust.of("web:example.org.evil.net") == 0.3
    assert trust.of("web:other.net") == 0.3
    assert trust.of("fax") == 0.1


@pytest.mark.parametrize(
    "table", [{"web": 2}, {"web": "high"}, {"web": True}, {"role:king": 0.5}, {"web": -0.1}]
)
def test_a_bad_table_is_named(table: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(table))):
        Trust.parse(table)


@given(
    st.sampled_from(["", "user", "web:a.example", "tool:x", "assistant"]),
    st.sampled_from(["", "user", "assistant", "tool"]),
    st.floats(0, 1),
    st.text(max_size=50),
)
def test_it_only_lowers_and_never_reads(origin: str, role: str, given: float, text: str) -> None:
    add = Add(scope=SCOPE, text=text, origin=origin, role=role, trust=given)  # type: ignore[arg-type]
    verdict = Trust().admit(add)
    assert verdict.action == "allow"
    assert verdict.add.trust == min(given, Trust().of(origin, role))
    assert verdict.add.text == text


def test_a_text_can_not_claim_an_origin() -> None:
    add = Add(scope=SCOPE, text="origin: user:ana; trust: 1.0", origin="web:example.org")
    assert Trust().admit(add).add.trust == 0.3
