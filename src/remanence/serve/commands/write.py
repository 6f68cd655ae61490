"""`rmem add`, `update`, `retract` and `forget`: the commands that change one memory or a few."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from remanence.errors import InvalidInput, NotFound
from remanence.memory import Memory
from remanence.serve.opening import open_memory
from remanence.serve.options import Agent, Json, Session, Store, User, pairs, zoned
from remanence.serve.output import as_json, console, emit
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
    id: Annotated[
        str, typer.Option("--id", metavar="ID", help="An id of your own.", show_default=False)
    ] = "",
    meta: Annotated[
        list[str] | None,
        typer.Option(
            "--meta",
            metavar="KEY=VALUE",
            help="Kept and filterable; repeatable.",
            show_default=False,
        ),
    ] = None,
    key: Annotated[
        str,
        typer.Option(
            "--key",
            metavar="KEY",
            help="Makes a retry safe: the same key stores nothing twice.",
            show_default=False,
        ),
    ] = "",
    store: Store = "",
    user: User = None,
    agent: Agent = None,
    session: Session = "",
    json_: Json = False,
) -> int:
    """Remember a text. It is on disk when the command ends, and found by its words at once.

    rmem add "Lena moved to Porto" --speaker Ana --at 2025-05-04

    git log -1 --format=%B | rmem add - --title "last commit"
    """
    if text == "-":
        text = _standard_input()
    message = {"content": text, "speaker": speaker, "role": role, "title": title}
    with open_memory(store, create=True) as memory:
        acks = memory.add(
            message,
            user_id=user,
            agent_id=agent,
            session_id=session,
            id=id,
            at=at,
            origin="cli",
            meta=pairs(meta, "--meta"),
            key=key,
        )
    return _acknowledge(acks, json_)


def update(
    id: Id,
    text: Annotated[str, typer.Argument(help="Its new text; - reads standard input.")],
    expect: Expect = "",
    store: Store = "",
    user: User = None,
    agent: Agent = None,
    json_: Json = False,
) -> int:
    """Give a memory a new text. The old one stays in its history and is found with --known-at.

    rmem update 01JH… "Lena moved to Braga" --expect 1
    """
    if text == "-":
        text = _standard_input()
    with open_memory(store) as memory:
        return _acknowledge(
            [memory.update(id, text, user_id=user, agent_id=agent, expect=_expected(expect))], json_
        )


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
    store: Store = "",
    user: User = None,
    agent: Agent = None,
    json_: Json = False,
) -> int:
    """Say that a memory is no longer true. It stays, and is found when asked --as-of an earlier time.

    rmem retract 01JH… --at 2025-06-01
    """
    with open_memory(store) as memory:
        ack = memory.retract(id, user_id=user, agent_id=agent, at=at, expect=_expected(expect))
    return _acknowledge([ack], json_)


def forget(
    ids: Annotated[list[str], typer.Argument(help="Ids of the memories to erase.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    store: Store = "",
    user: User = None,
    agent: Agent = None,
    json_: Json = False,
) -> int:
    """Erase memories in all their versions, with everything derived from them. This can't be undone.

    rmem forget 01JH… 01JK… --yes
    """
    with open_memory(store) as memory:
        if not yes:
            _confirm(memory, ids, user, agent)
        receipt = memory.forget(ids, user_id=user, agent_id=agent)
    if json_:
        emit(
            {
                "ids": list(receipt.ids),
                "versions": receipt.versions,
                "derived": dict(receipt.derived),
                "at": receipt.at,
                "seq": receipt.seq,
            }
        )
    else:
        derived = ", ".join(f"{count} {name}" for name, count in receipt.derived.items() if count)
        console().print(
            f"forgot {len(receipt.ids)} memories in {receipt.versions} versions{f' ({derived})' if derived else ''}"
        )
    return 0


def _confirm(memory: Memory, ids: list[str], user: str | None, agent: str | None) -> None:
    """Ask a person before erasing; without one to ask, `--yes` has to be said."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise InvalidInput(
            "forgetting asks first, and there is no terminal to ask at", hint="say --yes"
        )
    out = console(errors=True)
    for id in ids:
        try:
            record = memory.get(id, user_id=user, agent_id=agent)
        except NotFound as error:
            raise NotFound(error.message, hint="nothing was erased") from error
        out.print(f"{id}: {' '.join(record.text.split())[:70]}")
    typer.confirm(f"Erase {len(ids)} for good?", abort=True, err=True)


def _acknowledge(acks: list[Ack], json_: bool) -> int:
    for ack in acks:
        if json_:
            emit(as_json(ack))
        elif ack.status == "rejected":
            raise InvalidInput(f"it was not stored: {ack.reason}")
        else:
            words = {"stored": "stored", "duplicate": "already there"}[ack.status]
            near = f"  (same words as {ack.near})" if ack.near else ""
            console().print(
                f"{words}  {ack.id}{f'  version {ack.version}' if ack.version > 1 else ''}{near}"
            )
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
