"""The `rmem` command: finds out which command is meant, and only then loads what it needs.

`rmem --help` runs on the standard library alone. Each command lives in `remanence.serve.commands`, is built with typer, and is
imported when it is called.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from shutil import get_terminal_size
from textwrap import fill, wrap
from typing import NamedTuple

from remanence import __version__

COMPLETING = "_RMEM_COMPLETE"
"""Set by the shell's completion script."""


class Command(NamedTuple):
    """A command: its name, the `module:attribute` below `remanence.serve.commands` that does it, and its line of help."""

    name: str
    target: str
    help: str


GROUPS: dict[str, tuple[tuple[Command, ...], ...]] = {
    "Remember": (
        (
            Command("add", "write:add", "Remember a text"),
            Command("import", "imports:import_", "Conversations and notes from elsewhere"),
        ),
        (
            Command("update", "write:update", "A new text for a memory"),
            Command("retract", "write:retract", "Say that it is no longer true"),
        ),
    ),
    "Recall": (
        (
            Command("search", "read:search", "The memories that answer best"),
            Command("context", "read:context", "Packed for a model"),
        ),
        (Command("ask", "ask:ask", "Cited memories; a written answer where a model is set up"),),
        (
            Command("list", "look:list_", "What is stored"),
            Command("show", "look:show", "One memory"),
            Command("history", "look:history", "All its versions"),
        ),
        (
            Command("facts", "look:facts_", "What holds now or held once"),
            Command("lineage", "read:lineage", "What was made from what"),
        ),
    ),
    "Decide": (
        (
            Command(
                "conflicts", "decide:conflicts", "Facts that can't both hold: keep one, or both"
            ),
        ),
        (
            Command(
                "quarantine", "decide:quarantine", "What waits for a word of yours: confirm, reject"
            ),
        ),
        (Command("policy", "policy:app", "Whom to trust, what to mask, what may be told to whom"),),
    ),
    "Age": (
        (
            Command("pin", "decide:pin", "Keep a memory from fading"),
            Command("unpin", "decide:unpin", "Let it fade again"),
            Command("mark", "decide:mark", "Other marks"),
        ),
        (
            Command(
                "fade", "fading:fade", "Move to the archive what has become weak; deletes nothing"
            ),
        ),
        (
            Command("sleep", "fading:sleep", "Merge, adjudicate, archive, summarise"),
            Command("undo", "fading:undo", "Take it back"),
        ),
    ),
    "Forget": (
        (
            Command(
                "forget",
                "forgetting:forget",
                "Erase, with all that was derived; look again; a receipt",
            ),
        ),
        (
            Command(
                "receipt",
                "forgetting:app",
                "Show a receipt, verify it, or print the key that signs",
            ),
        ),
        (
            Command("keys", "walls:keys", "Make or destroy keys of stores"),
            Command("tenants", "walls:tenants", "The stores in a folder"),
        ),
    ),
    "Account": (
        (
            Command("log", "account:log", "What happened"),
            Command("diff", "account:diff", "What is different between two moments"),
        ),
        (
            Command("blame", "account:blame", "Where a memory's words came from"),
            Command("readers", "account:readers", "Who read it"),
        ),
    ),
    "Keep": (
        (
            Command("status", "keep:status", "Counts and sizes"),
            Command("users", "keep:users", "Whose memories"),
            Command("flush", "keep:flush", "Embed what waits"),
        ),
        (
            Command("verify", "keep:verify", "Check everything against the ledger"),
            Command("rebuild", "keep:rebuild", "Derive anew"),
        ),
        (
            Command("backup", "keep:backup", "Copy the store while in use"),
            Command("export", "keep:export", "Write it as JSON Lines"),
        ),
    ),
    "Serve": (
        (
            Command("serve", "serving:serve", "HTTP, with a page"),
            Command("ui", "serving:ui", "Open the page"),
            Command("token", "tokens:app", "Who may call"),
        ),
        (
            Command("mcp", "mcp:mcp", "For agents and editors"),
            Command("proxy", "proxy:proxy", "Between an app and its model"),
        ),
        (
            Command("bulk", "scale.bulk:app", "Much at once"),
            Command("worker", "scale.worker:worker", "Work that waits"),
            Command("shards", "scale.shards:app", "Many servers"),
        ),
    ),
    "Study": (
        (
            Command("models", "models:app", "The encoders on this machine"),
            Command("train", "train:app", "Fit the ranker"),
        ),
        (
            Command("papers", "catalogue:papers", "The mechanisms inside"),
            Command("where", "catalogue:where", "The source and figures of one"),
        ),
        (
            Command("bench", "bench:app", "Measure it beside others"),
            Command("completion", "completion:completion", "For your shell"),
        ),
    ),
}
"""What `rmem --help` shows: in each group lines, on each line the commands that belong together."""
COMMANDS: dict[str, Command] = {
    command.name: command for group in GROUPS.values() for line in group for command in line
}
OPTIONS = {
    "--store PATH_OR_URL": "the store; else $REMANENCE_STORE, else your memory.rmem",
    "--user NAME": "whose memory; else $REMANENCE_USER, else 'default'",
    "--agent NAME": "narrows it to one agent's",
    "--tenant NAME": "whose store in a folder of stores; else $REMANENCE_TENANT",
    "--keys PATH": "the key of an encrypted store; else $REMANENCE_KEYS",
    "--json": "JSON for programs: a line for each thing",
    "--help, --version": "`rmem COMMAND --help` has examples",
}
EXITS = "0 done; 1 nothing found; 2 a wrong call; 3 the store; 4 a model."
_INDENT = 20
"""Columns of names in the overview."""
_TAKES_VALUE = {option.split()[0] for option in OPTIONS if " " in option}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if COMPLETING in os.environ:
        return int(import_module("remanence.serve.shell").complete())
    leading, name, rest = _split(given)
    if name is None:
        if "--version" in leading:
            print(f"remanence {__version__}")
            return 0
        if unknown := [option for option in leading if option not in ("--help", "-h", "--json")]:
            return _wrong(
                f"{unknown[0]} needs a value and a command", "rmem --help lists the commands"
            )
        print(overview(get_terminal_size().columns), end="")
        return 0
    if name.startswith("-"):
        return _wrong(f"no such option before a command: {name}", "rmem --help lists what there is")
    command = COMMANDS.get(name)
    if command is None:
        near = get_close_matches(name, COMMANDS, 3)
        return _wrong(
            f"no command is called {name!r}",
            f"did you mean {' or '.join(near)}?" if near else "rmem --help lists the commands",
        )
    before = [option if option != "-h" else "--help" for option in leading if option != "--version"]
    return int(import_module("remanence.serve.shell").run(command, rest, before))


