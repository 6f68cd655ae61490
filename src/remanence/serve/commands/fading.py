"""`rmem fade`, `sleep` and `undo`: what becomes of memories while nobody asks."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from remanence.errors import Conflict, NotFound
from remanence.memory import Memory
from remanence.serve.opening import Doing, Here
from remanence.serve.ops.table import OPS
from remanence.serve.ops.wire import plain
from remanence.serve.options import DryRun, Json
from remanence.serve.output import (
    brief,
    console,
    emit,
    progress,
    table,
    visible,
)
from remanence.serve.spread import spread
from remanence.text.keep.fade import Moved
from remanence.text.keep.sleep import Night
from remanence.types import Ack, Add, Change, Link, Mark, Revise, Undo

_SHOWN = 50
_PARTS = 100
"""Steps of the bar: sleepers tell the share of their work that is done."""


@spread
def fade(
    below: Annotated[
        float, typer.Option("--below", metavar="X", help="What is weaker than this, from 0 to 1.")
    ] = 0.1,
    keep: Annotated[
        int,
        typer.Option("--keep", metavar="N", help="As long as more than this many stay in reach."),
    ] = 1000,
    dry_run: DryRun = False,
    json_: Json = False,
    *,
    here: Doing,
) -> int:
    """Move to the archive what has become weak, and back what was used again. Nothing is deleted: search --archived finds it.

    rmem fade --dry-run
    """
    with here.open() as memory:
        moved: list[Moved] = OPS["fade"].call(
            memory, {**here.whose, "below": below, "keep": keep, "dry_run": dry_run}
        )
        if json_:
            for one in moved:
                emit(plain(one))
            return 0
        _print_moved(memory, moved, here)
    gone = sum(one.archived for one in moved)
    would = "would go" if dry_run else "went"
    console().print(f"{gone:,} {would} to the archive, {len(moved) - gone:,} back")
    return 0


@spread
def sleep(
    seconds: Annotated[
        float | None,
        typer.Option("--seconds", metavar="N", help="At most this long.", show_default=False),
    ] = None,
    tokens: Annotated[
        float | None,
        typer.Option(
            "--tokens", metavar="N", help="At most these tokens of a model.", show_default=False
        ),
    ] = None,
    bytes: Annotated[
        float | None,
        typer.Option(
            "--bytes", metavar="N", help="At most this much new text.", show_default=False
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="NAME",
            help="Only this sleeper (merge, adjudicate, fade, summaries); repeatable.",
            show_default=False,
        ),
    ] = None,
    dry_run: DryRun = False,
    json_: Json = False,
    *,
    here: Here,
) -> int:
    """Do what is due while nobody waits: merge duplicates, adjudicate conflicts, archive what faded, summarise sessions.

    What is left when the budget ends, or when you stop it, goes on next time. rmem undo RUN takes back all of it.

    rmem sleep --dry-run

    rmem sleep --seconds 60
    """
    with here.open() as memory, progress("sleeping", shown=not json_) as tick:
        night: Night = OPS["sleep"].call(
            memory,
            {
                **here.whose,
                "seconds": seconds,
                "tokens": tokens,
                "bytes": bytes,
                "only": only or (),
                "dry_run": dry_run,
            },
            progress=lambda name, done, _: tick(round(done * _PARTS), _PARTS, name),
        )
    if json_:
        emit(plain(night))
        return 0
    _print_night(night)
    return 0


@spread
def undo(
    what: Annotated[
        str,
        typer.Argument(
            metavar="EVENT|RUN",
            help="An event's number, as rmem log shows it; or a sleep's run: all that it did.",
        ),
    ],
    json_: Json = False,
    *,
    here: Doing,
) -> int:
    """Take back an event or a whole sleep: memory is then as if it had not happened, and the ledger keeps that it did.

    rmem undo 118

    rmem undo 20250615T150640-42
    """
    # The ledger names a run as the actor sleep/RUN/SLEEPER.
    named = what.removeprefix("sleep/").partition("/")[0].removeprefix("#")
    with here.open() as memory:
        try:
            number = int(named) if named.isdecimal() else named
            acks: list[Ack] = OPS["undo"].call(memory, {**here.whose, "what": number})
        except NotFound as error:
            raise NotFound(error.message, hint="rmem log --actor sleep/ names the runs") from error
        except Conflict as error:
            raise Conflict(error.message, hint="rmem log shows the events") from error
    if json_:
        for ack in acks:
            emit(plain(ack))
        return 0
    done = sum(ack.status == "stored" for ack in acks)
    told = f"took back {done:,} {'event' if done == 1 else 'events'}"
    console().print(told if done else "it was taken back before")
    return 0


def _print_moved(memory: Memory, moved: list[Moved], here: Doing) -> None:
    out = console()
    shown = moved[:_SHOWN] if out.is_terminal else moved
    for way in (True, False):
        chosen = [one for one in shown if one.archived is way]
        if chosen:
            out.print("to the archive:" if way else "back:", style="bold")
        for one in chosen:
            out.print(Text.assemble("  ", (visible(one.id), "dim"), "  ", visible(one.why)))
            text = OPS["get"].call(memory, {**here.whose, "id": one.id}).text
            out.print(f"    {brief(text, indent=4)}")
    if more := len(moved) - len(shown):
        out.print(f"… and {more:,} more; --json lists all", style="dim")


def _print_night(night: Night) -> None:
    out = console()
    shown = night.changes[:_SHOWN] if out.is_terminal else night.changes
    for change in shown:
        out.print(brief(_told(change)))
    if more := len(night.changes) - len(shown):
        out.print(f"… and {more:,} more; --json lists all", style="dim")
    table(
        ("sleeper", "changes", "seconds", "tokens", "left"),
        (
            (
                one.name,
                ", ".join(f"{count:,} {kind}" for kind, count in one.changes.items()) or "none",
                f"{one.seconds:.1f}",
                f"{one.tokens:,}",
                f"{one.left:.0%}" if one.left else "",
            )
            for one in night.sleepers
        ),
    )
    for one in night.sleepers:
        for note in one.notes:
            console(errors=True).print(visible(f"{one.name}: {note}"), style="dim")
    changed = any(one.changes for one in night.sleepers)
    if night.dry:
        out.print("nothing was written")
    elif changed:
        out.print(f"run {night.run}; rmem undo {night.run} takes it back")


def _told(change: Change) -> str:
    """A change on a line."""
    match change:
        case Add(kind=kind, text=text, sources=sources):
            ids = [source.id for source in sources]
            of = ", ".join(ids) if len(ids) <= 2 else f"{len(ids)} memories"
            return f"add {kind}{f' of {of}' if of else ''}: {text}"
        case Revise(id=id, text=text):
            return f"revise {id}: {text}"
        case Link(src=src, relation=relation, dst=dst):
            return f"link {src} {relation} {dst}"
        case Mark(id=id, mark=mark, on=on, why=why):
            return f"{'mark' if on else 'unmark'} {id} {mark}{f': {why}' if why else ''}"
        case Undo(seq=seq):
            return f"undo {seq}"
    return f"{type(change).__name__.lower()} {change.id}"
