"""Facts beside messages: their lineage, their ids, and that they share the message's fate."""

from __future__ import annotations

from pathlib import Path

import pytest

from remanence.errors import NotFound
from remanence.seams import Observation
from remanence.store.choose import open_store
from remanence.store.sqlite import SQLiteStore
from remanence.text.index.terms import record_terms
from remanence.text.write.facts import Facts
from remanence.text.write.settle import Settle
from remanence.types import ABOVE, Add, Scope, Source

SCOPE: Scope = ("t", "u")
TEXT = "Hello! I moved to Porto. My rent is $900 now."


@pytest.fixture
def store(tmp_path: Path) -> SQLiteStore:
    return open_store(str(tmp_path / "s.rmem"), analyze=record_terms, clock=lambda: 1000)


def said(text: str = TEXT, **more: object) -> Observation:
    return Observation(**{"text": text, "scope": SCOPE, "speaker": "Ana", "at": 5, **more})


def test_facts_follow_their_message() -> None:
    turn, *facts = Facts().write(said(session="s", origin="chat"))
    assert turn.text == TEXT
    assert [(fact.text, fact.slot and fact.slot.value) for fact in facts] == [
        ("I moved to Porto.", "Porto"),
        ("My rent is $900 now.", "$900"),
    ]
    for fact in facts:
        (source,) = fact.sources
        assert source.id == ABOVE
        assert TEXT[source.start : source.end] == fact.text
        assert (fact.kind, fact.session, fact.speaker, fact.origin) == ("fact", "s", "Ana", "chat")
        assert fact.valid_from == 5


def test_pages_and_assistants_have_none() -> None:
    assert len(Facts().write(said(role="assistant"))) == 1
    assert all(add.kind != "fact" for add in Facts().write(said(role="document", title="A page")))


@pytest.mark.parametrize("id", ["", "mine"])
def test_the_store_knows_whom_they_come_from(store: SQLiteStore, id: str) -> None:
    turn, *facts = store.apply(Facts().write(said(id=id)))
    assert [ack.status for ack in (turn, *facts)] == ["stored"] * 3
    for ack in facts:
        record = store.get(SCOPE, ack.id)
        assert record is not None
        assert record.sources[0].id == turn.id
        assert TEXT[record.sources[0].start : record.sources[0].end] == record.text


@pytest.mark.parametrize("id", ["", "mine"])
def test_told_again_they_are_known(store: SQLiteStore, id: str) -> None:
    first = store.apply(Facts().write(said(id=id)), settler=Settle())
    again = store.apply(Facts().write(said(id=id)), settler=Settle())
    assert {ack.status for ack in again} == {"duplicate"}
    assert [ack.id for ack in again] == [ack.id for ack in first]


def test_two_facts_of_one_sentence_are_two(store: SQLiteStore) -> None:
    rules = Facts().write(said("Start icon names with 'ic-' and layer names with 'ly-'."))
    assert [ack.status for ack in store.apply(rules)] == ["stored"] * 3


def test_what_is_rejected_takes_its_facts_along(store: SQLiteStore) -> None:
    store.apply([Add(scope=SCOPE, text="other", id="taken")])
    acks = store.apply(Facts().write(said(id="taken")))
    assert {ack.status for ack in acks} == {"rejected"}
    assert store.list(SCOPE, kinds=("fact",)) == []


def test_above_is_the_last_that_stood_alone(store: SQLiteStore) -> None:
    first = Add(scope=SCOPE, text="one", id="one")
    second = Add(scope=SCOPE, text="two", id="two")
    derived = [Add(scope=SCOPE, text=f"of it {n}", sources=(Source(ABOVE),)) for n in range(4)]
    acks = store.apply([first, derived[0], second, *derived[1:3]])
    sources = [
        record.sources[0].id
        for ack in acks
        if (record := store.get(SCOPE, ack.id)) and record.sources
    ]
    assert sources == ["one", "two", "two"]
    (alone,) = store.apply([derived[3]])
    assert alone.status == "rejected"


def test_forgetting_the_message_forgets_its_facts(store: SQLiteStore) -> None:
    turn, *facts = store.apply(Facts().write(said()))
    store.forget(SCOPE, [turn.id])
    for fact in facts:
        with pytest.raises(NotFound):
            store.get(SCOPE, fact.id)
