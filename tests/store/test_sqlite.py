"""The SQLite store: the common contract, and what is a file's own."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remanence.errors import (
    Corrupt,
    NewerSchema,
    NotAStore,
    NotFound,
    ReadOnly,
    StoreBusy,
    StoreError,
    StoreFull,
    UsageError,
)
from remanence.store.sqlite import SQLiteStore
from tests.store.conformance import ANA, Clock, Make, StoreConformance, add
from tests.store.conformance_derived import DerivedConformance
from tests.store.conformance_lifecycle import LifecycleConformance
from tests.store.plain import plain


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """A new store in a new file at each call."""
    opened: list[SQLiteStore] = []

    def opener(path: Path | None = None, **more: Any) -> SQLiteStore:
        file = path or tmp_path / f"{len(opened)}.rmem"
        opened.append(SQLiteStore.open(file, analyze=plain, **more))
        return opened[-1]

    yield opener
    for store in opened:
        store.close()


class TestSQLite(StoreConformance, DerivedConformance, LifecycleConformance):
    pass


def test_everything_is_there_after_opening_again(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "a.rmem"
    first = make(path)
    first.apply([add("one", id="1")])
    digest = first.state_digest()
    first.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.rmem"]
    assert make(path).state_digest() == digest


def test_a_second_store_sees_what_the_first_commits(make: Make, tmp_path: Path) -> None:
    one, two = make(tmp_path / "a"), make(tmp_path / "a")
    pulse = two.pulse()
    one.apply([add("one", id="1")])
    assert two.pulse() != pulse
    assert two.get(ANA, "1").text == "one"


def test_a_closed_store_says_so(make: Make) -> None:
    store = make()
    store.close()
    store.close()
    with pytest.raises(UsageError, match="is closed"):
        store.head()


@pytest.mark.parametrize(
    "content", [b"hello", b"SQLite format 3\0", b"\0" * 4096, b"SQLite format 3\0" + b"\xff" * 4080]
)
def test_a_file_that_is_no_store_is_left_alone(make: Make, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    for more in ({}, {"read_only": True}):
        with pytest.raises((NotAStore, Corrupt)):
            make(path, **more)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "setup", ["PRAGMA application_id = 7", "PRAGMA user_version = 3", "CREATE TABLE t (x)"]
)
def test_another_program_s_database_is_left_alone(make: Make, tmp_path: Path, setup: str) -> None:
    path = tmp_path / "other.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE other (x)")
    db.execute(setup)
    db.commit()
    db.close()
    before = path.read_bytes()
    with pytest.raises(NotAStore, match="another program"):
        make(path)
    assert path.read_bytes() == before


def test_a_newer_schema_is_left_alone(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "a"
    make(path).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    before = path.read_bytes()
    with pytest.raises(NewerSchema, match="schema 99"):
        make(path)
    assert path.read_bytes() == before


def test_an_empty_file_becomes_a_store(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.touch()
    make(path).apply([add()])


def test_a_store_that_must_exist(make: Make, tmp_path: Path) -> None:
    for more in ({"create": False}, {"read_only": True}):
        with pytest.raises(NotFound, match="no store at"):
            make(tmp_path / "a", **more)
    with pytest.raises(NotAStore, match="is a folder"):
        make(tmp_path)
    with pytest.raises(ReadOnly):
        make(tmp_path / "no" / "such" / "folder" / "a")
    assert list(tmp_path.iterdir()) == []


def test_many_open_a_new_file_at_once(make: Make, tmp_path: Path) -> None:
    stores: list[SQLiteStore] = []

    def opener(n: int) -> None:
        store = make(tmp_path / "a")
        store.apply([add(f"n {n}", id=str(n))])
        stores.append(store)

    threads = [threading.Thread(target=opener, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stores) == 8
    assert stores[0].counts().records == 8


def test_reading_only(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "a"
    writer = make(path)
    writer.apply([add("one", id="1")])
    reader = make(path, read_only=True)
    assert reader.get(ANA, "1").text == "one"
    writer.apply([add("two", id="2")])
    assert reader.get(ANA, "2").text == "two"
    assert reader.verify().ok
    with pytest.raises(ReadOnly, match="opened read-only"):
        reader.apply([add("three")])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a process that gives up its rights")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_read_only_folder(make: Make) -> None:
    folder = Path(tempfile.mkdtemp())
    path = folder / "a"
    store = make(path)
    store.apply([add("one", id="1")])
    store.close()
    os.chmod(path, 0o444)
    os.chmod(folder, 0o555)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            if os.getuid() == 0:  # root may write anywhere
                os.setgid(65534)
                os.setuid(65534)
            os.write(writer, repr(_without_permission(path)).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with open(reader) as answer:
        assert answer.read() == "['ReadOnly', 'one', 'ReadOnly']"
    os.chmod(folder, 0o755)
    shutil.rmtree(folder)


def _without_permission(path: Path) -> list[str]:
    said = []
    for attempt in (path, path.with_name("new")):
        try:
            SQLiteStore.open(attempt, analyze=plain)
        except StoreError as error:
            said.append(error.code)
        if attempt == path:
            with SQLiteStore.open(path, analyze=plain, read_only=True) as store:
                record = store.get(ANA, "1")
                said.append(record.text if record else "nothing")
    return said


def test_a_full_disk_writes_nothing_and_recovers(make: Make) -> None:
    store = make()
    store.apply([add("one", id="1")])
    before = store.state_digest()
    with store._connections.alone() as db:
        db.execute("PRAGMA max_page_count = 40")
    with pytest.raises(StoreFull, match="no space left"):
        store.apply([add("x" * 100_000, id=str(n)) for n in range(2, 9)])
    assert store.state_digest() == before
    assert store.verify().ok
    with store._connections.alone() as db:
        db.execute("PRAGMA max_page_count = 1000000")
    store.apply([add("two", id="2")])
    assert store.get(ANA, "2").text == "two"


def test_a_lock_held_too_long(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "a"
    store = make(path, busy_timeout=0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy, match=r"more than 0\.05 s"):
        store.apply([add()])
    assert store.list(ANA) == []  # readers do not wait
    other.execute("ROLLBACK")
    other.close()
    store.apply([add()])


def test_a_thread_that_writes_too_long(make: Make) -> None:
    store = make(busy_timeout=0.05)
    with store._connections.writing():
        failed = []

        def other() -> None:
            try:
                store.apply([add()])
            except StoreBusy as error:
                failed.append(error)

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(failed) == 1


def test_an_interrupted_write_leaves_nothing(make: Make) -> None:
    store = make()

    def broken(text: str, *more: Any) -> Any:
        if text == "boom":
            raise KeyboardInterrupt
        return plain(text, *more)

    store._analyze = broken
    with pytest.raises(KeyboardInterrupt):
        store.apply([add("one"), add("boom")])
    assert store.head() == 0
    store.apply([add("one")])
    assert store.verify().ok


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_both_sides_of_a_fork_go_on(make: Make) -> None:
    store = make(clock=Clock())
    store.apply([add("before", id="0")])
    pulse = store.pulse()
    child = os.fork()
    if not child:
        status = 1
        try:
            store.apply([add(f"child {n}", id=f"c{n}") for n in range(20)])
            status = 0 if store.get(ANA, "c19") and store.pulse() != pulse else 2
        finally:
            os._exit(status)
    for n in range(20):
        store.apply([add(f"parent {n}", id=f"p{n}")])
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.counts().records == 41
    assert store.verify().ok


def test_secrets_leave_the_file(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "a"
    store = make(path)
    secret = "zanzibar-canary-" + "q" * 40
    store.apply(
        [
            add(f"{secret} {n}", id=str(n), session=f"s-{secret}", meta={"m": secret})
            for n in range(50)
        ]
    )
    store.apply([add(f"plain words {n}", id=f"p{n}") for n in range(300)])
    store.forget(ANA, [str(n) for n in range(50)])
    assert secret.encode() not in b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert store.verify().ok
    assert store.counts().records == 300


@pytest.mark.skipif(os.name == "nt", reason="an open file can't be deleted there")
@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_is_gone_acknowledges_nothing(
    make: Make, tmp_path: Path, replaced: bool
) -> None:
    path = tmp_path / "a"
    store = make(path)
    store.apply([add("one", id="1")])
    path.rename(tmp_path / "moved")
    if replaced:
        path.write_bytes(b"")
    for call in (lambda: store.apply([add("two", id="2")]), lambda: store.get(ANA, "1")):
        with pytest.raises(StoreError, match="was deleted, moved or replaced") as caught:
            call()
        assert "put it back" in caught.value.hint
    assert path.exists() is replaced, "no empty store is left in its place"
    (tmp_path / "moved").replace(path)
    assert store.apply([add("two", id="2")])[0].status == "stored"
    assert store.verify().ok


def test_a_folder_that_is_not_there_is_named(make: Make, tmp_path: Path) -> None:
    with pytest.raises(ReadOnly, match="is no folder") as caught:
        make(tmp_path / "none" / "a")
    assert "make the folder" in caught.value.hint


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_a_name_that_is_not_unicode(make: Make, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        path.touch()
    except OSError:
        pytest.skip("this file system takes Unicode names only")
    make(path).apply([add("one", id="1")])
    assert make(path).get(ANA, "1") is not None
