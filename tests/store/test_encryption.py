"""Encrypted stores: the common contract, what the bytes of their files say, and what happens without the key."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest

from remanence.errors import (
    AccessDenied,
    Corrupt,
    InvalidInput,
    NotAStore,
    NotFound,
    RemanenceError,
)
from remanence.store import cipher
from remanence.store.choose import open_store
from remanence.store.keys import KeyFolder, key_for
from remanence.store.sqlite import SQLiteStore
from remanence.types import Link, Mark, Retract, Slot, Touch
from tests.store.conformance import ANA, Clock, Make, StoreConformance, add
from tests.store.conformance_derived import DerivedConformance
from tests.store.conformance_lifecycle import LifecycleConformance
from tests.store.plain import plain
from tests.store.test_plans import VERBS, WHOLE

pytest.importorskip("sqlcipher3")

KEY = bytes(range(32))
OTHER = bytes(32)
CANARY = "quetzal-canary-wombat"


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """A new encrypted store in a new file at each call."""
    opened: list[SQLiteStore] = []

    def opener(path: Path | None = None, **more: Any) -> SQLiteStore:
        file = path or tmp_path / f"{len(opened)}.rmem"
        opened.append(SQLiteStore.open(file, analyze=plain, **{"key": KEY, **more}))
        return opened[-1]

    yield opener
    for store in opened:
        store.close()


class TestEncrypted(StoreConformance, DerivedConformance, LifecycleConformance):
    pass


def bytes_of(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()))


def digests(folder: Path) -> dict[str, str]:
    return {f.name: blake2b(f.read_bytes()).hexdigest() for f in sorted(folder.iterdir())}


def fill(store: SQLiteStore, count: int = 40) -> None:
    store.apply(
        [
            add(
                f"{CANARY} number {n}",
                id=f"{CANARY}-{n}",
                session=f"s-{CANARY}",
                speaker=CANARY,
                fields={"title": CANARY},
                meta={"m": CANARY},
            )
            for n in range(count)
        ]
    )


def test_no_byte_says_what_is_in_it(make: Make, tmp_path: Path) -> None:
    folder = tmp_path / "stores"
    folder.mkdir()
    store = make(folder / "a")
    fill(store)
    assert store.verify().ok
    store.backup(folder / "copy")
    names = sorted(file.name for file in folder.iterdir())
    assert names == ["a", "a-shm", "a-wal", "copy"]
    assert (folder / "a-wal").stat().st_size > 4096
    raw = bytes_of(folder)
    for said in (CANARY, "number 7", "SQLite format", "CREATE TABLE"):
        assert said.encode() not in raw
        assert said.encode("utf-16-le") not in raw
    store.close()
    assert CANARY.encode() not in bytes_of(folder)
    # The same, not encrypted, says all of it: the test looks in the right place.
    with SQLiteStore.open(folder / "plain", analyze=plain) as clear:
        fill(clear)
    assert CANARY.encode() in (folder / "plain").read_bytes()


def test_everything_is_there_with_the_key(make: Make, tmp_path: Path) -> None:
    store = make(tmp_path / "a", clock=Clock())
    fill(store)
    digest = store.state_digest()
    store.backup(tmp_path / "copy")
    lines = store.export_jsonl(tmp_path / "lines")
    store.close()
    assert CANARY.encode() in (tmp_path / "lines").read_bytes()  # an export is for reading
    for path in ("a", "copy"):
        again = make(tmp_path / path)
        assert again.state_digest() == digest
        assert again.verify().ok
        assert again.rebuild() == 40
    other = make(tmp_path / "b", key=OTHER)
    assert other.import_jsonl(tmp_path / "lines").events == 40 < lines
    assert other.state_digest() == digest


@pytest.mark.parametrize("read_only", [False, True])
def test_a_wrong_key_is_refused_and_touches_nothing(
    make: Make, tmp_path: Path, read_only: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "stores"
    folder.mkdir()
    store = make(folder / "a")
    fill(store)
    store.close()
    before = digests(folder)
    with pytest.raises(AccessDenied, match="the key does not open"):
        make(folder / "a", key=OTHER, read_only=read_only)
    with pytest.raises(AccessDenied, match="is encrypted, or no"):
        make(folder / "a", key=None, read_only=read_only)
    assert digests(folder) == before
    assert capfd.readouterr() == ("", "")


def test_keys_are_told_apart_while_the_file_is_open(make: Make, tmp_path: Path) -> None:
    store = make(tmp_path / "a")
    clear = make(tmp_path / "b", key=None)
    with pytest.raises(AccessDenied, match="is encrypted"):
        make(tmp_path / "a", key=None)
    with pytest.raises(AccessDenied, match="does not open"):
        make(tmp_path / "a", key=OTHER)
    with pytest.raises(InvalidInput, match="not encrypted"):
        make(tmp_path / "b")
    fill(store)
    fill(clear)
    assert store.verify().ok
    assert clear.verify().ok


def test_a_plain_file_and_a_key(make: Make, tmp_path: Path) -> None:
    with SQLiteStore.open(tmp_path / "a", analyze=plain) as store:
        fill(store)
    before = digests(tmp_path)
    with pytest.raises(InvalidInput, match="not encrypted, and a key") as caught:
        make(tmp_path / "a")
    assert "export it" in caught.value.hint
    assert digests(tmp_path) == before


def test_what_is_no_store_at_all(make: Make, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(secrets.token_bytes(8192))
    with pytest.raises(AccessDenied, match="does not open"):
        make(tmp_path / "a")
    (tmp_path / "b").write_text("just some notes")
    with pytest.raises((AccessDenied, NotAStore)):
        make(tmp_path / "b")
    assert (tmp_path / "b").read_text() == "just some notes"
    with pytest.raises(NotAStore, match="is a folder"):
        make(tmp_path)


def test_a_flipped_bit_is_found(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "a"
    store = make(path)
    fill(store, 400)
    store.close()
    whole = path.read_bytes()
    for page in range(1, len(whole) // 4096, 7):
        broken = bytearray(whole)
        broken[page * 4096 + 1000] ^= 1
        path.write_bytes(broken)
        store = make(path)
        try:
            assert not store.verify().ok
        except Corrupt:
            pass
        finally:
            store.close()


WRITER = """
import sys, time
from pathlib import Path
from remanence.store.sqlite import SQLiteStore
from tests.store.conformance import add
from tests.store.plain import plain
name, count = sys.argv[2], int(sys.argv[3])
store = SQLiteStore.open(Path(sys.argv[1]), analyze=plain, key=bytes(range(32)), busy_timeout=60)
for n in range(count):
    store.apply([add(f"{name} says {n}", id=f"{name}-{n}")])
