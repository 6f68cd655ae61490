"""mem0's dumps and databases: made by mem0 itself where it is installed, and damaged by hand."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remanence import Memory
from remanence.errors import BadImport, InvalidInput
from remanence.seams import Observation
from remanence.serve.imports.base import Skipped
from remanence.serve.imports.detect import detect
from remanence.serve.imports.mem0 import Mem0, from_mem0
from remanence.types import to_micros

SCOPE = ("default", "default")
MAKE = """
import json, sys
from pathlib import Path
from mem0 import Memory

folder, ours = Path(sys.argv[1]), sys.argv[2]
store = {"path": str(folder / "qdrant"), "collection_name": "m", "on_disk": True, "embedding_model_dims": 3}
m = Memory.from_config({
    "vector_store": {"provider": "qdrant", "config": store},
    "history_db_path": str(folder / "history.db"),
})

class Embedder:
    config = m.embedding_model.config
    def embed(self, text, memory_action=None):
        return [float(len(text)), 1.0, 0.5]
    def embed_batch(self, texts, memory_action="add"):
        return [self.embed(text) for text in texts]

m.embedding_model = Embedder()
def add(text, **more):
    return m.add(text, infer=False, **more)["results"][0]["id"]
lisbon = add([{"role": "user", "name": "Ana", "content": "I live in Lisbon"}], user_id="ana", agent_id="helper",
             run_id="r1", metadata={"categories": ["home"], "n": 3})
tea = add("Ana likes tea", user_id="ana", expiration_date="2099-01-01")
gone = add("zanzibarquartz", user_id="bo")
add("Bo likes coffee", user_id="bo")
add("the agent alone", agent_id="helper")
m.update(tea, text="Ana likes green tea")
m.delete(gone)
(folder / "dump.json").write_text(json.dumps(m.get_all(filters={"user_id": "ana"})))
(folder / "list.json").write_text(json.dumps(m.get_all(filters={"user_id": "bo"})["results"]))
from remanence import Memory as Ours
from remanence.serve.imports.mem0 import from_mem0
with Ours.open(ours, embedder="none") as memory:
    for _ in range(2):
        print(json.dumps([ack.status for ack in memory.observe(from_mem0(m))]))
