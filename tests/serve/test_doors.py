"""All doors offer the same: each operation is there, takes all it takes, and answers alike, errors and refusals included."""

from __future__ import annotations

import ast
import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from remanence import Memory
from remanence.errors import RemanenceError
from remanence.serve import commands
from remanence.serve.cli import COMMANDS
from remanence.serve.commands.read import WAIT
from remanence.serve.ops.op import OWNER, WHOSE, Caller, Op, Right
from remanence.serve.ops.table import OPS, TABLE
from remanence.serve.shell import built
from tests.serve import doors
from tests.serve.doors import PROGRAM, UNSAID, CommandLine, Http, InProcess, Mcp, Said, normal, run

Rmem = Callable[..., Any]
NO_OPS = {
    "open": "a door opens the store before it is called",
    "close": "and closes it",
    "observe": "add of very many, for code that reads other people's files: rmem import, POST /v1/import",
    "recheck": "it takes a receipt of this very process",
    "attest": "rmem receipt verify compares a receipt with a ledger",
    "state_digest": "it compares two stores: rmem export prints it",
    "history_digest": "as above",
}
"""Verbs of memory that are no operation, and why."""
ids = [op.name for op in TABLE]


def test_every_verb_is_an_operation_or_says_why_not() -> None:
    verbs = {name for name in dir(Memory) if not name.startswith("_")}
    offered = {op.verb or op.name for op in TABLE}
    assert verbs == offered | NO_OPS.keys()
    assert not offered & NO_OPS.keys()


@pytest.mark.parametrize("op", TABLE, ids=ids)
def test_a_door_that_an_operation_is_not_at_has_a_reason(op: Op) -> None:
    assert bool(op.apart) == (not (op.route and op.tool and op.command))


def test_names_are_used_once() -> None:
    for names in ([op.route for op in TABLE], [op.tool for op in TABLE]):
        given = [name for name in names if name]
        assert len(given) == len(set(given))


@pytest.mark.parametrize("op", [op for op in TABLE if op.command], ids=lambda op: op.name)
def test_a_command_takes_every_parameter(op: Op) -> None:
    first, *more = op.command.split()
    assert first in COMMANDS
    taken = {one for param in built(COMMANDS[first]).params for one in param.opts}
    # Other words than options are actions, which the program says.
    assert {word for word in more if word.startswith("--")} <= taken
    assert {name for name, way in doors.options(op).items() if way} == typed(op)


