"""What a view shows and hides, and when it is made anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from remanence.store.sqlite import SQLiteStore
from remanence.text.index.space import Space
from remanence.text.index.view import SpaceView
from remanence.types import Mark, Query, Slot, Source, Touch, Undo
from tests.store.conformance import ANA, DAY, START, Clock, add
from tests.store.plain import plain


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[SQLiteStore]:
    with SQLiteStore.open(tmp_path / "a", analyze=plain, clock=clock) as opened:
        yield opened


def look(space: Space, **asked: Any) -> SpaceView:
    return space.view(Query(text="", **{"scope": ANA, **asked}), START + 99 * DAY)


def ids(view: SpaceView, mask: Any = None) -> str:
    shown = view.visible if mask is None else mask
    records = view.records(np.flatnonzero(shown).astype(np.int32))
    return "".join(record.id for record in records if record)


def test_what_is_extracted_or_put_aside_is_read_only_when_asked_for(
    store: SQLiteStore, clock: Clock
) -> None:
    store.apply(
        [
            add("turn", id="1", session="s"),
            add("page", id="2", kind="document"),
            add("fact", id="3", kind="fact", slot=Slot("i", "am", "x"), sources=(Source("1"),)),
            add("lesson", id="4", kind="lesson"),
            add("old", id="5"),
            add("doubt", id="6", marks={"quarantined": "?"}),
        ]
    )
    clock.now += DAY
    store.apply([Mark(scope=ANA, id="5", mark="archived"), Mark(scope=ANA, id="1", mark="pinned")])
    space = Space(store, ANA, None)
    view = look(space)
    assert (ids(view), ids(view, view.standing)) == ("1", "123456")
    assert ids(look(space, archived=True)) == "15"
    assert ids(look(space, quarantined=True)) == "16"
    assert ids(look(space, archived=True, quarantined=True)) == "156"
    assert ids(look(space, kinds=("fact", "document"))) == "23"
    assert ids(look(space, filters={"kind": "lesson"})) == "4"
    assert ids(look(space, known_at=START)) == "15"
    assert ids(view, view.marked("pinned")) == "1"
    assert ids(view, view.marked("unknown")) == ""
    assert not look(space, known_at=START).marked("pinned").any()
    assert view.rows["source"].tolist() == [0, 0, 1, 0, 0, 0]
    (fact,) = view.records(np.array([2], np.int32))
    assert fact is not None
    assert fact.slot == Slot("i", "am", "x")


def test_a_use_leaves_what_was_computed_and_is_seen_at_once(store: SQLiteStore) -> None:
    store.apply([add("one", id="1"), add("two", id="2")])
    space = Space(store, ANA, None)
    view = look(space)
    built: list[int] = []

    def build(view: SpaceView, last: int | None) -> int:
        built.append(view.count)
        return view.count

    view.derived("count", build)
    assert view.uses().at.tolist() == []
    store.apply([Touch(scope=ANA, id="2")])
    assert look(space) is view
    assert (view.uses().start.tolist(), view.uses().at.tolist()) == ([0, 0, 1], [START + 1])
    look(space).derived("count", build)
    assert built == [2]
    store.apply([Mark(scope=ANA, id="1", mark="archived")])
    marked = look(space)
    assert marked is not view
    marked.derived("count", build)
    assert built == [2, 1]
    assert marked.uses().at.tolist() == [START + 1]
    store.apply([Undo(scope=ANA, seq=4), Undo(scope=ANA, seq=3)])
    back = look(space)
    assert (back.count, back.uses().at.tolist()) == (2, [])
    assert look(space, known_at=START + 2).uses().at.tolist() == [START + 1]


def test_a_fact_stands_between_no_neighbours(store: SQLiteStore) -> None:
    said = {"session": "s", "valid_from": START}
    store.apply([add("one", id="1", **said)])
    space = Space(store, ANA, None)
    for number in range(2, 6):
        look(space)
        store.apply([add(f"f {number}", kind="fact", **said), add(f"n {number}", **said)])
    view = look(space)
    assert view.neighbour(1).tolist() == [2, -1, 4, -1, 6, -1, 8, -1, -1]
    assert look(Space(store, ANA, None)).neighbour(1).tolist() == view.neighbour(1).tolist()
    (seq,) = [event.seq for event in store.events(ANA) if event.seq == 5]
    store.apply([Undo(scope=ANA, seq=seq)])
    assert look(space).neighbour(1).tolist() == [2, -1, 6, -1, -1, -1, 8, -1, -1]


def test_an_older_view_derives_from_what_it_sees(store: SQLiteStore) -> None:
    store.apply([add("one", id="1")])
    space = Space(store, ANA, None)
    older = look(space)
    store.apply([add("two", id="2")])
    newer = look(space)

    def seen(view: SpaceView, before: list[int] | None) -> list[int]:
        return [*(before or []), view.n]

    assert newer.derived("seen", seen) == [2]
    assert older.derived("seen", seen) == [1]
    assert older.derived("seen", seen) is older.derived("seen", seen)
    assert newer.derived("seen", seen) == [2]