m.close()
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    """A folder that mem0 wrote, and what handing it over told."""
    if find_spec("mem0") is None:
        pytest.skip("mem0ai is not installed")
    folder = tmp_path_factory.mktemp("mem0")
    quiet = {"MEM0_TELEMETRY": "False", "MEM0_DIR": str(folder), "OPENAI_API_KEY": "unused"}
    done = subprocess.run(
        [sys.executable, "-c", MAKE, str(folder), str(folder / "ours.rmem")],
        env={**os.environ, **quiet, "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]


def read(path: Path) -> tuple[list[Observation], list[Skipped]]:
    items = list(detect(path).read(path, SCOPE))
    return [i for i in items if isinstance(i, Observation)], [
        i for i in items if isinstance(i, Skipped)
    ]


def test_a_dump_keeps_all_that_mem0_knew(made: tuple[Path, Any]) -> None:
    found, skipped = read(made[0] / "dump.json")
    assert skipped == []
    by_text = {one.text: one for one in found}
    assert by_text.keys() == {"I live in Lisbon", "Ana likes green tea"}
    lisbon, tea = by_text["I live in Lisbon"], by_text["Ana likes green tea"]
    assert lisbon.scope == ("default", "ana", "helper")
    assert (lisbon.session, lisbon.speaker, lisbon.role) == ("r1", "Ana", "user")
    assert lisbon.meta == {"categories": ["home"], "n": 3}
    assert tea.scope == ("default", "ana")
    assert tea.meta.keys() == {"expiration_date", "updated_at"}
    original = {
        one["memory"]: one for one in json.loads((made[0] / "dump.json").read_text())["results"]
    }
    for one in found:
        assert one.id == original[one.text]["id"]
        assert one.at == to_micros(datetime.fromisoformat(original[one.text]["created_at"]))


def test_the_list_alone_does_as_well(made: tuple[Path, Any]) -> None:
    found, skipped = read(made[0] / "list.json")
    assert [(one.text, one.scope) for one in found] == [("Bo likes coffee", ("default", "bo"))]
    assert skipped == []


def test_the_history_gives_back_what_is_alive_and_not_what_was_deleted(
    made: tuple[Path, Any],
) -> None:
    path = made[0] / "history.db"
    assert b"zanzibarquartz" in path.read_bytes()  # mem0 keeps it
    found, skipped = read(path)
    assert skipped == []
    assert sorted(one.text for one in found) == [
        *("Ana likes green tea", "Bo likes coffee", "I live in Lisbon", "the agent alone"),
    ]
    assert {one.scope for one in found} == {SCOPE}  # it does not know whose they are
    ids = {one.text: one.id for one in read(made[0] / "dump.json")[0]}
    assert ids.items() <= {one.text: one.id for one in found}.items()
    assert not list(made[0].glob("history.db-*"))


def test_a_memory_that_is_open_is_handed_over_twice_and_stored_once(
    made: tuple[Path, list[Any]],
) -> None:
    folder, told = made
    assert told == [["stored"] * 4, ["duplicate"] * 4]
    with Memory.open(folder / "ours.rmem", embedder="none") as memory:
        assert sorted(memory.users()) == ["ana", "bo", "default"]
        [alone] = memory.list(agent_id="helper")
        assert alone.text == "the agent alone"
        # The same ids and words as in the dump.
        acks = list(memory.observe(one for one in read(folder / "dump.json")[0]))
        assert {ack.status for ack in acks} == {"duplicate"}


def test_the_command_imports_it_once(made: tuple[Path, Any], rmem: Callable[..., Any]) -> None:
    assert rmem("import", made[0] / "dump.json", "--json").row["stored"] == 2
    assert rmem("import", made[0] / "dump.json", "--json").row["duplicate"] == 2
    assert rmem("import", made[0] / "list.json", "--format", "mem0", "--json").row["stored"] == 1
    assert [row["text"] for row in rmem("list", "--user", "bo", "--json").rows] == [
        "Bo likes coffee"
    ]


def test_what_is_malformed_is_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    good = {"id": "1", "memory": "fine", "role": None, "created_at": None}
    bad: list[Any] = [
        *(7, {"id": "2", "memory": ""}, {"id": "3", "memory": 7}, {"id": 4, "memory": "x"}),
        *({**good, "created_at": "soon"}, {**good, "role": "pope"}, {**good, "metadata": 7}),
    ]
    path = tmp_path / "dump.json"
    path.write_text(json.dumps({"results": [good, *bad, {**good, "id": "9"}]}))
    found, skipped = read(path)
    assert [one.id for one in found] == ["1", "9"]
    assert [one.reason.partition(":")[0] for one in skipped] == [
        f"memory {n}" for n in range(2, 2 + len(bad))
    ]
    path.write_text(json.dumps({"results": []}))
    assert detect(path).name == "mem0"
    assert read(path) == ([], [])


def database(path: Path, *rows: tuple[Any, ...]) -> sqlite3.Connection:
    db = sqlite3.connect(path)
    db.execute(
        "CREATE TABLE history (id TEXT PRIMARY KEY, memory_id TEXT, old_memory TEXT, new_memory TEXT, event TEXT, "
        "created_at DATETIME, updated_at DATETIME, is_deleted INTEGER, actor_id TEXT, role TEXT)"
    )
    for number, row in enumerate(rows):
        db.execute("INSERT INTO history VALUES (?, ?, NULL, ?, 'ADD', ?, ?, 0, ?, ?)", (number, *row))  # fmt: skip
    db.commit()
    return db


def test_bad_rows_of_a_history_are_reported(tmp_path: Path) -> None:
    at = "2025-03-01T12:00:00+00:00"
    database(
        tmp_path / "history.db",
        ("a", "fine", at, at, "Ana", "user"),
        ("b", "", at, at, None, None),
        ("c", "when?", "soon", "soon", None, None),
        ("d", b"\xff\xfe", at, at, None, None),
    ).close()
    found, skipped = read(tmp_path / "history.db")
    assert [(one.id, one.speaker) for one in found] == [("a", "Ana")]
    assert [one.reason[:8] for one in skipped] == ["memory b", "memory c", "memory d"]


def test_a_locked_or_damaged_history_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("remanence.serve.imports.database._PATIENCE", 0.01)
    path = tmp_path / "history.db"
    db = database(path, ("a", "fine", "2025-03-01", "2025-03-01", None, None))
    db.execute("BEGIN EXCLUSIVE")
    with pytest.raises(BadImport, match="locked"):
        list(Mem0().read(path, SCOPE))
    db.close()
    path.write_bytes(path.read_bytes()[:4096] + b"\x00" * 4096)
    with pytest.raises(BadImport, match="can't be read"):
        list(detect(path).read(path, SCOPE))


@pytest.mark.parametrize("wrong", [None, 7, object(), {}])
def test_what_is_no_mem0_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidInput, match="no mem0 memory"):
        list(from_mem0(wrong))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
KEYS = ("id", "memory", "metadata", "user_id", "role", "created_at", "run_id", "actor_id")


@given(several=st.lists(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=6), max_size=4))
def test_any_json_is_read_or_reported(
    tmp_path_factory: pytest.TempPathFactory, several: list[Any]
) -> None:
    path = tmp_path_factory.mktemp("any") / "dump.json"
    path.write_text(json.dumps({"results": several}))
    items = list(Mem0().read(path, SCOPE))
    assert len(items) == len(several)
