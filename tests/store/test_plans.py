"""No verb about one record goes through its whole space: SQLite, left alone, would choose so for several of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remanence.store.sqlite import SQLiteStore
from remanence.types import Link, Mark, Retract, Revise, Slot, Source, Touch, Undo
from tests.store.conformance import ANA, Clock, add
from tests.store.plain import plain

WHOLE = (
    "SELECT coalesce(max(code), 0) + 1 FROM names",  # the last entry of an index
    "SELECT seq, at, hash FROM events ORDER BY seq DESC LIMIT 1",
    "SELECT coalesce(max(id), 0) + 1 FROM spaces",
)


def change(store: SQLiteStore, *changes: Any) -> None:
    assert {ack.status for ack in store.apply(changes)} == {"stored"}


VERBS: dict[str, Callable[[SQLiteStore], object]] = {
    "add": lambda store: change(store, add("new"), add("n", id="n", sources=(Source("1"),))),
    "fact": lambda store: change(
        store, add("f", kind="fact", slot=Slot("a", "b", "c"), marks={"m": ""}, supersedes=("1",))
    ),
    "revise": lambda store: change(store, Revise(scope=ANA, id="1", text="x", valid_from=2**60)),
    "retract": lambda store: change(store, Retract(scope=ANA, id="1")),
    "link": lambda store: change(store, Link(scope=ANA, src="1", relation="q", dst="2")),
    "touch": lambda store: change(store, Touch(scope=ANA, id="1")),
    "mark": lambda store: change(store, Mark(scope=ANA, id="1", mark="archived")),
    "undo": lambda store: change(store, *(Undo(scope=ANA, seq=seq) for seq in (7, 6, 5, 4, 3, 2))),
    "get": lambda store: store.get(ANA, "1"),
    "history": lambda store: store.history(ANA, "1"),
    "found": lambda store: store.found(ANA, [1, 2]),
    "links": lambda store: store.links(ANA, "1"),
    "touches": lambda store: store.touches(ANA, "1"),
    "marked": lambda store: store.marked(ANA, "m"),
    "linked": lambda store: store.linked(ANA, "r"),
    "delta": lambda store: store.delta(ANA, 5),
    "cursor": lambda store: store.cursor(ANA, "fade"),
}


@pytest.mark.parametrize("verb", VERBS)
def test_one_record_is_found_by_an_index(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    with SQLiteStore.open(tmp_path / "a", analyze=plain, clock=Clock()) as store:
        change(
            store,
            add("one", id="1"),
            add("two", id="2"),
            add("f", kind="fact", slot=Slot("a", "b", "d")),
            Link(scope=ANA, src="1", relation="r", dst="2"),
            Touch(scope=ANA, id="1"),
            Mark(scope=ANA, id="1", mark="m"),
            Retract(scope=ANA, id="2"),
        )
    opened = sqlite3.connect

    def traced(*given: Any, **more: Any) -> sqlite3.Connection:
        db = opened(*given, **more)
        db.set_trace_callback(asked.append)
        return db

    monkeypatch.setattr(sqlite3, "connect", traced)
    with SQLiteStore.open(tmp_path / "a", analyze=plain, clock=Clock()) as store:
        asked.clear()
        VERBS[verb](store)
    monkeypatch.undo()
    queries = [q for q in asked if q.startswith(("SELECT", "UPDATE", "DELETE"))]
    assert queries
    db = opened(tmp_path / "a")
    for query in queries:
        if query.startswith(WHOLE):
            continue
        for *_, step in db.execute("EXPLAIN QUERY PLAN " + query):
            through = step.startswith("SCAN") and not step.startswith(("SCAN j ", "SCAN CONSTANT"))
            assert not through, (query, step)
            assert not step.endswith("(space=?)"), (query, step)
    db.close()
