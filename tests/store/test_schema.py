"""Migrations: each step once, in order, whole or not at all."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from remanence.errors import NewerSchema, ReadOnly
from remanence.store import schema
from remanence.store.sqlite import SQLiteStore
from tests.store.conformance import ANA, add
from tests.store.plain import plain


def second(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE later (x)")
    db.execute("INSERT INTO later VALUES (1)")
    db.execute("PRAGMA user_version = 2")


def broken(db: sqlite3.Connection) -> None:
    second(db)
    raise ZeroDivisionError


@pytest.fixture
def old(tmp_path: Path) -> Path:
    with SQLiteStore.open(tmp_path / "a", analyze=plain) as store:
        store.apply([add("one", id="1")])
    return tmp_path / "a"


def test_an_old_store_is_brought_up_to_date_once(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, second))
        with pytest.raises(ReadOnly, match="old schema"):
            SQLiteStore.open(old, analyze=plain, read_only=True)
        for _ in range(2):
            with SQLiteStore.open(old, analyze=plain) as store:
                record = store.get(ANA, "1")
                assert record is not None
                assert record.text == "one"
                assert store.counts().schema == 2
        db = sqlite3.connect(old)
        assert db.execute("SELECT count(*) FROM later").fetchone() == (1,)
        db.close()
    with pytest.raises(NewerSchema):
        SQLiteStore.open(old, analyze=plain)


def test_a_step_that_fails_leaves_the_store_as_it_was(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, broken))
        with pytest.raises(ZeroDivisionError):
            SQLiteStore.open(old, analyze=plain)
    with SQLiteStore.open(old, analyze=plain) as store:
        assert store.counts().schema == 1
        assert store.verify().ok


def test_the_page_size_is_what_the_schema_says(old: Path) -> None:
    db = sqlite3.connect(old)
    assert db.execute("PRAGMA page_size").fetchone() == (schema.PAGE_SIZE,)
    assert db.execute("PRAGMA application_id").fetchone() == (schema.APPLICATION_ID,)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.close()


def test_a_store_made_between_two_looks_is_not_another_program_s(tmp_path: Path) -> None:
    path = tmp_path / "a"
    ours, other = (sqlite3.connect(path, isolation_level=None) for _ in range(2))
    ours.execute("PRAGMA journal_mode = WAL")

    def meanwhile(statement: str) -> None:
        if "user_version" in statement:
            ours.set_trace_callback(None)
            schema.upgrade(other, path)

    ours.set_trace_callback(meanwhile)
    assert schema.ready(ours, path) == 0
    assert schema.ready(ours, path) == len(schema.MIGRATIONS)
    assert not ours.in_transaction
    ours.close()
    other.close()
