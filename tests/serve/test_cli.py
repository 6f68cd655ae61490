"""The command as a person or a program uses it: through `main`, its output and its exit codes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remanence.serve.cli import COMMANDS, GROUPS, overview

Rmem = Callable[..., Any]


def words(text: str) -> str:
    return " ".join(text.split())


def test_the_overview_names_every_command_at_any_width() -> None:
    for width in (20, 60, 200):
        text = overview(width)
        named = re.findall(r"^  ([a-z][a-z, ]*?) +(?=[A-Z])", text, re.MULTILINE)
        assert [name for line in named for name in line.split(", ")] == list(COMMANDS)
        assert max(map(len, text.splitlines())) <= max(width, 52)
    assert sum(len(line) for group in GROUPS.values() for line in group) == len(COMMANDS)


def test_the_overview_is_one_screen() -> None:
    lines = overview(80).splitlines()
    assert len(lines) <= 48
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",), ("--json", "--help")])
def test_help(rmem: Rmem, arguments: tuple[str, ...]) -> None:
    done = rmem(*arguments)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("Usage: rmem COMMAND")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(rmem: Rmem, name: str) -> None:
    done = rmem(name, "--help")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"Usage: rmem {name} ")
    assert rmem("--help", name).out == done.out


def test_version(rmem: Rmem) -> None:
    assert rmem("--version").out.startswith("remanence ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["serach", "x"], "no command is called 'serach' - did you mean search"),
        (["--sotre", "x", "list"], "no such option before a command: --sotre"),
        (["--store"], "--store needs a value and a command"),
        (["search"], "missing argument 'query' - see rmem search --help"),
        (["search", "x", "--limits", "3"], "No such option: --limits"),
        (["search", "x", "-k", "many"], "Invalid value for '-k'"),
        (["add", "x", "--at", "yesterday"], "'yesterday' is no date - write it like 2025-03-01"),
        (["add", "x", "--at", "2025-03-01T10:00"], "no time zone - write 2025-03-01T10:00Z"),
        (["add", "x", "--meta", "novalue"], "--meta 'novalue' is no KEY=VALUE"),
        (["add", "x", "--role", "wizard"], "role 'wizard'"),
        (["add", ""], "content is empty"),
        (["import", "/nowhere"], "/nowhere: no such file or folder"),
        (["list"], "there is no store at"),
        (["forget", "x"], "there is no store at"),
    ],
)
def test_a_wrong_call_is_one_line_that_says_how_to_mend_it(
    rmem: Rmem, tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = rmem(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert message.lower() in done.err.lower()
    assert " - " in done.err
    assert not (tmp_path / "memory.rmem").exists() or arguments[0] == "add"


def test_errors_for_programs(rmem: Rmem) -> None:
    done = rmem("list", "--json")
    error = json.loads(done.err)["error"]
    assert (done.code, error["code"]) == (2, "NotFound")
    assert "no store" in error["message"]
    assert "rmem add" in error["hint"]


def test_a_file_that_is_no_store_is_a_store_error(rmem: Rmem, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("my novel")
    done = rmem("--store", str(other), "list")
    assert (done.code, other.read_text()) == (3, "my novel")
    assert "is not a Remanence store" in done.err


def test_a_traceback_only_where_it_is_asked_for(
    rmem: Rmem, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Traceback" not in rmem("list").err
    monkeypatch.setenv("REMANENCE_DEBUG", "1")
    assert "Traceback" in rmem("list").err


def test_a_memory_from_its_first_word_to_its_last(rmem: Rmem) -> None:
    stored = rmem(
        "add",
        "Lena moved to Porto",
        "--speaker",
        "Ana",
        "--at",
        "2025-05-04",
        "--meta",
        "n=3",
        "--json",
    ).row
    assert (stored["status"], stored["version"]) == ("stored", 1)
    id = stored["id"]

    assert rmem(
        "add", "Lena moved to Porto", "--speaker", "Ana", "--at", "2025-05-04"
    ).out.startswith("already there")
    found = rmem("search", "where does Lena live", "--json").row
    assert (found["record"]["id"], found["record"]["meta"]) == (id, {"n": 3})
    assert found["record"]["valid_from"] == "2025-05-04T00:00:00+00:00"
    assert found["signals"]

    shown = rmem("show", id)
    assert "Lena moved to Porto" in shown.out
    assert "4 May 2025" in shown.out
    assert rmem("search", "Lena", "--filter", "n=4").code == 1
    assert rmem("search", "Lena", "--as-of", "2025-05-03").code == 1
    assert rmem("search", "Lena", "--as-of", "2025-05-04T00:00Z").code == 0

    assert rmem("update", id, "Lena moved to Braga", "--expect", "7").code == 2
    updated = rmem("update", id, "Lena moved to Braga", "--expect", "1", "--json").row
    assert updated["version"] == 2
    before = rmem("history", id, "--json").rows[0]["known_from"]
    assert rmem("show", id, "--known-at", before, "--json").row["text"] == "Lena moved to Porto"
    versions = [(r["version"], r["text"]) for r in rmem("history", id, "--json").rows]
    assert versions == [(1, "Lena moved to Porto"), (2, "Lena moved to Braga")]

    assert rmem("retract", id, "--at", "2025-06-01").code == 0
    assert rmem("search", "Lena").code == 1
    assert rmem("search", "Lena", "--as-of", "2025-05-20").code == 0

    assert "say --yes" in rmem("forget", id).err
    receipt = rmem("forget", id, "--yes", "--json").row
    assert receipt["ids"][0] == id
    assert rmem("search", "Lena", "--as-of", "2025-05-20").code == 1
    assert rmem("show", id).code == 2
    ledger = rmem("history", "--json").rows
    assert [e["op"] for e in ledger if e["id"] == id] == ["add", "revise", "retract", "forget"]
    assert "Porto" not in json.dumps(ledger)


def test_scopes_do_not_see_one_another(rmem: Rmem) -> None:
    rmem("--user", "ana", "add", "the code is 1234")
    assert rmem("search", "code", "--user", "ben").code == 1
    assert rmem("search", "code", "--user", "ana").code == 0


def test_standard_input(rmem: Rmem) -> None:
    assert rmem("add", stdin="Compré un barco 🚤\n".encode()).code == 0
    assert rmem("list", "--json").row["text"].strip() == "Compré un barco 🚤"
    done = rmem("add", "-", stdin=b"\xff\xfe")
    assert (done.code, done.err.partition(" (")[0]) == (
        2,
        "error: standard input is not UTF-8 text",
    )


def test_a_memory_does_not_steer_the_terminal(rmem: Rmem) -> None:
    rmem(
        "add",
        "evil \x1b[31mred \u202etxt\x9b",
        "--speaker",
        "Eve",
        "--id",
        "e",
        "--meta",
        "k\x1b=1",
    )
    for command in (
        ["list"],
        ["show", "e"],
        ["search", "evil"],
        ["context", "evil"],
        ["ask", "evil"],
    ):
        done = rmem(*command)
        assert "evil" in done.out
        assert not {"\x1b", "\u202e", "\x9b"} & set(done.out)
    assert rmem("list", "--json").row["text"] == "evil \x1b[31mred \u202etxt\x9b"


def test_lists_are_a_memory_a_line_for_programs_and_numbered_for_people(rmem: Rmem) -> None:
    for number in range(3):
        rmem(
            "add",
            f"note {number}",
            "--session",
            "s",
            "--speaker",
            "Ana",
            "--at",
            f"2025-03-0{number + 1}",
        )
    assert [row["text"] for row in rmem("list", "--json").rows] == ["note 0", "note 1", "note 2"]
    page = rmem("list", "--limit", "1", "--after", "1")
    assert page.out.startswith("[2] Ana  2 Mar 2025  s  ")
    assert "--after 2" in page.err
    assert rmem("list", "--session", "other").code == 1


def test_explain_shows_signals(rmem: Rmem) -> None:
    rmem("add", "a blue boat")
    signals = rmem("search", "boat", "--json").row["signals"]
    shown = rmem("search", "boat", "--explain").out
    assert any(f"{name}=" in shown for name in signals)


def test_context_and_its_notes(rmem: Rmem) -> None:
    rmem("add", "a blue boat", "--id", "b1")
    done = rmem("context", "boat")
    assert "[1]" in done.out
    assert "the whole memory" in done.err
    row = rmem("context", "boat", "--budget", "50", "--json").row
    assert (row["complete"], row["hits"][0]["record"]["id"]) == (True, "b1")
    assert row["tokens"] <= 50


CHAT = [{"role": "user", "content": f"message number {n}", "session_id": "s"} for n in range(5)]


def test_import_reports_what_it_skips_and_stores_nothing_twice(rmem: Rmem, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    lines = [json.dumps(message) for message in CHAT]
    path.write_text("\n".join([*lines[:2], "{broken", *lines[2:3]]))
    first = rmem("import", path)
    assert first.code == 0
    assert f"skipped {path}:3: not JSON" in first.err
    assert "3 stored, 1 skipped" in first.out
    path.write_text("\n".join(lines))  # mended and longer: the rest is taken up
    again = rmem("import", path, "--json").row
    assert (again["stored"], again["duplicate"], again["skipped"]) == (2, 3, [])
    assert len(rmem("list", "--json").rows) == 5


def test_a_dry_run_stores_nothing(rmem: Rmem, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(map(json.dumps, CHAT)))
    assert "5 readable" in rmem("import", path, "--dry-run").out
    assert not (tmp_path / "memory.rmem").exists()


def test_an_import_with_nothing_in_it(rmem: Rmem, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    done = rmem("import", tmp_path / "notes")
    assert (done.code, words(done.out).partition(" in ")[0]) == (1, "nothing to import")
    assert (
        "did you mean 'messages'" in rmem("import", tmp_path / "notes", "--format", "mesages").err
    )


def test_keeping(rmem: Rmem, tmp_path: Path) -> None:
    rmem("add", "a blue boat", "--id", "b1")
    rmem("update", "b1", "a green boat")
    status = rmem("status", "--json").row
    assert (status["records"], status["versions"], status["encoder"]) == (1, 2, "none")
    assert "1 in 2 versions users 1" in words(rmem("status").out)
    assert rmem("verify").code == 0
    assert rmem("rebuild", "--json").row == {"done": True, "records": 1, "versions": 2}
    assert "no encoder" in rmem("flush").err
    assert rmem("backup", tmp_path / "copy.rmem").code == 0
    assert rmem("list", "--store", tmp_path / "copy.rmem", "--json").row["text"] == "a green boat"
    exported = rmem("export", tmp_path / "all.jsonl", "--json").row
    assert rmem("import", tmp_path / "all.jsonl", "--store", tmp_path / "new.rmem").code == 0
    again = rmem("export", tmp_path / "again.jsonl", "--store", tmp_path / "new.rmem", "--json").row
    assert again["state_digest"] == exported["state_digest"]


def test_the_store_is_in_the_data_directory_by_default(
    rmem: Rmem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REMANENCE_STORE")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    rmem("add", "here")
    assert (tmp_path / "data" / "remanence" / "memory.rmem").is_file()


def test_the_catalogue(rmem: Rmem) -> None:
    names = [row["name"] for row in rmem("papers", "--json").rows]
    assert "ChatEndpoint" in names
    assert rmem("where", "chatendpoint", "--json").row["file"] == "src/remanence/llm/endpoint.py"
    assert "src/remanence/llm/endpoint.py" in rmem("where", "ChatEndpoint").out
    assert rmem("papers", "no such paper").code == 1
    wrong = rmem("where", "ChatEndpont")
    assert (wrong.code, "did you mean ChatEndpoint" in wrong.err) == (2, True)


def completions(line: str) -> list[str]:
    words = line.split()
    environment = os.environ | {
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - (not line.endswith(" "))),
        "_RMEM_COMPLETE": "complete_bash",
    }
    code = "import sys; from remanence.serve.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_completion(rmem: Rmem) -> None:
    assert completions("rmem ") == list(COMMANDS)
    assert completions("rmem hi") == ["history"]
    assert {"--as-of", "--explain"} <= set(completions("rmem search --"))
    assert completions("rmem completion z") == ["zsh"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script(shell: str) -> None:
    code = f"import sys; from remanence.serve.cli import main; sys.exit(main(['completion', '{shell}']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"_RMEM_COMPLETE=complete_{shell}" in done.stdout


def test_a_reader_that_goes_away_ends_it_quietly(rmem: Rmem, tmp_path: Path) -> None:
    rmem("add", "x" * 200_000)
    code = "import sys; from remanence.serve.cli import main; sys.exit(main(['list']))"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_on_a_terminal_text_is_wrapped_to_its_width(rmem: Rmem) -> None:
    pty = pytest.importorskip("pty", reason="terminals are a thing of POSIX")
    rmem("add", "a boat " * 40, "--speaker", "Ana")
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "60", "TERM": "xterm"}
    code = "import sys; from remanence.serve.cli import main; sys.exit(main(['search', 'boat', '--explain']))"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while chunk := os.read(ours, 65536):
                shown += chunk
        except OSError:  # how Linux says that the other side has closed
            pass
        finally:
            os.close(ours)
    assert process.returncode == 0
    assert b"\x1b[1m" in shown
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown.decode()).splitlines()
    assert lines[0].startswith("[1] Ana")
    assert all(line.startswith("    ") for line in lines[2:] if line)
    assert max(map(len, lines)) <= 60
    assert len(lines) > 5


def test_exporting_over_the_store_is_refused(rmem: Rmem, tmp_path: Path) -> None:
    rmem("add", "a blue boat", "--id", "b1")
    for command in ("export", "backup"):
        done = rmem(command, tmp_path / "memory.rmem")
        assert (done.code, "is the store itself" in done.err) == (2, True)
        assert "names no file" in rmem(command, "").err
    assert rmem("show", "b1", "--json").row["text"] == "a blue boat"


def test_the_history_of_nothing(rmem: Rmem) -> None:
    rmem("add", "a blue boat", "--id", "b1")
    done = rmem("history", "b2")
    assert (done.code, words(done.err)) == (
        2,
        "error: no record 'b2' - rmem list shows what there is",
    )


def test_numbers_too_large_or_too_small(rmem: Rmem) -> None:
    rmem("add", "a blue boat", "--id", "b1")
    huge = "9" * 30
    assert len(rmem("list", "-n", huge, "--json").rows) == 1
    assert rmem("list", "--after", huge).code == 1
    assert rmem("history", "--after", huge).code == 1
    for arguments in (("list", "-n", "-1"), ("list", "--after", "-1"), ("history", "-n", "-1")):
        done = rmem(*arguments)
        assert (done.code, "whole number from 0 on" in done.err) == (2, True)


def test_an_import_reports_what_it_does_not_show(rmem: Rmem, tmp_path: Path) -> None:
    path = tmp_path / "log\x1b[31m.jsonl"
    path.write_text("\n".join([json.dumps(CHAT[0]), *["{broken"] * 25]))
    done = rmem("import", path)
    assert "\x1b" not in done.err
    assert "… and 5 more; --json lists all" in done.err
    gone = rmem("import", tmp_path / "no\x1b[31m.jsonl")
    assert (gone.code, "\x1b" in gone.err) == (2, False)


def test_an_export_that_comes_back_is_counted(rmem: Rmem, tmp_path: Path) -> None:
    rmem("add", "a blue boat", "--id", "b1")
    rmem("export", tmp_path / "x.jsonl")
    again = rmem("import", tmp_path / "x.jsonl", "--store", tmp_path / "other.rmem", "--json")
    assert (again.code, again.row["events"]) == (0, 1)


def test_options_before_a_group_belong_to_its_command(rmem: Rmem) -> None:
    named = [row["name"] for row in rmem("--json", "models", "list").rows]
    assert named == ["minilm", "static"]
    assert rmem("models").out.startswith("Usage: rmem models")


def test_an_own_export_that_can_not_be_read_leaves_no_store(rmem: Rmem, tmp_path: Path) -> None:
    rmem("add", "a blue boat", "--id", "b1")
    rmem("export", tmp_path / "x.jsonl")
    good = (tmp_path / "x.jsonl").read_text()
    lines = good.splitlines()
    (tmp_path / "x.jsonl").write_text("\n".join([*lines[:1], "{broken", *lines[1:]]))
    other = tmp_path / "other.rmem"
    done = rmem("import", tmp_path / "x.jsonl", "--store", other)
    assert (done.code, "x.jsonl:2" in done.err) == (2, True)
    assert [path.name for path in tmp_path.glob("other.rmem*")] == []
    (tmp_path / "x.jsonl").write_text(good)
    assert rmem("import", tmp_path / "x.jsonl", "--store", other).code == 0
    refused = rmem("import", tmp_path / "x.jsonl", "--store", other)  # it is not empty
    assert refused.code == 2
    assert rmem("list", "--store", other, "--json").row["id"] == "b1"


def test_an_own_export_keeps_its_users_and_says_so(rmem: Rmem, tmp_path: Path) -> None:
    rmem("add", "a blue boat", "--id", "b1", "--user", "ana")
    rmem("export", tmp_path / "x.jsonl")
    other = tmp_path / "other.rmem"
    done = rmem("import", tmp_path / "x.jsonl", "--store", other, "--user", "ben")
    assert (done.code, "--user and --agent do not apply" in done.err) == (0, True)
    assert rmem("list", "--store", other, "--user", "ben").code == 1
    assert rmem("list", "--store", other, "--user", "ana", "--json").row["id"] == "b1"


def test_completion_of_what_can_be_done() -> None:
    assert completions("rmem conflicts k") == ["keep", "keep-both"]
    assert completions("rmem quarantine ") == ["confirm", "reject"]
    assert completions("rmem receipt ") == ["show", "verify", "key"]
    assert {"--everything", "--mentions", "--receipt", "--tenant"} <= set(
        completions("rmem forget --")
    )


def test_piped_tables_have_no_blanks_at_the_end(rmem: Rmem) -> None:
    rmem("add", "a blue boat", "--id", "b1")
    for command in (["status"], ["show", "b1"], ["history"], ["policy", "show"], ["papers"]):
        assert [line for line in rmem(*command).out.splitlines() if line != line.rstrip()] == []
