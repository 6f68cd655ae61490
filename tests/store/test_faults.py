"""Full disks, disks that can't be written, flipped bits, locks that are dropped: a clear error, and nothing silently wrong."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from remanence import Memory
from remanence.errors import BadImport, NotFound, ReadOnly, StoreError, StoreFull
from remanence.seams import Encoded
from remanence.store.forgetting import reread
from remanence.store.sqlite import SQLiteStore
from remanence.text.index.terms import record_terms
from remanence.text.write.settle import Settle
from remanence.types import Add, Link, Mark, Retract, Revise, Slot, Source, Touch, Undo
from tests.store.conformance import ANA
from tests.store.forgetting.test_forget import plant
from tests.store.storm import canary, text_of

RECORDS = [f"r{n}" for n in range(60)]
FACTS = [f"f{n}" for n in range(0, 60, 6)]


def opened(path: Path, **more: Any) -> SQLiteStore:
    return SQLiteStore.open(path, analyze=record_terms, **more)


def there(store: SQLiteStore, id: str) -> bool:
    try:
        return store.get(ANA, id) is not None
    except NotFound:
        return False


def fill(store: SQLiteStore) -> None:
    """A store in which everything has happened."""
    for n in range(0, len(RECORDS), 6):
        ids = RECORDS[n : n + 6]
        store.apply([Add(scope=ANA, id=id, text=text_of(id), session=f"s{n}", speaker=f"who{n % 4}", meta={"n": n})
                     for id in ids])  # fmt: skip
        store.apply([Revise(scope=ANA, id=ids[0], text=text_of(ids[0], 2)), Retract(scope=ANA, id=ids[1]),
                     Mark(scope=ANA, id=ids[2], mark="own", why="because"), Touch(scope=ANA, id=ids[4]),
                     Link(scope=ANA, src=ids[2], relation="r", dst=ids[3])])  # fmt: skip
        fact = Add(scope=ANA, id=f"f{n}", text=f"value {n}", kind="fact", slot=Slot("x", "y", str(n), corrects=True),
                   valid_from=10**15 + n, sources=(Source(ids[5]),))  # fmt: skip
        store.apply([fact], settler=Settle(), key=f"k{n}", cursor=(ANA, "c", str(n)))
        seqs = [one.seq for one in store.pending("e", 50)]
        dense = np.random.default_rng(n).normal(size=(len(seqs), 16)).astype(np.float32)
        store.put_vectors("e", seqs, Encoded(dense, [random.Random(s).randbytes(40) for s in seqs]))
    store.forget(ANA, ["r7", "r20"])
    store.apply([Mark(scope=ANA, id="r2", mark="later")])
    store.apply([Undo(scope=ANA, seq=store.head())])


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("filled") / "a.rmem"
    with opened(path) as store:
        fill(store)
    return path


# --- a full disk ----------------------------------------------------------------------------------------------------


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small disk here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def leave(disk: Path, free: int) -> Path:
    """Fill the disk but for so many bytes."""
    ballast = disk / "ballast"
    ballast.write_bytes(b"x" * max(shutil.disk_usage(disk).free - free, 0))
    return ballast


def change(store: SQLiteStore) -> None:
    more = [Add(scope=ANA, id=f"new{n}", text=text_of(f"new{n}") * 20) for n in range(8)]
    store.apply([*more, Revise(scope=ANA, id="r3", text=text_of("r3", 9))])


def backup(store: SQLiteStore) -> None:
    store.backup(store.path.with_name("copy"))


def export(store: SQLiteStore) -> None:
    store.export_jsonl(store.path.with_name("out"))


def vectors(store: SQLiteStore) -> None:
    seqs = [one.seq for one in store.pending("other", 100)]
    store.put_vectors("other", seqs, Encoded(np.ones((len(seqs), 900), np.float32), []))


WORKS: dict[str, Callable[[SQLiteStore], object]] = {
    "change": change,
    "vectors": vectors,
    "rebuild": SQLiteStore.rebuild,
    "backup": backup,
    "export": export,
}


@pytest.mark.parametrize("name", WORKS)
def test_on_a_full_disk_all_or_nothing(filled: Path, tmp_path: Path, name: str) -> None:
    """With ever more room, until it is enough: before that nothing has changed, and nothing half made lies about."""
    with mounted(tmp_path / "disk", "size=3m") as disk:
        path = disk / "a.rmem"
        refused = 0
        for free in range(0, 10**6, 48_000):
            shutil.copy(filled, path)
            with opened(path) as store:
                before = store.history_digest(), store.head(), store.encoders()
                ballast = leave(disk, free)
                try:
                    WORKS[name](store)
                    done = True
                except StoreFull:
                    refused, done = refused + 1, False
                    assert (store.history_digest(), store.head(), store.encoders()) == before
                    assert store.verify().problems == ()
                    assert {file.name.partition("-")[0] for file in disk.iterdir()} == {
                        "a.rmem",
                        "ballast",
                    }
                ballast.unlink()
                WORKS[name](store)
                assert store.verify().problems == ()
            for file in disk.iterdir():
                file.unlink()
            if done:
                break
        assert done
        assert refused > 0


def test_an_import_on_a_full_disk(filled: Path, tmp_path: Path) -> None:
    with opened(filled) as store:
        store.export_jsonl(tmp_path / "out")
        digest = store.history_digest()
    with mounted(tmp_path / "disk", "size=1m") as disk, opened(disk / "a.rmem") as store:
        ballast = leave(disk, 100_000)
        with pytest.raises(StoreFull):
            store.import_jsonl(tmp_path / "out")
        assert store.head() == 0
        ballast.unlink()
        store.import_jsonl(tmp_path / "out")
        assert store.history_digest() == digest


@pytest.mark.parametrize("gap", [False, True], ids=["", "with bytes in a gap"])
def test_a_forget_on_a_full_disk_says_what_it_could_not_do(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gap: bool
) -> None:
    """Not at all, or whole; where the file could not be written anew the receipt says so, and the next opening does it."""
    monkeypatch.setattr(reread, "PATIENCE", 0.2)
    outcomes = Counter[str]()
    with mounted(tmp_path / "disk", "size=2m") as disk:
        path = disk / "a.rmem"
        for free in (*range(0, 120_000, 15_000), *range(120_000, 600_000, 60_000)):
            shutil.copy(filled, path)
            if gap:
                plant(path, text_of("r9").encode()[:40])
            with opened(path) as store:
                ballast = leave(disk, free)
                try:
                    receipt = store.forget(ANA, ["r9"])
                except StoreFull:
                    assert there(store, "r9")
                    outcomes["not at all"] += 1
                else:
                    assert not there(store, "r9")
                    outcomes["clean" if receipt.clean else "said so"] += 1
                    if not receipt.clean:
                        (files,) = [one for one in receipt.checks if one.found]
                        assert "could not be compacted: no space left" in files.note
                        assert text_of("r9").encode()[:40] in path.read_bytes()
                assert store.verify().problems == ()
                ballast.unlink()
            with opened(path) as store:
                if there(store, "r9"):
                    assert store.forget(ANA, ["r9"]).clean
                assert store.verify().problems == ()
            assert canary("r9").encode() not in path.read_bytes()
            assert text_of("r9").encode()[:40] not in path.read_bytes()
            path.unlink()
    assert outcomes["not at all"]
    assert outcomes["clean"]
    assert bool(outcomes["said so"]) == gap


def nights(memory: Memory) -> None:
    for _ in range(30):
        assert memory.sleep(user_id="ana").run
        memory.add(f"And now {'something else ' * 40}", user_id="ana")


def test_a_sleep_on_a_full_disk(tmp_path: Path) -> None:
    """Steps that were committed stand; the one that did not fit is rolled back, and done the next time."""
    with (
        mounted(tmp_path / "disk", "size=2m") as disk,
        Memory.open(disk / "a.rmem", embedder="none") as memory,
    ):
        for day in range(6):
            said = [f"Day {day}, note {n}: {text_of(f'{day}/{n}', 9)}" for n in range(12)]
            memory.add(said, user_id="ana", session_id=f"s{day}")
        ballast = leave(disk, 8_000)
        with pytest.raises(StoreFull, match="no space left"):
            nights(memory)
        assert memory.verify().problems == ()
        ballast.unlink()
        assert memory.sleep(user_id="ana").done
        assert memory.sleep(user_id="ana", dry_run=True).changes == ()
        assert memory.verify().problems == ()


LIMITED = """
import resource, signal, sys
from remanence.errors import StoreError
from remanence.types import Add
from tests.store.conformance import ANA
from tests.store.test_faults import opened

