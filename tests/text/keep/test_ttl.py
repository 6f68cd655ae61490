"""Times to live, and what they are for."""

from __future__ import annotations

import pytest
from hypothesis import given

from remanence.errors import InvalidInput
from remanence.text.keep.ttl import Expiry, Limit
from remanence.types import Add
from tests.text.keep.conftest import SCOPE, Kept
from tests.text.keep.histories import ages, histories, holds, in_days, refuses, strengths


def test_the_end_is_sharp() -> None:
    told = [in_days(29.999), in_days(30), in_days(90, 20), in_days(90, 40)]
    assert strengths(Expiry(days=30), told) == [1, 0, 1, 0]
    assert strengths(Expiry(days=30, renewed=False), told) == [1, 0, 0, 0]


@given(histories, ages, ages)
def test_laws(records: list, later: int, used: int) -> None:
    holds(Expiry(days=200), records, later, used)
    holds(Expiry(days=200, renewed=False), records, later, used)


def test_what_a_rule_covers(kept: Kept) -> None:
    kept.told("turn", -1)
    kept.told("log", -1, kind="log", session="s2")
    kept.apply(
        Add(scope=(*SCOPE, "bot"), id="bot", text="of the bot"),
        Add(scope=(*SCOPE, "bot", "x"), id="below", text="below it"),
        Add(scope=(*SCOPE, "bots"), id="other", text="of another"),
    )
    view = kept.view()

    def covered(**rule: tuple[str, ...]) -> list[str]:
        mask = Limit(expiry=Expiry(days=1), **rule).covers(view)
        return kept.ids(view, mask.nonzero()[0].tolist())

    assert covered(kinds=("log",)) == ["log"]
    assert covered(sessions=("s", "s2")) == ["turn", "log"]
    assert covered(part=("bot",)) == ["bot", "below"]
    assert covered(kinds=("log", "episode"), sessions=("s",)) == ["turn"]
    assert covered(kinds=("nothing",)) == []


def test_settings() -> None:
    refuses(Expiry, days=0)
    with pytest.raises(InvalidInput, match="covers everything"):
        Limit(expiry=Expiry(days=1))