def test_commands_reach_verbs_through_operations_alone() -> None:
    """What is decided once, rights and names of parameters, holds for the command line too."""
    verbs = {op.verb or op.name for op in TABLE}
    direct = [
        f"{path.name}:{node.lineno} {node.func.attr}"
        for path in sorted(Path(commands.__file__).parent.glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "memory"
        and node.func.attr in verbs
    ]
    assert direct == []


VALUES: dict[str, Any] = {
    "content": doors.said("x", "s", title="t", caption="c", kind="note"),
    "user_id": "u", "agent_id": "g", "session_id": "s", "id": "a", "ids": ["a", "b"], "text": "y",
    "at": "2025-01-02", "origin": "web:x", "meta": {"n": 1}, "supersedes": ["b"], "key": "k",
    "expect": 3, "mark": "mine", "on": False, "why": "so", "query": "q", "k": 3, "budget": 77,
    "as_of": "2025-01-03", "known_at": "2025-01-04", "kinds": ["fact"], "filters": {"role": "user"},
    "asker": "me", "audience": "bank", "purpose": "loan", "archived": True, "quarantined": True,
    "limit": 4, "after": 2, "both": True, "below": 0.5, "keep": 7, "dry_run": True, "seconds": 1.5,
    "tokens": 10.0, "bytes": 99.0, "only": ["merge"], "what": 5, "mentions": "w", "reads": True,
    "before": "2025-01-05", "everything": True, "actor": "z", "ops": ["add"], "newest": False,
    "since": "2025-01-06", "until": "2025-01-07",
}  # fmt: skip
"""For each parameter a value that is not its default."""
TOGETHER = {
    "plan_forget": (
        {"ids"},
        {"everything"},
        {"session_id", "kinds", "filters", "mentions", "before"},
    )
}
"""Parameters that are not given all at once."""


class Reached(RemanenceError):
    """The operation was called."""


def typed(op: Op) -> set[str]:
    """The parameters that its command takes."""
    return (
        {name for name in op.parameters if (op.name, name) not in UNSAID} if op.command else set()
    )


PATHS = ("backup", "export", "load")
"""Operations on files, which test_cli.py runs."""


@pytest.mark.parametrize(
    "op",
    [op for op in TABLE if typed(op) and op.name not in ("forget", *PATHS)],
    ids=lambda op: op.name,
)
def test_a_command_hands_on_all_that_it_is_given(
    op: Op, rmem: Rmem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """(What `forget` forgets is what `plan_forget` was given.)"""
    rmem("add", "There is a store.", "--user", "u", "--agent", "g", "--id", "a")
    handed: dict[str, Any] = {}
    call = Op.call

    def reached(self: Op, memory: Memory, given: dict[str, Any], *rest: Any, **more: Any) -> Any:
        if self.name != op.name or given == {"timeout": WAIT}:
            return call(self, memory, given, *rest, **more)
        handed.update(given)
        raise Reached("here")

    monkeypatch.setattr(Op, "call", reached)
    for group in TOGETHER.get(op.name, (typed(op),)):
        given = {name: VALUES[name] for name in op.parameters if name in {*group, *WHOSE}}
        done = rmem("--json", *doors.arguments(op, given))
        assert (done.code, '"Reached"' in done.err) == (2, True), done.err
        for name, value in given.items():
            told = dict(handed[name]) if isinstance(handed[name], dict) else handed[name]
            assert told == value, name


def test_the_program_calls_every_operation() -> None:
    assert {call.op for call in PROGRAM} == OPS.keys() - set(PATHS)


def differences(ours: Sequence[Said], theirs: Sequence[Said]) -> list[str]:
    """Where two doors answered otherwise; what the second says beyond the first is its own."""
    found = []
    for call, one, other in zip(PROGRAM, ours, theirs, strict=True):
        result = other.result
        if isinstance(result, dict) and isinstance(one.result, dict):
            result = {name: value for name, value in result.items() if name in one.result}
        if one != Said(result, other.code, other.message):
            found.append(f"{call.op} {call.given}:\n  {one}\n  {other}")
    return found


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMANENCE_CONFIG", str(tmp_path / "config"))
    for name in ("LLM_URL", "LLM_MODEL"):
        monkeypatch.delenv(f"REMANENCE_{name}", raising=False)


@pytest.fixture
def here(tmp_path: Path) -> list[Said]:
    """What the program is answered in process."""
    started = doors.now()
    with Memory.open(tmp_path / "here.rmem", embedder="none") as memory:
        return normal(run(InProcess(memory)), started)


def test_the_program_finds_what_it_is_about(here: list[Said]) -> None:
    """It would compare nothing if all answers were empty."""
    found = {
        call.op
        for call, one in zip(PROGRAM, here, strict=True)
        if one.result and one.result != {"items": []}
    }
    assert OPS.keys() - found == {*PATHS, "readers"}
    assert {one.code for one in here} == {"", "NotFound", "Conflict", "InvalidInput"}


def test_the_command_line_answers_alike(here: list[Said], tmp_path: Path, rmem: Rmem) -> None:
    started = doors.now()
    theirs = normal(run(CommandLine(tmp_path / "cli.rmem", rmem)), started)
    found = differences(doors.in_words_of_commands(here), theirs)
    own = [one for one in found if one.startswith("flush")]  # it says that there is no encoder
    assert (len(own), "no encoder to embed with" in own[0]) == (1, True)
    assert found == own, "\n".join(found)


@contextmanager
def serving(store: Path, caller: Caller = OWNER) -> Iterator[Http]:
    """The HTTP door to a store: a real server, and a token that says what its bearer may."""
    pytest.importorskip("fastapi", reason="needs the extra http")
    import httpx
    import uvicorn

    from remanence.serve.http import Settings, TokenFile, create_app

    tokens = TokenFile(store.with_suffix(".tokens"))
    token, _ = tokens.make(
        f"tester{len(tokens.all())}",
        sorted(caller.rights),
        user_id=caller.user_id,
        agent_id=caller.agent_id,
    )
    app = create_app(Settings(store=store, embedder="none", tokens=tokens))
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    thread = Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.005)
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=url, headers=headers, timeout=30) as client:
            yield Http(store, client)
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def connected(store: Path, caller: Caller = OWNER) -> Iterator[Mcp]:
    """The MCP door to a store, for a caller, through the SDK's own client."""
    pytest.importorskip("mcp", reason="needs the extra mcp")
    from anyio.from_thread import start_blocking_portal
    from mcp import Client

    from remanence.serve.mcp.door import Door, Visitor, offering

    with Memory.open(store, embedder="none") as memory, start_blocking_portal() as portal:
        door = Door(
            using=lambda _: nullcontext(memory),
            visitor=lambda _: Visitor(caller=caller),
            tools=offering(["memory"]),
        )
        with portal.wrap_async_context_manager(Client(door.server())) as client:
            listed = {one.name: one for one in portal.call(client.list_tools).tools}
            yield Mcp(store, lambda name, given: portal.call(client.call_tool, name, given), listed)


