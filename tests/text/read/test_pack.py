"""Packing: never over budget, best first, told in order."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from remanence.text.read.pack import Fit, count_tokens
from remanence.types import Hit, Record

START = datetime(2023, 5, 8, tzinfo=UTC)


def hit(place: int, text: str, *, day: int = 0, session: str = "a", **more: str) -> Hit:
    record = Record(
        id=f"r{place}",
        scope=("t", "u"),
        text=text,
        session=session,
        speaker=more.pop("speaker", "Ana"),
        fields=more,
        valid_from=START + timedelta(days=day),
    )
    return Hit(record, 1.0, place=place)


def test_told_in_order_with_numbers_that_cite() -> None:
    best = [hit(7, "I ran", day=2, session="b"), hit(12, "Hello"), hit(3, "Hi", caption="a hat")]
    packed = Fit().pack(best, 100)
    assert packed.text == (
        "## 2023-05-08\n[1] Ana: Hi [image: a hat]\n[2] Ana: Hello\n## 2023-05-10\n[3] Ana: I ran"
    )
    assert [h.place for h in packed.hits] == [3, 12, 7]
    assert packed.complete
    assert not packed.withheld
    assert packed.tokens >= count_tokens(packed.text)


def test_what_is_too_long_is_passed_over() -> None:
    packed = Fit().pack([hit(1, "word " * 90), hit(2, "short")], 30)
    assert [h.place for h in packed.hits] == [2]
    assert not packed.complete
    assert packed.withheld == ("1 more matched and did not fit the budget",)


def test_a_long_search_for_something_short_ends() -> None:
    long = [hit(n, "word " * 90) for n in range(5)]
    assert not Fit(slack=5).pack([*long, hit(9, "short")], 30).hits
    assert len(Fit(slack=6).pack([*long, hit(9, "short")], 30).hits) == 1


texts = st.lists(st.text(max_size=60), max_size=12)


@given(texts, st.integers(1, 120))
def test_never_over_budget(told: list[str], budget: int) -> None:
    hits = [
        hit(place, text, day=place % 3, session="ab"[place % 2]) for place, text in enumerate(told)
    ]
    packed = Fit().pack(hits, budget)
    assert packed.tokens <= budget
    assert count_tokens(packed.text) <= budget
    places = [h.place for h in packed.hits]
    assert len(set(places)) == len(places)
    by_session = [
        [h.record.valid_from for h in packed.hits if h.record.session == name] for name in "ab"
    ]
    assert all(moments == sorted(moments) for moments in by_session)
    assert re.findall(r"(?m)^\[(\d+)\]", packed.text)[: len(places)] == [
        str(n) for n in range(1, len(places) + 1)
    ] or any("\n" in text or "[" in text for text in told)


@given(st.text(max_size=200), st.text(max_size=200))
def test_tokens_add_up(left: str, right: str) -> None:
    both = count_tokens(f"{left} {right}")
    assert both == count_tokens(left) + count_tokens(right)


def test_tokens_are_about_those_of_a_tokenizer() -> None:
    assert count_tokens("") == 0
    assert count_tokens("The cat sat.") == 4
    assert count_tokens("internationalisation") == 4
    assert count_tokens("2023-05-08") == 6
    assert count_tokens("我喜欢茶") == 4
