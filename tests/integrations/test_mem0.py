"""One program against mem0 and against ours, changed in its import only; then what only ours does."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import remanence
from remanence.errors import InvalidInput
from remanence.integrations.mem0 import AsyncMemory, Memory
from remanence.integrations.mem0_filters import OPERATORS, compiled

PROGRAM = """
import asyncio, json, sys
from mem0 import AsyncMemory, Memory

config, config_later, canary = *json.loads(sys.argv[1]), "zanzibarquartz"
told = {}
with Memory.from_config(config) as m:
    told["add"] = m.add(
        [
            {"role": "user", "content": "I live in Lisbon", "name": "Ana"},
            {"role": "system", "content": "Be brief"},
            {"role": "assistant", "content": "Noted, Lisbon"},
            {"role": "assistant", "content": None},
        ],
        user_id="ana", agent_id="helper", run_id="r1", infer=False,
        metadata={"topic": "home", "n": 3, "tags": ["a", "b"], "sure": True},
    )
    told["text"] = m.add("I like green tea", user_id="ana", infer=False, metadata={"topic": "food", "n": 5.5})
    told["dict"] = m.add({"role": "user", "content": canary}, user_id="ana", infer=False)
    m.add("old news", user_id="ana", infer=False, expiration_date="2000-01-01")
    m.add("The agent speaks French", agent_id="helper", infer=False, metadata={"at": "2025-03-01T00:00:00+00:00"})
    m.add("Bo likes coffee", user_id="bo", infer=False)
    m.add("only in a run", run_id="r9", infer=False)
    first, second = [one["id"] for one in told["add"]["results"]]
    gone = told["dict"]["results"][0]["id"]
    told["get"], told["none"] = m.get(first), m.get("00000000-0000-0000-0000-000000000000")
    told["get_all"] = m.get_all(filters={"user_id": "ana"})
    told["top"] = m.get_all(filters={"user_id": "ana"}, top_k=1)
    told["shown"] = m.get_all(filters={"user_id": "ana"}, show_expired=True)
    told["agent"] = m.get_all(filters={"agent_id": "helper"})
    told["run"] = m.get_all(filters={"run_id": "r9"})
    told["search"] = m.search("Lisbon", filters={"user_id": "ana"}, top_k=2)
    told["explain"] = m.search("Lisbon", filters={"user_id": "ana"}, top_k=1, explain=True)
    told["nobody"] = m.search("Lisbon", filters={"user_id": "nobody"})
    told["filters"] = []
    for more in json.loads(sys.argv[2]):
        found = m.get_all(filters={"user_id": "ana", **more})["results"]
        told["filters"].append(sorted(one["memory"] for one in found))
    told["update"] = m.update(first, text="I live in Porto", metadata={"topic": "moved"})
    told["meta"] = m.update(second, metadata={"n": 4})
    told["updated"], told["kept"] = m.get(first), m.get(second)
    told["history"] = m.history(first)
    told["delete"] = m.delete(gone)
    told["left"] = [m.get(gone), canary in json.dumps(m.search(canary, filters={"user_id": "ana"}, threshold=0.0))]
    told["leaks"] = canary in json.dumps(m.history(gone))
    told["errors"] = []
    for wrong in (
        lambda: m.delete(gone),
        lambda: m.update(gone, text="x"),
        lambda: m.update(first),
        lambda: m.search("x"),
        lambda: m.search(" ", filters={"user_id": "ana"}),
        lambda: m.get_all(filters={}),
        lambda: m.get_all(filters={"user_id": "a b"}),
        lambda: m.search("x", filters={"user_id": "ana"}, top_k=-1),
        lambda: m.search("x", filters={"user_id": "ana"}, threshold=2),
        lambda: m.get_all(filters={"user_id": "ana", "n": {"like": 3}}),
        lambda: m.get_all(filters={"user_id": "ana", "AND": {"n": 3}}),
        lambda: m.delete_all(),
        lambda: m.add("x", user_id="a b", infer=False),
        lambda: m.add("x", user_id="ana", infer=False, expiration_date="soon"),
    ):
        try:
            wrong()
            told["errors"].append("no error")
        except ValueError:
            told["errors"].append("ValueError")
    told["delete_all"] = m.delete_all(user_id="ana")
    told["after"] = m.get_all(filters={"user_id": "ana"})
    told["others"] = [m.get_all(filters={"user_id": "bo"}), m.get_all(filters={"agent_id": "helper"})]
    m.reset()
    told["reset"] = m.get_all(filters={"user_id": "bo"})

