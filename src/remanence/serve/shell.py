"""Runs one command through typer: its help, its arguments, its errors as one line, and its exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from io import TextIOWrapper
from typing import Any

import typer
import typer.main

from remanence.errors import RemanenceError, StoreError, UsageError
from remanence.serve.cli import COMMANDS, COMPLETING, Command
from remanence.serve.ops.line import dumps
from remanence.serve.ops.status import exit_code, told
from remanence.serve.output import visible
from remanence.serve.wording import in_words

NOTHING_FOUND = 1
INTERRUPTED = 130
PIPE_CLOSED = 141
"""As shells report a program that SIGPIPE ended: `rmem list | head`."""

_Misuse: Any = typer.BadParameter.__mro__[2]
"""What a wrong option or argument raises; typer exports only this one of its subclasses."""


def run(command: Command, arguments: Sequence[str], before: Sequence[str] = ()) -> int:
    """Run a command; its exit code. Errors become one line on standard error (`REMANENCE_DEBUG=1`: a traceback before it).

    Options that were given `before` the command belong to it: `rmem --json search x` is `rmem search --json x`, and
    `rmem --json keys new x` is `rmem keys new --json x`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A memory may hold what the terminal can't show.
            stream.reconfigure(errors="backslashreplace")
    report = _Report(as_json="--json" in (*before, *arguments))
    try:
        program = built(command)
        group = isinstance(_target(command), typer.Typer)
        behind = 1 if group and arguments and not arguments[0].startswith("-") else 0
        given = [*arguments[:behind], *before, *arguments[behind:]] or (["--help"] if group else [])
        # Not program.main(): it would turn Ctrl-C and a closed pipe into exit codes of its own.
        with program.make_context(f"rmem {command.name}", given) as context:
            done = program.invoke(context)
        sys.stdout.flush()
        return int(done or 0)
    except typer.Exit as done_early:  # --help
        return int(done_early.exit_code)
    except _Misuse as error:
        message = error.format_message().rstrip(".")
        return report.of(UsageError(message, hint=f"see rmem {command.name} --help"))
    except RemanenceError as error:
        return report.of(error)
    except BrokenPipeError:
        # The interpreter flushes once more at its end: give that somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return report("OSError", f"{where}{error.strerror or error}", "", exit_code(StoreError("")))
    except typer.Abort:
        return report("Cancelled", "cancelled", "nothing was changed", INTERRUPTED)
    except (KeyboardInterrupt, EOFError):
        return report(
            "Interrupted",
            "interrupted",
            "what was acknowledged is stored; the same command goes on from there",
            INTERRUPTED,
        )


def built(command: Command) -> Any:
    """The click command behind a name: a function's, or a group's."""
    target = _target(command)
    if isinstance(target, typer.Typer):
        return typer.main.get_command(target)
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command()(target)
    return typer.main.get_command(app)


def complete(shell: str = "") -> int:
    """Answer the shell's completion script, or print that script for `shell`. Of all commands only the one typed is loaded."""
    line = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS", "")
    typed = next((word for word in line.split()[1:] if word in COMMANDS), "")
    app = typer.Typer(add_completion=True, rich_markup_mode=None)
    for name, command in COMMANDS.items():
        target = _target(command) if name == typed else _not_loaded
        if isinstance(target, typer.Typer):
            app.add_typer(target, name=name, help=command.help)
        else:
            app.command(name, help=command.help)(target)
    if shell:
        os.environ[COMPLETING] = f"source_{shell}"
    typer.main.get_command(app).main(args=[], prog_name="rmem")
    return 0


def _target(command: Command) -> Any:
    module, _, attribute = command.target.partition(":")
    return getattr(import_module(f"remanence.serve.commands.{module}"), attribute)


def _not_loaded() -> None:
    """Stands for the commands that are not being typed: completion asks for their names alone."""


@dataclass(frozen=True, slots=True)
class _Report:
    """Tells of an error on standard error, in a line: `error: what - how to mend it`, or as JSON."""

    as_json: bool

    def of(self, error: RemanenceError) -> int:
        """Tell of one of our own errors, in the words of the command line."""
        said = told(error)
        return self(
            said["code"], in_words(said["message"]), in_words(said["hint"]), exit_code(error)
        )

    def __call__(self, code: str, message: str, hint: str, exit_with: int) -> int:
        if os.environ.get("REMANENCE_DEBUG"):
            traceback.print_exc()
        line = f"error: {message}{' - ' if hint else ''}{hint}"
        if self.as_json:
            error = {"code": code, "message": message, "hint": hint}
            line = dumps({"error": error}).decode()
        print(visible(" ".join(line.splitlines())), file=sys.stderr)
        return exit_with
