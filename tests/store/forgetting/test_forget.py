"""What is forgotten is nowhere: no row, no name, no byte of any file; and what is not stays, whoever reads and writes meanwhile."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remanence.errors import NotFound, StoreError
from remanence.seams import Encoded
from remanence.store.forgetting import reread, scan
from remanence.store.forgetting.receipts import Signer, verify
from remanence.store.sqlite import SQLiteStore
from remanence.types import (
    Add,
    Change,
    Link,
    Mark,
    Receipt,
    Retract,
    Revise,
    Scope,
    Source,
    Touch,
    Undo,
)
from tests.store.conformance import ANA, BOB, add
from tests.store.plain import plain

DIM = 64


def word(dice: random.Random, length: int = 12) -> str:
    return "".join(dice.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(length))


def folder_bytes(path: Path) -> bytes:
    """Read by another process: to close a file here would drop the locks that SQLite holds on it in this one."""
    files = [str(file) for file in sorted(path.parent.iterdir())]
    return subprocess.run(["cat", *files], stdout=subprocess.PIPE, check=True).stdout


def traces_of(path: Path, words: Sequence[str]) -> list[str]:
    """Which words are in any byte of the folder, by means that the store does not use."""
    raw = folder_bytes(path)
    return [
        one
        for one in words
        if one.encode() in raw or one.encode("utf-16-le") in raw or one.encode("utf-16-be") in raw
    ]


def embed(store: SQLiteStore, seed: int = 0) -> None:
    dice = np.random.default_rng(seed)
    while batch := store.pending("e", 100):
        dense = dice.standard_normal((len(batch), DIM)).astype(np.float32)
        tokens = [dice.bytes(70 * (1 + n % 30)) for n in range(len(batch))]
        store.put_vectors("e", [item.seq for item in batch], Encoded(dense, tokens))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store" / "a.rmem"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    path.parent.mkdir()
    with SQLiteStore.open(path, analyze=plain) as store:
        yield store


def check(receipt: Receipt, surface: str) -> Any:
    return next(one for one in receipt.checks if one.surface == surface)


RICH = "The violet submarine is moored behind the old brewery"


def rich(store: SQLiteStore) -> None:
    """One record that left something in every table, and one that has nothing to do with it."""
    store.apply(
        [
            add(
                RICH, id="a", session="session-of-may", speaker="Wilhelmina", kind="telegram", origin="postmaster",
                fields={"title": "Mooring report"}, meta={"berth": "quay forty-one", "draught": 1234567},
                audience=("harbour master",), scope=(*ANA, "assistant-seven"),
            ),
            add("Nothing of that sort", id="b", session="another session"),
        ],
        key="call-1",
    )  # fmt: skip
    store.apply(
        [
            add("The submarine is violet", id="fact", kind="fact", sources=(Source("a", 4, 20),)),
            add("Some boats have colours", id="summary", sources=(Source("fact"),)),
            Link(scope=ANA, src="a", relation="r", dst="b"),
            Link(scope=ANA, src="b", relation="r", dst="a"),
            Touch(scope=ANA, id="a"),
            Mark(scope=ANA, id="a", mark="pinned-by-hand", why="because of the insurance case"),
            Revise(scope=ANA, id="a", text="The violet submarine has sailed"),
            Retract(scope=ANA, id="a", at=10**15),
        ]
    )
    link = next(e for e in store.events(ANA) if e.op == "link")
    store.apply([Undo(scope=ANA, seq=link.seq)])
    store.apply([], cursor=(ANA, "sleeper", "done up to a"))
    embed(store)


SECRETS = (
    "violet submarine", "session-of-may", "Wilhelmina", "telegram", "postmaster", "Mooring report", "quay forty-one", "1234567",
    "harbour master", "assistant-seven", "boats have colours", "pinned-by-hand", "insurance case",
)  # fmt: skip


def test_every_table_every_path_and_every_byte(store: SQLiteStore, path: Path) -> None:
    rich(store)
    store.checkpoint()
    assert len(traces_of(path, SECRETS)) == len(SECRETS)
    planned = store.plan_forget(ANA, ["a"])
    receipt = store.forget(ANA, ["a"], actor="the office")
    assert receipt.clean, receipt.checks
    assert traces_of(path, SECRETS) == []
    assert (planned.asked, set(planned.kin)) == (("a",), {"fact", "summary"})
    assert planned.bytes > 500
    assert set(receipt.ids) == {"a", "fact", "summary"}
    assert receipt.versions == len(receipt.digests) == planned.forms["versions"] == 5
    for name in ("docs", "links", "lineage", "touches", "marks", "dense", "tokens", "keys"):
        assert receipt.derived[name] == planned.forms[name] > 0, name
    assert receipt.derived["names"] == 6
    assert (receipt.scope, receipt.actor) == (ANA, "the office")
    assert receipt.head == [*store.events(ANA)][-1].hash
    for id in receipt.ids:
        for read in (store.get, store.history):
            with pytest.raises(NotFound, match="forgotten"):
                read(ANA, id)
    digests = {event.digest for event in store.events(ANA) if event.erased}
    assert digests >= set(receipt.digests)
    assert [record.id for record in store.list(ANA)] == ["b"]
    assert store.links(ANA, "b") == []
    assert store.cursor(ANA, "sleeper") == ""
    assert store.verify().problems == ()
    surfaces = {one.surface for one in receipt.checks}
    assert surfaces >= {"log", "files", "get", "history", "records", "events", "words", "dense", "tokens", "names", "links"}  # fmt: skip
    assert check(receipt, "files").looked >= path.stat().st_size


def test_names_and_words_that_others_have_stay(store: SQLiteStore) -> None:
    shared = "The ferry to the northern island leaves at noon"
    store.apply([
        add(shared, id="a", session="s-shared", speaker="Ottoline"),
        add(shared + ".", id="b", session="s-shared", speaker="Ottoline"),
    ])  # fmt: skip
    receipt = store.forget(ANA, ["a"])
    assert receipt.clean
    assert "also in what remains" in check(receipt, "files").note
    record = store.get(ANA, "b")
    assert record is not None
    assert (record.text, record.session, record.speaker) == (shared + ".", "s-shared", "Ottoline")
    assert {"s-shared", "Ottoline"} <= set(store.names(ANA))


def test_an_unknown_id_erases_nothing(store: SQLiteStore) -> None:
    rich(store)
    for call in (store.forget, store.plan_forget):
        with pytest.raises(NotFound):
            call(ANA, ["b", "nobody"])
        with pytest.raises(NotFound):
            call(BOB, ["b"])
        with pytest.raises(NotFound):
            call((*ANA, "another-agent"), ["a"])
    assert store.get(ANA, "b") is not None
    assert store.forget(ANA, []).ids == ()


def test_again_is_not_found(store: SQLiteStore) -> None:
    rich(store)
    store.forget(ANA, ["a"])
    with pytest.raises(NotFound):
        store.forget(ANA, ["fact"])


# --- gaps of pages --------------------------------------------------------------------------------------------------


def churn(
    store: SQLiteStore, dice: random.Random, count: int
) -> dict[tuple[Scope, str], list[str]]:
    """A store whose pages were split and merged often. What each record alone says."""
    said: dict[tuple[Scope, str], list[str]] = {}
    batch: list[Change] = []
    for number in range(count):
        scope = ("t", f"user{number % 5}")
        own = [word(dice) for _ in range(4)]
        text = " ".join([own[0], *(word(dice, 7) for _ in range(dice.choice((3, 9, 20, 300)))), own[1]])  # fmt: skip
        batch.append(Add(scope=scope, id=f"r{number}", text=text, session=own[2], speaker=own[3]))
        said[scope, f"r{number}"] = own
        if len(batch) > dice.choice((1, 8, 40)):
            store.apply(batch)
            batch = []
        if number % 5 == 4 and not batch:
            other = dice.choice(list(said))
            new = word(dice)
            store.apply([Revise(scope=other[0], id=other[1], text=f"{new} is new")])
            said[other].append(new)
    store.apply(batch)
    embed(store)
    return said


@given(st.integers(0, 2**32))
@settings(max_examples=5)
def test_a_churned_file_keeps_nothing(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    dice = random.Random(seed)
    path = tmp_path_factory.mktemp("churn") / "a.rmem"
    with SQLiteStore.open(path, analyze=plain) as store:
        said = churn(store, dice, 300)
        gone = dice.sample(list(said), 150)
        for scope in {scope for scope, _ in gone}:
            receipt = store.forget(scope, [id for other, id in gone if other == scope])
            assert receipt.clean, receipt.checks
        raw = folder_bytes(path)
        assert [one for key in gone for one in said[key] if one.encode() in raw] == []
        assert all(one.encode() in raw for key in said if key not in gone for one in said[key])
        assert store.verify().problems == ()


def plant(path: Path, needle: bytes) -> None:
    """Write into the gap of some page, as a merge of pages leaves it there."""
    raw = bytearray(path.read_bytes())
    for start in range(4096, len(raw), 4096):
        kind, cells = raw[start], int.from_bytes(raw[start + 3 : start + 5])
        gap = start + (12 if kind in (2, 5) else 8) + 2 * cells
        content = start + (int.from_bytes(raw[start + 5 : start + 7]) or 65536)
        if kind in (2, 5, 10, 13) and content - gap > 3 * len(needle):
            raw[gap + 4 : gap + 4 + len(needle)] = needle
            path.write_bytes(raw)
            return
    raise AssertionError("no page has a gap")


def test_a_copy_in_a_gap_is_found_and_compacted_away(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    with SQLiteStore.open(path, analyze=plain) as store:
        rich(store)
    plant(path, b"violet submarine is moored behind the old")
    with SQLiteStore.open(path, analyze=plain) as store:
        size = path.stat().st_size
        receipt = store.forget(ANA, ["a"])
        assert receipt.clean, receipt.checks
        assert traces_of(path, SECRETS) == []
        assert path.stat().st_size <= size
        assert store.verify().problems == ()


def test_a_byte_that_stays_is_reported(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing is called clean that is not: here the file can't be written anew."""
    path.parent.mkdir()
    with SQLiteStore.open(path, analyze=plain) as store:
        rich(store)
    plant(path, b"violet submarine is moored behind the old")

    def full(_: object) -> None:
        from remanence.errors import StoreFull

        raise StoreFull("no space left", hint="free some")

    with SQLiteStore.open(path, analyze=plain) as store:
        monkeypatch.setattr(reread, "compact", full)
        signer = Signer.open(tmp_path / "keys")
        receipt = store.forget(ANA, ["a"], signer=signer)
        assert not receipt.clean
        assert check(receipt, "files").found > 0
        assert "a.rmem" in check(receipt, "files").note
        assert any("files" in problem for problem in verify(receipt, key=signer.public))
        monkeypatch.undo()
        assert store.recheck(receipt).clean
        assert traces_of(path, SECRETS) == []


