"""`rmem mcp --http`: many clients over one server, each with what its token allows."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from remanence.errors import InvalidInput
from remanence.memory import Memory
from remanence.serve.http.tokens import TokenFile
from remanence.serve.mcp.over_http import checked_host
from remanence.serve.ops.op import Right
from tests.serve.mcp.conftest import environment, rmem

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "by hand", "version": "1"},
    },
}
ACCEPT = {"Accept": "application/json, text/event-stream"}


class Served:
    """A server process over HTTP, its address and its tokens."""

    def __init__(self, folder: Path, store: str = "memory.rmem") -> None:
        self.store = folder / store
        self.store.parent.mkdir(exist_ok=True)
        self.tokens = TokenFile(folder / "tokens.json")
        more = ["--http", "--port", "0", "--tokens", str(self.tokens.path)]
        self.process = subprocess.Popen(
            rmem(self.store, "--tools", "memory,graph", *more),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(folder),
            text=True,
        )
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        assert first.startswith("MCP at http://127.0.0.1:"), first
        self.url = first.split()[2].rstrip(";")

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=30)
        assert "Traceback" not in errors

    def token(self, name: str, *rights: Right, **bound: Any) -> str:
        return self.tokens.make(name, rights or (Right.read, Right.write), **bound)[0]

    @asynccontextmanager
    async def client(self, token: str, mode: str = "legacy") -> AsyncIterator[Client]:
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=30) as http,
            Client(streamable_http_client(self.url, http_client=http), mode=mode) as client,
        ):
            yield client

    def post(self, token: str | None, **headers: str) -> httpx2.Response:
        given = {"Authorization": f"Bearer {token}"} if token is not None else {}
        return httpx2.post(self.url, json=INITIALIZE, headers={**ACCEPT, **given, **headers})


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    found = Served(tmp_path_factory.mktemp("served"))
    yield found
    found.end()
    with Memory.open(found.store, embedder="none") as memory:
        assert memory.verify().ok


def test_nobody_comes_in_without_a_token(served: Served) -> None:
    for token in (None, "x", "rmem_00000000_" + "A" * 43):
        answer = served.post(token)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert served.post(served.token("right")).status_code == 200


def test_a_token_counts_until_it_is_revoked(served: Served) -> None:
    token = served.token("leaving")
    assert served.post(token).status_code == 200
    served.tokens.revoke("leaving")
    assert served.post(token).status_code == 401


def test_a_page_under_another_name_does_not_reach_it(served: Served) -> None:
    token = served.token("browser")
    assert served.post(token, Host="evil.example").status_code == 421
    assert served.post(token, Host="localhost.evil.example:80").status_code == 421
    assert served.post(token, Origin="https://evil.example").status_code == 403
    assert served.post(token, Origin="null").status_code == 403


def test_what_is_too_large_or_broken_is_refused_and_the_server_lives_on(served: Served) -> None:
    token = served.token("rough")
    headers = {**ACCEPT, "Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    large = httpx2.post(served.url, content=b'"' + b"x" * (9 << 20) + b'"', headers=headers)
    assert large.status_code == 413
    for body in (b"", b"{", b"[]", b'{"jsonrpc": "2.0", "id": 1, "method": "\xff"}', b"[" * 9_999):
        assert httpx2.post(served.url, content=body, headers=headers).status_code == 400
    assert served.post(token).status_code == 200


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_a_token_is_bound_to_its_user_and_its_rights(served: Served, mode: str) -> None:
    ana = served.token(f"ana {mode}", user_id="ana")
    bob = served.token(f"bob {mode}", Right.read, user_id="bob")
    word = f"heliotrope{mode}"

    async def visit() -> None:
        async with served.client(ana, mode) as client:
            assert not (await client.call_tool("add_memory", {"content": word})).is_error
            found = await client.call_tool("search_memory", {"query": word})
            assert found.structured_content["items"]
            (event,) = (await client.call_tool("list_events", {"limit": 1})).structured_content[
                "items"
            ]
            assert event["actor"].startswith("mcp/ana")
            assert "user_id" not in json.dumps(
                [t.input_schema for t in (await client.list_tools()).tools]
            )
        async with served.client(bob, mode) as client:
            names = {tool.name for tool in (await client.list_tools()).tools}
            assert "search_memory" in names
            assert not names & {"add_memory", "create_entities", "forget_memory"}
            assert (await client.call_tool("add_memory", {"content": "x"})).is_error
            found = await client.call_tool("search_memory", {"query": word})
            assert found.structured_content["items"] == []

    anyio.run(visit)


def test_a_token_for_everybody_says_whose(served: Served) -> None:
    owner = served.token("owner", *Right)

    async def visit() -> None:
        async with served.client(owner) as client:
            await client.call_tool("add_memory", {"content": "for Cleo", "user_id": "cleo"})
            for user, count in (("cleo", 1), ("dora", 0)):
                found = await client.call_tool("list_memories", {"user_id": user})
                assert len(found.structured_content["items"]) == count
            assert not (await client.call_tool("memory_status", {})).is_error

    anyio.run(visit)


def test_a_session_belongs_to_the_token_that_began_it(served: Served) -> None:
    first, second = served.token("first"), served.token("second")
    session = served.post(first).headers["mcp-session-id"]
    listing = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    for token, status in ((second, 404), (first, 200)):
        headers = {**ACCEPT, "Authorization": f"Bearer {token}", "Mcp-Session-Id": session}
        assert httpx2.post(served.url, json=listing, headers=headers).status_code == status


def test_clients_at_once_lose_nothing(served: Served) -> None:
    tokens = [served.token(f"client {number}", user_id="eve") for number in range(4)]

    async def write(number: int) -> None:
        async with served.client(tokens[number]) as client:
            for turn in range(5):
                content = f"note {number} {turn}"
                result = await client.call_tool("add_memory", {"content": content})
                assert result.structured_content["items"][0]["status"] == "stored"

    async def visit() -> None:
        async with anyio.create_task_group() as tasks:
            for number in range(4):
                tasks.start_soon(write, number)

    anyio.run(visit)
    with Memory.open(served.store, embedder="none") as memory:
        assert len(memory.list(user_id="eve")) == 20


def test_tenants_in_a_folder_have_stores_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "stores").mkdir()
    served = Served(tmp_path, "stores")
    one, other = (served.token(name, *Right, tenant=name, user_id="ana") for name in ("one", "two"))
    entity = {"name": "Lena", "entityType": "person", "observations": ["plays the viola"]}

    async def visit() -> None:
        async with served.client(one) as client:
            await client.call_tool("create_entities", {"entities": [entity]})
            found = await client.call_tool("read_graph", {})
            assert found.structured_content["entities"] == [entity]
            assert (await client.call_tool("search_memory", {"query": "viola"})).structured_content[
                "items"
            ]
        async with served.client(other) as client:
            found = await client.call_tool("read_graph", {})
            assert found.structured_content["entities"] == []

    anyio.run(visit)
    served.end()


def test_an_address_that_means_every_one_is_refused() -> None:
    for host in ("0.0.0.0", "::", "[::]"):
        with pytest.raises(InvalidInput, match="every address"):
            checked_host(host)
    assert "localhost" in checked_host("127.0.0.1")
    assert checked_host("::1") == checked_host("localhost")
    assert checked_host("10.0.0.7") == ("10.0.0.7",)
    assert checked_host("fd00::7") == ("[fd00::7]",)