async def later():
    a = AsyncMemory.from_config(config_later)
    told["async"] = [await a.add("I sing", user_id="cy", infer=False)]
    told["async"] += [await a.get_all(filters={"user_id": "cy"}), await a.search("sing", filters={"user_id": "cy"})]
    id = told["async"][0]["results"][0]["id"]
    told["async"] += [await a.update(id, text="I dance"), await a.history(id), await a.delete(id)]
    told["async"] += [await a.delete_all(user_id="cy"), await a.get(id)]
    await a.reset()
    a.close()

asyncio.run(later())
print(json.dumps(told))
"""
FILTERS: list[dict[str, Any]] = [
    {"topic": "home"},
    {"topic": ["home", "food"]},
    {"topic": "*"},
    {"topic": {"eq": "food"}},
    {"topic": {"ne": "food"}},
    {"topic": {"in": ["food", "x"]}},
    {"topic": {"nin": ["food", "x"]}},
    {"topic": {"contains": "food"}},
    {"n": 3},
    {"n": {"gt": 3}},
    {"n": {"gte": 3, "lt": 5}},
    {"n": {"lte": 5.5}},
    {"sure": True},
    {"tags": "a"},
    {"tags": {"in": ["b", "z"]}},
    {"tags": "z"},
    {"absent": "x"},
    {"absent": {"ne": "x"}},
    {"role": "assistant"},
    {"actor_id": "Ana"},
    {"agent_id": "helper"},
    {"run_id": "r1", "role": "user"},
    {"AND": [{"topic": "home"}, {"role": "user"}]},
    {"OR": [{"topic": "food"}, {"role": "assistant"}]},
    {"NOT": [{"topic": "food"}, {"role": "assistant"}]},
    {"NOT": [{"topic": {"in": ["home", "food"]}}]},
    {"OR": [{"AND": [{"n": {"gt": 5}}, {"topic": "food"}]}, {"NOT": [{"role": "user"}]}]},
    {"$or": [{"topic": "food"}, {"n": 3}]},
    {"created_at": {"gte": "2020-01-01T00:00:00+00:00"}},
    {"created_at": {"lt": "2020-01-01T00:00:00+00:00"}},
]


class Embeddings:
    """A server on loopback with OpenAI's embeddings interface: words are hashed into 32 dimensions."""

    def __init__(self) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
                rows = [
                    {"object": "embedding", "index": at, "embedding": vector(text)}
                    for at, text in enumerate(texts)
                ]
                usage = {"prompt_tokens": 1, "total_tokens": 1}
                data = json.dumps({"object": "list", "model": "m", "data": rows, "usage": usage})
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data.encode())

            def log_message(self, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


def vector(text: str) -> list[float]:
    found = [0.01] * 32
    for word in re.findall(r"\w+", text.casefold()):
        found[blake2b(word.encode(), digest_size=1).digest()[0] % 32] += 1.0
    return found


def outcome(program: str, folder: Path, url: str) -> dict[str, Any]:
    """What the program tells, run in an interpreter of its own that knows no key and sends no telemetry."""
    folder.mkdir()
    openai = {"openai_base_url": url, "api_key": "unused"}
    configs = []
    for name in ("now", "later"):
        store = {"path": str(folder / name / "qdrant"), "collection_name": "m", "on_disk": True}
        (folder / name).mkdir()
        configs.append(
            {
                "vector_store": {
                    "provider": "qdrant",
                    "config": {**store, "embedding_model_dims": 32},
                },
                "embedder": {
                    "provider": "openai",
                    "config": {"model": "m", "embedding_dims": 32, **openai},
                },
                "llm": {"provider": "openai", "config": openai},
                "history_db_path": str(folder / name / "history.db"),
            }
        )
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(configs), json.dumps(FILTERS)],
        env={**os.environ, "MEM0_TELEMETRY": "False", "MEM0_DIR": str(folder), "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """What mem0's own and ours told."""
    if find_spec("mem0") is None:
        pytest.skip("mem0ai is not installed")
    server, folder = Embeddings(), tmp_path_factory.mktemp("both")
    ours = PROGRAM.replace("from mem0 import", "from remanence.integrations.mem0 import")
    assert ours != PROGRAM
    try:
        with ThreadPoolExecutor(2) as pool:
            told = pool.map(
                lambda one: outcome(one[0], folder / one[1], server.url),
                [(PROGRAM, "theirs"), (ours, "ours")],
            )
            theirs, same = told
    finally:
        server.close()
    return theirs, same


def shape(value: Any) -> Any:
    """The same with the type in the place of every value."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    return [shape(one) for one in value] if isinstance(value, list) else type(value).__name__


def covers(ours: Any, theirs: Any, where: str = "") -> None:
    """Every key of theirs is in ours, with a value of the same type."""
    if isinstance(theirs, dict):
        assert theirs.keys() <= ours.keys(), where
        for key, value in theirs.items():
            if key != "score_details":  # signals are ours
                covers(ours[key], value, f"{where}.{key}")
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs), where
        for at, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            covers(one, other, f"{where}[{at}]")
    else:
        assert ours == theirs, where


def by_text(told: Any) -> Any:
    """Results in an order of their own: mem0's Qdrant lists by id."""
    if isinstance(told, dict):
        if isinstance(told.get("results"), list):
            told = {**told, "results": sorted(told["results"], key=lambda one: one["memory"])}
        return {key: by_text(value) for key, value in told.items()}
    return [by_text(one) for one in told] if isinstance(told, list) else told


def test_every_result_has_the_keys_and_types_of_mem0s(both: tuple[Any, Any]) -> None:
    theirs, ours = both
    for name in theirs.keys() - {"filters", "errors", "leaks", "top"}:
        covers(shape(by_text(ours[name])), shape(by_text(theirs[name])), name)
    assert len(ours["top"]["results"]) == len(theirs["top"]["results"]) == 1


def test_every_result_says_the_same(both: tuple[Any, Any]) -> None:
    plain = re.compile(r'"(id|memory_id|created_at|updated_at|score)": ("[^"]*"|[\d.]+)')

    def told(value: Any) -> Any:
        return json.loads(plain.sub(r'"\1": ""', json.dumps(by_text(value))))

    theirs, ours = both
    for name in theirs.keys() - {"leaks", "top", "search", "explain"}:
        assert told(ours[name]) == told(theirs[name]), name
    for told_by in (theirs, ours):
        found = [one["memory"] for one in told_by["search"]["results"]]
        assert sorted(found) == ["I live in Lisbon", "Noted, Lisbon"]
        assert told_by["explain"]["results"][0]["memory"] == found[0]
        assert all(0 < one["score"] <= 1 for one in told_by["search"]["results"])


@pytest.mark.parametrize("place", range(len(FILTERS)), ids=[json.dumps(one) for one in FILTERS])
def test_a_filter_finds_what_mem0_finds(both: tuple[Any, Any], place: int) -> None:
    theirs, ours = both
    assert ours["filters"][place] == theirs["filters"][place]


def test_a_deleted_memory_stays_in_mem0s_history_and_not_in_ours(both: tuple[Any, Any]) -> None:
    theirs, ours = both
    assert (theirs["leaks"], ours["leaks"]) == (True, False)
    assert theirs["left"] == ours["left"] == [None, False]


# --- what only ours does -----------------------------------------------------------------------------------------


@pytest.fixture
def m(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "memory.rmem", embedder="none") as opened:
        yield opened


def test_it_is_the_same_memory_under_both_names(m: Memory) -> None:
    m.add("I moved to Porto in March", user_id="ana", agent_id="helper", run_id="r1")
    m.memory.add("Rex is her dog", user_id="ana", session_id="r2")
    [record] = m.memory.list(user_id="ana", agent_id="helper")
    assert (record.session, record.text) == ("r1", "I moved to Porto in March")
    [fact] = m.memory.facts(user_id="ana")
    assert fact.slot is not None
    assert fact.slot.value == "Porto"
    [dog] = m.search("dog", user_id="ana", run_id="r2")["results"]
    assert (dog["memory"], dog["run_id"], dog["metadata"]) == ("Rex is her dog", "r2", None)
    assert [one["memory"] for one in m.get_all(user_id="ana")["results"]] == [
        *("I moved to Porto in March", "Rex is her dog"),
    ]


def test_deleting_leaves_no_byte_in_the_store(m: Memory, tmp_path: Path) -> None:
    [one] = m.add("My code is zanzibarquartz", user_id="ana")["results"]
    m.update(one["id"], text="My code is kumquatville")
    [two] = m.add("My code is marzipanfjord", user_id="bo")["results"]
    m.delete(one["id"])
    m.delete_all(user_id="bo")
    assert m.history(one["id"]) == m.history(two["id"]) == []
    left = b"".join(file.read_bytes() for file in tmp_path.glob("memory.rmem*"))
    for canary in (b"zanzibarquartz", b"kumquatville", b"marzipanfjord"):
        assert canary not in left


def test_who_is_named_alone_is_looked_for_everywhere_and_nobody_is_a_user_apart(m: Memory) -> None:
    m.add("said to all", agent_id="helper")
    m.add("said to Ana", user_id="ana", agent_id="helper")
    m.add("said to Ana by another", user_id="ana", agent_id="other")
    m.add("said by default", user_id="default")
    assert {one["memory"] for one in m.get_all(agent_id="helper")["results"]} == {
        *("said to all", "said to Ana"),
    }
    assert len(m.search("said", user_id="*")["results"]) == 4
    found = {one["memory"]: one for one in m.search("said", agent_id="helper")["results"]}
    assert "user_id" not in found["said to all"]
    assert [one["memory"] for one in m.get_all(user_id="default")["results"]] == ["said by default"]
    m.delete_all(agent_id="helper")
    assert len(m.get_all(user_id="*")["results"]) == 2


def test_an_id_is_found_by_a_client_that_has_not_seen_it(m: Memory) -> None:
    [one] = m.add("mine", user_id="ana")["results"]
    m.add("his", user_id="bo")
    other = Memory(m.memory)
    assert (other.get(one["id"]) or {})["user_id"] == "ana"
    other.update(one["id"], metadata={"seen": True})
    other.close()  # is not its store
    assert (m.get(one["id"]) or {})["metadata"] == {"seen": True}
    for odd in ("", "\x00", "\ud800", "x" * 1000, None, 7):
        assert m.get(odd) is None  # type: ignore[arg-type]


def test_a_rare_filter_is_looked_for_to_the_end(m: Memory) -> None:
    said = [{"role": "user", "content": f"tea number {n}"} for n in range(150)]
    m.add(said, user_id="ana")
    m.add("tea, at last", user_id="ana", metadata={"rare": True})
    found = m.search("tea number 7", filters={"user_id": "ana", "rare": True}, top_k=1)
    assert [one["memory"] for one in found["results"]] == ["tea, at last"]
    assert m.search("tea", user_id="ana", top_k=0) == {"results": []}
    assert len(m.search("tea", user_id="ana", limit=100)["results"]) == 100
    assert len(m.get_all(user_id="ana")["results"]) == 20


def test_what_expires_is_hidden_from_its_day_on(m: Memory) -> None:
    today = datetime.now(UTC).date()
    m.add("yesterday's tea", user_id="ana", expiration_date=today - timedelta(days=1))
    [kept] = m.add("today's tea", user_id="ana", expiration_date=today)["results"]
    assert [one["memory"] for one in m.search("tea", user_id="ana")["results"]] == ["today's tea"]
    assert len(m.search("tea", user_id="ana", show_expired=True)["results"]) == 2
    m.update(kept["id"], expiration_date="2001-01-01")
    assert m.get_all(user_id="ana") == {"results": []}
    m.update(kept["id"], expiration_date=None)
    assert [one["expiration_date"] for one in m.get_all(user_id="ana")["results"]] == [None]


def test_a_threshold_is_on_the_score_that_is_shown(m: Memory) -> None:
    for text in ("tea and milk", "tea", "milk", "nothing of it"):
        m.add(text, user_id="ana")
    scores = [one["score"] for one in m.search("tea", user_id="ana")["results"]]
    assert scores == sorted(scores, reverse=True)
    kept = m.search("tea", user_id="ana", threshold=scores[0])["results"]
    assert [one["score"] for one in kept] == scores[:1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"messages": 7},
        {"messages": ["text"]},
        {"messages": [{"role": "pope", "content": "x"}]},
        {"messages": [{"role": "user", "content": 7}]},
        {"messages": " "},
        {"metadata": "x"},
        {"metadata": {"user_id": "bo"}},
        {"metadata": {"x": object()}},
        {"user_id": "no user"},
        {"user_id": ""},
        {"user_id": None},
        {"agent_id": " "},
        {"prompt": "extract"},
        {"memory_type": "procedural_memory"},
        {"expiration_date": 7},
    ],
)
def test_what_can_not_be_added_is_an_error_and_leaves_nothing(
    m: Memory, wrong: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput):
        m.add(**{"messages": [{"role": "user", "content": "fine"}], "user_id": "ana", **wrong})
    both = [{"role": "user", "content": "fine"}, {"role": "user", "content": " "}]
    with pytest.raises(InvalidInput):
        m.add(both, user_id="ana")
    assert m.memory.users() == [] or m.memory.list(user_id="ana") == []


