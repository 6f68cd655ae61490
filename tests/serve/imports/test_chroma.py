"""Chroma databases that chromadb wrote: several collections, a log beside the file, a lock on it, and damage."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from remanence import Memory
from remanence.errors import BadImport
from remanence.seams import Observation
from remanence.serve.imports.base import Skipped
from remanence.serve.imports.chroma import FILE, Chroma
from remanence.serve.imports.detect import detect
from remanence.types import to_datetime

SCOPE = ("default", "default")
MAKE = """
import sys
import chromadb
from chromadb.config import Settings

class Embed(chromadb.EmbeddingFunction):
    def __init__(self): pass
    def __call__(self, input): return [[float(len(text)), 1.0, 0.5] for text in input]

def open_(**more):
    return chromadb.PersistentClient(path=sys.argv[1], settings=Settings(anonymized_telemetry=False), **more)

client = open_()
notes = client.create_collection("notes", embedding_function=Embed())
notes.add(
    ids=["a", "b", "only-meta", "gone"],
    documents=["Swifts sleep on the wing", "Ana lives in Lisbon", None, "zanzibarquartz"],
    metadatas=[
        {"n": 3, "weight": 1.5, "sure": True, "source": "birds.md", "role": "chapter"},
        {"user_id": "ana", "agent_id": "helper", "run_id": "r1", "role": "user", "speaker": "Ana",
         "created_at": "2025-03-01T12:00:00+01:00", "tags": ["x", "y"]},
        {"n": 1},
        None,
    ],
    embeddings=[[1.0, 2.0, 3.0]] * 4,
)
notes.delete(ids=["gone"])
notes.update(ids=["a"], documents=["Swifts sleep on the wing, mostly"])
other = client.create_collection("other", embedding_function=Embed())
other.add(ids=["a"], documents=["The same id elsewhere"])
mem0 = client.create_collection("mem0", embedding_function=Embed())
mem0.add(ids=["m"], embeddings=[[1.0, 2.0, 3.0]], metadatas=[
    {"data": "Bo likes coffee", "hash": "h", "text_lemmatized": "bo like coffee", "user_id": "bo",
     "created_at": "2025-04-01T00:00:00+00:00"}])
