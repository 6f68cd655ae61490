"""Write `memory_async.py` from `memory.py`: the same verbs, awaited. `--check` fails where it is stale.

Every public method becomes `async def` and runs the synchronous one in the single worker thread of its memory, so that
calls keep their order and the event loop stays free. A method that returns an iterator returns a list here; properties
stay properties. Signatures and docstrings are copied from the syntax tree; nothing is imported.
"""

from __future__ import annotations

import argparse
import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "remanence" / "memory.py"
TARGET = ROOT / "src" / "remanence" / "memory_async.py"

LAZY = ("Iterator", "Iterable", "Generator")

HEAD = '''\
"""`Memory` for asynchronous programs: the same verbs, awaited; one worker thread a memory.

    async with await AsyncMemory.open("memory.db") as memory:
        await memory.add("I moved to Lisbon in March", user_id="ana")
        hits = await memory.search("Where does Ana live?", user_id="ana")

Written by `make gen` from `memory.py`: edit that.
"""

from __future__ import annotations
'''

CLASS = '''\
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


def generate(source: str) -> str:
    """The text of `memory_async.py` for this text of `memory.py`; `ruff format` gives it its final shape."""
    tree = ast.parse(source)
    memory = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "Memory")
    methods = [n for n in memory.body if isinstance(n, ast.FunctionDef) and n.name[0] != "_"]
    methods.sort(
        key=lambda method: method.name == "list"
    )  # last: below it, `list` would not be a type
    twins = [_twin(method) for method in methods]
    used = {n.id for twin in twins for n in ast.walk(twin) if isinstance(n, ast.Name)}
    body = ast.unparse(ast.parse(CLASS)) + "".join(_indented(twin) for twin in twins)
    return f"{HEAD}\n{_imports(tree, used)}\n\nT = TypeVar('T')\n\n\n{body}\n"


def _twin(method: ast.FunctionDef) -> ast.FunctionDef | ast.AsyncFunctionDef:
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
    parts = {field: getattr(method, field) for field in method._fields}
    parts["body"] = [*_docstring(method), *ast.parse(code).body]
    parts["returns"] = ast.parse(returns, mode="eval").body
    twin = ast.FunctionDef(**parts) if "property" in kind else ast.AsyncFunctionDef(**parts)
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


def _imports(tree: ast.Module, used: set[str]) -> str:
    """Imports of what the twins use: as `memory.py` imports it, and from `memory.py` what it defines."""
    lines = [
        "import asyncio",
        "from collections.abc import Callable",
        "from concurrent.futures import ThreadPoolExecutor",
        "from typing import TYPE_CHECKING, TypeVar",
    ]
    local = {"Memory"}
    for node in tree.body:
        lines += _imported(node, used)
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            local |= {node.name} & used
        elif isinstance(node, ast.Assign):
            local |= {t.id for t in node.targets if isinstance(t, ast.Name)} & used
    lines.append(f"from remanence.memory import {', '.join(sorted(local))}")
    guarded = [
        line
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in node.body
        for line in _imported(inner, used)
    ]
    if guarded:
        lines.append("\nif TYPE_CHECKING:")
        lines += [f"    {line}" for line in guarded]
    return "\n".join(lines)


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


def tidy(text: str) -> str:
    """The text as `ruff` sorts and formats it."""
    ruff = [sys.executable, "-m", "ruff"]
    name = ["--stdin-filename", str(TARGET)]
    sort = [*ruff, "check", "--quiet", "--fix", "--select", "I,F401", *name, "-"]
    for command in (sort, [*ruff, "format", "--quiet", *name, "-"]):
        text = subprocess.run(
            command, input=text, capture_output=True, text=True, check=True
        ).stdout
    return text


def main() -> int:
    """Write or check the file; exit status 1 where `--check` finds it stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing, exit 1 where it is stale"
    )
    check = parser.parse_args().check
    text = tidy(generate(SOURCE.read_text(encoding="utf-8")))
    if TARGET.exists() and TARGET.read_text(encoding="utf-8") == text:
        return 0
    if check:
        print(f"{TARGET.relative_to(ROOT)}: stale - run `make gen`", file=sys.stderr)
        return 1
    TARGET.write_text(text, encoding="utf-8")
    print(f"wrote {TARGET.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
