"""Write `memory_async.py` and `memory_bound.py` from the folder `memory/`. `--check` fails where one is stale.

`AsyncMemory`: every public method as `async def` that runs the synchronous one in the single worker thread of its memory, so
that calls keep their order and the event loop stays free; a method that returns an iterator returns a list there.
`BoundMemory`: the methods that take `user_id` and `agent_id`, without these: they are given once. Signatures and docstrings are
copied from the syntax trees; nothing is imported.
"""

from __future__ import annotations

import argparse
import ast
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "remanence"
PARTS = ("core", "writing", "reading", "lifecycle", "erasing", "ledger")
"""Modules of `memory/` in the order in which their verbs are listed."""
WHOSE = ("user_id", "agent_id")
LAZY = ("Iterator", "Iterable", "Generator")

ASYNC_HEAD = '''\
"""`Memory` for asynchronous programs: the same verbs, awaited; one worker thread a memory.

    async with await AsyncMemory.open("memory.db") as memory:
        await memory.add("I moved to Lisbon in March", user_id="ana")
        hits = await memory.search("Where does Ana live?", user_id="ana")

Written by `make gen` from `memory/`: edit that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
'''

ASYNC_CLASS = '''\
T = TypeVar("T")


class AsyncMemory:
    """A `Memory` whose verbs are awaited: `await AsyncMemory.open(…)`, or `AsyncMemory(memory)` around an open one."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="remanence")

    async def _run(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, call)

    async def __aenter__(self) -> AsyncMemory:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()
'''

BOUND_HEAD = '''\
"""`Memory` for one user: what is handed to code that must reach nobody else's.

    ana = BoundMemory(memory, user_id="ana", agent_id="assistant")
    ana.add("I moved to Lisbon in March")
    ana.search("Where does Ana live?")

No verb of it takes a user, so nothing that it is told can make it read another's. It can't open, close, export or back up either.
Written by `make gen` from `memory/`: edit that.
"""

from __future__ import annotations
'''

BOUND_CLASS = '''\
class BoundMemory:
    """The verbs of a `Memory` for one user, and one agent of theirs where `agent_id` says so."""

    def __init__(self, memory: Memory, *, user_id: str | None = None, agent_id: str | None = None) -> None:
        self._memory = memory
        self._user = user_id
        self._agent = agent_id
'''


def generate_async(sources: Sequence[str]) -> str:
    """The text of `memory_async.py` for these texts of `memory/*.py`; `ruff format` gives it its final shape."""
    twins = [_awaited(method) for method in _methods(sources)]
    return _module(ASYNC_HEAD, ASYNC_CLASS, sources, twins)


def generate_bound(sources: Sequence[str]) -> str:
    """The text of `memory_bound.py`, likewise."""
    twins = [
        _bound(method)
        for method in _methods(sources)
        if {arg.arg for arg in method.args.kwonlyargs} >= set(WHOSE)
    ]
    return _module(BOUND_HEAD, BOUND_CLASS, sources, twins)


def _methods(sources: Sequence[str]) -> list[ast.FunctionDef]:
    """The public methods of the classes that are, or stand on, `Core`."""
    found = [
        method
        for source in sources
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef)
        and (node.name == "Core" or "Core" in map(ast.unparse, node.bases))
        for method in node.body
        if isinstance(method, ast.FunctionDef) and method.name[0] != "_"
    ]
    # Last: below it, `list` would not be a type.
    return sorted(found, key=lambda method: method.name == "list")


def _module(head: str, start: str, sources: Sequence[str], twins: Sequence[ast.stmt]) -> str:
    used = {n.id for twin in twins for n in ast.walk(twin) if isinstance(n, ast.Name)}
    body = start.rstrip() + "\n" + "".join(_indented(twin) for twin in twins)
    return f"{head}\n{_imports(sources, used)}\n\n{body}\n"


def _awaited(method: ast.FunctionDef) -> ast.stmt:
    """The method with its signature and docstring, and a body that awaits the synchronous one."""
    kind = {ast.unparse(mark) for mark in method.decorator_list}
    returns = ast.unparse(method.returns) if method.returns else "None"
    call = f"{method.name}({_passed(method.args)})"
    if "property" in kind:
        code = f"return self._memory.{method.name}"
    elif kind & {"classmethod", "staticmethod"}:
        awaited = f"await asyncio.to_thread(lambda: Memory.{call})"
        code = f"return AsyncMemory({awaited})" if _is_memory(returns) else f"return {awaited}"
    elif method.name == "close":
        code = f"await self._run(lambda: self._memory.{call})\nself._worker.shutdown()"
    elif returns.startswith(LAZY):
        code = f"return await self._run(lambda: list(self._memory.{call}))"
    else:
        answer = "" if returns == "None" else "return "
        code = f"{answer}await self._run(lambda: self._memory.{call})"
    if _is_memory(returns):
        returns = "AsyncMemory"
    elif returns.startswith(LAZY):
        returns = f"list[{returns.partition('[')[2].removesuffix(']').partition(', None')[0]}]"
    return _twin(method, code, returns, wait="property" not in kind)