def test_http_answers_alike(here: list[Said], tmp_path: Path) -> None:
    started = doors.now()
    with serving(tmp_path / "http.rmem") as door:
        found = differences(here, normal(run(door), started))
    assert not found, "\n".join(found)


def test_mcp_answers_alike(here: list[Said], tmp_path: Path) -> None:
    started = doors.now()
    with connected(tmp_path / "mcp.rmem") as door:
        found = differences(here, normal(run(door), started))
    assert not found, "\n".join(found)


def test_http_has_every_route(tmp_path: Path) -> None:
    with serving(tmp_path / "m.rmem") as door:
        described = door.client.get("/v1/openapi.json").json()["paths"]
    for op in TABLE:
        if op.route:
            method, _, path = op.route.partition(" ")
            assert described[f"/v1{path}"][method.lower()]["operationId"] == op.name


def test_mcp_lists_every_tool(tmp_path: Path) -> None:
    with connected(tmp_path / "m.rmem") as door:
        assert door.listed.keys() == {op.tool for op in TABLE if op.tool}
        for op in TABLE:
            if op.tool:
                taken = door.listed[op.tool].input_schema["properties"].keys()
                assert op.parameters.keys() - taken <= {"asker"}, op.name


EXAMPLES = {
    call.op: call.given for call in reversed(PROGRAM) if not any(map(callable, call.given.values()))
}
"""A call of each operation that runs on any store, if only to say that there is no such thing."""


def takes(op: Op, given: Mapping[str, object]) -> set[Right]:
    """The rights that a call takes: its own, and to read where it shows what it would change."""
    return {op.right, Right.read} if given.get("dry_run") else {op.right}


@pytest.mark.parametrize("op", TABLE, ids=ids)
def test_in_process_an_operation_takes_its_right(op: Op, tmp_path: Path) -> None:
    with Memory.open(tmp_path / "m.rmem", embedder="none") as memory:
        for right in Right:
            caller = Caller(rights=frozenset(Right) - {right})
            given = EXAMPLES.get(op.name, {})
            refused = InProcess(memory, caller).call(op, given).code == "AccessDenied"
            assert refused == (right in takes(op, given))