def test_from_config(tmp_path: Path) -> None:
    with Memory.from_config({"path": tmp_path / "a.rmem", "embedder": "none"}) as own:
        assert own.memory.status().encoder == "none"
    theirs = {"history_db_path": str(tmp_path / "history.db"), "llm": {"provider": "openai"}}
    with pytest.warns(UserWarning, match="without effect in Remanence: llm"):
        Memory.from_config({**theirs, "embedder": "none"}).close()
    assert (tmp_path / "memory.rmem").exists()
    store = {"vector_store": {"provider": "qdrant", "config": {"path": str(tmp_path / "q" / "x")}}}
    (tmp_path / "q").mkdir()
    with pytest.warns(UserWarning, match="vector_store"):
        Memory.from_config({**store, "embedder": "none"}).close()
    assert (tmp_path / "q" / "memory.rmem").exists()
    with pytest.raises(InvalidInput, match="'vectors'"):
        Memory.from_config({"vectors": {}})


def test_an_open_memory_is_taken_as_it_is(tmp_path: Path) -> None:
    async def run(memory: remanence.Memory) -> None:
        async with AsyncMemory(memory) as client:
            await client.add("I sing", user_id="ana")
            found = await client.search("sing", filters={"user_id": "ana"})
            assert [one["memory"] for one in found["results"]] == ["I sing"]

    with remanence.Memory.open(tmp_path / "m.rmem", embedder="none") as memory:
        asyncio.run(run(memory))
        assert len(memory.list(user_id="ana")) == 1


