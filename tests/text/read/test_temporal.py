"""When it was said, against the time that the question names."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from remanence.seams import Ranked
from remanence.text.read.temporal import Temporal, times
from remanence.types import to_micros


def day(*date: int) -> int:
    return to_micros(datetime(*date, 9, tzinfo=UTC))


def everything(n: int) -> Ranked:
    return Ranked(np.arange(n, dtype=np.int32), np.zeros(n, np.float32))


def by_ord(ranked: Ranked, name: str) -> list[float]:
    return ranked.signals[name][np.argsort(ranked.ords)].tolist()


TALK = [
    {"text": "I run", "speaker": "Ana", "at": day(2023, 5, 1), "session": "a"},
    {"text": "I swim", "speaker": "Ben", "at": day(2023, 5, 8), "session": "a"},
    {"text": "I cook", "speaker": "Ana Lu", "at": day(2023, 6, 20), "session": "b"},
]


def test_time_fades(view, ask) -> None:
    ranked = Temporal(fade=7).rank(ask("What happened on 1 May 2023?"), view(TALK), everything(3))
    near = by_ord(ranked, "near_time")
    assert by_ord(ranked, "in_time") == [1, 0, 0]
    assert near[0] == 1
    # 2 May begins 6.375 days before 9:00 on the 8th.
    assert near[1] == pytest.approx(np.exp(-6.375 / 7), rel=1e-3)
    assert near[1] > near[2] > 0
    assert ranked.ords.tolist() == [0, 1, 2]


def test_no_time_no_preference(view, ask) -> None:
    ranked = Temporal().rank(ask("Who cooks?"), view(TALK), everything(3))
    assert by_ord(ranked, "near_time") == [0, 0, 0]


def test_years_later_may_is_still_their_may(view, ask) -> None:
    seen = view(TALK)
    assert ask("What happened in May?").dates[0][0] == to_micros(datetime(2024, 5, 1, tzinfo=UTC))
    assert times(ask("What happened in May?"), seen)[0][0] == to_micros(
        datetime(2023, 5, 1, tzinfo=UTC)
    )
    assert (
        times(ask("What happened in June 2022?"), seen) == ask("What happened in June 2022?").dates
    )