store = opened(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, -1))
stored = []
try:
    for n in range(1000):
        store.apply([Add(scope=ANA, id=f"n{n}", text="x" * 5000, session=str(n))])
        stored.append(f"n{n}")
except StoreError as error:
    assert "rolled back whole" in str(error), error
assert 3 < len(stored) < 1000
resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
new = [r.id for r in store.list(ANA, limit=10**6) if r.id.startswith("n")]
assert new == stored, (new, stored)
store.apply([Add(scope=ANA, id="after", text="there is room again")])
assert store.verify().problems == ()
"""


def run(code: str, *arguments: object, **more: Any) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([os.getcwd(), *filter(None, sys.path)])
    env = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, **more)


def test_a_quota_that_is_used_up(filled: Path, tmp_path: Path) -> None:
    """Limits of the system are no full disk, and rolled back the same."""
    pytest.importorskip("resource")
    path = shutil.copy(filled, tmp_path / "a.rmem")
    done = run(LIMITED, path)
    assert done.returncode == 0, done.stderr


# --- a disk that can't be written -----------------------------------------------------------------------------------


def refuses(path: Path, said: str) -> None:
    """Reading goes on; everything that writes says that it can't."""
    with opened(path, read_only=True) as store:
        assert store.get(ANA, "r2").text == said  # type: ignore[union-attr]
        assert len(store.list(ANA, limit=10**6)) > 30
        assert store.verify().problems == ()
        with pytest.raises(ReadOnly):
            store.apply([Add(scope=ANA, text="new")])
        with pytest.raises(ReadOnly):
            store.forget(ANA, ["r2"])
        with pytest.raises(ReadOnly):
            store.rebuild()
    with pytest.raises(ReadOnly):
        opened(path)
    with Memory.open(path, embedder="none", tenant="acme", read_only=True) as memory:
        assert memory.search(said, user_id="ana")[0].record.id == "r2"
        with pytest.raises(ReadOnly):
            memory.add("new", user_id="ana")
        with pytest.raises(ReadOnly):
            memory.sleep(user_id="ana")


