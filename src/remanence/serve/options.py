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


def zoned(option: typer.CallbackParam, value: str | None) -> str | None:
    """Check a date of the command line: a plain date, or a time with its zone. Raises: InvalidInput."""
    if value is None:
        return None
    try:
        parsed = datetime.fromisoformat(value.strip())
    except ValueError as error:
        hint = "write it like 2025-03-01, or 2025-03-01T09:30Z, or 2025-03-01T09:30+01:00"
        raise InvalidInput(f"{option.opts[0]} {value!r} is no date", hint=hint) from error
    if parsed.tzinfo is None and len(value.strip()) > len("2025-03-01"):
        raise InvalidInput(
            f"{option.opts[0]} {value} has no time zone",
            hint=f"write {value}Z for UTC, or {value}+01:00",
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
Tenant = Annotated[
    str,
    typer.Option(
        "--tenant",
        metavar="NAME",
        envvar="REMANENCE_TENANT",
        help="Whose store in a folder of stores.",
        show_default=False,
    ),
]
Keys = Annotated[
    str,
    typer.Option(
        "--keys",
        metavar="PATH",
        envvar="REMANENCE_KEYS",
        help="The key of an encrypted store: a file, or a folder of keys (ending in /).",
        show_default=False,
    ),
]
PolicyFile = Annotated[
    str,
    typer.Option(
        "--policy",
        metavar="FILE",
        envvar="REMANENCE_POLICY",
        help="Your own policy (rmem policy show); default: that of rmem.",
        show_default=False,
    ),
]
Actor = Annotated[
    str,
    typer.Option(
        "--actor",
        metavar="NAME",
        envvar="REMANENCE_ACTOR",
        help="Who does it, for the ledger.",
        show_default=False,
    ),
]
Asker = Annotated[
    str,
    typer.Option(
        "--asker",
        metavar="NAME",
        envvar="REMANENCE_ASKER",
        help="Who asks, for the ledger.",
        show_default=False,
    ),
]
AuditReads = Annotated[
    bool,
    typer.Option(
        "--audit-reads/--no-audit-reads",
        envvar="REMANENCE_AUDIT_READS",
        help="Note in the ledger who read what.",
        show_default=False,
    ),
]
Audience = Annotated[
    str,
    typer.Option(
        "--audience",
        metavar="WHO",
        help="To whom the answer goes, such as 'my employer': what does not belong there is withheld.",
        show_default=False,
    ),
]
Purpose = Annotated[
    str,
    typer.Option(
        "--purpose",
        metavar="WHAT",
        help="What for, such as 'book a flight'.",
        show_default=False,
    ),
]
Archived = Annotated[
    bool, typer.Option("--archived", help="Look also at what has faded into the archive.")
]
Quarantined = Annotated[
    bool, typer.Option("--quarantined", help="Look also at what waits for confirmation.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Session = Annotated[
    str, typer.Option("--session", metavar="ID", help="The conversation's id.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="JSON for programs: a line for each thing.")]
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
Filter = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        metavar="KEY=VALUE",
        help="Only where speaker, role, session or a key of meta is this; repeatable.",
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