def overview(width: int) -> str:
    """The text of `rmem --help`: a screen."""
    lines = [
        "Usage: rmem COMMAND [OPTIONS]",
        *wrap("Memory for language models and agents, in one file.", max(width, 40)),
        "",
    ]
    for group, entries in GROUPS.items():
        lines += [f"{group}:", *(_together(line, width) for line in entries)]
    lines += [
        "",
        "Options of most commands:",
        *(_entry(*option, width) for option in OPTIONS.items()),
    ]
    lines += [fill(f"Exit codes: {EXITS}", max(width, 40)), ""]
    return "\n".join(lines)


def _together(line: Sequence[Command], width: int) -> str:
    first, *others = (command.help for command in line)
    told = [first, *(other[:1].lower() + other[1:] for other in others)]
    return _entry(", ".join(command.name for command in line), "; ".join(told), width)


def _entry(name: str, text: str, width: int) -> str:
    return fill(
        text,
        max(width, 40),
        initial_indent=f"  {name:<{_INDENT}} ",
        subsequent_indent=" " * (_INDENT + 3),
    )


def _split(given: list[str]) -> tuple[list[str], str | None, list[str]]:
    """(options before the command, the command or the first thing that is no option of all commands, the rest)."""
    position = 0
    while position < len(given):
        option, equals, _ = given[position].partition("=")
        if option in _TAKES_VALUE:
            position += 1 if equals else 2
        elif given[position] in ("--json", "--help", "-h", "--version"):
            position += 1
        else:
            return given[:position], given[position], given[position + 1 :]
    return given, None, []


def _wrong(message: str, hint: str) -> int:
    print(f"error: {message} - {hint}", file=sys.stderr)
    return 2
