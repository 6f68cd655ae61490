"""`rmem log`, `diff`, `blame` and `readers`: the ledger for people."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from remanence.serve.opening import Here
from remanence.serve.ops.table import OPS
from remanence.serve.ops.wire import plain
from remanence.serve.options import Json, zoned
from remanence.serve.output import brief, console, day, emit, print_text, table, visible
from remanence.serve.shell import NOTHING_FOUND
from remanence.serve.spread import spread
from remanence.store.people import Changed, LogLine, Readout, Span

_COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "red")


@spread
def log(
    actor: Annotated[
        str,
        typer.Option(
            "--actor",
            metavar="NAME",
            help="Only what this one did; sleep/ stands for all sleeps.",
            show_default=False,
        ),
    ] = "",
    op: Annotated[
        list[str] | None,
        typer.Option(
            "--op",
            metavar="OP",
            help="Only add, revise, retract, link, touch, mark, undo or forget; repeatable.",
            show_default=False,
        ),
    ] = None,
    reads: Annotated[
        bool, typer.Option("--reads", help="With the reads that were noted (--audit-reads).")
    ] = False,
    limit: Annotated[
        int, typer.Option("-n", "--limit", metavar="N", help="At most this many.")
    ] = 100,
    after: Annotated[
        int, typer.Option("--after", metavar="N", help="Events behind this number.")
    ] = 0,
    newest: Annotated[
        bool, typer.Option("--newest/--oldest", help="The newest first, or the oldest.")
    ] = True,
    json_: Json = False,
    *,
    here: Here,
) -> int:
    """What happened, the newest first: number, time, what, which memory, by whom. Texts are shown as far as they are not erased.

    rmem log -n 20

    rmem log --actor sleep/ --json
    """
    with here.open() as memory:
        lines: list[LogLine] = OPS["log"].call(
            memory,
            {
                **here.whose,
                "actor": actor,
                "ops": op or (),
                "reads": reads,
                "after": after,
                "limit": limit,
                "newest": newest,
            },
        )
    for line in lines:
        if json_:
            emit(plain(line))
        else:
            _print_line(line)
    if not lines and not json_:
        console(errors=True).print("nothing happened")
    return 0 if lines else NOTHING_FOUND


@spread
def diff(
    since: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="DATE",
            callback=zoned,
            help="Known then; default: nothing yet.",
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="DATE",
            callback=zoned,
            help="Known then; default: now.",
            show_default=False,
        ),
    ] = None,
    json_: Json = False,
    *,
    here: Here,
) -> int:
    """What memory knows differently at one moment from another: added, revised, closed, marked, forgotten.

    rmem diff --from 2025-03-01 --to 2025-04-01
    """
    with here.open() as memory:
        changes: list[Changed] = OPS["diff"].call(
            memory, {**here.whose, "since": since, "until": until}
        )
    for change in changes:
        if json_:
            emit(plain(change))
        else:
            _print_change(change)
    if not changes and not json_:
        console(errors=True).print("no difference")
    return 0 if changes else NOTHING_FOUND


@spread
def blame(
    id: Annotated[str, typer.Argument(metavar="RECORD", help="The memory's id.")],
    json_: Json = False,
    *,
    here: Here,
) -> int:
    """Which words of a memory came from where: each part with the memory and version that brought it, by whom and when.

    rmem blame m17
    """
    with here.open() as memory:
        spans: list[Span] = OPS["blame"].call(memory, {**here.whose, "id": id})
    if json_:
        for span in spans:
            emit(plain(span))
        return 0
    out, body = console(), Text()
    sources: dict[tuple[str, int], Span] = {}
    for span in spans:
        sources.setdefault((span.source, span.version), span)
    numbers = {source: number for number, source in enumerate(sources, 1)}
    for span in spans:
        number = numbers[span.source, span.version]
        words = visible(span.text)
        body.append(words.rstrip(), _colour(number))
        body.append(f"[{number}]", f"dim {_colour(number)}")
        body.append(words[len(words.rstrip()) :])
    out.print(body)
    out.print()
    for number, span in enumerate(sources.values(), 1):
        told = f"{span.source} version {span.version}, {day(span.at)}, event {span.seq}"
        by = f", by {span.actor}" if span.actor else ""
        via = f", through {span.origin}" if span.origin else ""
        out.print(Text.assemble((f"[{number}] ", _colour(number)), visible(f"{told}{by}{via}")))
    return 0


@spread
def readers(
    id: Annotated[
        str, typer.Argument(metavar="[RECORD]", help="The memory's id; without one, of all.")
    ] = "",
    limit: Annotated[
        int, typer.Option("-n", "--limit", metavar="N", help="At most this many.")
    ] = 100,
    json_: Json = False,
    *,
    here: Here,
) -> int:
    """Who read a memory, the newest first. Reads are noted where --audit-reads (or $REMANENCE_AUDIT_READS) asks for it.

    rmem search "the boat" --audit-reads --asker planner

    rmem readers m17
    """
    with here.open() as memory:
        reads: list[Readout] = OPS["readers"].call(
            memory, {**here.whose, "id": id or None, "limit": limit}
        )
    if json_:
        for read in reads:
            emit(plain(read))
    elif reads:
        rows = ((day(read.at), read.reader or "?", read.id) for read in reads)
        table(("when (UTC)", "who", "memory"), rows)
    else:
        console(errors=True).print("no reads are noted; rmem search --audit-reads notes them")
    return 0 if reads else NOTHING_FOUND


def _colour(number: int) -> str:
    return _COLOURS[(number - 1) % len(_COLOURS)]


def _print_line(line: LogLine) -> None:
    head = Text.assemble(
        (f"#{line.seq}", "bold cyan"), "  ", (day(line.at), "green"), "  ", (line.op, "bold")
    )
    for part, style in ((line.id, ""), (f"by {line.actor}" if line.actor else "", "dim")):
        if part:
            head.append("  ").append(visible(part), style)
    console().print(head)
    told = f"{line.what}: {line.text}" if line.text else line.what
    print_text(brief(told, indent=4), indented=True)


def _print_change(change: Changed) -> None:
    out = console()
    out.print(Text.assemble((visible(change.id), "dim"), "  ", (visible(change.what), "bold")))
    revised = [("-", change.before, "red"), ("+", change.after, "green")]
    same = change.before == change.after
    for sign, text, style in [(" ", change.after, "")] if same else revised:
        if text:
            out.print(Text(f"  {sign} {brief(text, indent=4)}", style))