print("done", flush=True)
if len(sys.argv) > 4:
    time.sleep(60)
store.close()
"""


def writer(path: Path, name: str, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), name, *more],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def test_many_processes_write_at_once(make: Make, tmp_path: Path) -> None:
    store = make(tmp_path / "a", busy_timeout=60)
    running = [writer(tmp_path / "a", name, "25") for name in ("one", "two")]
    store.apply([add(f"parent {n}", id=f"p{n}") for n in range(25)])
    assert [process.wait(60) for process in running] == [0, 0]
    assert store.counts().records == 75
    assert store.verify().ok
    for process in running:
        assert process.stdout is not None
        process.stdout.close()


def test_what_a_killed_process_left_needs_the_key_too(make: Make, tmp_path: Path) -> None:
    process = writer(tmp_path / "a", "killed", "30", "stay")
    assert process.stdout is not None
    assert process.stdout.readline() == "done\n"
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    process.stdout.close()
    assert (tmp_path / "a-wal").stat().st_size
    for key in (OTHER, None):
        with pytest.raises(AccessDenied):
            make(tmp_path / "a", key=key)
    store = make(tmp_path / "a")
    assert store.counts().records == 30
    assert store.verify().ok


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_both_sides_of_a_fork_go_on(make: Make) -> None:
    store = make(clock=Clock())
    store.apply([add("before", id="0")])
    child = os.fork()
    if not child:
        status = 1
        try:
            store.apply([add(f"child {n}", id=f"c{n}") for n in range(10)])
            status = 0
        finally:
            os._exit(status)
    store.apply([add(f"parent {n}", id=f"p{n}") for n in range(10)])
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.counts().records == 21
    assert store.verify().ok


@pytest.mark.parametrize("verb", [*VERBS, "near"])
def test_sqlcipher_s_sqlite_finds_by_an_index_too(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """Another version of SQLite plans in other ways: no verb about one record goes through its whole space."""
    store = make(tmp_path / "a", clock=Clock())
    store.apply([add("one", id="1"), add("two", id="2")])
    store.apply([add("f", kind="fact", slot=Slot("a", "b", "d"))])
    store.apply([Link(scope=ANA, src="1", relation="r", dst="2"), Touch(scope=ANA, id="1")])
    store.apply([Mark(scope=ANA, id="1", mark="m"), Retract(scope=ANA, id="2")])
    store.close()
    asked: list[str] = []
    opened = cipher.connect

    def traced(*given: Any, **more: Any) -> Any:
        db = opened(*given, **more)
        db.set_trace_callback(asked.append)
        return db

    monkeypatch.setattr(cipher, "connect", traced)
    again = make(tmp_path / "a", clock=Clock())
    asked.clear()
    near = [add("a long way home", id="x"), add("A long way: home!", id="y")]
    (VERBS | {"near": lambda store: store.apply(near)})[verb](again)
    again.close()
    db = opened(tmp_path / "a", KEY)
    for query in asked:
        if not query.startswith(("SELECT", "UPDATE", "DELETE")) or query.startswith(WHOLE):
            continue
        for *_, step in db.execute("EXPLAIN QUERY PLAN " + query):
            through = step.startswith("SCAN") and not step.startswith(("SCAN j ", "SCAN CONSTANT"))
            assert not through, (query, step)
            assert not step.endswith("(space=?)"), (query, step)
            assert "d.fold = " not in query or not step.startswith("SEARCH d USING PRIMARY"), step
    db.close()


# --- keys ---


def test_ways_to_give_a_key(tmp_path: Path) -> None:
    (tmp_path / "raw.key").write_bytes(KEY)
    (tmp_path / "hex.key").write_text(KEY.hex().upper() + "\n")
    asked: list[str] = []

    def provider(name: str) -> bytes:
        asked.append(name)
        return KEY

    ways: list[Any] = [KEY, KEY.hex(), str(tmp_path / "raw.key"), tmp_path / "hex.key", provider]
    for way in ways:
        with open_store(str(tmp_path / "a.rmem"), analyze=plain, key=way) as store:
            store.apply([add(id="1")])
            assert store.get(ANA, "1") is not None
    assert asked == ["a.rmem"]


@pytest.mark.parametrize("bad", [b"", b"short", bytes(33), "ab", "zz" * 32, lambda name: "text", 7])
def test_what_is_no_key(tmp_path: Path, bad: Any) -> None:
    with pytest.raises((InvalidInput, NotFound)) as caught:
        open_store(str(tmp_path / "a"), analyze=plain, key=bad)
    assert KEY.hex() not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_key_file_that_holds_none(tmp_path: Path) -> None:
    (tmp_path / "k").write_bytes(KEY[:31])
    with pytest.raises(InvalidInput, match="is not 32 bytes") as caught:
        key_for(tmp_path / "k", "a", fresh=False)
    assert repr(KEY[:31])[2:-1] not in str(caught.value)
    with pytest.raises(AccessDenied, match="can't be read"):
        key_for(tmp_path, "a", fresh=False)


def test_a_folder_of_keys(tmp_path: Path) -> None:
    keys = KeyFolder(tmp_path / "keys")
    assert "ana" not in keys
    with pytest.raises(NotFound, match="no key for 'ana'"):
        keys.get("ana")
    made = keys.create("ana")
    assert len(made) == 32
    assert keys.create("Ana") != made == keys("ana") == keys.ensure("ana")
    with pytest.raises(InvalidInput, match="there is a key"):
        keys.create("ana")
    assert keys.path.stat().st_mode & 0o777 == 0o700
    files = sorted(keys.path.iterdir())
    assert [file.name for file in files] == ["%41na.key", "ana.key"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    keys.destroy("ana")
    assert "ana" not in keys
    for call in (keys.get, keys.destroy):
        with pytest.raises(NotFound):
            call("ana")
    assert made not in bytes_of(keys.path)


def test_a_destroyed_key_is_overwritten_before_it_is_unlinked(tmp_path: Path) -> None:
    keys = KeyFolder(tmp_path)
    made = keys.create("ana")
    os.link(tmp_path / "ana.key", tmp_path / "held")  # another name for the same bytes
    keys.destroy("ana")
    left = (tmp_path / "held").read_bytes()
    assert len(left) == 32
    assert left != made


def test_two_processes_make_one_key(tmp_path: Path) -> None:
    code = (
        "import sys; from remanence.store.keys import KeyFolder\n"
        "print([KeyFolder(sys.argv[1]).ensure(str(n)).hex() for n in range(60)])"
    )
    args = [sys.executable, "-c", code, str(tmp_path / "keys")]
    running = [subprocess.Popen(args, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=60)[0] for process in running]
    assert said[0] == said[1] != ""
    assert all(file.suffix == ".key" for file in (tmp_path / "keys").iterdir())


def test_destroying_the_key_is_erasing(tmp_path: Path) -> None:
    keys, stores = KeyFolder(tmp_path / "keys"), tmp_path / "stores"
    stores.mkdir()
    path = str(stores / "ana.rmem")
    with open_store(path, analyze=plain, key=keys) as store:
        fill(store)
        store.backup(stores / "copy.rmem")
    key = keys.get("ana.rmem")
    keys.destroy("ana.rmem")
    with pytest.raises(NotFound, match=r"no key for 'ana\.rmem'"):
        open_store(path, analyze=plain, key=keys)
    assert "ana.rmem" not in keys, "no new key is made for an old file"
    for file in ("ana.rmem", "copy.rmem"):
        for wrong in (OTHER, None):
            with pytest.raises(AccessDenied):
                open_store(str(stores / file), analyze=plain, key=wrong)
        assert CANARY.encode() not in (stores / file).read_bytes()
    # That it was the key alone which was missing:
    with open_store(str(stores / "copy.rmem"), analyze=plain, key=key) as store:
        assert store.counts().records == 40


def test_no_store_means_no_key(tmp_path: Path) -> None:
    keys = KeyFolder(tmp_path / "keys")
    with pytest.raises(NotFound, match="no store at"):
        open_store(str(tmp_path / "a"), analyze=plain, key=keys, read_only=True)
    assert "a" not in keys


def test_looking_at_an_open_file_drops_no_lock(tmp_path: Path) -> None:
    """POSIX drops all locks of a process on a file when it closes any descriptor of it."""
    fcntl = pytest.importorskip("fcntl")
    del fcntl
    probe = (
        "import fcntl, sys\n"
        "file = open(sys.argv[1], 'r+b')\n"
        "try: fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x40000002)\n"
        "except OSError: print('held')\n"
        "else: print('free')"
    )

    def asked(path: Path) -> str:
        run = [sys.executable, "-c", probe, str(path)]
        return subprocess.run(run, capture_output=True, text=True, check=True).stdout.strip()

    for name, key in (("a", None), ("b", KEY)):
        path = tmp_path / name
        with SQLiteStore.open(path, analyze=plain, key=key) as store:
            store.apply([add(id="1")])
            assert asked(path) == "held"
            SQLiteStore.open(path, analyze=plain, key=key).close()
            wrong = OTHER if key is None else None
            with pytest.raises(RemanenceError):
                SQLiteStore.open(path, analyze=plain, key=wrong)
            assert asked(path) == "held"
        assert asked(path) == "free"
