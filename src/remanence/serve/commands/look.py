"""`rmem list`, `show` and `history`: looking at what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from remanence.errors import NotFound
from remanence.serve.opening import open_memory
from remanence.serve.options import Agent, AsOf, Json, Kind, KnownAt, Session, Store, User
from remanence.serve.output import (
    as_json,
    console,
    day,
    emit,
    print_pairs,
    print_memory,
    print_text,
    table,
    who,
)
from remanence.serve.shell import NOTHING_FOUND
from remanence.types import Event

Id = Annotated[str, typer.Argument(help="The memory's id, as search shows it.")]


def list_(
    limit: Annotated[
        int, typer.Option("-n", "--limit", metavar="N", help="At most this many.")
    ] = 100,
    after: Annotated[
        int, typer.Option("--after", metavar="N", help="Leave out this many from the beginning.")
    ] = 0,
    kind: Kind = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    store: Store = "",
    user: User = None,
    agent: Agent = None,
    session: Session = "",
    json_: Json = False,
) -> int:
    """Memories in the order they were stored.

    rmem list --session s01

    rmem list --json --limit 100000 | jq -r .text
    """
    with open_memory(store) as memory:
        records = memory.list(
            user_id=user,
            agent_id=agent,
            session_id=session,
            kinds=kind or (),
            as_of=as_of,
            known_at=known_at,
            limit=limit,
            after=after,
        )
    if json_:
        for record in records:
            emit(as_json(record))
        return 0 if records else NOTHING_FOUND
    for number, record in enumerate(records, after + 1):
        print_memory(number, record)
    notes = console(errors=True)
    if not records:
        notes.print("nothing stored")
    elif len(records) == limit:
        notes.print(f"… --after {after + limit} continues", style="dim")
    return 0 if records else NOTHING_FOUND


def show(
    id: Id,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    store: Store = "",
    user: User = None,
    agent: Agent = None,
    json_: Json = False,
) -> int:
    """One memory with everything that is known about it.

    rmem show s01:3
    """
    with open_memory(store) as memory:
        record = memory.get(id, user_id=user, agent_id=agent, as_of=as_of, known_at=known_at)
    if json_:
        emit(as_json(record))
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
            ("origin", record.origin),
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
    store: Store = "",
    user: User = None,
    agent: Agent = None,
    json_: Json = False,
) -> int:
    """All versions of a memory, oldest first; without an id, the ledger: what was committed when, without content.

    rmem history s01:3
    """
    with open_memory(store) as memory:
        if not id:
            return _ledger(
                memory.events(user_id=user, agent_id=agent, after=after, limit=limit), json_
            )
        versions = memory.history(id, user_id=user, agent_id=agent)
    if not versions:
        raise NotFound(f"no record {id!r}", hint="rmem list shows what there is")
    out = console()
    for record in versions:
        if json_:
            emit(as_json(record))
            continue
        until = f" to {day(record.valid_to)}" if record.valid_to else ""
        head = f"version {record.version}, stored {day(record.known_from)}, true from {day(record.valid_from)}{until}"
        out.print(head, style="bold")
        print_text(record.text, indented=True)
    return 0


def _ledger(events: Sequence[Event], json_: bool) -> int:
    if json_:
        for event in events:
            emit(as_json(event))
    elif events:
        rows = ((e.seq, day(e.at), e.op, e.id, e.version, e.actor, e.hash[:12]) for e in events)
        table(("seq", "when (UTC)", "what", "id", "version", "by", "hash"), rows)
    else:
        console(errors=True).print("nothing stored")
    return 0 if events else NOTHING_FOUND
