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
from textwrap import fill
from typing import NamedTuple

from remanence import __version__

COMPLETING = "_RMEM_COMPLETE"
"""Set by the shell's completion script."""


class Command(NamedTuple):
    """A command: its name, the `module:attribute` below `remanence.serve.commands` that does it, and its line of help."""

    name: str
    target: str
    help: str


GROUPS: dict[str, tuple[Command, ...]] = {
    "Remember": (
        Command("add", "write:add", "Remember a text, or what comes on standard input"),
        Command(
            "import",
            "imports:import_",
            "Import conversations or notes: ChatGPT, Claude, JSON Lines, LoCoMo, Markdown",
        ),
        Command(
            "update", "write:update", "Give a memory a new text; the old one stays in its history"
        ),
        Command("retract", "write:retract", "Say that a memory is no longer true"),
        Command("forget", "write:forget", "Erase memories and all that was derived from them"),
    ),
    "Recall": (
        Command("search", "read:search", "The memories that answer best, best first"),
        Command(
            "context", "read:context", "Memories packed into a token budget, to put before a model"
        ),
        Command(
            "ask",
            "ask:ask",
            "Cited memories, and a written answer where a chat model is configured",
        ),
        Command("list", "look:list_", "Memories in the order they were stored"),
        Command("show", "look:show", "One memory with everything that is known about it"),
        Command("history", "look:history", "All versions of a memory"),
    ),
    "Keep": (
        Command("status", "keep:status", "Counts, sizes, and how far the embedding is"),
        Command("flush", "keep:flush", "Embed what waits for its vectors"),
        Command("verify", "keep:verify", "Check the ledger and all that is derived from it"),
        Command("rebuild", "keep:rebuild", "Derive everything anew from the ledger"),
        Command("backup", "keep:backup", "Copy the store while it is in use"),
        Command(
            "export",
            "keep:export",
            "Write everything as JSON Lines, which `rmem import` reads back",
        ),
    ),
    "Study": (
        Command("models", "models:app", "The encoders on this machine, and fetching one"),
        Command("papers", "catalogue:papers", "The mechanisms inside and where they come from"),
        Command("where", "catalogue:where", "The file, source and figures of a mechanism"),
        Command(
            "bench", "bench:app", "Measure: LoCoMo, BEAM, multi-hop, Cranfield, scale, durability"
        ),
        Command("train", "train:app", "Fit the ranker to questions with known evidence"),
        Command("completion", "completion:completion", "Set up completion for your shell"),
    ),
}
COMMANDS: dict[str, Command] = {
    command.name: command for group in GROUPS.values() for command in group
}
OPTIONS = {
    "--store PATH_OR_URL": "the store; else $REMANENCE_STORE, else memory.rmem in your data directory",
    "--user NAME": "whose memory; else $REMANENCE_USER, else 'default'",
    "--agent NAME": "narrows it to one agent's",
    "--json": "JSON for programs: one object a line",
    "--help": "also after a command",
    "--version": "print the version",
}
EXITS = "0 done; 1 nothing found; 2 the call is wrong; 3 the store; 4 a model."
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
    return int(import_module("remanence.serve.shell").run(command, _placed(leading, rest)))


def overview(width: int) -> str:
    """The text of `rmem --help`."""
    lines = [
        "Usage: rmem COMMAND [OPTIONS]",
        "",
        "Memory for language models and agents, in one file.",
        "",
    ]
    for group, commands in GROUPS.items():
        lines += [
            f"{group}:",
            *(_entry(command.name, command.help, 11, width) for command in commands),
            "",
        ]
    lines += [
        "Options of every command:",
        *(_entry(name, text, 20, width) for name, text in OPTIONS.items()),
        "",
    ]
    lines += [fill(f"Exit codes: {EXITS} `rmem COMMAND --help` has examples.", max(width, 40)), ""]
    return "\n".join(lines)


def _entry(name: str, text: str, indent: int, width: int) -> str:
    return fill(
        text,
        max(width, 40),
        initial_indent=f"  {name:<{indent}} ",
        subsequent_indent=" " * (indent + 3),
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


def _placed(leading: list[str], rest: list[str]) -> list[str]:
    """Options before the command belong to it: `rmem --json search x` is `rmem search --json x`."""
    return [
        option if option != "-h" else "--help" for option in leading if option != "--version"
    ] + rest


def _wrong(message: str, hint: str) -> int:
    print(f"error: {message} - {hint}", file=sys.stderr)
    return 2