def test_a_disk_mounted_for_reading_only(filled: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=2m") as disk:
        path = Path(shutil.copy(filled, disk / "a.rmem"))
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        refuses(path, text_of("r2"))
        assert [file.name for file in disk.iterdir()] == ["a.rmem"]
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        with opened(path) as store:
            assert store.forget(ANA, ["r2"]).clean
            assert store.verify().problems == ()


NOBODY = """
import os, sys
from pathlib import Path
from tests.store.storm import text_of
from tests.store.test_faults import refuses

path = Path(sys.argv[1])
from remanence.memory import Memory  # before the folders of its modules can't be read any more
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
refuses(path, text_of("r2"))
"""


@pytest.mark.parametrize("folder", [0o555, 0o777])
def test_a_file_that_may_only_be_read(filled: Path, tmp_path: Path, folder: int) -> None:
    """As somebody who is bound by modes; in a folder that he may write to, and in one that he may not."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    path = Path(shutil.copy(filled, shelf / "a.rmem"))
    path.chmod(0o444)
    shelf.chmod(folder)
    ancestors = [
        one for one in shelf.parents if one.stat().st_uid == os.getuid() and one != Path("/")
    ]
    modes = {one: one.stat().st_mode for one in ancestors}
    for one in ancestors:
        one.chmod(one.stat().st_mode | 0o055)
    try:
        done = run(NOBODY, path)
    finally:
        for one, mode in modes.items():
            one.chmod(mode & 0o7777)
        shelf.chmod(0o755)
    assert done.returncode == 0, done.stderr


# --- locks ----------------------------------------------------------------------------------------------------------

HOLDER = """
import json, os, signal, sys
from contextlib import suppress
from pathlib import Path
from remanence.errors import RemanenceError, StoreError
from remanence.types import Add
from tests.store.conformance import ANA
from tests.store.test_faults import LOOKS, opened

stores = {}
for name, look in LOOKS.items():
    path = Path(sys.argv[1]) / name / "a.rmem"
    path.parent.mkdir()
    stores[name] = opened(path)
    stores[name].apply([Add(scope=ANA, id="before", text="before")])
    with suppress(RemanenceError):
        look(path)
print("ready", flush=True)
sys.stdin.readline()
told = {}
for name, store in stores.items():
    try:
        store.apply([Add(scope=ANA, id="after", text="after")])
        told[name] = "acknowledged"
    except StoreError as error:
        told[name] = str(error)
print(json.dumps(told), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
PASSER_BY = """
import sys
from pathlib import Path
from tests.store.test_faults import opened

for path in Path(sys.argv[1]).glob("*/a.rmem"):
    opened(path).close()
"""


def linked(path: Path) -> None:
    link = path.with_name("link")
    link.symlink_to(path)
    opened(link).close()


def forgotten(path: Path) -> None:
    with opened(path) as store:
        store.apply([Add(scope=ANA, id="gone", text="gone")])
        assert store.forget(ANA, ["gone"]).clean


def imported(path: Path) -> None:
    with opened(path.with_name("other")) as other:
        other.import_jsonl(path)


LOOKS: dict[str, Callable[[Path], object]] = {
    "open": lambda path: opened(path).close(),
    "open to read": lambda path: opened(path, read_only=True).close(),
    "wrong key": lambda path: opened(path, key=bytes(32)).close(),
    "memory": lambda path: Memory.open(path, embedder="none").close(),
    "linked": linked,
    "forgotten": forgotten,
    "imported": imported,
    "read by others": Path.read_bytes,
}
"""What may happen to a store's file in the process that has it open. Nobody can keep others in it from reading the file as the last one
does, which drops every lock."""


def test_a_second_look_at_the_file_drops_no_lock(tmp_path: Path) -> None:
    """Else the next process that closes the store would take its log away, with all that is committed to it from then on."""
    paths = os.pathsep.join([os.getcwd(), *filter(None, sys.path)])
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    assert holder.stdout.readline() == "ready\n"
    passer_by = run(PASSER_BY, tmp_path)
    assert passer_by.returncode == 0, passer_by.stderr
    holder.stdin.write("\n")
    holder.stdin.flush()
    told = json.loads(holder.stdout.readline())
    holder.communicate()
    assert holder.returncode == -signal.SIGKILL
    assert {name for name, said in told.items() if said != "acknowledged"} == {"read by others"}
    assert "was taken away while it was open" in told["read by others"]
    for name, said in told.items():
        with opened(tmp_path / name / "a.rmem") as store:
            assert there(store, "before"), name
            assert there(store, "after") == (said == "acknowledged"), name
            assert store.verify().problems == ()


def test_a_log_that_was_taken_away_ends_reading_too(tmp_path: Path) -> None:
    path = tmp_path / "a.rmem"
    with opened(path) as store:
        store.apply([Add(scope=ANA, id="1", text="one")])
        path.read_bytes()
        assert run("import sys; from pathlib import Path; from tests.store.test_faults import opened\n"
                   "opened(sys.argv[1]).close()", path).returncode == 0  # fmt: skip
        for call in (lambda: store.get(ANA, "1"), store.pulse, store.checkpoint):
            with pytest.raises(StoreError, match="taken away"):
                call()
    with opened(path) as store:
        assert there(store, "1")
        with pytest.raises(BadImport, match="open here"), opened(tmp_path / "b") as other:
            other.import_jsonl(path)