def _bound(method: ast.FunctionDef) -> ast.stmt:
    """The method without whose it is, and a body that says whose."""
    returns = ast.unparse(method.returns) if method.returns else "None"
    args = method.args
    kept = [
        (arg, default)
        for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True)
        if arg.arg not in WHOSE
    ]
    call = _passed(args).replace("user_id=user_id", "user_id=self._user")
    call = call.replace("agent_id=agent_id", "agent_id=self._agent")
    args.kwonlyargs = [arg for arg, _ in kept]
    args.kw_defaults = [default for _, default in kept]
    answer = "" if returns == "None" else "return "
    return _twin(method, f"{answer}self._memory.{method.name}({call})", returns, wait=False)


def _twin(method: ast.FunctionDef, code: str, returns: str, *, wait: bool) -> ast.stmt:
    parts = {field: getattr(method, field) for field in method._fields}
    parts["body"] = [*_docstring(method), *ast.parse(code).body]
    parts["returns"] = ast.parse(returns, mode="eval").body
    twin = ast.AsyncFunctionDef(**parts) if wait else ast.FunctionDef(**parts)
    return ast.fix_missing_locations(twin)


def _docstring(method: ast.FunctionDef) -> list[ast.stmt]:
    doc = ast.get_docstring(method) or ""
    return [ast.Expr(ast.Constant(doc + "\n" if "\n" in doc else doc))] if doc else []


def _is_memory(returns: str) -> bool:
    return returns.strip("'\"") in ("Memory", "Self")


def _passed(args: ast.arguments) -> str:
    """The call's arguments: every parameter handed on under its own name."""
    first, *positional = [*args.posonlyargs, *args.args]
    if first.arg not in ("self", "cls"):
        positional.insert(0, first)
    passed = [a.arg for a in positional]
    passed += [f"*{args.vararg.arg}"] if args.vararg else []
    passed += [f"{a.arg}={a.arg}" for a in args.kwonlyargs]
    passed += [f"**{args.kwarg.arg}"] if args.kwarg else []
    return ", ".join(passed)


def _imports(sources: Sequence[str], used: set[str]) -> str:
    """Imports of what the twins use: as `memory/` imports it, and from `memory/core.py` what that defines."""
    lines = ["from remanence.memory import Memory"]
    for source in sources:
        for node in ast.parse(source).body:
            lines += _imported(node, used)
    core = ast.parse(sources[0]).body
    local = {node.name for node in core if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    local |= {t.id for node in core if isinstance(node, ast.Assign) for t in _names(node.targets)}
    if local & used:
        lines.append(f"from remanence.memory.core import {', '.join(sorted(local & used))}")
    return "\n".join(dict.fromkeys(lines))


def _names(targets: Iterable[ast.expr]) -> list[ast.Name]:
    return [target for target in targets if isinstance(target, ast.Name)]


def _imported(node: ast.stmt, used: set[str]) -> list[str]:
    """The import statement with only the names that are used; nothing if there are none."""
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return []
    names = [a for a in node.names if (a.asname or a.name.partition(".")[0]) in used]
    if not names:
        return []
    if isinstance(node, ast.Import):
        return [ast.unparse(ast.Import(names))]
    return [ast.unparse(ast.ImportFrom(node.module, names, node.level))]


def _indented(twin: ast.stmt) -> str:
    return "\n\n" + "\n".join(
        f"    {line}" if line else "" for line in ast.unparse(twin).split("\n")
    )


def tidy(text: str, name: str) -> str:
    """The text as `ruff` sorts and formats it."""
    ruff = [sys.executable, "-m", "ruff"]
    where = ["--stdin-filename", str(PACKAGE / name)]
    sort = [*ruff, "check", "--quiet", "--fix", "--select", "I,F401", *where, "-"]
    for command in (sort, [*ruff, "format", "--quiet", *where, "-"]):
        text = subprocess.run(
            command, input=text, capture_output=True, text=True, check=True
        ).stdout
    return text


def main() -> int:
    """Write or check the files; exit status 1 where `--check` finds one stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing, exit 1 where one is stale"
    )
    check = parser.parse_args().check
    sources = [(PACKAGE / "memory" / f"{part}.py").read_text(encoding="utf-8") for part in PARTS]
    stale = False
    for name, generate in (
        ("memory_async.py", generate_async),
        ("memory_bound.py", generate_bound),
    ):
        text, target = tidy(generate(sources), name), PACKAGE / name
        if target.exists() and target.read_text(encoding="utf-8") == text:
            continue
        stale = True
        if check:
            print(f"src/remanence/{name}: stale - run `make gen`", file=sys.stderr)
        else:
            target.write_text(text, encoding="utf-8")
            print(f"wrote src/remanence/{name}")
    return int(check and stale)


if __name__ == "__main__":
    sys.exit(main())
