"""The options that commands share, and reading their values."""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from remanence.errors import InvalidInput


def zoned(value: str | None) -> str | None:
    """Check a date of the command line: a plain date, or a time with its zone. Raises: InvalidInput."""
    if value is None:
        return None
    try:
        parsed = datetime.fromisoformat(value.strip())
    except ValueError as error:
        hint = "write it like 2025-03-01, or 2025-03-01T09:30Z, or 2025-03-01T09:30+01:00"
        raise InvalidInput(f"{value!r} is no date", hint=hint) from error
    if parsed.tzinfo is None and len(value.strip()) > len("2025-03-01"):
        raise InvalidInput(
            f"{value} has no time zone", hint=f"write {value}Z for UTC, or {value}+01:00"
        )
    return value


Store = Annotated[
    str,
    typer.Option(
        "--store",
        envvar="REMANENCE_STORE",
        metavar="PATH_OR_URL",
        help="The store; default: memory.rmem in your data directory.",
        show_default=False,
    ),
]
User = Annotated[
    str | None,
    typer.Option(
        "--user", metavar="NAME", envvar="REMANENCE_USER", help="Whose memory.", show_default=False
    ),
]
Agent = Annotated[
    str | None,
    typer.Option(
        "--agent",
        metavar="NAME",
        envvar="REMANENCE_AGENT",
        help="Narrow it to one agent's.",
        show_default=False,
    ),
]
Session = Annotated[
    str, typer.Option("--session", metavar="ID", help="The conversation's id.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="JSON for programs: one object a line.")]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="DATE",
        callback=zoned,
        help="What was true then: 2025-03-01 (midnight UTC), or with time and zone.",
        show_default=False,
    ),
]
KnownAt = Annotated[
    str | None,
    typer.Option(
        "--known-at",
        metavar="DATE",
        callback=zoned,
        help="What this store knew then.",
        show_default=False,
    ),
]
Embedder = Annotated[
    str,
    typer.Option(
        "--embedder",
        envvar="REMANENCE_EMBEDDER",
        metavar="NAME_OR_URL",
        help="auto, minilm, static, none, or the URL of an OpenAI-compatible endpoint.",
    ),
]
Ranker = Annotated[
    str,
    typer.Option(
        "--ranker",
        envvar="REMANENCE_RANKER",
        metavar="FILE",
        help="Weights from rmem train ranker; default: those that come with rmem.",
        show_default=False,
    ),
]
Kind = Annotated[
    list[str] | None,
    typer.Option(
        "--kind",
        metavar="KIND",
        help="Only this kind (episode, document, …); repeatable.",
        show_default=False,
    ),
]
Explain = Annotated[bool, typer.Option("--explain", help="Show the signals behind each memory.")]


def pairs(given: list[str] | None, option: str) -> dict[str, object]:
    """`key=value` pairs; a value that is JSON (a number, true, a list) counts as that, any other as text.

    >>> pairs(["year=2025", "project=atlas"], "--meta")
    {'year': 2025, 'project': 'atlas'}
    """
    found: dict[str, object] = {}
    for pair in given or ():
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise InvalidInput(
                f"{option} {pair!r} is no KEY=VALUE", hint=f"for example {option} project=atlas"
            )
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def default_store() -> str:
    """`memory.rmem` in the user's data directory: XDG_DATA_HOME, else ~/.local/share; LOCALAPPDATA on Windows."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return str(base / "remanence" / "memory.rmem")
