"""A client of the SDK's own, talking to our server in this process or in one of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from remanence.memory import Memory
from remanence.serve.http.memories import Memories
from remanence.serve.http.settings import Settings
from remanence.serve.mcp.door import Door, Visitor, named, offering
from remanence.serve.ops.op import Caller, Right

USER = "ana"
ALL = frozenset(Right)


def rmem(store: Path, *arguments: str) -> list[str]:
    """The command line of a server process over this store."""
    own = ["--store", str(store), "--embedder", "none", "--user", USER]
    return [sys.executable, "-m", "remanence", "mcp", *own, *arguments]


def environment(folder: Path) -> dict[str, str]:
    """What a server process sees: settings of its own."""
    return {**os.environ, "REMANENCE_CONFIG": str(folder / "config")}


@asynccontextmanager
async def process(store: Path, *arguments: str, mode: str = "legacy") -> AsyncIterator[Client]:
    """A client of `rmem mcp` over stdio."""
    command, *rest = rmem(store, *arguments)
    parameters = StdioServerParameters(command=command, args=rest, env=environment(store.parent))
    async with Client(stdio_client(parameters), mode=mode) as client:
        yield client


@dataclass
class Here:
    """A server in this process over a store in a folder of its own."""

    store: Path

    def __post_init__(self) -> None:
        self.memories = Memories(Settings(store=self.store, embedder="none"))

    def door(
        self,
        *tools: str,
        rights: frozenset[Right] = ALL,
        user_id: str | None = USER,
        origin: str = "mcp",
    ) -> Door:
        caller = Caller(rights=rights, user_id=user_id, origin=origin)
        return Door(
            using=self.memories.using,
            visitor=lambda context: Visitor(caller=named(caller, context)),
            tools=offering(tools or ("memory", "graph")),
        )

    def client(self, *tools: str, **how: Any) -> AbstractAsyncContextManager[Client]:
        return Client(self.door(*tools, **how).server(), mode="legacy")

    def ask(self, work: Callable[[Client], Awaitable[Any]], *tools: str, **how: Any) -> Any:
        """What `work` makes of a client."""

        async def asked() -> Any:
            async with self.client(*tools, **how) as client:
                return await work(client)

        return anyio.run(asked)

    def call(self, name: str, **arguments: Any) -> Any:
        """The result of one call of a tool, by a caller who may do everything."""
        return self.ask(lambda client: client.call_tool(name, arguments))

    @property
    def memory(self) -> Memory:
        with self.memories.using("") as memory:
            return memory


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    monkeypatch.setenv("REMANENCE_CONFIG", str(tmp_path / "config"))
    found = Here(tmp_path / "memory.rmem")
    yield found
    found.memories.close()
