"""A process that writes to a server until it is killed: `python -m tests.store.postgres.writer URL NAME FROM`.

Each line on standard output is a list: `["begin", n]` before call number n, `["ok", n, seq, hash]` once it was acknowledged, `["lost", n]`
where the connection broke: the same call follows again, with the same key, as a caller would.
"""

from __future__ import annotations

import json
import os
import sys
import time

from remanence.errors import StoreError
from remanence.store.postgres.store import PostgresStore
from remanence.types import Add, Link, Revise
from tests.store.conformance import ANA
from tests.store.plain import plain


def say(*line: object) -> None:
    os.write(1, json.dumps(line).encode() + b"\n")


def changes_of(name: str, n: int) -> list[Add | Revise | Link]:
    """What call n asks for: two records, a revision of the first, and a link."""
    one, two = f"{name}-{n}", f"{name}-{n}-b"
    return [
        Add(scope=ANA, id=one, text=f"{one} says something", session=f"s{n % 5}"),
        Add(scope=ANA, id=two, text=f"{two} says something else"),
        Revise(scope=ANA, id=one, text=f"{one} has changed its mind"),
        Link(scope=ANA, src=one, relation="with", dst=two),
    ]


def opened(url: str) -> PostgresStore:
    while True:
        try:
            return PostgresStore.open(url, analyze=plain, tenant=ANA[0])
        except StoreError:  # the server is coming back
            time.sleep(0.05)


def main(url: str, name: str, first: int) -> None:
    store, n = opened(url), first
    say("open")
    while True:
        say("begin", n)
        while True:
            try:
                acks = store.apply(changes_of(name, n), key=f"{name}-{n}")
                break
            except StoreError:
                say("lost", n)
                time.sleep(0.05)
        assert [ack.status for ack in acks] == ["stored"] * 4, acks
        say("ok", n, acks[-1].seq, acks[0].id)
        n += 1


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