def test_a_file_that_is_mostly_free_is_written_anew(store: SQLiteStore, path: Path) -> None:
    dice = random.Random(5)
    store.apply([add(word(dice, 9_000), id=f"r{n}") for n in range(300)])
    store.checkpoint()
    before = path.stat().st_size
    assert store.forget(ANA, [f"r{n}" for n in range(200)]).clean
    assert path.stat().st_size < before / 2
    assert store.verify().problems == ()


# --- logs, kills, readers -------------------------------------------------------------------------------------------


def test_a_long_read_is_reported_and_can_be_mended(
    store: SQLiteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reread, "PATIENCE", 0.1)
    rich(store)
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM events").fetchone()[0] > 5
    receipt = store.forget(ANA, ["a"])
    assert not receipt.clean
    assert check(receipt, "log").found == 1
    assert check(receipt, "files").found > 0
    assert check(receipt, "get").found == 0
    reader.close()
    again = store.recheck(receipt)
    assert again.clean
    assert (again.seq, again.head, again.digests) == (receipt.seq, receipt.head, receipt.digests)
    assert traces_of(path, SECRETS) == []
    with pytest.raises(NotFound, match="no longer known"):
        store.recheck(again)


def test_without_a_recheck_the_receipt_does_not_claim_one(store: SQLiteStore, path: Path) -> None:
    rich(store)
    receipt = store.forget(ANA, ["a"], recheck=False)
    assert {one.surface for one in receipt.checks} == {"log"}
    assert traces_of(path, SECRETS) == []
    full = store.recheck(receipt)
    assert {one.surface for one in full.checks} > {"log", "files", "get"}
    assert full.clean
    with SQLiteStore.open(path, analyze=plain) as other, pytest.raises(NotFound):
        other.recheck(receipt)


