"""Migrations: each step once, in order, whole or not at all."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from remanence.errors import NewerSchema, ReadOnly
from remanence.seams import Encoded
from remanence.store import schema
from remanence.store.migrations import m0001_ledger
from remanence.store.sqlite import SQLiteStore
from remanence.types import Forget, Link, Mark, Retract, Revise, Source, Touch, Undo
from tests.store.conformance import ANA, add
from tests.store.plain import plain


def another(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE later (x)")
    db.execute("INSERT INTO later VALUES (1)")
    db.execute("PRAGMA user_version = 4")


def broken(db: sqlite3.Connection) -> None:
    another(db)
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
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, another))
        with pytest.raises(ReadOnly, match="old schema"):
            SQLiteStore.open(old, analyze=plain, read_only=True)
        for _ in range(2):
            with SQLiteStore.open(old, analyze=plain) as store:
                record = store.get(ANA, "1")
                assert record is not None
                assert record.text == "one"
                assert store.counts().schema == 4
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
        assert store.counts().schema == 3
        assert store.verify().ok


def first(path: Path) -> None:
    """Turn a store into what schema 1 would have made of the same ledger."""
    new = sqlite3.connect(path, isolation_level=None)
    new.execute("PRAGMA journal_mode = DELETE")
    new.close()
    new_path = path.with_name("new")
    path.rename(new_path)
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA page_size = 4096")
    m0001_ledger.migrate(db)
    db.execute("PRAGMA application_id = 0x524D454D")
    db.execute("ATTACH ? AS new", (str(new_path),))
    db.executescript("""
        INSERT INTO spaces SELECT * FROM new.spaces;
        INSERT INTO events SELECT * FROM new.events;
        INSERT INTO names SELECT * FROM new.names;
        INSERT INTO lineage SELECT * FROM new.lineage;
        INSERT INTO tombstones SELECT * FROM new.tombstones;
        INSERT INTO erased SELECT * FROM new.erased;
        INSERT INTO keys SELECT * FROM new.keys;
        INSERT INTO encoders SELECT * FROM new.encoders;
        INSERT INTO dense SELECT id, vector FROM new.dense;
        INSERT INTO tokens SELECT id, states FROM new.tokens;
        INSERT INTO docs SELECT space, seq, base, closed, same, fold, CAST(substr(fixed, 1, 80) AS BLOB), terms FROM new.docs;
        INSERT INTO links SELECT space, src, relation, dst, seq FROM new.links;
        INSERT INTO touches SELECT space, rid, seq FROM new.touches;
    """)
    db.close()


def test_a_store_of_schema_1_is_the_same_store(old: Path, tmp_path: Path) -> None:
    with SQLiteStore.open(old, analyze=plain) as store:
        store.apply(
            [
                add("two \ud800", id="2", sources=(Source("1", 0, 2), Source("nobody"))),
                add("three", id="3", sources=(Source("later"),), session="s"),
                add("later", id="later", sources=(Source("2"),)),
                Revise(scope=ANA, id="2", text="two", valid_from=2 * 10**15),
                Retract(scope=ANA, id="later"),
                Link(scope=ANA, src="1", relation="r", dst="2"),
                Touch(scope=ANA, id="2"),
                add("gone", id="4", session="t"),
                Touch(scope=ANA, id="4"),
                Forget(scope=ANA, id="4"),
            ]
        )
        store.put_vectors("e", [1, 2], Encoded(np.ones((2, 4), np.float32), [b"a", b""]))
        delta, digest = store.delta(ANA, 0), store.history_digest()
        assert delta.rows["source"].tolist() == [0, 1, 0, 2, 1, 1, 2]
    first(old)
    with SQLiteStore.open(old, analyze=plain) as store:
        assert store.counts().schema == len(schema.MIGRATIONS)
        assert store.verify().problems == ()
        assert store.history_digest() == digest
        assert store.delta(ANA, 0).rows.tobytes() == delta.rows.tobytes()
        assert store.delta(ANA, 0).uses.tolist() == delta.uses.tolist()
        assert len(delta.uses) == 1
        store.apply([Mark(scope=ANA, id="1", mark="m"), Undo(scope=ANA, seq=4)])
        assert store.verify().problems == ()


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
