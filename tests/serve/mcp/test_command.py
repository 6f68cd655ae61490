"""`rmem mcp` as it is typed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from remanence.serve.cli import main
from remanence.serve.mcp.about import GRAPH, TOOLS
from remanence.serve.mcp.graph_tools import graph_tools
from remanence.serve.ops.table import TABLE
from tests.serve.mcp.conftest import environment, rmem


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--right", "everything"], "there is no right 'everything'"),
        (["--tools", "graph,toaster"], "'toaster'"),
        (["--http", "--host", "0.0.0.0"], "every address"),
    ],
)
def test_what_is_wrong_is_said_before_it_serves(
    tmp_path: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mcp", "--store", str(tmp_path / "m.rmem"), *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert captured.err.count("\n") == 1


def test_who_may_only_read_makes_no_store(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "m.rmem"
    assert main(["mcp", "--store", str(store), "--right", "read"]) == 2
    assert "there is no store" in capsys.readouterr().err
    assert not store.exists()


def test_the_tools_can_be_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mcp", "--list", "--right", "read", "--right", "forget"]) == 0
    listed = capsys.readouterr().out
    assert "forget_memory" in listed
    assert "add_memory" not in listed
    assert TOOLS["search_memory"].when in listed


def test_it_ends_when_nobody_is_there(tmp_path: Path) -> None:
    done = subprocess.run(
        rmem(tmp_path / "m.rmem"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment(tmp_path),
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_page_shows_the_tools_as_they_are() -> None:
    page = Path(__file__).parents[3] / "docs" / "doors" / "mcp.md"
    rights = {op.tool: op.right for op in TABLE if op.tool}
    rights |= {name: tool.right for name, tool in graph_tools("").items()}
    rows = [
        f"| `{name}` | {rights[name]} | {about.when} |"
        for name, about in {**TOOLS, **GRAPH}.items()
    ]
    assert "\n".join(rows) in page.read_text(encoding="utf-8")
