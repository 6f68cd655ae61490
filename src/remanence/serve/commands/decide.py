"""`rmem conflicts`, `quarantine`, `pin`, `unpin` and `mark`: what somebody decides about memories."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from rich.text import Text

from remanence.errors import InvalidInput
from remanence.serve.commands.look import print_fact
from remanence.serve.opening import Doing
from remanence.serve.ops.table import OPS
from remanence.serve.ops.wire import plain
from remanence.serve.options import Json
from remanence.serve.output import console, emit, print_memory, visible
from remanence.serve.shell import NOTHING_FOUND
from remanence.serve.spread import spread
from remanence.text.slots.conflicts import Conflict
from remanence.types import Ack, Record

Ids = Annotated[list[str], typer.Argument(help="Ids of memories, as search shows them.")]


class Settling(StrEnum):
    """What can be done about a conflict."""

    keep = "keep"
    keep_both = "keep-both"


class Waiting(StrEnum):
    """What can be done about what waits."""

    confirm = "confirm"
    reject = "reject"


@spread
def conflicts(
    action: Annotated[
        Settling | None,
        typer.Argument(
            help="keep: this one holds, what contradicts it ended; keep-both: they don't contradict. Without it: list."
        ),
    ] = None,
    id: Annotated[
        str, typer.Argument(help="The fact's id, or the id of the memory that says it.")
    ] = "",
    json_: Json = False,
    *,
    here: Doing,
) -> int:
    """Facts that can't both hold, where nothing said which does. Reads show both until you decide; nothing is deleted.

    rmem conflicts

    rmem conflicts keep m17
    """
    with here.open() as memory:
        if action is None:
            return _list_conflicts(OPS["conflicts"].call(memory, here.whose), json_)
        _refuse_nothing(id, f"conflicts {action}")
        acks: list[Ack] = OPS["settle"].call(
            memory, {**here.whose, "id": id, "both": action is Settling.keep_both}
        )
    told = "both stand" if action is Settling.keep_both else f"{id} holds"
    return _done(acks, told, json_)


@spread
def quarantine(
    action: Annotated[
        Waiting | None,
        typer.Argument(
            help="confirm: let it be read; reject: keep it out, and what says the same later. Without it: list."
        ),
    ] = None,
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of what waits.")] = None,
    why: Annotated[
        str,
        typer.Option("--why", metavar="TEXT", help="Why you reject it.", show_default=False),
    ] = "",
    limit: Annotated[
        int, typer.Option("-n", "--limit", metavar="N", help="List at most this many.")
    ] = 100,
    json_: Json = False,
    *,
    here: Doing,
) -> int:
    """What was put aside because it would steer and comes from where nobody vouches for it. It is not read until you confirm it.

    rmem quarantine

    rmem quarantine confirm m17

    rmem quarantine reject m17 --why "the page asks for our invoices"
    """
    with here.open() as memory:
        if action is None:
            waiting: list[tuple[Record, str]] = OPS["quarantine"].call(
                memory, {**here.whose, "limit": limit}
            )
            for number, (record, reason) in enumerate(waiting, 1):
                if json_:
                    emit(plain((record, reason)))
                    continue
                origin = (
                    f"from {record.origin}, trusted {record.trust:g}: " if record.origin else ""
                )
                print_memory(number, record, notes=[f"{origin}{reason}"])
            return _listed(len(waiting), json_, "nothing waits for confirmation")
        _refuse_nothing(ids, f"quarantine {action}")
        acks: list[Ack] = []
        for id in ids or ():
            because = {} if action is Waiting.confirm else {"why": why}
            acks += OPS[action].call(memory, {**here.whose, "id": id, **because})
    told = "can be read now" if action is Waiting.confirm else "stays out; rmem forget erases it"
    return _done(acks, f"{', '.join(ids or ())}: {told}", json_)


@spread
def pin(ids: Ids, json_: Json = False, *, here: Doing) -> int:
    """Keep memories from ever fading into the archive.

    rmem pin m17 m18
    """
    return _mark(ids, {"mark": "pinned"}, "pinned", json_, here)


@spread
def unpin(ids: Ids, json_: Json = False, *, here: Doing) -> int:
    """Let pinned memories fade again, as all others do.

    rmem unpin m17
    """
    return _mark(ids, {"mark": "pinned", "on": False}, "no longer pinned", json_, here)


@spread
def mark(
    id: Annotated[str, typer.Argument(help="The memory's id, as search shows it.")],
    mark: Annotated[
        str,
        typer.Argument(
            help="pinned (never fades), archived (found only with --archived), or a name of your own."
        ),
    ],
    on: Annotated[bool, typer.Option("--on/--off", help="Set it, or take it off.")] = True,
    why: Annotated[
        str, typer.Option("--why", metavar="TEXT", help="The reason.", show_default=False)
    ] = "",
    json_: Json = False,
    *,
    here: Doing,
) -> int:
    """Set a mark on a memory, or take it off. The ledger keeps who did so, and why.

    rmem mark m17 to-check --why "the dates do not fit"

    rmem mark m17 to-check --off
    """
    told = f"{'marked' if on else 'no longer marked'} {mark}"
    return _mark([id], {"mark": mark, "on": on, "why": why}, told, json_, here)


def _mark(ids: list[str], how: dict[str, object], told: str, json_: bool, here: Doing) -> int:
    with here.open() as memory:
        for id in ids[1:]:  # all are there before the first is marked
            OPS["get"].call(memory, {**here.whose, "id": id})
        acks = [OPS["mark"].call(memory, {**here.whose, "id": id, **how}) for id in ids]
    for ack in acks:
        if json_:
            emit(plain(ack))
        else:
            console().print(visible(f"{told}  {ack.id}"))
    return 0


def _list_conflicts(found: list[Conflict], json_: bool) -> int:
    out = console()
    for number, one in enumerate(found, 1):
        if json_:
            emit(plain(one))
            continue
        if number > 1:
            out.print()
        out.print(
            Text.assemble(
                (f"[{number}] ", "bold cyan"), (visible(f"{one.subject}, {one.attribute}"), "bold")
            )
        )
        print_fact(one.older, inside=True)
        print_fact(one.newer, inside=True)
    if found and not json_:
        console(errors=True).print(
            "rmem conflicts keep ID decides; rmem conflicts keep-both ID lets both stand",
            style="dim",
        )
    return _listed(len(found), json_, "no conflicts")


def _listed(count: int, json_: bool, none: str) -> int:
    if not count and not json_:
        console(errors=True).print(none)
    return 0 if count else NOTHING_FOUND


def _refuse_nothing(given: object, call: str) -> None:
    if not given:
        raise InvalidInput("no id is given", hint=f"say which: rmem {call} ID")


def _done(acks: list[Ack], told: str, json_: bool) -> int:
    refused = [ack for ack in acks if ack.status == "rejected"]
    if json_:
        for ack in acks:
            emit(plain(ack))
    elif refused:
        raise InvalidInput(f"it was not stored: {refused[0].reason}")
    else:
        console().print(visible(told))
    return 2 if refused else 0
