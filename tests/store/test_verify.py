"""`verify` finds whatever was changed behind the store's back; `rebuild` mends what is derived."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from remanence.errors import Corrupt
from remanence.seams import Encoded
from remanence.store.schema import PAGE_SIZE
from remanence.store.sqlite import SQLiteStore
from remanence.types import Link, Mark, Retract, Revise, Slot, Source, Touch, Undo
from tests.store.conformance import ANA, BOB, Clock, add
from tests.store.plain import plain


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store in which everything has happened once."""
    file = tmp_path / "a"
    with SQLiteStore.open(file, analyze=plain, clock=Clock()) as store:
        store.apply(
            [
                add("one two three", id="1", session="s", speaker="Ana"),
                add("from one", id="2", sources=(Source("1"),)),
                add("bob's", scope=BOB),
                add("to be forgotten", id="4", session="t"),
                Link(scope=ANA, src="1", relation="r", dst="2"),
                Touch(scope=ANA, id="1"),
            ],
            key="k",
        )
        store.apply([Revise(scope=ANA, id="1", text="three four", valid_from=2 * 10**15)])
        store.apply([Retract(scope=ANA, id="2")])
        store.put_vectors("e", [1, 2], Encoded(np.ones((2, 4), np.float32), [b"a", b""]))
        store.forget(ANA, ["4"])
        store.apply([Mark(scope=ANA, id="1", mark="own", why="because"), Mark(scope=ANA, id="2", mark="own"),
                     add("I live in Porto", id="5", kind="fact", slot=Slot("I", "lives in", "Porto")),
                     Undo(scope=ANA, seq=6)])  # fmt: skip
        assert store.verify().problems == ()
    return file


@pytest.fixture
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    """The file without the store around it."""
    db = sqlite3.connect(path, isolation_level=None)
    yield db
    db.close()


