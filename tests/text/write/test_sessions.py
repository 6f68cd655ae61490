"""Logs cut into sittings at long silences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remanence.errors import InvalidInput
from remanence.seams import Observation
from remanence.text.write.sessions import HOUR, Sittings
from remanence.types import BEGINNING, FOREVER


def log(*hours: float | None, session: str = "log", user: str = "ana") -> list[Observation]:
    return [
        Observation(
            text=str(number),
            scope=("t", user),
            session=session,
            at=None if hour is None else round(hour * HOUR),
        )
        for number, hour in enumerate(hours)
    ]


def sessions(messages: list[Observation], hours: float = 4.0) -> list[str]:
    return [found.session for found in Sittings(hours=hours).split(messages)]


def test_a_silence_ends_a_sitting() -> None:
    assert sessions(log(0, 4, 8.01, 9)) == [
        "log 1970-01-01 00:00:00",
        "log 1970-01-01 00:00:00",
        "log 1970-01-01 08:00:36",
        "log 1970-01-01 08:00:36",
    ]


def test_what_has_no_moment_stays_where_it_is() -> None:
    assert sessions(log(None, 1, None)) == ["log"] + ["log 1970-01-01 01:00:00"] * 2


def test_sessions_and_users_are_cut_apart() -> None:
    mixed = log(0) + log(9, user="bob") + log(1, session="other") + log(3)
    assert sessions(mixed)[0] == sessions(mixed)[3]
    assert len(set(sessions(mixed))) == 3


def test_a_clock_that_jumps_back_begins_anew() -> None:
    assert len(set(sessions(log(100, 2)))) == 2


@pytest.mark.parametrize("hours", [0, -1, float("nan")])
def test_a_silence_has_a_length(hours: float) -> None:
    with pytest.raises(InvalidInput, match="hours"):
        Sittings(hours=hours)


@given(st.lists(st.none() | st.integers(BEGINNING, FOREVER), max_size=8))
def test_any_moments_keep_all_else(moments: list[int | None]) -> None:
    messages = [Observation(text=str(n), scope=("t", "u"), at=at) for n, at in enumerate(moments)]
    found = list(Sittings().split(messages))
    assert [(o.text, o.at, o.scope) for o in found] == [(o.text, o.at, o.scope) for o in messages]
    assert found == list(Sittings().split(messages))
