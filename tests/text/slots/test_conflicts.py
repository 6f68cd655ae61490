"""Contradictions that nobody has settled, and what settles them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from remanence.errors import InvalidInput
from remanence.seams import Observation
from remanence.store.choose import open_store
from remanence.store.sqlite import SQLiteStore
from remanence.text.index.terms import record_terms
from remanence.text.slots.conflicts import Conflict, agreed, conflicts, settle_conflict
from remanence.text.write.facts import Facts
from remanence.text.write.settle import Settle
from remanence.types import Mark, Scope, to_datetime

SCOPE: Scope = ("t", "u")
NOW = 10**9


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    opened = open_store(str(tmp_path / "s.rmem"), analyze=record_terms, clock=lambda: NOW)
    for number, (text, origin) in enumerate(
        [("The gate code is 1000.", "ana"), ("The gate code is 2000.", "ben")]
    ):
        said = Observation(text=text, scope=SCOPE, id=f"r{number}", origin=origin, at=number + 1)
        opened.apply(Facts().write(said), settler=Settle())
    yield opened
    opened.close()


def only(store: SQLiteStore) -> Conflict:
    (found,) = conflicts(store, SCOPE, now=NOW)
    return found


def holds(store: SQLiteStore) -> list[str]:
    facts = store.list(SCOPE, kinds=("fact",), as_of=NOW)
    return [fact.slot.value for fact in facts if fact.slot is not None]


def test_what_a_conflict_says(store: SQLiteStore) -> None:
    found = only(store)
    assert [fact.sources[0].id for fact in (found.older, found.newer)] == ["r0", "r1"]
    assert (found.subject, found.attribute) == ("user", "code gate")
    assert found.since == to_datetime(2)


@pytest.mark.parametrize(("keep", "value"), [("r0", "1000"), ("r1", "2000")])
def test_keeping_one(store: SQLiteStore, keep: str, value: str) -> None:
    changes = settle_conflict(SCOPE, only(store), keep)
    assert {ack.status for ack in store.apply(changes)} == {"stored"}
    assert conflicts(store, SCOPE, now=NOW) == []
    assert holds(store) == [value]


def test_keeping_the_newer_leaves_the_older_true_before(store: SQLiteStore) -> None:
    store.apply(settle_conflict(SCOPE, only(store), only(store).newer.id))
    (then,) = store.list(SCOPE, kinds=("fact",), as_of=1)
    assert then.slot is not None
    assert then.slot.value == "1000"


def test_keeping_both(store: SQLiteStore) -> None:
    store.apply(settle_conflict(SCOPE, only(store), "both"))
    assert conflicts(store, SCOPE, now=NOW) == []
    assert sorted(holds(store)) == ["1000", "2000"]
    assert len(agreed(store, SCOPE)) == 1


def test_keeping_neither_is_an_error(store: SQLiteStore) -> None:
    with pytest.raises(InvalidInput, match="neither"):
        settle_conflict(SCOPE, only(store), "r7")


def test_a_later_value_ends_it(store: SQLiteStore) -> None:
    said = Observation(text="The gate code was changed to 3000.", scope=SCOPE, origin="ana", at=9)
    store.apply(Facts().write(said), settler=Settle())
    assert conflicts(store, SCOPE, now=NOW) == []
    assert holds(store) == ["3000"]


def test_forgetting_one_ends_it(store: SQLiteStore) -> None:
    store.forget(SCOPE, ["r0"])
    assert conflicts(store, SCOPE, now=NOW) == []


def test_one_in_quarantine_is_still_open(store: SQLiteStore) -> None:
    store.apply([Mark(scope=SCOPE, id=only(store).newer.id, mark="quarantined")])
    assert len(conflicts(store, SCOPE, now=NOW)) == 1