KILLED = """
import os, signal, sys
from remanence.store.sqlite import SQLiteStore
from tests.store.plain import plain

class Deadly:
    name = "deadly"
    calls = 0
    def erase(self, scope, ids, texts):
        self.calls += 1
        if self.calls == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        return 0
    def scan(self, needles):
        return 0, 0

store = SQLiteStore.open(sys.argv[1], analyze=plain)
store.forget(("acme", "ana"), ["a"], forms=[Deadly()])
"""


@pytest.mark.parametrize("call", [1, 2])
def test_a_kill_leaves_all_or_nothing(path: Path, call: int) -> None:
    """Killed before the commit: everything is there. Killed between the commit and the emptying of the log: the next
    opening empties it, and writes the file anew, as nobody looked into its gaps."""
    path.parent.mkdir()
    with SQLiteStore.open(path, analyze=plain) as store:
        rich(store)
    if call == 2:
        plant(path, b"violet submarine is moored behind the old")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path), str(call)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), *filter(None, sys.path)])},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert len(traces_of(path, SECRETS)) == len(SECRETS)
    with SQLiteStore.open(path, analyze=plain) as store:
        if call == 1:
            assert store.get(ANA, "a") is not None
        else:
            assert traces_of(path, SECRETS) == []
            with pytest.raises(NotFound):
                store.get(ANA, "a")
        assert store.verify().problems == ()
    with SQLiteStore.open(path, analyze=plain, read_only=True) as store:
        assert len(store.list(ANA, limit=9)) == (3 if call == 1 else 1)  # one was retracted


