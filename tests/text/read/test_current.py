"""What holds now before what held once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from remanence.seams import Observation, Question, Ranked
from remanence.store.choose import open_store
from remanence.store.sqlite import SQLiteStore
from remanence.text.index.space import Space
from remanence.text.index.terms import record_terms
from remanence.text.index.view import SpaceView
from remanence.text.read.current import Current
from remanence.text.read.lexical import Lexical
from remanence.text.read.question import parse
from remanence.text.slots.conflicts import agreed, conflicts, settle_conflict
from remanence.text.slots.holding import notes
from remanence.text.write.facts import Facts
from remanence.text.write.settle import Settle
from remanence.types import Add, Query, Scope, Slot, to_micros

SCOPE: Scope = ("t", "u")
MAY = datetime(2024, 5, 1, tzinfo=UTC)
NOW = to_micros(MAY + timedelta(days=500))


class Told:
    """A store with what somebody said, a day after the other, and questions to it."""

    def __init__(self, path: Path) -> None:
        self.store: SQLiteStore = open_store(str(path), analyze=record_terms, clock=lambda: NOW)
        self.space = Space(self.store, SCOPE, None)
        self.day = 0

    def tell(self, *texts: str, **more: object) -> None:
        for text in texts:
            at = to_micros(MAY + timedelta(days=self.day))
            known = {"id": f"r{self.day}", "at": at, "role": "user", "scope": SCOPE, **more}
            acks = self.store.apply(
                Facts().write(Observation(**{**known, "text": text})), settler=Settle()
            )
            assert {ack.status for ack in acks} == {"stored"}
            self.day += 1

    def look(self, text: str, **more: object) -> tuple[Question, SpaceView, Ranked]:
        query = Query(**{"text": text, "scope": SCOPE, **more})
        view = self.space.view(query, NOW)
        question = parse(query, now=NOW)
        return question, view, Lexical().retrieve(question, view, 100)

    def ids(self, view: SpaceView, ords: np.ndarray) -> list[str]:
        return [record.id for record in view.records(ords) if record is not None]

    def ask(self, text: str, **more: object) -> list[str]:
        question, view, ranked = self.look(text, **more)
        again = Current().rank(question, view, ranked)
        assert (np.diff(again.scores) <= 0).all()
        assert len(set(again.ords.tolist())) == len(again.ords)
        return self.ids(view, again.ords)

    def notes(
        self, text: str, agreed: frozenset[frozenset[str]] = frozenset()
    ) -> dict[str, tuple[str, ...]]:
        question, view, ranked = self.look(text)
        found = notes(view, ranked.ords, question, agreed)
        return dict(zip(self.ids(view, ranked.ords), found, strict=True))


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    made = Told(tmp_path / "m.rmem")
    yield made
    made.store.close()


RENT: Sequence[str] = (
    "My rent is $800, my rent is far too high for this rent.",
    "The cat sleeps.",
    "My rent was raised to $900.",
    "I paid the rent for Otto.",
)


def test_the_current_value_comes_first(told: Told) -> None:
    told.tell(*RENT)
    question, view, ranked = told.look("What is my rent?")
    assert told.ids(view, ranked.ords)[0] == "r0"
    again = Current().rank(question, view, ranked)
    found = told.ids(view, again.ords)
    assert found[0] == "r2"
    assert sorted(found) == sorted(told.ids(view, ranked.ords))
    assert {
        id: value
        for id, value in zip(found, again.signals["superseded"].tolist(), strict=True)
        if value
    } == {"r0": 1}


def test_questions_after_what_was_are_left_alone(told: Told) -> None:
    told.tell(*RENT)
    for text in (
        "What was my rent before?",
        "How has my rent changed?",
        "What was my original rent?",
    ):
        _, view, ranked = told.look(text)
        assert told.ask(text) == told.ids(view, ranked.ords)


def test_other_questions_are_left_alone(told: Told) -> None:
    told.tell("My rent is $800 and Otto likes apples.", "My rent was raised to $900.")
    assert told.ask("Which apples does Otto like?")[0] == "r0"


def test_it_is_fetched_where_no_word_finds_it(told: Told) -> None:
    told.tell("I live in Rome, my home town.", "I moved to Porto.")
    _, view, ranked = told.look("Which town is home?")
    assert told.ids(view, ranked.ords) == ["r0"]
    assert told.ask("Which town is home?") == ["r1", "r0"]


def test_asked_as_of_then_what_held_then_comes_first(told: Told) -> None:
    told.tell(*RENT)
    then = to_micros(MAY + timedelta(days=1))
    assert told.ask("What is my rent?", as_of=then) == ["r0"]


def test_four_hundred_updates(told: Told) -> None:
    told.tell(*(f"The gate code is now {1000 + n}." for n in range(400)))
    assert told.ask("What is the gate code?")[0] == "r399"
    assert told.ask("gate code")[0] == "r399"


def test_a_fact_that_stands_alone(told: Told) -> None:
    told.tell("My rent is $800.")
    slot = Slot("user", "rent", "$950", corrects=True)
    told.store.apply(
        [
            Add(
                scope=SCOPE,
                text="Rent: $950",
                id="alone",
                kind="fact",
                slot=slot,
                valid_from=NOW - 1,
            )
        ],
        settler=Settle(),
    )
    assert told.ask("What is my rent?") == ["alone", "r0"]


def test_a_filter_keeps_the_holder_out(told: Told) -> None:
    told.tell("My rent is $800.", session="a")
    told.tell("My rent was raised to $900.", session="b")
    assert told.ask("What is my rent?", filters={"session": "a"}) == ["r0"]


def test_two_spaces_do_not_meet(told: Told) -> None:
    told.tell("My rent is $800.")
    other = Observation(
        text="My rent was raised to $900.", scope=("t", "v"), at=NOW - 5, role="user"
    )
    told.store.apply(Facts().write(other), settler=Settle())
    assert told.ask("What is my rent?") == ["r0"]


def test_notes_say_what_no_longer_holds(told: Told) -> None:
    told.tell(*RENT)
    found = told.notes("rent")
    assert found["r0"] == ('no longer so since 2024-05-03: see r2 ("$800" became "$900")',)
    assert found["r2"] == found["r3"] == ()


def test_notes_say_what_contradicts(told: Told) -> None:
    told.tell("The gate code is 1000.", origin="ana")
    told.tell("The gate code is 2000.", origin="ben")
    found = told.notes("gate code")
    assert found["r0"] == ('contradicts r1 of 2024-05-02 ("1000" against "2000")',)
    assert found["r1"] == ('contradicts r0 of 2024-05-01 ("2000" against "1000")',)
    (open_,) = conflicts(told.store, SCOPE, now=NOW)
    told.store.apply(settle_conflict(SCOPE, open_, "both"))
    assert set(told.notes("gate code", agreed(told.store, SCOPE)).values()) == {()}


def test_without_facts_nothing_changes(told: Told) -> None:
    told.tell("The cat sleeps.", "The cat eats.")
    question, view, ranked = told.look("cat")
    assert Current().rank(question, view, ranked) is ranked
