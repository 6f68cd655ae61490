"""The memory tool against Anthropic's own local one, through the SDK's runner, and against hostile paths."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remanence import Memory
from remanence.errors import NotFound

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
pytest.importorskip("anthropic")

from anthropic import Anthropic, AsyncAnthropic  # noqa: E402
from anthropic.lib.tools import ToolError  # noqa: E402
from anthropic.tools.memory import BetaLocalFilesystemMemoryTool  # noqa: E402

from remanence.integrations.anthropic import (  # noqa: E402
    AsyncRemanenceMemoryTool,
    RemanenceMemoryTool,
)
from remanence.integrations.memory_files import ROOT  # noqa: E402

HEAD = "Here're the files and directories up to 2 levels deep in"


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(tmp_path / "memory.rmem", embedder="none") as opened:
        yield opened


@pytest.fixture
def tool(memory: Memory) -> RemanenceMemoryTool:
    return RemanenceMemoryTool(memory, user_id="ana")


def do(tool: Any, command: str, **more: Any) -> str:
    return str(tool.call({"command": command, **more}))


def refused(tool: Any, command: str, **more: Any) -> str:
    with pytest.raises(ToolError) as error:
        do(tool, command, **more)
    return str(error.value)


# --- the six commands --------------------------------------------------------------------------------------------


def test_the_life_of_a_file(tool: RemanenceMemoryTool, memory: Memory) -> None:
    path, text = "/memories/people/ana.md", "# Ana\nlives in Lisbon\nlikes tea\n"
    assert do(tool, "create", path=path, file_text=text) == f"File created successfully at: {path}"
    assert refused(tool, "create", path=path, file_text="x") == f"File {path} already exists"
    assert do(tool, "view", path=ROOT) == (
        f"{HEAD} /memories, excluding hidden items:\n"
        "32B\t/memories\n32B\t/memories/people/\n32B\t/memories/people/ana.md"
    )
    assert do(tool, "view", path=path, view_range=[2, 3]) == (
        f"Here's the content of {path} with line numbers:\n"
        "     2\tlives in Lisbon\n     3\tlikes tea"
    )
    assert do(tool, "str_replace", path=path, old_str="Lisbon", new_str="Porto") == (
        "The memory file has been edited. Here is the snippet showing the change (with line numbers):\n"
        "     1\t# Ana\n     2\tlives in Porto\n     3\tlikes tea\n     4\t"
    )
    edited = f"The file {path} has been edited."
    assert do(tool, "insert", path=path, insert_line=1, insert_text="born in Évora\n") == edited
    new = "/memories/ana.md"
    assert do(tool, "rename", old_path=path, new_path=new) == (
        f"Successfully renamed {path} to {new}"
    )
    missing = f"The path {path} does not exist. Please provide a valid path."
    assert refused(tool, "view", path=path) == missing
    [record] = memory.list(user_id="ana")
    assert record.text == "# Ana\nborn in Évora\nlives in Porto\nlikes tea\n"
    assert [
        (one.version, one.meta["path"]) for one in memory.history(record.id, user_id="ana")
    ] == [
        *((1, path), (2, path), (3, path), (4, new)),
    ]
    assert memory.search("Where was Ana born?", user_id="ana")[0].record.id == record.id
    assert do(tool, "delete", path=new) == f"Successfully deleted {new}"
    assert refused(tool, "delete", path=new) == f"The path {new} does not exist"
    with pytest.raises(NotFound, match="forgotten"):
        memory.history(record.id, user_id="ana")


def test_deleting_leaves_no_byte_in_the_store(tool: RemanenceMemoryTool, tmp_path: Path) -> None:
    do(tool, "create", path="/memories/d/a", file_text="zanzibarquartz")
    do(tool, "str_replace", path="/memories/d/a", old_str="zanzibarquartz", new_str="kumquatville")
    do(tool, "create", path="/memories/d/b", file_text="marzipanfjord")
    do(tool, "delete", path="/memories/d")
    left = b"".join(file.read_bytes() for file in tmp_path.glob("memory.rmem*"))
    for canary in (b"zanzibarquartz", b"kumquatville", b"marzipanfjord"):
        assert canary not in left
    assert do(tool, "view", path=ROOT).endswith("\n0B\t/memories")


def test_mistakes_are_told(tool: RemanenceMemoryTool) -> None:
    path = "/memories/a"
    do(tool, "create", path=path, file_text="tea\nand tea\n")
    do(tool, "create", path="/memories/d/b", file_text="")
    assert refused(tool, "str_replace", path=path, old_str="coffee", new_str="") == (
        "No replacement was performed, old_str `coffee` did not appear verbatim in /memories/a."
    )
    assert refused(tool, "str_replace", path=path, old_str="tea", new_str="x") == (
        "No replacement was performed. Multiple occurrences of old_str `tea` in lines: 1, 2. Please ensure it is unique"
    )
    for line in (-1, 3):
        assert refused(tool, "insert", path=path, insert_line=line, insert_text="x") == (
            f"Invalid `insert_line` parameter: {line}. It should be within the range [0, 2]."
        )
    assert refused(tool, "str_replace", path="/memories/d", old_str="a", new_str="b") == (
        "The path /memories/d is not a file."
    )
    assert refused(tool, "delete", path=ROOT) == "Cannot delete the /memories directory itself"
    assert refused(tool, "rename", old_path="/memories/d", new_path=path) == (
        f"The destination {path} already exists"
    )
    assert "is a file" in refused(tool, "create", path=f"{path}/b", file_text="x")
    assert "into itself" in refused(
        tool, "rename", old_path="/memories/d", new_path="/memories/d/e/f"
    )
    for wrong in ({}, {"path": 7}, {"path": None}, {"path": ["/memories/a"]}):
        assert "text" in refused(tool, "view", **wrong)
    assert "text" in refused(tool, "create", path="/memories/n", file_text=7)
    assert "whole number" in refused(tool, "insert", path=path, insert_line="one", insert_text="x")
    assert "Unknown command: 'format'" in refused(tool, "format", path=path)
    with pytest.raises(ToolError, match="Unknown command"):
        tool.call(7)


@pytest.mark.parametrize("text", ["", " \n\t", "a\r\nb", "\ud800", "no newline", "x" * 70_000])
def test_a_file_is_kept_to_the_character(
    tool: RemanenceMemoryTool, memory: Memory, text: str
) -> None:
    do(tool, "create", path="/memories/a", file_text=text)
    numbered = do(tool, "view", path="/memories/a").split("\n")[1:]
    assert [line.split("\t", 1)[1] for line in numbered] == text.split("\n")
    do(tool, "insert", path="/memories/a", insert_line=0, insert_text="first")
    do(tool, "str_replace", path="/memories/a", old_str="first\n", new_str="")
    after = do(tool, "view", path="/memories/a").split("\n")[1:]
    whole = text if not text or text.endswith("\n") else f"{text}\n"
    assert [line.split("\t", 1)[1] for line in after] == whole.split("\n")


def test_users_have_trees_of_their_own(memory: Memory, tool: RemanenceMemoryTool) -> None:
    bo = RemanenceMemoryTool(memory, user_id="bo")
    do(tool, "create", path="/memories/a", file_text="hers")
    assert refused(bo, "view", path="/memories/a").endswith("Please provide a valid path.")
    do(bo, "create", path="/memories/a", file_text="his")
    assert bo.clear_all_memory() == "All memory cleared"
    assert bo.clear_all_memory() == "All memory cleared"
    assert do(tool, "view", path="/memories/a").endswith("     1\thers")


def test_other_memories_are_no_files_and_stay(memory: Memory, tool: RemanenceMemoryTool) -> None:
    memory.add("A note", user_id="ana")
    do(tool, "create", path="/memories/a", file_text="a file")
    tool.clear_all_memory()
    assert [record.text for record in memory.list(user_id="ana")] == ["A note"]


def test_sleep_takes_no_file_away(memory: Memory, tool: RemanenceMemoryTool) -> None:
    words = "the deploy key is rotated every second Tuesday by the operations team"
    for name in "ab":
        do(tool, "create", path=f"/memories/{name}", file_text=words)
    memory.sleep(user_id="ana")
    assert do(tool, "view", path=ROOT).count("\n") == 3


def test_of_two_that_create_one_file_one_succeeds(memory: Memory) -> None:
    tools = [RemanenceMemoryTool(memory, user_id="ana") for _ in range(2)]

    def create(number: int) -> bool:
        try:
            do(tools[number % 2], "create", path=f"/memories/{number // 8}", file_text=f"{number}")
        except ToolError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(create, range(32)))
    paths = [record.meta["path"] for record in memory.list(user_id="ana")]
    assert len(paths) == len(set(paths)) == sum(made)


# --- the same as Anthropic's own, on any sequence of commands ------------------------------------------------------

PATHS = st.sampled_from(
    [
        *("/memories", "/memories/a", "/memories/a.md", "/memories/d", "/memories/d/b.txt"),
        *("/memories/d/e", "/memories/d/e/c", "/memories/.hidden", "/memories/d/.h", "/memories/é ü"),
    ]
)  # fmt: skip
TEXTS = st.text(alphabet="ab \n\ré", max_size=12)
COMMANDS = st.one_of(
    st.fixed_dictionaries({"command": st.just("create"), "path": PATHS, "file_text": TEXTS}),
    st.fixed_dictionaries({"command": st.just("create"), "path": PATHS, "file_text": TEXTS}),
    st.fixed_dictionaries(
        {"command": st.just("view"), "path": PATHS},
        optional={"view_range": st.lists(st.integers(-2, 6), min_size=1, max_size=3)},
    ),
    st.fixed_dictionaries(
        {"command": st.just("str_replace"), "path": PATHS, "old_str": TEXTS, "new_str": TEXTS}
    ),
    st.fixed_dictionaries(
        {
            "command": st.just("insert"),
            "path": PATHS,
            "insert_line": st.integers(-1, 4),
            "insert_text": TEXTS,
        }
    ),
    st.fixed_dictionaries({"command": st.just("delete"), "path": PATHS}),
    st.fixed_dictionaries({"command": st.just("rename"), "old_path": PATHS, "new_path": PATHS}),
)


def answer(tool: Any, command: dict[str, Any]) -> str:
    """What a tool says; sizes of folders apart, which a file system counts in blocks."""
    try:
        said = str(tool.call(command))
    except ToolError as error:
        return f"error: {error}"
    except OSError:
        return "error: of the file system"
    lines = said.split("\n")
    if lines[0].startswith(HEAD):
        lines[1:] = [
            line.split("\t")[1] if line.endswith("/") or at == 0 else line
            for at, line in enumerate(lines[1:])
        ]
    return "\n".join(lines)


def prune(root: Path) -> None:
    """Folders that nothing is in: ours are not there."""
    for folder in sorted((one for one in root.rglob("*") if one.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()


@given(commands=st.lists(COMMANDS, max_size=14))
def test_it_answers_as_anthropics_own_tool(
    tmp_path_factory: pytest.TempPathFactory, commands: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("same")
    theirs = BetaLocalFilesystemMemoryTool(str(folder))
    with Memory.open(folder / "m.rmem", embedder="none") as memory:
        ours = RemanenceMemoryTool(memory)
        for command in [*commands, {"command": "view", "path": ROOT}]:
            expected, got = answer(theirs, command), answer(ours, command)
            prune(folder / "memories")
            if expected == "error: of the file system":  # it does not word these
                assert got.startswith("error: ")
            else:
                assert got == expected, command


# --- hostile paths -----------------------------------------------------------------------------------------------

HOSTILE = [
    *("/etc/passwd", "memories/a", "/memories../a", "/memoriesa", "/Memories/a", "", "/", "~", "."),
    *("/memories/..", "/memories/../etc/passwd", "/memories/a/../../b", "/memories/a/..", "..\\a"),
    *("/memories/%2e%2e/a", "/memories/%2E%2e%2fa", "/memories/..%2fa", "/memories/%252e%252e/a"),
    *("/memories/..\\a", "/memories\\..\\a", "/memories/a\\b", "C:\\memories\\a", "//memories/a"),
    *("/memories/a\x00b", "/memories/a\nb", "/memories/\x1b[2J", "/memories/\ud800", "/memories/%00"),
    *("/memories/\uff0e\uff0e/a", "/memories/..\uff0fa", "/memories/\u2024\u2024/a", "/memories/a\uff3cb", "/memories/\u202ea"),
    *("/memories/" + "a" * 256, "/memories" + "/a" * 600, "file:///memories/a", "/memories?/a"),
]  # fmt: skip


@pytest.mark.parametrize("path", HOSTILE, ids=ascii)
def test_a_path_that_leads_elsewhere_is_refused(
    tool: RemanenceMemoryTool, memory: Memory, path: str
) -> None:
    do(tool, "create", path="/memories/a", file_text="stays")
    refused(tool, "view", path=path)
    refused(tool, "create", path=path, file_text="x")
    refused(tool, "str_replace", path=path, old_str="s", new_str="t")
    refused(tool, "insert", path=path, insert_line=0, insert_text="x")
    refused(tool, "delete", path=path)
    refused(tool, "rename", old_path=path, new_path="/memories/b")
    refused(tool, "rename", old_path="/memories/a", new_path=path)
    [record] = memory.list(user_id="ana")
    assert (record.version, record.meta["path"], record.text) == (1, "/memories/a", "stays")


@pytest.mark.parametrize("path", ["/memories//a", "/memories/./a", "/memories/a/", "/memories/a/."])
def test_spellings_of_one_path_are_one_file(tool: RemanenceMemoryTool, path: str) -> None:
    assert do(tool, "create", path=path, file_text="x").endswith(": /memories/a")
    assert refused(tool, "create", path="/memories/a", file_text="x").endswith("already exists")


PIECES = st.sampled_from(
    [*("..", ".", "/", "\\", "%2e", "%2f", "%5c", "%00", "\x00", "memories", "/memories/", "a"),
     *("\uff0e", "\uff0f", "\u2024", "\ud800", "\n", "~", "C:", "é", "e\u0301", " ", "%", "\u202e")]
)  # fmt: skip


@given(path=st.one_of(st.text(max_size=30), st.lists(PIECES, max_size=9).map("".join).map(ROOT.__add__)))  # fmt: skip
def test_nothing_escapes(tmp_path_factory: pytest.TempPathFactory, path: str) -> None:
    folder = tmp_path_factory.mktemp("escape")
    with Memory.open(folder / "m.rmem", embedder="none") as memory:
        tool = RemanenceMemoryTool(memory)
        before = sorted(folder.rglob("*"))
        try:
            do(tool, "create", path=path, file_text="x")
        except ToolError:
            assert memory.list() == []
        else:
            [record] = memory.list()
            kept = str(record.meta["path"])
            parts = kept.split("/")
            assert parts[:2] == ["", "memories"]
            assert len(parts) > 2
            assert not {"", ".", ".."} & set(parts[2:])
            assert kept.isprintable()
            assert "\\" not in kept
        assert sorted(folder.rglob("*")) == before  # no file but the store's


# --- in the SDK's loop -------------------------------------------------------------------------------------------


class Claude:
    """A server on loopback that answers as the Messages API with the next of its contents, and keeps what it was asked."""

    def __init__(self, *contents: list[dict[str, Any]]) -> None:
        self.asked: list[Any] = []
        script = list(contents)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                content = script.pop(0)
                uses = any(block["type"] == "tool_use" for block in content)
                data = json.dumps(
                    {
                        "id": "msg_1",
                        "type": "message",
                        "role": "assistant",
                        "model": "claude",
                        "content": content,
                        "stop_reason": "tool_use" if uses else "end_turn",
                        "stop_sequence": None,
                        "usage": {"input_tokens": 1, "output_tokens": 1},
                    }
                ).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))

    def __enter__(self) -> Claude:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


def uses(id: str, **input: Any) -> list[dict[str, Any]]:
    return [{"type": "tool_use", "id": id, "name": "memory", "input": input}]


SCRIPT = (
    uses("1", command="view", path=ROOT),
    uses("2", command="create", path="/memories/ana.md", file_text="Ana likes green tea"),
    uses("3", command="view", path="/memories/../../etc/passwd"),
    [{"type": "text", "text": "Noted."}],
)
ASK: dict[str, Any] = {
    "model": "claude",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Remember that I like green tea"}],
}


def checked(claude: Claude, memory: Memory) -> None:
    assert claude.asked[0]["tools"] == [{"type": "memory_20250818", "name": "memory"}]
    assert len(claude.asked) == 4
    [result] = claude.asked[3]["messages"][-1]["content"]
    assert (result["tool_use_id"], result["is_error"]) == ("3", True)
    assert "would escape" in json.dumps(result["content"])
    assert memory.search("green tea", user_id="ana")[0].record.role == "assistant"


def test_the_runner_of_the_sdk_uses_it(memory: Memory, tool: RemanenceMemoryTool) -> None:
    with Claude(*SCRIPT) as claude:
        with Anthropic(base_url=claude.url, api_key="unused", max_retries=0) as client:
            final = client.beta.messages.tool_runner(**ASK, tools=[tool]).until_done()
        assert final.content[0].text == "Noted."  # type: ignore[union-attr]
        checked(claude, memory)


def test_the_asynchronous_runner_uses_it(memory: Memory) -> None:
    async def run(url: str) -> None:
        tool = AsyncRemanenceMemoryTool(memory, user_id="ana")
        async with AsyncAnthropic(base_url=url, api_key="unused", max_retries=0) as client:
            await client.beta.messages.tool_runner(**ASK, tools=[tool]).until_done()
        with pytest.raises(ToolError, match="does not exist"):
            await tool.call({"command": "delete", "path": "/memories/none"})
        said = await tool.call({"command": "rename", "old_path": "/memories/ana.md", "new_path": "/memories/b"})  # fmt: skip
        assert said == "Successfully renamed /memories/ana.md to /memories/b"

    with Claude(*SCRIPT) as claude:
        asyncio.run(run(claude.url))
        checked(claude, memory)
    asyncio.run(AsyncRemanenceMemoryTool(memory, user_id="ana").clear_all_memory())
    assert memory.list(user_id="ana") == []


def test_without_the_package_it_says_what_to_install() -> None:
    absent = "import sys; sys.modules['anthropic'] = None\nimport remanence.integrations.anthropic"
    done = subprocess.run(
        [sys.executable, "-c", absent], capture_output=True, text=True, check=False
    )
    assert "MissingExtra" in done.stderr
    assert "pip install anthropic" in done.stderr