WRITER = """
import sys
from remanence.store.sqlite import SQLiteStore
from remanence.types import Add
from tests.store.plain import plain

with SQLiteStore.open(sys.argv[1], analyze=plain) as store:
    for number in range(int(sys.argv[2])):
        (ack,) = store.apply([Add(scope=("acme", "ana"), id=f"p{number}", text=f"process says {number}")])
        assert ack.status == "stored"
        assert store.get(("acme", "ana"), f"p{number // 2}").text == f"process says {number // 2}"
"""


def test_readers_and_writers_go_on(store: SQLiteStore, path: Path) -> None:
    dice = random.Random(3)
    secret = {f"r{n}": [word(dice), word(dice)] for n in range(120)}
    store.apply([add(" ".join(words), id=id, session=words[1]) for id, words in secret.items()])
    stop, failed = threading.Event(), list[BaseException]()
    written: list[str] = []

    def guarded(work: Any) -> threading.Thread:
        def run() -> None:
            try:
                while not stop.is_set():
                    work()
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def read() -> None:
        rows = store.delta(ANA, 0).rows
        assert len(store.records(ANA, rows["seq"][-5:].tolist())) <= 5
        assert len(store.list(ANA, limit=20)) == 20

    def write() -> None:
        id = f"w{len(written)}"
        assert store.apply([add(f"thread says {id}", id=id)])[0].status == "stored"
        written.append(id)

    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), "150"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), *filter(None, sys.path)])},
    )
    threads = [guarded(read), guarded(read), guarded(write)]
    gone = dice.sample(list(secret), 60)
    try:
        for start in range(0, 60, 10):
            receipt = store.forget(ANA, gone[start : start + 10])
            assert receipt.clean, receipt.checks
            words = [one for id in gone[: start + 10] for one in secret[id]]
            assert traces_of(path, words) == []
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert process.wait() == 0
    assert failed == []
    there = {record.id for record in store.list(ANA, limit=10**6)}
    assert there == (set(secret) - set(gone)) | set(written) | {f"p{n}" for n in range(150)}
    assert store.verify().problems == ()


# --- forms ------------------------------------------------------------------------------------------------------------


class Notebook:
    """A form: keeps copies of what was said."""

    name = "notebook"

    def __init__(self, *pages: str) -> None:
        self.pages = list(pages)
        self.broken = False
        self.deaf = False

    def erase(self, scope: Scope, ids: Sequence[str], texts: Sequence[str]) -> int:
        if self.broken:
            raise StoreError("the notebook is locked", hint="unlock it")
        if self.deaf:
            return 0
        kept = [page for page in self.pages if not any(text in page for text in texts)]
        gone = len(self.pages) - len(kept)
        self.pages = kept
        return gone

    def scan(self, needles: Sequence[bytes]) -> tuple[int, int]:
        everything = "\n".join(self.pages).encode()
        return len(self.pages), sum(needle in everything for needle in needles)


