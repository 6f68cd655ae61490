"""`rmem add`, `update` and `retract`: the commands that write one memory."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from remanence.errors import InvalidInput
from remanence.serve.opening import Doing, Writing
from remanence.serve.ops.table import OPS
from remanence.serve.ops.wire import plain
from remanence.serve.options import Json, Session, pairs, zoned
from remanence.serve.output import console, emit, visible
from remanence.serve.spread import spread
from remanence.types import Ack

Id = Annotated[str, typer.Argument(help="The memory's id, as search shows it.")]
Expect = Annotated[
    str,
    typer.Option(
        "--expect",
        metavar="VERSION",
        help="Only if this is still its version or digest.",
        show_default=False,
    ),
]


Meta = Annotated[
    list[str] | None,
    typer.Option(
        "--meta",
        metavar="KEY=VALUE",
        help="Kept and filterable; repeatable.",
        show_default=False,
    ),
]


@spread
def add(
    text: Annotated[
        str, typer.Argument(help="What to remember; - or nothing reads standard input.")
    ] = "-",
    speaker: Annotated[
        str, typer.Option("--speaker", metavar="NAME", help="Who said it.", show_default=False)
    ] = "",
    role: Annotated[
        str,
        typer.Option("--role", metavar="ROLE", help="user, assistant, system, tool or document."),
    ] = "user",
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="DATE",
            callback=zoned,
            help="When it was said; default: now.",
            show_default=False,
        ),
    ] = None,
    title: Annotated[
        str,
        typer.Option(
            "--title", metavar="TEXT", help="A title, searched with it.", show_default=False
        ),
    ] = "",
    caption: Annotated[
        str,
        typer.Option(
            "--caption",
            metavar="TEXT",
            help="What its picture shows, searched with it.",
            show_default=False,
        ),
    ] = "",
    kind: Annotated[
        str, typer.Option("--kind", metavar="KIND", help="What kind of memory it is.")
    ] = "episode",
    id: Annotated[
        str, typer.Option("--id", metavar="ID", help="An id of your own.", show_default=False)
    ] = "",
    meta: Meta = None,
    key: Annotated[
        str,
        typer.Option(
            "--key",
            metavar="KEY",
            help="Makes a retry safe: the same key stores nothing twice.",
            show_default=False,
        ),
    ] = "",
    session: Session = "",
    origin: Annotated[
        str,
        typer.Option(
            "--origin",
            metavar="CHANNEL",
            help="The channel that it came through (web:example.org, email:…): the policy's trust goes by it.",
        ),
    ] = "cli",
    supersedes: Annotated[
        list[str] | None,
        typer.Option(
            "--supersedes",
            metavar="ID",
            help="A memory that stops being true where this one begins; repeatable.",
            show_default=False,
        ),
    ] = None,
    json_: Json = False,
    *,
    here: Writing,
) -> int:
    """Remember a text. It is on disk when the command ends, and found by its words at once.

    rmem add "Lena moved to Porto" --speaker Ana --at 2025-05-04

    git log -1 --format=%B | rmem add - --title "last commit"

    curl -s https://example.org/notes.txt | rmem add - --origin web:example.org
    """
    if text == "-":
        text = _standard_input()
    message = {
        "content": text,
        "speaker": speaker,
        "role": role,
        "title": title,
        "caption": caption,
        "kind": kind,
    }
    with here.open(create=True) as memory:
        acks: list[Ack] = OPS["add"].call(
            memory,
            {
                **here.whose,
                "content": message,
                "session_id": session,
                "id": id,
                "at": at,
                "origin": origin,
                "meta": pairs(meta, "--meta"),
                "supersedes": supersedes or (),
                "key": key,
            },
        )
    return acknowledge(acks, json_)


@spread
def update(
    id: Id,
    text: Annotated[str, typer.Argument(help="Its new text; - reads standard input.")],
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="DATE",
            callback=zoned,
            help="Since when this holds, and the old text no longer; default: the old one was wrong all along.",
            show_default=False,
        ),
    ] = None,
    expect: Expect = "",
    meta: Meta = None,
    origin: Annotated[
        str,
        typer.Option(
            "--origin",
            metavar="CHANNEL",
            help="The channel that the new text came through; default: the memory's own.",
            show_default=False,
        ),
    ] = "",
    json_: Json = False,
    *,
    here: Writing,
) -> int:
    """Give a memory a new text. The old one stays in its history and is found with --known-at.

    rmem update 01JH… "Lena moved to Braga" --expect 1
    """
    if text == "-":
        text = _standard_input()
    with here.open() as memory:
        ack: Ack = OPS["update"].call(
            memory,
            {
                **here.whose,
                "id": id,
                "text": text,
                "at": at,
                "expect": _expected(expect),
                "meta": pairs(meta, "--meta") if meta else None,
                "origin": origin,
            },
        )
    return acknowledge([ack], json_)


@spread
def retract(
    id: Id,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="DATE",
            callback=zoned,
            help="Since when it is not true; default: now.",
            show_default=False,
        ),
    ] = None,
    expect: Expect = "",
    json_: Json = False,
    *,
    here: Doing,
) -> int:
    """Say that a memory is no longer true. It stays, and is found when asked --as-of an earlier time.

    rmem retract 01JH… --at 2025-06-01
    """
    with here.open() as memory:
        ack: Ack = OPS["retract"].call(
            memory, {**here.whose, "id": id, "at": at, "expect": _expected(expect)}
        )
    return acknowledge([ack], json_)


def acknowledge(acks: list[Ack], json_: bool) -> int:
    """Print what became of changes. Raises: InvalidInput for one that was not stored, without `json_`."""
    for ack in acks:
        if json_:
            emit(plain(ack))
        elif ack.status == "rejected":
            raise InvalidInput(f"it was not stored: {ack.reason}")
        else:
            words = {"stored": "stored", "duplicate": "already there"}[ack.status]
            near = f"  (same words as {ack.near})" if ack.near else ""
            console().print(
                f"{words}  {ack.id}{f'  version {ack.version}' if ack.version > 1 else ''}{near}"
            )
        if ack.status == "stored" and ack.reason:
            note = f"note: {ack.id} {ack.reason} - rmem quarantine"
            console(errors=True).print(visible(note), style="yellow")
    return 2 if any(ack.status == "rejected" for ack in acks) else 0


def _standard_input() -> str:
    if sys.stdin.isatty():
        console(errors=True).print("Type what to remember, then Ctrl-D:")
    data = sys.stdin.buffer.read()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"standard input is not UTF-8 text (byte {error.start})",
            hint="memories are text: convert it first",
        ) from error


def _expected(expect: str) -> int | str | None:
    """A version where it is a number, else a digest."""
    return (int(expect) if expect.isdecimal() else expect) if expect else None