@pytest.mark.parametrize("right", Right)
def test_http_refuses_who_lacks_the_right(right: Right, tmp_path: Path) -> None:
    with serving(tmp_path / "m.rmem", Caller(rights=frozenset(Right) - {right})) as door:
        for op in TABLE:
            if op.route:
                status = door.request(op, EXAMPLES[op.name]).status_code
                assert (status == 403) == (right in takes(op, EXAMPLES[op.name])), op.name


@pytest.mark.parametrize("right", Right)
def test_mcp_has_no_tool_for_who_lacks_the_right(right: Right, tmp_path: Path) -> None:
    with connected(tmp_path / "m.rmem", Caller(rights=frozenset(Right) - {right})) as door:
        assert door.listed.keys() == {op.tool for op in TABLE if op.tool and op.right is not right}
        for op in TABLE:
            if op.tool and op.right is right:
                assert "no tool" in door.call(op, EXAMPLES[op.name]).message


def test_who_is_bound_to_a_user_reaches_no_other(tmp_path: Path) -> None:
    store, ana = tmp_path / "m.rmem", Caller(user_id="ana")
    with Memory.open(store, embedder="none") as memory:
        memory.add("Ana's boat.", user_id="ana", id="a")
        memory.add("Ben's boat.", user_id="ben", id="b")
        bound = InProcess(memory, ana)
        for op in TABLE:
            given = EXAMPLES.get(op.name, {}) | ({"user_id": "ben"} if op.personal else {})
            assert bound.call(op, given).code == "AccessDenied", op.name
    everyone = [op for op in TABLE if op.name in ("list", "search", "get", "context")]
    asked = {"search": {"query": "boat"}, "context": {"query": "boat"}, "get": {"id": "a"}}
    with serving(store, ana) as http, connected(store, ana) as mcp:
        for op in TABLE:
            given = EXAMPLES.get(op.name, {}) | ({"user_id": "ben"} if op.personal else {})
            assert not op.route or http.call(op, given).code == "AccessDenied", op.name
            assert not op.tool or mcp.call(op, given).code in ("InvalidInput", "NotFound"), op.name
        for tool in mcp.listed.values():
            assert "user_id" not in tool.input_schema["properties"]
        for op in everyone:
            for door in (http, mcp):
                told = json.dumps(door.call(op, asked.get(op.name, {})).result)
                assert ("Ana's boat." in told, "Ben's boat." in told) == (True, False), (
                    op.name,
                    told,
                )
        for door in (http, mcp):
            assert door.call(OPS["get"], {"id": "b"}).code == "NotFound"


def test_a_writer_does_not_let_through_what_waits(tmp_path: Path) -> None:
    """Neither by taking the mark off, nor by setting what confirms, nor by taking back what set it aside."""
    store, writer = tmp_path / "m.rmem", Caller(rights=frozenset({Right.read, Right.write}))
    with Memory.open(store, embedder="none") as memory:
        memory.add(doors.STEER, id="w", origin="web:example.org")
        [set_aside] = [line.seq for line in memory.log() if line.op == "mark"]
    steered = [
        (OPS["mark"], {"id": "w", "mark": "quarantined", "on": False}),
        (OPS["mark"], {"id": "w", "mark": "confirmed"}),
        (OPS["undo"], {"what": set_aside}),
    ]
    with (
        Memory.open(store, embedder="none") as memory,
        serving(store, writer) as http,
        connected(store, writer) as mcp,
    ):
        for door in (InProcess(memory, writer), http, mcp):
            for op, given in steered:
                assert door.call(op, given).code == "AccessDenied"
            assert door.call(OPS["mark"], {"id": "w", "mark": "mine"}).code == ""
            assert door.call(OPS["undo"], {"what": memory.log()[0].seq}).code == ""
        assert [record.id for record, _ in memory.quarantine()] == ["w"]
        assert InProcess(memory).call(*steered[2]).code == ""
        assert memory.quarantine() == []
