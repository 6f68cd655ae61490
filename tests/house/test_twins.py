"""The twins of `Memory`, asynchronous and bound: written from `memory/`, complete, and working on a real store."""

from __future__ import annotations

import ast
import asyncio
import inspect
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from remanence import AsyncMemory, BoundMemory, Conflict, Memory
from tools import gen_twins

SMALL = '''
from __future__ import annotations
from collections.abc import Iterator
from remanence.types import Hit, Record, Scope

LIMIT = 3

class Status: ...

class Core:
    @classmethod
    def open(cls, path: str, /, *, embedder: str = "auto") -> Memory:
        """Open it."""
    @property
    def path(self) -> str:
        """Where it is."""
    def list(self, limit: int = LIMIT) -> list[Record]:
        """All."""
    def search(
        self, query: str, k: int = 10, *words: str, user_id: str | None = None, agent_id: str | None = None, **filters: object
    ) -> list[Hit]:
        """Look.

        Two paragraphs.
        """
    def each(self) -> Iterator[Status]:
        """One by one."""
    def flush(self) -> None:
        """Wait."""
    def _hidden(self) -> None: ...
    def close(self) -> None:
        """Close it."""
'''


def test_each_kind_of_method_has_its_kind_of_twin() -> None:
    text = gen_twins.generate_async([SMALL])
    twins = {
        node.name: ast.unparse(node)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    own = {"__init__", "_run", "__aenter__", "__aexit__"}
    assert twins.keys() - own == {"open", "path", "list", "search", "each", "flush", "close"}
    assert (
        "async def open(cls, path: str, /, *, embedder: str='auto') -> AsyncMemory" in twins["open"]
    )
    assert (
        "AsyncMemory(await asyncio.to_thread(lambda: Memory.open(path, embedder=embedder)))"
        in twins["open"]
    )
    assert twins["path"].startswith("@property\ndef path(self) -> str")
    assert (
        "search(query, k, *words, user_id=user_id, agent_id=agent_id, **filters)" in twins["search"]
    )
    assert "Two paragraphs." in twins["search"]
    assert "-> list[Status]" in twins["each"]
    assert "list(self._memory.each())" in twins["each"]
    assert "\n    await self._run(lambda: self._memory.flush())" in twins["flush"]
    assert twins["close"].endswith("self._worker.shutdown()")
    assert list(twins)[-1] == "list"
    assert "from remanence.memory import Memory\n" in text
    assert "from remanence.memory.core import LIMIT, Status\n" in text
    assert "from remanence.types import Hit, Record\n" in text


def test_a_bound_memory_has_the_verbs_that_are_somebodys_and_no_way_to_name_another() -> None:
    text = gen_twins.generate_bound([SMALL])
    twins = {
        node.name: ast.unparse(node)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef)
    }
    assert twins.keys() == {"__init__", "search"}
    assert (
        "def search(self, query: str, k: int=10, *words: str, **filters: object)" in twins["search"]
    )
    assert "user_id=self._user, agent_id=self._agent" in twins["search"]


def test_every_verb_that_is_somebodys_is_bound() -> None:
    for name, method in inspect.getmembers(Memory, callable):
        parameters = dict(inspect.signature(method).parameters) if name[0] != "_" else {}
        if {"user_id", "agent_id"} <= parameters.keys():
            del parameters["user_id"], parameters["agent_id"]
            assert dict(inspect.signature(getattr(BoundMemory, name)).parameters) == parameters
        else:
            assert not hasattr(BoundMemory, name) or name.startswith("__")


def test_a_bound_memory_reads_and_writes_one_users(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "m.db", embedder="none") as memory:
        ana, ben = BoundMemory(memory, user_id="ana"), BoundMemory(memory, user_id="ben")
        ana.add("the key is under the mat", id="k")
        assert [hit.record.id for hit in ana.search("where is the key")] == ["k"]
        assert not ben.search("where is the key")
        with pytest.raises(TypeError):
            ben.search("where is the key", user_id="ana")  # type: ignore[call-arg]


def test_the_committed_file_is_current() -> None:
    pytest.importorskip("ruff", reason="its format is ruff's, a tool of `make lint`")
    done = subprocess.run(
        [sys.executable, gen_twins.__file__, "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_public_method_has_a_twin_of_the_same_parameters() -> None:
    for name, method in inspect.getmembers(Memory, callable):
        if not name.startswith("_"):
            twin = getattr(AsyncMemory, name)
            assert inspect.iscoroutinefunction(twin)
            assert inspect.signature(twin).parameters == inspect.signature(method).parameters
            assert inspect.getdoc(twin) == inspect.getdoc(method)


def run_with(path: Path, use: Callable[[AsyncMemory], object]) -> object:
    async def main() -> object:
        async with await AsyncMemory.open(path, embedder="none") as memory:
            return await use(memory)  # type: ignore[misc]

    return asyncio.run(main())


def test_writes_in_flight_keep_their_order_and_can_be_read(tmp_path: Path) -> None:
    async def use(memory: AsyncMemory) -> list[str]:
        writes = [memory.add(f"note number {n}", user_id="ana", id=f"n{n}") for n in range(20)]
        await asyncio.gather(*writes)
        assert (await memory.search("number 7", user_id="ana"))[0].record.id == "n7"
        return [event.id for event in await memory.events(user_id="ana")]

    assert run_with(tmp_path / "m.db", use) == [f"n{n}" for n in range(20)]


def test_the_event_loop_stays_free_and_errors_arrive(tmp_path: Path) -> None:
    async def use(memory: AsyncMemory) -> None:
        await memory.add("tea", user_id="ana", id="a")
        with pytest.raises(Conflict):
            await memory.update("a", "coffee", user_id="ana", expect=99)
        assert memory._worker._threads
        assert threading.main_thread() not in memory._worker._threads

    run_with(tmp_path / "m.db", use)
    assert [
        thread for thread in threading.enumerate() if thread.name.startswith("remanence_")
    ] == []
