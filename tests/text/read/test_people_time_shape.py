"""Who, when and what kind of utterance."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from remanence.seams import Ranked
from remanence.text.read.people import People
from remanence.text.read.profile import profile
from remanence.text.read.shape import Shape
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


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("What does Ben do?", [0, 1, 0]),
        ("what does ben do?", [0, 1, 0]),
        ("What does ben do?", [0, 0, 0]),
        ("What do Ana and Ben do?", [0, 0, 0]),
        ("What does Lu do?", [0, 0, 1]),
        ("Who cooks?", [0, 0, 0]),
    ],
)
def test_the_speaker_named(view, ask, question: str, said: list[float]) -> None:
    ranked = People().rank(ask(question), view(TALK), everything(3))
    assert by_ord(ranked, "speaker") == said
    if any(said):
        assert said[ranked.ords[0]] == 1


def test_roles_are_no_names(view, ask) -> None:
    seen = view([{"text": "hi", "speaker": "user"}, {"text": "hello", "speaker": "assistant"}])
    assert by_ord(People().rank(ask("What did the user say?"), seen, everything(2)), "speaker") == [
        0,
        0,
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


def test_forms_of_utterances(view, ask) -> None:
    told = [
        {"text": "When do you leave?", "session": "a"},
        {"text": "Next week, with 3 bags", "session": "a"},
        {"text": "Fine", "session": "a"},
    ]
    when = Shape().rank(ask("When does she leave?"), view(told), everything(3))
    assert by_ord(when, "asks") == [1, 0, 0]
    assert by_ord(when, "answers") == [0, 1, 0]
    assert by_ord(when, "tells_time") == [0, 1, 0]
    assert by_ord(when, "tells_number") == [0, 0, 0]
    assert when.ords[0] == 1
    many = Shape().rank(ask("How many bags?"), view(told), everything(3))
    assert by_ord(many, "tells_number") == [0, 1, 0]


def test_users_matter_where_there_are_assistants(view, ask) -> None:
    told = [{"text": "ok", "role": "user"}, {"text": "sure", "role": "assistant"}]
    assert by_ord(Shape().rank(ask("x"), view(told), everything(2)), "by_user") == [1, 0]
    alone = [{"text": "ok", "role": "user"}, {"text": "sure", "role": "user"}]
    assert by_ord(Shape().rank(ask("x"), view(alone), everything(2)), "by_user") == [0, 0]


def test_a_space_measures_itself(view) -> None:
    chat = profile(view(TALK))
    assert (chat.count, chat.long, chat.titled, chat.assisted) == (3, 0, 0, 0)
    assert (chat.length, chat.bursts, chat.chained) == (1, 1, pytest.approx(2 / 3))
    long = [
        {"text": f"word{n} " * 60, "title": "t", "role": r}
        for n, r in enumerate(["user", "assistant"])
    ]
    passages = profile(view(long))
    assert (passages.long, passages.titled, passages.assisted, passages.chained) == (1, 1, 1, 0)
    assert profile(view([])).count == 0
