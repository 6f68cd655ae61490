"""`rmem search` and `rmem context`: reading memory."""

from __future__ import annotations

from typing import Annotated

import typer

from remanence.memory import Memory
from remanence.serve.opening import open_memory
from remanence.serve.options import (
    Agent,
    AsOf,
    Embedder,
    Explain,
    Json,
    Kind,
    KnownAt,
    Ranker,
    Session,
    Store,
    User,
    pairs,
)
from remanence.serve.output import as_json, console, emit, print_hits, print_text
from remanence.serve.shell import NOTHING_FOUND

Question = Annotated[str, typer.Argument(help="What to look for, in your words.")]
Filter = Annotated[
    list[str] | None,
    typer.Option(
        "--filter",
        metavar="KEY=VALUE",
        help="Only where speaker, role, session or a key of meta is this; repeatable.",
    ),
]
WAIT = 1.0
"""Seconds that a read waits for memories that were added just now to get their vectors."""


def search(
    query: Question,
    k: Annotated[int, typer.Option("-k", "--limit", metavar="N", help="At most this many.")] = 10,
    filter: Filter = None,
    kind: Kind = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    explain: Explain = False,
    embedder: Embedder = "auto",
    ranker: Ranker = "",
    store: Store = "",
    user: User = None,
    agent: Agent = None,
    session: Session = "",
    json_: Json = False,
) -> int:
    """The memories that answer best, best first, each with who said it, when, and its id.

    rmem search "where does Lena live" -k 5 --explain

    rmem search "where does Lena live" --as-of 2025-03-01 --filter speaker=Ana
    """
    with open_memory(store, embedder=embedder, ranker=ranker) as memory:
        wait_for_vectors(memory)
        hits = memory.search(
            query,
            user_id=user,
            agent_id=agent,
            session_id=session,
            k=k,
            as_of=as_of,
            known_at=known_at,
            kinds=kind or (),
            filters=pairs(filter, "--filter"),
        )
    if json_:
        for hit in hits:
            emit(as_json(hit))
    elif hits:
        print_hits(hits, explain=explain)
    else:
        console(errors=True).print("nothing found")
    return 0 if hits else NOTHING_FOUND


def context(
    query: Question,
    budget: Annotated[
        int, typer.Option("--budget", metavar="TOKENS", help="At most this many tokens.")
    ] = 2000,
    filter: Filter = None,
    kind: Kind = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    explain: Explain = False,
    embedder: Embedder = "auto",
    ranker: Ranker = "",
    store: Store = "",
    user: User = None,
    agent: Agent = None,
    session: Session = "",
    json_: Json = False,
) -> int:
    """What to put before a model: the best memories in a token budget, in conversation order, numbered to be cited.

    rmem context "plan Lena's birthday" --budget 1000 | llm "suggest a present"
    """
    with open_memory(store, embedder=embedder, ranker=ranker) as memory:
        wait_for_vectors(memory)
        packed = memory.context(
            query,
            budget=budget,
            user_id=user,
            agent_id=agent,
            session_id=session,
            as_of=as_of,
            known_at=known_at,
            kinds=kind or (),
            filters=pairs(filter, "--filter"),
        )
    if json_:
        emit(
            {
                "text": packed.text,
                "tokens": packed.tokens,
                "complete": packed.complete,
                "withheld": list(packed.withheld),
                "hits": [as_json(hit) for hit in packed.hits],
            }
        )
        return 0 if packed.hits else NOTHING_FOUND
    if explain:
        print_hits(packed.hits, explain=True)
    elif packed.text:
        print_text(packed.text)
    notes = console(errors=True)
    for reason in packed.withheld:
        notes.print(f"withheld: {reason}")
    whole = ", the whole memory" if packed.complete else ""
    notes.print(f"{len(packed.hits)} memories, {packed.tokens} tokens{whole}", style="dim")
    return 0 if packed.hits else NOTHING_FOUND


def wait_for_vectors(memory: Memory) -> None:
    """Give what was just added a moment to be embedded; say so where more is waiting than that."""
    if not memory.flush(WAIT):
        pending = memory.status().pending
        console(errors=True).print(
            f"note: {pending:,} memories are found by their words only until they are embedded (rmem flush)",
            style="yellow",
        )
