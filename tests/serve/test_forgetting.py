"""`rmem forget` and `rmem receipt`: the plan, the question, the erasure, and what proves it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Rmem = Callable[..., Any]


@pytest.fixture
def boats(rmem: Rmem) -> Rmem:
    for id, text, session in (
        ("a", "The boat is called Nieve.", "s"),
        ("b", "I live in Porto now.", "s"),
        ("c", "The harbour fee is ten euros.", "t"),
    ):
        rmem(
            "add", text, "--id", id, "--session", session, "--speaker", "Ana", "--at", "2025-03-01"
        )
    return rmem


def left(rmem: Rmem, *more: str) -> list[str]:
    return [row["id"] for row in rmem("list", "--json", *more).rows]


def test_a_dry_run_says_what_would_go(boats: Rmem) -> None:
    plan = boats("forget", "b", "--dry-run", "--json").row
    assert (plan["asked"], len(plan["kin"])) == (["b"], 1)  # with the fact that was read out of it
    assert plan["bytes"] > 0
    shown = boats("forget", "b", "--dry-run")
    assert "b: I live in Porto now." in shown.out
    assert "1 memory, and 1 derived from them" in shown.out
    assert left(boats) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("choice", "rest"),
    [
        (["a", "c"], ["b"]),
        (["--session", "s"], ["c"]),
        (["--mentions", "NIEVE"], ["b", "c"]),
        (["--query", "harbour fee"], ["a", "b"]),
        (["--filter", "speaker=Ana", "--session", "t"], ["a", "b"]),
        (["--before", "2025-03-02"], []),
    ],
)
def test_what_to_forget_can_be_said_in_many_ways(
    boats: Rmem, choice: list[str], rest: list[str]
) -> None:
    done = boats("forget", *choice, "--yes")
    assert done.code == 0
    assert "nothing of it is left" in done.out
    assert left(boats) == rest
    assert boats("verify").code == 0


def test_everything_of_one_user(boats: Rmem) -> None:
    boats("add", "Mine.", "--user", "ben", "--id", "m")
    assert boats("forget", "--everything", "--user", "default", "--yes").code == 0
    assert (left(boats), left(boats, "--user", "ben")) == ([], ["m"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to forget is named - give ids, or --session"),
        (["--everything"], "--everything of whom? - --user says whose"),
        (["a", "--session", "s"], "ids with --session"),
        (["a", "--everything", "--user", "default"], "--everything with ids"),
        (["a", "x"], "no record 'x' - nothing was erased"),
        (["--mentions", "submarine"], "nothing matches - nothing was erased"),
        (["--everything", "--user", "nobody"], "'nobody' has no memories here"),
        (["a", "--receipt", "no/such/folder/r.json"], "can't be written"),
    ],
)
def test_what_is_unclear_erases_nothing(boats: Rmem, arguments: list[str], message: str) -> None:
    done = boats("forget", *arguments, "--yes")
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert left(boats) == ["a", "b", "c"]


def test_without_a_terminal_to_ask_at_it_has_to_be_said(boats: Rmem) -> None:
    done = boats("forget", "a")
    assert (done.code, "say --yes" in done.err) == (2, True)
    assert left(boats) == ["a", "b", "c"]


def at_terminal(arguments: list[str], answer: bytes) -> tuple[int, str]:
    """The command at a terminal of its own, and what is typed when it asks."""
    pty = pytest.importorskip("pty", reason="terminals are a thing of POSIX")
    ours, theirs = pty.openpty()
    code = "import sys; from remanence.serve.cli import main; sys.exit(main(sys.argv[1:]))"
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        told = b""
        while True:
            try:
                told += os.read(ours, 4096)
            except OSError:  # it ended
                break
            if answer and b"[y/N]" in told:
                os.write(ours, answer)
                answer = b""
    os.close(ours)
    return process.returncode, told.decode()


@pytest.mark.parametrize(("answer", "rest"), [(b"n\n", ["a", "b", "c"]), (b"y\n", ["a", "c"])])
def test_at_a_terminal_it_shows_the_plan_and_asks(
    boats: Rmem, answer: bytes, rest: list[str]
) -> None:
    code, told = at_terminal(["forget", "b"], answer)
    assert "b: I live in Porto now." in told
    assert "Erase 2 memories for good?" in told
    assert ("cancelled" in told, code) == ((True, 130) if len(rest) == 3 else (False, 0))
    assert left(boats) == rest


def test_a_receipt_is_written_shown_and_verified(boats: Rmem, tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    done = boats("forget", "a", "--receipt", file, "--yes", "--actor", "ana")
    assert f"rmem receipt verify {file}" in done.out
    row = boats("receipt", "show", file, "--json").row
    assert (row["ids"], row["actor"], row["versions"]) == (["a"], "ana", 1)
    assert "Nieve" not in file.read_text()
    shown = boats("receipt", "show", file).out
    assert {"erased", "by"} <= set(shown.split())
    assert "files" in shown

    store = str(tmp_path / "memory.rmem")
    assert "agrees with the ledger of" in boats("receipt", "verify", file).out
    assert boats("receipt", "verify", file, "--store", store, "--json").row == {
        "file": str(file), "good": True, "ledger": True, "problems": [],
    }  # fmt: skip
    key = boats("receipt", "key").out.strip()
    assert boats("receipt", "verify", file, "--key", key).code == 0
    assert boats("receipt", "key", "--json").row == {"key": key}


def test_json_of_forgetting_is_the_receipt(boats: Rmem, tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    file.write_text(boats("forget", "a", "--yes", "--json").out)
    assert boats("receipt", "verify", file).code == 0


def test_a_receipt_that_was_changed_or_is_another_stores(
    boats: Rmem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "r.json"
    boats("forget", "a", "--receipt", file, "--yes")
    changed = tmp_path / "changed.json"
    values = json.loads(file.read_text())
    changed.write_text(json.dumps(values | {"ids": ["z"]}))
    done = boats("receipt", "verify", changed)
    assert (done.code, "its signature does not fit" in done.err) == (3, True)
    row = boats("receipt", "verify", changed, "--json").row
    assert (row["good"], len(row["problems"]) > 1) == (False, True)
    wrong = boats("receipt", "verify", file, "--key", "0" * 64)
    assert (wrong.code, "it is signed by" in wrong.err) == (3, True)

    boats("add", "Something else.", "--store", tmp_path / "other.rmem")
    other = boats("receipt", "verify", file, "--store", tmp_path / "other.rmem")
    assert (other.code, "ledger has no event" in other.err) == (3, True)
    monkeypatch.delenv("REMANENCE_STORE")
    assert "not compared with a ledger" in boats("receipt", "verify", file).out
    monkeypatch.setenv("REMANENCE_CONFIG", str(tmp_path / "elsewhere"))
    stranger = boats("receipt", "verify", file)
    assert (stranger.code, "--key says who" in stranger.err) == (2, True)
    assert not (tmp_path / "elsewhere").exists()  # looking makes no key


def test_what_is_no_receipt(boats: Rmem, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    done = boats("receipt", "show", tmp_path / "x.json")
    assert (done.code, "x.json: this is no receipt" in done.err) == (2, True)
    assert boats("receipt", "show", tmp_path / "nowhere.json").code == 3


def test_a_receipt_is_never_written_over_a_file(boats: Rmem, tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    file.write_text("mine")
    done = boats("forget", "a", "--receipt", file, "--yes")
    assert (done.code, file.read_text()) == (2, "mine")
    assert "a" in left(boats)
