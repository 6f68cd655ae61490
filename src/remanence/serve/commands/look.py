"""`rmem list`, `show`, `history` and `facts`: looking at what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.text import Text

from remanence.errors import NotFound
from remanence.serve.opening import Here, open_memory
from remanence.serve.ops.table import OPS
from remanence.serve.ops.wire import plain
from remanence.serve.options import (
    Archived,
    Asker,
    AsOf,
    AuditReads,
    Filter,
    Json,
    Kind,
    KnownAt,
    Quarantined,
    Session,
    pairs,
)
from remanence.serve.output import (
    brief,
    console,
    day,
    emit,
    print_memory,
    print_pairs,
    print_text,
    table,
    visible,
    who,
)
from remanence.serve.shell import NOTHING_FOUND
from remanence.serve.spread import spread
from remanence.types import Event, Record

Id = Annotated[str, typer.Argument(help="The memory's id, as search shows it.")]


@spread
def list_(
    limit: Annotated[
        int, typer.Option("-n", "--limit", metavar="N", help="At most this many.")
    ] = 100,
    after: Annotated[
        int, typer.Option("--after", metavar="N", help="Leave out this many from the beginning.")
    ] = 0,
    kind: Kind = None,
    filter: Filter = None,
    session: Session = "",
    as_of: AsOf = None,
    known_at: KnownAt = None,
    archived: Archived = False,
    quarantined: Quarantined = False,
    json_: Json = False,
    *,
    here: Here,
) -> int:
    """Memories in the order they were stored.

    rmem list --session s01

    rmem list --json --limit 100000 | jq -r .text
    """
    with here.open() as memory:
        records: list[Record] = OPS["list"].call(
            memory,
            {
                **here.whose,
                "session_id": session,
                "kinds": kind or (),
                "filters": pairs(filter, "--filter"),
                "as_of": as_of,
                "known_at": known_at,
                "archived": archived,
                "quarantined": quarantined,
                "limit": limit,
                "after": after,
            },
        )
    if json_:
        for record in records:
            emit(plain(record))
        return 0 if records else NOTHING_FOUND
    for number, record in enumerate(records, after + 1):
        print_memory(number, record)
    notes = console(errors=True)
    if not records:
        notes.print("nothing stored")
    elif len(records) == limit:
        notes.print(f"… --after {after + limit} continues", style="dim")
    return 0 if records else NOTHING_FOUND


@spread
def show(
    id: Id,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    asker: Asker = "",
    audit_reads: AuditReads = False,
    json_: Json = False,
    *,
    here: Here,
) -> int:
    """One memory with everything that is known about it.

    rmem show s01:3
    """
    with open_memory(here, actor=asker, audit_reads=audit_reads) as memory:
        record: Record = OPS["get"].call(
            memory, {**here.whose, "id": id, "as_of": as_of, "known_at": known_at}
        )
    if json_:
        emit(plain(record))
        return 0
    print_text(record.text)
    console().print()
    print_pairs(
        [
            ("id", record.id),
            ("said by", who(record)),
            ("role", record.role),
            ("kind", record.kind),
            ("session", record.session),
            ("true from", day(record.valid_from)),
            ("true until", day(record.valid_to) if record.valid_to else ""),
            ("known from", day(record.known_from)),
            ("replaced", day(record.known_to) if record.known_to else ""),
            ("version", record.version),
            ("marks", ", ".join(record.marks)),
            ("states", _states(record)),
            ("origin", record.origin),
            ("trust", f"{record.trust:g}" if record.trust < 1 else ""),
            ("for", ", ".join(record.audience)),
            ("for the purpose", ", ".join(record.purpose)),
            ("sensitivity", record.sensitivity),
            (
                "sources",
                ", ".join(f"{source.id}[{source.start}:{source.end}]" for source in record.sources),
            ),
            *((name, text) for name, text in record.fields.items()),
            *((f"meta.{name}", value) for name, value in record.meta.items()),
            ("scope", "/".join(record.scope)),
            ("digest", record.digest),
        ]
    )
    return 0


@spread
def history(
    id: Annotated[
        str, typer.Argument(help="The memory's id; without one, the ledger itself.")
    ] = "",
    limit: Annotated[
        int, typer.Option("-n", "--limit", metavar="N", help="At most this many events.")
    ] = 1000,
    after: Annotated[
        int, typer.Option("--after", metavar="N", help="Events behind this sequence number.")
    ] = 0,
    json_: Json = False,
    *,
    here: Here,
) -> int:
    """All versions of a memory, oldest first; without an id, the ledger: what was committed when, without content.

    rmem history s01:3
    """
    with here.open() as memory:
        if not id:
            asked = {**here.whose, "after": after, "limit": limit}
            return _ledger(OPS["events"].call(memory, asked), json_)
        versions: list[Record] = OPS["history"].call(memory, {**here.whose, "id": id})
    if not versions:
        raise NotFound(f"no record {id!r}", hint="rmem list shows what there is")
    out = console()
    for record in versions:
        if json_:
            emit(plain(record))
            continue
        until = f" to {day(record.valid_to)}" if record.valid_to else ""
        head = f"version {record.version}, stored {day(record.known_from)}, true from {day(record.valid_from)}{until}"
        out.print(head, style="bold")
        print_text(record.text, indented=True)
    return 0


@spread
def facts_(
    limit: Annotated[
        int, typer.Option("-n", "--limit", metavar="N", help="At most this many.")
    ] = 100,
    after: Annotated[
        int, typer.Option("--after", metavar="N", help="Leave out this many from the beginning.")
    ] = 0,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    quarantined: Quarantined = False,
    json_: Json = False,
    *,
    here: Here,
) -> int:
    """What holds of each thing that has one value at a time, read out of what was said; --as-of shows what held then.

    rmem facts --user ana

    rmem facts --as-of 2025-03-01 --json
    """
    with here.open() as memory:
        found: list[Record] = OPS["facts"].call(
            memory,
            {
                **here.whose,
                "as_of": as_of,
                "known_at": known_at,
                "quarantined": quarantined,
                "limit": limit,
                "after": after,
            },
        )
    if json_:
        for record in found:
            emit(plain(record))
        return 0 if found else NOTHING_FOUND
    for record in found:
        print_fact(record)
    notes = console(errors=True)
    if not found:
        notes.print("no facts known")
    elif len(found) == limit:
        notes.print(f"… --after {after + limit} continues", style="dim")
    return 0 if found else NOTHING_FOUND


def print_fact(record: Record, *, inside: bool = False) -> None:
    """A fact as two lines: what is stated, and since when; then the words it was read out of, and where they stand.

    `inside`: under a line that says what it is about, so only its value."""
    since = f"since {day(record.valid_from)}" if record.valid_from else ""
    until = f"until {day(record.valid_to)}" if record.valid_to else ""
    said = ", ".join(source.id for source in record.sources)
    value = record.slot.value if record.slot and inside else _states(record)
    head = Text.assemble("    " if inside else "", (visible(value), "bold"))
    for part, style in ((since, "green"), (until, "yellow"), (record.id, "dim")):
        if part:
            head.append("  ").append(visible(part), style)
    if record.marks:
        head.append("  ").append(visible(", ".join(record.marks)), "magenta")
    console().print(head)
    indent = 8 if inside else 4
    quoted = brief(f"“{record.text}”", indent=indent + len(said) + 2)
    console().print(Text.assemble(" " * indent, quoted, "  ", (visible(said), "dim")))


def _states(record: Record) -> str:
    slot = record.slot
    return f"{slot.subject}, {slot.attribute}: {slot.value}" if slot else ""


def _ledger(events: Sequence[Event], json_: bool) -> int:
    if json_:
        for event in events:
            emit(plain(event))
    elif events:
        rows = ((e.seq, day(e.at), e.op, e.id, e.version, e.actor, e.hash[:12]) for e in events)
        table(("seq", "when (UTC)", "what", "id", "version", "by", "hash"), rows)
    else:
        console(errors=True).print("nothing stored")
    return 0 if events else NOTHING_FOUND