def test_forms_are_erased_and_read_again(store: SQLiteStore) -> None:
    rich(store)
    notebook = Notebook(f"copy: {RICH}", "Nothing of that sort")
    receipt = store.forget(ANA, ["a"], forms=[notebook])
    assert receipt.clean
    assert receipt.derived["notebook"] == 1
    assert check(receipt, "notebook").looked == 1
    assert notebook.pages == ["Nothing of that sort"]


def test_a_form_that_keeps_something_is_found_out(store: SQLiteStore) -> None:
    rich(store)
    notebook = Notebook(f"copy: {RICH}", "Nothing of that sort")
    notebook.deaf = True
    receipt = store.forget(ANA, ["a"], forms=[notebook])
    assert check(receipt, "notebook").found > 0
    assert not receipt.clean


def test_what_others_say_may_stay_in_a_form(store: SQLiteStore) -> None:
    text = "The ferry to the northern island leaves at noon"
    store.apply([add(text, id="a"), add(text + "!", id="b")])
    notebook = Notebook(text + "!")
    notebook.deaf = True
    receipt = store.forget(ANA, ["a"], forms=[notebook])
    assert check(receipt, "notebook").found == 0


def test_a_form_that_fails_stops_the_forget(store: SQLiteStore) -> None:
    rich(store)
    notebook = Notebook(RICH)
    notebook.broken = True
    with pytest.raises(StoreError, match="locked"):
        store.forget(ANA, ["a"], forms=[notebook])
    assert store.get(ANA, "a") is not None
    assert store.verify().problems == ()


def test_half_done_exports_are_swept_too(store: SQLiteStore, path: Path) -> None:
    rich(store)
    ended = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-c", ""])
    os.waitpid(ended, 0)
    (path.parent / f"out.jsonl.{ended}.part").write_text(RICH)
    receipt = store.forget(ANA, ["a"])
    assert receipt.clean
    assert "half-done" in check(receipt, "log").note
    assert traces_of(path, SECRETS) == []
    running = path.parent / f"out.jsonl.{os.getppid()}.part"
    running.write_text("Nothing of that sort, and more of it")
    store.apply([add("Nothing of that sort, and more of it", id="c")])
    receipt = store.forget(ANA, ["c"])
    assert check(receipt, "files").found > 0
    assert running.name in check(receipt, "files").note


def test_other_stores_on_the_file_keep_their_locks(store: SQLiteStore, path: Path) -> None:
    """Closing a file that was read drops the locks that this process has on it; then another process that closes the store
    last would take the log away from under us."""
    rich(store)
    for id in ("a", "b"):
        store.forget(ANA, [id])
        code = (
            "import sys; from remanence.store.sqlite import SQLiteStore; from tests.store.plain import plain; "
            "SQLiteStore.open(sys.argv[1], analyze=plain).close()"
        )
        paths = os.pathsep.join([os.getcwd(), *filter(None, sys.path)])
        subprocess.run(
            [sys.executable, "-c", code, str(path)],
            check=True,
            env={**os.environ, "PYTHONPATH": paths},
        )
        assert path.with_name("a.rmem-wal").exists()
        store.apply([add(f"after {id}", id=f"after {id}")])
    with SQLiteStore.open(path, analyze=plain) as other:
        assert {record.id for record in other.list(ANA)} == {"after a", "after b"}
    assert scan._stores[path.resolve()] == 1


class Reuser:
    """A form that, between the commit and the reading again, brings a name back as another writer may."""

    name = "reuser"

    def __init__(self, store: SQLiteStore) -> None:
        self.store = store
        self.calls = 0

    def erase(self, scope: Scope, ids: Sequence[str], texts: Sequence[str]) -> int:
        self.calls += 1
        if self.calls == 2:  # the first call is inside the transaction
            self.store.apply([add("Nothing of that sort", id="new", session="rare-session")])
        return 0

    def scan(self, needles: Sequence[bytes]) -> tuple[int, int]:
        return 0, 0


def test_a_name_that_is_used_anew_is_no_finding(store: SQLiteStore) -> None:
    store.apply([add("The ferry leaves at noon", id="a", session="rare-session")])
    receipt = store.forget(ANA, ["a"], forms=[Reuser(store)])
    assert receipt.clean, receipt.checks
    assert check(receipt, "names").looked >= 1
    assert "rare-session" in store.names(ANA)