# --- filters -----------------------------------------------------------------------------------------------------

VALUES = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-3, 3) | st.sampled_from("abA")
FIELDS = st.dictionaries(st.sampled_from("xyz"), VALUES | st.lists(VALUES, max_size=3), max_size=3)
CONDITION = st.one_of(
    st.builds(lambda v: {"eq": v}, VALUES),
    st.builds(lambda v: {"in": v}, st.lists(VALUES, max_size=3)),
    st.builds(lambda o, v: {o: v}, st.sampled_from(["gt", "lte"]), st.integers(-3, 3)),
    st.builds(lambda v: {"icontains": v}, st.sampled_from("abA")),
)
TREE = st.recursive(
    st.dictionaries(st.sampled_from("xyz"), CONDITION, min_size=1, max_size=2),
    lambda inner: st.builds(
        lambda name, some: {name: some},
        st.sampled_from(["AND", "OR", "NOT"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=6,
)


@given(tree=TREE, other=TREE, fields=FIELDS)
def test_groups_are_logic(tree: dict[str, Any], other: dict[str, Any], fields: Any) -> None:
    one, two = compiled(tree)(fields), compiled(other)(fields)
    assert compiled({"AND": [tree, other]})(fields) == (one and two)
    assert compiled({"OR": [tree, other]})(fields) == (one or two)
    assert compiled({"NOT": [tree, other]})(fields) == (not (one or two))
    assert compiled({"NOT": [{"NOT": [tree]}]})(fields) == one


@pytest.mark.parametrize(
    "wrong",
    [
        *({"n": {}}, {"n": {"like": 1}}, {"n": {"gt": "a"}}, {"n": {"gt": True}}, {"n": {"gt": None}}),
        *({"n": {"in": "ab"}}, {"n": {"in": 3}}, {"n": {"contains": 3}}, {"AND": {}}, {"OR": []}),
        *({"NOT": [7]}, {"AND": [{"n": {"like": 1}}]}, {"$nor": []}, {7: 1}, {"n": {7: 1}}),
    ],
)  # fmt: skip
def test_what_is_no_filter_is_an_error(m: Memory, wrong: Any) -> None:
    with pytest.raises(InvalidInput):
        compiled(wrong)
    with pytest.raises(InvalidInput):
        m.search("x", filters={"user_id": "ana", **wrong})
    assert "like" not in OPERATORS
