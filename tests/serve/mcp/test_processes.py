"""`rmem mcp` as clients start it: over stdio, alone and many at once, ended in every way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import IO, Any

import anyio
import pytest

from remanence.memory import Memory
from remanence.serve.mcp.about import GRAPH, TOOLS
from tests.serve.mcp.conftest import USER, environment, process, rmem

HELLO = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "by hand", "version": "1"},
    },
}


def call(number: int, name: str, /, **arguments: Any) -> str:
    parameters = {"name": name, "arguments": arguments}
    return json.dumps(
        {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": parameters}
    )


def started(store: Path, *arguments: str) -> subprocess.Popen[str]:
    """A server process that has been greeted, with its pipes."""
    server = subprocess.Popen(
        rmem(store, *arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(store.parent),
        text=True,
        encoding="utf-8",
    )
    ask(server, json.dumps(HELLO))
    tell(server, json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}))
    return server


def pipes(server: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    assert server.stdin is not None
    assert server.stdout is not None
    return server.stdin, server.stdout


def tell(server: subprocess.Popen[str], line: str) -> None:
    writing, _ = pipes(server)
    writing.write(line + "\n")
    writing.flush()


def ask(server: subprocess.Popen[str], line: str) -> Any:
    tell(server, line)
    return json.loads(pipes(server)[1].readline())


@pytest.mark.parametrize("mode", [pytest.param("legacy", marks=pytest.mark.slow), "auto"])
def test_a_client_of_either_protocol_era(tmp_path: Path, mode: str) -> None:
    store = tmp_path / "memory.rmem"

    async def visit() -> None:
        async with process(store, "--tools", "memory,graph", mode=mode) as client:
            tools = {tool.name for tool in (await client.list_tools()).tools}
            assert tools < {*TOOLS, *GRAPH}
            assert not tools & {"forget_memory", "delete_entities"}
            await client.call_tool("add_memory", {"content": "Lena lives in Porto."})
            found = await client.call_tool("search_memory", {"query": "Where does Lena live?"})
            assert found.structured_content["items"][0]["record"]["text"] == "Lena lives in Porto."
            assert client.server_info is not None
            assert client.server_info.name == "remanence"

    anyio.run(visit)
    with Memory.open(store, embedder="none") as memory:
        assert {one.actor for one in memory.events(user_id=USER)} == {"mcp/mcp"}
        assert memory.list(user_id=USER)[0].origin == "mcp"


def test_a_conversation_by_hand_and_its_end(tmp_path: Path) -> None:
    """Broken lines, lone surrogates, then everything at once and the end: standard output has the answers, and nothing else."""
    store = tmp_path / "memory.rmem"
    server = started(store)
    tell(server, "this is not JSON")
    tell(server, '{"jsonrpc": "2.0"}')
    tell(server, "\ud800".encode("utf-8", "replace").decode())
    half = call(1, "add_memory", content="half HALF here", id="half").replace("HALF", r"\ud83d")
    assert ask(server, half)["result"]["structuredContent"]["items"][0]["status"] == "stored"
    many = [call(10 + number, "add_memory", content=f"note {number}") for number in range(20)]
    out, errors = server.communicate("\n".join(many) + "\n", timeout=60)
    answers = {answer["id"]: answer for answer in map(json.loads, out.splitlines())}
    assert set(answers) == set(range(10, 30))
    assert server.returncode == 0
    assert "Traceback" not in errors
    with Memory.open(store, embedder="none") as memory:
        assert memory.get("half", user_id=USER).text == "half \ufffd here"
        assert len(memory.list(user_id=USER)) == 21


@pytest.mark.parametrize(
    "told", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_told_to_end_it_ends_well(tmp_path: Path, told: signal.Signals) -> None:
    store = tmp_path / "memory.rmem"
    server = started(store)
    assert not ask(server, call(1, "add_memory", content="before the end"))["result"]["isError"]
    server.send_signal(told)
    _, errors = server.communicate(timeout=30)
    assert server.returncode == 0
    assert "Traceback" not in errors
    with Memory.open(store, embedder="none") as memory:
        assert memory.verify().ok
        assert [record.text for record in memory.list(user_id=USER)] == ["before the end"]


def test_killed_in_the_middle_of_writing_it_keeps_what_it_said_it_kept(tmp_path: Path) -> None:
    store = tmp_path / "memory.rmem"
    server = started(store, "--tools", "memory,graph")
    acknowledged = []
    for number in range(200):
        tell(server, call(number, "add_memory", content=f"note {number}", id=f"n{number}"))
    entity = {"name": "Lena", "entityType": "person", "observations": ["a", "b"]}
    tell(server, call(1_000, "create_entities", entities=[entity]))
    _, reading = pipes(server)
    while len(acknowledged) < 40:
        answer = json.loads(reading.readline())
        acknowledged.append(answer["result"]["structuredContent"]["items"][0]["id"])
    os.kill(server.pid, signal.SIGKILL)
    server.communicate()
    with Memory.open(store, embedder="none") as memory:
        assert memory.verify().ok
        kept = {record.id for record in memory.list(user_id=USER, limit=1_000)}
        assert set(acknowledged) <= kept
        graph = [
            record.text for record in memory.list(user_id=USER, kinds=("entity", "observation"))
        ]
        assert graph in ([], ["Lena", "a", "b"])


async def visited(store: Path, number: int, turns: int) -> None:
    """What one of many clients does: writes of its own, writes to what all share, and reads of what it wrote."""
    rights = ("--right", "read", "--right", "write", "--right", "forget")
    async with process(store, "--tools", "memory,graph", *rights) as client:

        async def done(name: str, **arguments: Any) -> Any:
            result = await client.call_tool(name, arguments)
            assert not result.is_error, result.content[0].text
            return result.structured_content

        shared = {"name": "shared", "entityType": "thing", "observations": []}
        await done("create_entities", entities=[shared])
        for turn in range(turns):
            mark = f"n{number}t{turn}"
            (ack,) = (await done("add_memory", content=f"note {mark}", id=mark))["items"]
            assert ack["status"] == "stored"
            await done(
                "add_observations", observations=[{"entityName": "shared", "contents": [mark]}]
            )
            relation = {"from": "shared", "to": mark, "relationType": "has"}
            await done("create_relations", relations=[relation])
            assert (await done("search_memory", query=mark, k=3))["items"]
            opened = await done("open_nodes", names=["shared"])
            assert mark in opened["entities"][0]["observations"]
            if turn % 2:
                gone = {"entityName": "shared", "observations": [f"n{number}t{turn - 1}"]}
                await done("delete_observations", deletions=[gone])


def many(store: Path, clients: int, turns: int) -> None:
    async def visit() -> None:
        async with anyio.create_task_group() as tasks:
            for number in range(clients):
                tasks.start_soon(visited, store, number, turns)

    anyio.run(visit)
    with Memory.open(store, embedder="none") as memory:
        assert memory.verify().ok
        kept = memory.list(user_id=USER, kinds=("episode",), limit=10_000)
        marks = {f"n{number}t{turn}" for number in range(clients) for turn in range(turns)}
        assert {record.id for record in kept} == marks
        observed = memory.list(user_id=USER, kinds=("observation",), limit=10_000)
        left = {mark for mark in marks if int(mark.partition("t")[2]) % 2}
        left |= {mark for mark in marks if mark.endswith(f"t{turns - 1}")}
        assert {record.text for record in observed} == left
        assert len(memory.list(user_id=USER, kinds=("relation",), limit=10_000)) == len(marks)
        assert len(memory.list(user_id=USER, kinds=("entity",), limit=10_000)) == 1


def test_two_servers_on_one_file_lose_nothing(tmp_path: Path) -> None:
    many(tmp_path / "memory.rmem", clients=2, turns=4)


@pytest.mark.slow
def test_eight_servers_on_one_file_lose_nothing(tmp_path: Path) -> None:
    many(tmp_path / "memory.rmem", clients=8, turns=12)
