"""The nine tools behave as those of the protocol's reference memory server, `@modelcontextprotocol/server-memory`.

`reference.json` is what that server (2026.8.31) answered to `script.py`. Where it is installed, the slow test asks it again:
`npm i @modelcontextprotocol/server-memory`, and its `dist/index.js` in MCP_REFERENCE_SERVER; with MCP_REFERENCE_RECORD=1 it writes
the file anew.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from remanence.serve.mcp.about import GRAPH
from tests.serve.mcp.conftest import Here
from tests.serve.mcp.script import SCRIPT, visit

RECORDED = Path(__file__).with_name("reference.json")
SERVER = os.environ.get("MCP_REFERENCE_SERVER", "")


def recorded() -> Any:
    return json.loads(RECORDED.read_text(encoding="utf-8"))


def test_the_tools_have_the_shapes_of_the_reference(here: Here) -> None:
    ours = here.ask(visit, "graph")["tools"]
    assert set(ours) == set(GRAPH)
    theirs = recorded()["tools"]
    for name, tool in theirs.items():
        assert ours[name]["input"] == tool["input"], name
        assert ours[name]["output"] == tool["output"], name
        kept = {"read_only_hint", "destructive_hint", "open_world_hint"}
        assert {hint: ours[name]["hints"][hint] for hint in kept} == {
            hint: tool["hints"][hint] for hint in kept
        }


def test_the_tools_answer_as_the_reference(here: Here) -> None:
    ours, theirs = here.ask(visit, "graph")["answers"], recorded()["answers"]
    assert len(ours) == len(theirs) == len(SCRIPT)
    for call, mine, other in zip(SCRIPT, ours, theirs, strict=True):
        assert mine == other, call


@pytest.mark.slow
@pytest.mark.skipif(not SERVER, reason="MCP_REFERENCE_SERVER does not name the reference server")
def test_the_reference_still_answers_so(tmp_path: Path) -> None:
    async def ask() -> Any:
        parameters = StdioServerParameters(
            command="node",
            args=[SERVER],
            env={**os.environ, "MEMORY_FILE_PATH": str(tmp_path / "memory.jsonl")},
        )
        async with Client(stdio_client(parameters), mode="legacy") as client:
            return await visit(client)

    found = anyio.run(ask)
    if os.environ.get("MCP_REFERENCE_RECORD"):
        text = json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True)
        RECORDED.write_text(text + "\n", encoding="utf-8")
    assert found == recorded()