client.create_collection("empty", embedding_function=Embed())
chromadb.AdminClient(Settings(is_persistent=True, persist_directory=sys.argv[1], anonymized_telemetry=False)).create_database("second")
open_(database="second").create_collection("notes", embedding_function=Embed()).add(ids=["a"], documents=["In another database"])
"""


@pytest.fixture(scope="module")
def chroma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that chromadb wrote, in an interpreter of its own."""
    if find_spec("chromadb") is None:
        pytest.skip("chromadb is not installed")
    folder = tmp_path_factory.mktemp("chroma") / "db"
    done = subprocess.run(
        [sys.executable, "-c", MAKE, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture
def copy(chroma: Path, tmp_path: Path) -> Path:
    """A copy of it to be harmed."""
    shutil.copytree(chroma, tmp_path / "db")
    return tmp_path / "db"


def read(path: Path) -> tuple[dict[str, Observation], list[Skipped]]:
    items = list(detect(path).read(path, SCOPE))
    return {i.id: i for i in items if isinstance(i, Observation)}, [
        i for i in items if isinstance(i, Skipped)
    ]


@pytest.mark.parametrize("name", ["", FILE])
def test_every_collection_is_read_from_the_folder_or_the_file(chroma: Path, name: str) -> None:
    before = {file: file.read_bytes() for file in chroma.rglob("*") if file.is_file()}
    path = chroma / name
    assert detect(path).name == "chroma"
    found, skipped = read(path)
    assert {id: one.text for id, one in found.items()} == {
        "mem0/m": "Bo likes coffee",
        "notes/a": "Swifts sleep on the wing, mostly",
        "notes/b": "Ana lives in Lisbon",
        "other/a": "The same id elsewhere",
        "default_tenant/second/notes/a": "In another database",
    }
    assert [(one.path, one.reason) for one in skipped] == [
        (str(chroma / FILE), "notes/only-meta: it has no document")
    ]
    assert {file: file.read_bytes() for file in chroma.rglob("*") if file.is_file()} == before


def test_metadata_says_whose_it_is_when_and_what(chroma: Path) -> None:
    found, _ = read(chroma)
    swifts, ana, bo = (found[id] for id in ("notes/a", "notes/b", "mem0/m"))
    assert (swifts.scope, swifts.session, swifts.role) == (SCOPE, "", "")
    assert swifts.meta == {
        "collection": "notes",
        "n": 3,
        "weight": 1.5,
        "sure": True,
        "source": "birds.md",
        "role": "chapter",
    }
    with closing(sqlite3.connect(chroma / FILE)) as db:
        query = "SELECT created_at FROM embeddings WHERE embedding_id = 'a' ORDER BY id LIMIT 1"
        [(kept,)] = db.execute(query)
    assert f"{to_datetime(swifts.at or 0):%Y-%m-%d %H:%M:%S}" == kept
    assert (ana.scope, ana.session) == (("default", "ana", "helper"), "r1")
    assert (ana.role, ana.speaker) == ("user", "Ana")
    assert str(to_datetime(ana.at or 0)) == "2025-03-01 11:00:00+00:00"
    assert ana.meta == {"collection": "notes", "tags": ["x", "y"]}
    assert (bo.scope, bo.meta) == (("default", "bo"), {"collection": "mem0"})


def test_the_command_imports_it_once(chroma: Path, rmem: Callable[..., Any]) -> None:
    first = rmem("import", chroma, "--json").row
    assert (first["stored"], len(first["skipped"])) == (5, 1)
    second = rmem("import", chroma / FILE, "--json").row
    assert (second["stored"], second["duplicate"]) == (0, 5)
    rows = rmem("search", "Where does Ana live?", "--user", "ana", "--json").rows
    assert "Ana lives in Lisbon" in json.dumps(rows[0])


def test_what_is_still_in_the_log_beside_the_file_is_read(copy: Path) -> None:
    with closing(sqlite3.connect(copy / FILE)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(
            "UPDATE embedding_metadata SET string_value = 'Owls' WHERE key = 'chroma:document' AND id = 1"
        )
        db.commit()
        assert (copy / f"{FILE}-wal").stat().st_size > 0
        found, _ = read(copy)
        assert found["notes/a"].text == "Owls"


def test_a_locked_database_says_so(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remanence.serve.imports.database._PATIENCE", 0.01)
    with closing(sqlite3.connect(copy / FILE)) as db:
        db.execute("BEGIN EXCLUSIVE")
        with pytest.raises(BadImport, match=r"locked.*close the program"):
            list(detect(copy).read(copy, SCOPE))


def test_damage_is_an_error_and_leaves_no_store_behind(
    copy: Path, rmem: Callable[..., Any], tmp_path: Path
) -> None:
    data = (copy / FILE).read_bytes()
    for broken in (
        data[:5000],
        data[:100] + b"\xff" * (len(data) - 100),
        b"",
        b"no database at all",
    ):
        (copy / FILE).write_bytes(broken)
        with pytest.raises(BadImport):
            list(Chroma().read(copy, SCOPE))
        done = rmem("import", copy)
        assert done.code != 0
        assert "Traceback" not in done.err
        assert not (tmp_path / "memory.rmem").exists()


def test_an_old_or_another_database_is_not_taken_for_it(copy: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(copy / FILE)) as db:
        db.execute("DROP TABLE embedding_metadata")
        db.commit()
    with pytest.raises(BadImport, match=r"no Chroma database of version 0\.4"):
        list(detect(copy).read(copy, SCOPE))
    with closing(sqlite3.connect(tmp_path / "other.db")) as db:
        db.execute("CREATE TABLE collections (id, name)")
        db.commit()
    with pytest.raises(BadImport, match="format is not known"):
        detect(tmp_path / "other.db")


def test_rows_that_make_no_sense_are_reported_and_the_rest_is_read(copy: Path) -> None:
    with closing(sqlite3.connect(copy / FILE)) as db:
        change = "UPDATE embedding_metadata SET string_value = NULL, int_value = 7 WHERE id = ? AND key = ?"
        db.execute(change, (1, "chroma:document"))
        db.execute(change, (2, "user_id"))
        raw = "UPDATE embedding_metadata SET string_value = CAST(x'fffe41' AS TEXT) WHERE key = 'data'"
        db.execute(raw)
        db.commit()
    found, skipped = read(copy)
    assert found.keys() == {"mem0/m", "other/a", "default_tenant/second/notes/a"}
    assert found["mem0/m"].text == "\udcff\udcfeA"
    assert sorted(one.reason.partition(":")[0] for one in skipped) == [
        *("notes/a", "notes/b", "notes/only-meta"),
    ]
    with Memory.open(copy / "m.rmem", embedder="none") as memory:
        assert {ack.status for ack in memory.observe(found.values())} == {"stored"}


def test_a_long_id_becomes_a_digest(copy: Path) -> None:
    with closing(sqlite3.connect(copy / FILE)) as db:
        db.execute("UPDATE embeddings SET embedding_id = ? WHERE id = 1", ("x" * 600,))
        db.commit()
    ids = [id for id in read(copy)[0] if "/" not in id]
    assert [len(id) for id in ids] == [26]
    assert ids == [id for id in read(copy)[0] if "/" not in id]
