"""Messages to records: verbatim, one each, with fields."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from remanence.seams import Observation, Writer
from remanence.text.write.turns import Turns
from remanence.types import to_micros

SCOPE = ("default", "ana")
MONDAY = to_micros(datetime(2023, 5, 8, 13, 56, tzinfo=UTC))


def test_a_turn_is_kept_whole_and_gets_its_fields() -> None:
    observation = Observation(
        text="I went there yesterday!",
        scope=SCOPE,
        id="d1",
        session="s1",
        speaker="Ana",
        role="user",
        at=MONDAY,
        title="Trip",
        origin="app",
        fields={"caption": "a mural"},
        meta={"caption": "unused", "app": "chat"},
    )
    (turn,) = Turns().write(observation)
    assert (turn.text, turn.id, turn.session, turn.speaker, turn.role, turn.kind, turn.origin) == (
        "I went there yesterday!", "d1", "s1", "Ana", "user", "episode", "app",
    )  # fmt: skip
    assert turn.fields == {
        "caption": "a mural",
        "speaker": "Ana",
        "title": "Trip",
        "dates": "8 may 2023 monday 7 sunday",
    }
    assert turn.meta == observation.meta
    assert turn.valid_from == MONDAY
    assert turn.sources == ()


def test_a_caption_may_come_as_meta() -> None:
    (turn,) = Turns().write(Observation(text="Look!", scope=SCOPE, meta={"caption": "a red kite"}))
    assert turn.fields == {"caption": "a red kite"}


def test_without_a_moment_there_are_no_dates() -> None:
    (turn,) = Turns().write(Observation(text="I went yesterday, on 7 May 2023", scope=SCOPE))
    assert turn.fields == {}
    assert turn.valid_from is None


def test_the_callers_dates_stay() -> None:
    (turn,) = Turns().write(
        Observation(text="today", scope=SCOPE, at=MONDAY, fields={"dates": "x"})
    )
    assert turn.fields["dates"] == "x"


def test_each_kind_of_date_words_can_be_left_out() -> None:
    observation = Observation(text="I ran yesterday", scope=SCOPE, at=MONDAY)
    (day,) = Turns(mentioned=False).write(observation)
    (named,) = Turns(day_words=False).write(observation)
    assert day.fields["dates"] == "8 may 2023 monday"
    assert named.fields["dates"] == "7 may 2023 sunday"


@given(st.text(alphabet=st.characters()), st.integers(-(2**62), 2**62))
def test_any_text_stays_verbatim_and_writes_the_same_twice(text: str, at: int) -> None:
    writer: Writer = Turns()
    observation = Observation(text=text, scope=SCOPE, at=at)
    (turn,) = first = writer.write(observation)
    assert turn.text == text
    assert list(first) == list(writer.write(observation))
