"""Anthropic's memory tool (`memory_20250818`) over a memory: Claude's files under `/memories` are records.

    tool = RemanenceMemoryTool(memory, user_id="ana")
    runner = client.beta.messages.tool_runner(model=…, max_tokens=1024, messages=[…], tools=[tool])

What the files are, and what the commands answer: `memory_files`. Importing this needs `pip install anthropic`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from remanence.errors import MissingExtra
from remanence.integrations.binding import bound
from remanence.integrations.memory_files import MemoryFiles, Refused
from remanence.memory import Memory
from remanence.memory_bound import BoundMemory

try:
    from anthropic.lib.tools import ToolError
    from anthropic.tools.memory import BetaAbstractMemoryTool, BetaAsyncAbstractMemoryTool
except ImportError as error:
    raise MissingExtra(
        "the memory tool needs the package anthropic", hint="pip install anthropic"
    ) from error

if TYPE_CHECKING:
    from anthropic.types.beta import BetaCacheControlEphemeralParam


class RemanenceMemoryTool(BetaAbstractMemoryTool):
    """The tool to hand to `client.beta.messages.tool_runner`, or to `call` with the input of a `tool_use` block.

    `memory`: a `Memory`, with whose it is in `user_id` and `agent_id`, or a `BoundMemory`. `origin`: the channel that the files count as
    coming through, by which the policy trusts them. Every mistake of the model's is a `ToolError`, which the SDK tells it."""

    def __init__(
        self,
        memory: Memory | BoundMemory,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        origin: str = "assistant",
        cache_control: BetaCacheControlEphemeralParam | None = None,
    ) -> None:
        super().__init__(cache_control=cache_control)
        self._files = MemoryFiles(bound(memory, user_id, agent_id), origin=origin)

    def execute(self, command: Any) -> str:
        """Carry out one command. Raises: ToolError."""
        return _run(self._files, command)

    def view(self, command: Any) -> str:
        return self.execute(command)

    def create(self, command: Any) -> str:
        return self.execute(command)

    def str_replace(self, command: Any) -> str:
        return self.execute(command)

    def insert(self, command: Any) -> str:
        return self.execute(command)

    def delete(self, command: Any) -> str:
        return self.execute(command)

    def rename(self, command: Any) -> str:
        return self.execute(command)

    def clear_all_memory(self) -> str:
        """Forget all files of this user, for good."""
        return _told(self._files.clear)


class AsyncRemanenceMemoryTool(BetaAsyncAbstractMemoryTool):
    """`RemanenceMemoryTool` for `AsyncAnthropic`; commands run in a thread, so that the event loop goes on."""

    def __init__(
        self,
        memory: Memory | BoundMemory,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        origin: str = "assistant",
        cache_control: BetaCacheControlEphemeralParam | None = None,
    ) -> None:
        super().__init__(cache_control=cache_control)
        self._files = MemoryFiles(bound(memory, user_id, agent_id), origin=origin)

    async def execute(self, command: Any) -> str:
        """Carry out one command. Raises: ToolError."""
        return await asyncio.to_thread(_run, self._files, command)

    async def view(self, command: Any) -> str:
        return await self.execute(command)

    async def create(self, command: Any) -> str:
        return await self.execute(command)

    async def str_replace(self, command: Any) -> str:
        return await self.execute(command)

    async def insert(self, command: Any) -> str:
        return await self.execute(command)

    async def delete(self, command: Any) -> str:
        return await self.execute(command)

    async def rename(self, command: Any) -> str:
        return await self.execute(command)

    async def clear_all_memory(self) -> str:
        """Forget all files of this user, for good."""
        return await asyncio.to_thread(_told, self._files.clear)


def _run(files: MemoryFiles, command: Any) -> str:
    """One command, whatever the model put into it."""

    def given(name: str) -> Any:
        return getattr(command, name, None)

    commands: dict[str, Callable[[], str]] = {
        "view": lambda: files.view(given("path"), given("view_range")),
        "create": lambda: files.create(given("path"), given("file_text")),
        "str_replace": lambda: files.str_replace(given("path"), given("old_str"), given("new_str")),
        "insert": lambda: files.insert(given("path"), given("insert_line"), given("insert_text")),
        "delete": lambda: files.delete(given("path")),
        "rename": lambda: files.rename(given("old_path"), given("new_path")),
    }
    asked = given("command")
    if not isinstance(asked, str) or asked not in commands:
        raise ToolError(f"Unknown command: {asked!a}. Known are {', '.join(commands)}.")
    return _told(commands[asked])


def _told(command: Callable[[], str]) -> str:
    try:
        return command()
    except Refused as refused:
        raise ToolError(str(refused)) from refused