def problems(path: Path) -> tuple[str, ...]:
    with SQLiteStore.open(path, analyze=plain, clock=Clock()) as store:
        return store.verify().problems


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE events SET at = at + 1 WHERE seq = 2", "event 2: its hash"),
        ("UPDATE events SET rid = '9' WHERE seq = 2", "event 2: its hash"),
        ("UPDATE events SET actor = 'eve' WHERE seq = 9", "event 9: its hash"),
        ("UPDATE events SET space = 2 WHERE seq = 6", "event 6: its hash"),
        ("UPDATE events SET op = 1 WHERE seq = 9", "event 9: its hash"),
        ("UPDATE events SET hash = zeroblob(32) WHERE seq = 3", "event 3: its hash"),
        ("DELETE FROM events WHERE seq = 5", "event 5: the next one is numbered 6"),
        ("UPDATE events SET body = CAST('{\"text\":\"lies\"}' AS BLOB) WHERE seq = 3", "event 3: its content is not what"),
        ("UPDATE events SET salt = zeroblob(16) WHERE seq = 3", "event 3: its content is not what"),
        ("UPDATE events SET body = NULL, salt = NULL WHERE seq = 3", "event 3: its content is missing"),
        ("UPDATE events SET body = CAST('{' AS BLOB) WHERE seq = 3", "replay: the ledger can't be derived"),
        ("UPDATE spaces SET user = 'eve' WHERE id = 2", "space 2: its names"),
    ],
)  # fmt: skip
def test_a_changed_ledger_is_found(
    path: Path, raw: sqlite3.Connection, change: str, found: str
) -> None:
    raw.execute(change)
    assert [p for p in problems(path) if found in p]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE docs SET fixed = zeroblob(96) WHERE seq = 2", "version 2: its derived row"),
        ("UPDATE docs SET terms = x'00' WHERE seq = 3", "version 3: its derived row"),
        ("UPDATE docs SET closed = NULL WHERE seq = 1", "version 1: its derived row"),
        ("UPDATE docs SET fold = 1 WHERE seq = 1", "version 1: its derived row"),
        ("UPDATE docs SET same = 1 WHERE seq = 3", "version 3: its derived row"),
        ("DELETE FROM docs WHERE seq = 2", "version 2: its derived row"),
        ("DELETE FROM docs", "version 1: its derived row"),
        ("UPDATE names SET text = CAST('Eve' AS BLOB) WHERE text = CAST('Ana' AS BLOB)", "version 1: its derived row"),
        ("DELETE FROM names", "version 1: its derived row"),
        ("DELETE FROM links", "links:"),
        ("INSERT INTO links VALUES (1, '1', 'x', '2', 5, NULL)", "links:"),
        ("DELETE FROM lineage", "lineage:"),
        ("DELETE FROM touches", "touches:"),
        ("UPDATE touches SET at = at + 1", "touches:"),
        ("DELETE FROM marks", "marks:"),
        ("UPDATE marks SET until = until - 1 WHERE rid = '1'", "marks:"),
        ("UPDATE marks SET mark = mark - 1 WHERE rid = '1'", "marks:"),
        ("UPDATE docs SET slot = slot + 1 WHERE slot IS NOT NULL", "version 13: its derived row"),
        ("UPDATE docs SET until = 7 WHERE slot IS NOT NULL", "version 13: its derived row"),
        ("DELETE FROM tombstones", "tombstones:"),
        ("DELETE FROM erased", "erased:"),
    ],
)  # fmt: skip
def test_changed_derived_state_is_found_and_mended(
    path: Path, raw: sqlite3.Connection, change: str, found: str
) -> None:
    with SQLiteStore.open(path, analyze=plain) as store:
        digest = store.state_digest()
    raw.execute(change)
    assert [p for p in problems(path) if found in p and "rebuild mends it" in p]
    with SQLiteStore.open(path, analyze=plain) as store:
        store.rebuild()
        assert store.verify().problems == ()
        assert store.state_digest() == digest
        record = store.get(ANA, "1", as_of=0, known_at=None)
        assert record is None or record.speaker == "Ana"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            "INSERT INTO dense (id, vector) VALUES (99 * 16, zeroblob(4))",
            "dense: 1 vectors belong to no content",
        ),
        (
            "INSERT INTO dense (id, vector) VALUES (4 * 16, zeroblob(4))",
            "dense: 1 vectors belong to no content",
        ),
        (
            "INSERT INTO tokens (id, states) VALUES (1 * 16 + 7, zeroblob(4))",
            "tokens: 1 vectors belong to no content",
        ),
        (
            "UPDATE dense SET vector = zeroblob(3), sum = NULL WHERE id = 16",
            "dense: 1 vectors have not their encoder's length",
        ),
        (
            "UPDATE dense SET vector = zeroblob(4) WHERE id = 32",
            "dense: 1 vectors are not what was stored - drop their encoder's, and they are made anew",
        ),
        (
            "UPDATE tokens SET states = x'62' WHERE id = 16",
            "tokens: 1 vectors are not what was stored - drop their encoder's, and they are made anew",
        ),
    ],
)
def test_stray_vectors_are_found(
    path: Path, raw: sqlite3.Connection, change: str, found: str
) -> None:
    raw.execute(change)
    assert problems(path) == (found,)


def test_damaged_pages_are_found_or_refused(path: Path) -> None:
    whole = path.read_bytes()
    for page in range(1, len(whole) // PAGE_SIZE):
        damaged = bytearray(whole)
        damaged[page * PAGE_SIZE : page * PAGE_SIZE + 64] = b"\xa5" * 64
        path.write_bytes(damaged)
        with suppress(Corrupt):  # refused at once, where SQLite itself stumbles over it
            assert problems(path) != (), f"page {page}"
    path.write_bytes(whole)
    assert problems(path) == ()


def test_another_analyzer_is_noticed(path: Path) -> None:
    """Stems that change with a library's version leave old rows behind: verify says so, rebuild mends them."""
    with SQLiteStore.open(
        path, analyze=lambda text, fields, meta: plain(text[::-1], fields, meta)
    ) as store:
        assert store.verify().problems != ()
        store.rebuild()
        assert store.verify().problems == ()
