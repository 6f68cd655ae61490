"""`rmem search`, `context` and `lineage`: reading memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.text import Text

from remanence.memory import Memory
from remanence.memory.core import Lineage
from remanence.serve.opening import Asking, Here
from remanence.serve.ops.table import OPS
from remanence.serve.ops.wire import plain
from remanence.serve.options import Explain, Filter, Json, Kind, Quarantined, Session, pairs
from remanence.serve.output import (
    brief,
    console,
    emit,
    print_hits,
    print_text,
    print_withheld,
    visible,
)
from remanence.serve.shell import NOTHING_FOUND
from remanence.serve.spread import spread
from remanence.types import Context, Hits, Record

Question = Annotated[str, typer.Argument(help="What to look for, in your words.")]
WAIT = 1.0
"""Seconds that a read waits for memories that were added just now to get their vectors."""


@spread
def search(
    query: Question,
    k: Annotated[int, typer.Option("-k", "--limit", metavar="N", help="At most this many.")] = 10,
    filter: Filter = None,
    kind: Kind = None,
    session: Session = "",
    quarantined: Quarantined = False,
    explain: Explain = False,
    json_: Json = False,
    *,
    here: Asking,
) -> int:
    """The memories that answer best, best first, each with who said it, when, and its id.

    rmem search "where does Lena live" -k 5 --explain

    rmem search "where does Lena live" --as-of 2025-03-01 --filter speaker=Ana

    rmem search "how is she" --audience "her employer" --purpose "plan the shifts"
    """
    with here.open() as memory:
        wait_for_vectors(memory)
        hits: Hits = OPS["search"].call(
            memory,
            {
                **here.how,
                "query": query,
                "session_id": session,
                "k": k,
                "quarantined": quarantined,
                "kinds": kind or (),
                "filters": pairs(filter, "--filter"),
            },
        )
    if json_:
        for hit in hits:
            emit(plain(hit))
    elif hits:
        print_hits(hits, explain=explain)
    else:
        console(errors=True).print("nothing found")
    print_withheld(hits.withheld, json_=json_)
    return 0 if hits else NOTHING_FOUND


@spread
def context(
    query: Question,
    budget: Annotated[
        int, typer.Option("--budget", metavar="TOKENS", help="At most this many tokens.")
    ] = 2000,
    filter: Filter = None,
    kind: Kind = None,
    session: Session = "",
    explain: Explain = False,
    json_: Json = False,
    *,
    here: Asking,
) -> int:
    """What to put before a model: the best memories in a token budget, in conversation order, numbered to be cited.

    rmem context "plan Lena's birthday" --budget 1000 | llm "suggest a present"
    """
    with here.open() as memory:
        wait_for_vectors(memory)
        packed: Context = OPS["context"].call(
            memory,
            {
                **here.how,
                "query": query,
                "budget": budget,
                "session_id": session,
                "kinds": kind or (),
                "filters": pairs(filter, "--filter"),
            },
        )
    if json_:
        emit(plain(packed))
        return 0 if packed.hits else NOTHING_FOUND
    if explain:
        print_hits(packed.hits, explain=True)
    elif packed.text:
        print_text(packed.text)
    notes = console(errors=True)
    print_withheld(packed.withheld, json_=False)
    whole = ", the whole memory" if packed.complete else ""
    notes.print(f"{len(packed.hits)} memories, {packed.tokens} tokens{whole}", style="dim")
    return 0 if packed.hits else NOTHING_FOUND


@spread
def lineage(
    id: Annotated[str, typer.Argument(metavar="RECORD", help="The memory's id.")],
    json_: Json = False,
    *,
    here: Here,
) -> int:
    """What a memory was made from, what was made from it, and what it is linked to.

    rmem lineage m17
    """
    with here.open() as memory:
        found: Lineage = OPS["lineage"].call(memory, {**here.whose, "id": id})
    if json_:
        emit(plain(found))
        return 0
    _print_kin("", [found.record])
    _print_kin("made from", found.sources)
    _print_kin("made from it", found.derived)
    if found.links:
        console().print("linked", style="bold")
        for link in found.links:
            console().print(f"  {visible(' '.join(link))}")
    return 0


def wait_for_vectors(memory: Memory) -> None:
    """Give what was just added a moment to be embedded; say so where more is waiting than that."""
    if not OPS["flush"].call(memory, {"timeout": WAIT}):
        pending = OPS["status"].call(memory, {}).pending
        console(errors=True).print(
            f"note: {pending:,} memories are found by their words only until they are embedded (rmem flush)",
            style="yellow",
        )


def _print_kin(heading: str, records: Sequence[Record]) -> None:
    """Memories under a heading, a line each: id, kind, text. Nothing where there are none."""
    if heading and records:
        console().print(heading, style="bold")
    for record in records:
        head = f"{record.id}  {record.kind}  "
        indent = "  " if heading else ""
        text = brief(record.text, indent=len(indent) + len(head))
        console().print(Text.assemble(indent, (visible(head), "dim"), text))
