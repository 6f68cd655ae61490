"""What somebody is told by one file of many scopes, so that two worlds can be compared: all but the numbers of events.

One ledger counts the events of all scopes, so sequence numbers, and ids that the store makes from them, differ between a world with others
and one without. They are replaced by their place among the viewer's own events; a number that is not the viewer's shows as `FOREIGN`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from typing import Any

from remanence.errors import RemanenceError
from remanence.seams import Delta
from remanence.store.sqlite import SQLiteStore
from remanence.types import Ack, Event, ForgetPlan, Hits, Receipt, Record, Scope

NOWHERE = 10**9
"""A sequence number that no ledger here reaches."""
_NUMBERS = ("seq", "place")


def seqs_of(store: SQLiteStore, scope: Scope, *, foreign: bool = False) -> list[int]:
    """Numbers of the events of a scope's space, or of all others."""
    names = (scope[0], scope[1] if len(scope) > 1 else "")
    with store._connections.reading() as db:
        rows = db.execute(
            "SELECT e.seq FROM events e JOIN spaces s ON s.id = e.space "
            "WHERE ((s.tenant, s.user) = (?, ?)) <> ? ORDER BY e.seq",
            (*names, foreign),
        )
        return [row[0] for row in rows]


def answer_of(call: Callable[[], Any]) -> Any:
    """What a call returns, or says in refusing."""
    try:
        answer = call()
        return list(answer) if isinstance(answer, Iterator) else answer
    except RemanenceError as error:
        return f"{error.code}: {error}"


def steps_of(store: SQLiteStore, call: Callable[[], Any]) -> int:
    """Instructions of SQLite's virtual machine that a call takes, on whatever connections it uses."""
    count = 0

    def tick() -> int:
        nonlocal count
        count += 1
        return 0

    with store._connections.reading() as reader, store._connections.alone() as writer:
        held = (reader, writer)
    for db in held:
        db.set_progress_handler(tick, 1)
    try:
        call()
    except RemanenceError:
        pass
    finally:
        for db in held:
            db.set_progress_handler(None, 1)
    return count


class Told:
    """Shows answers to the viewer of one store."""

    def __init__(self, store: SQLiteStore, viewer: Scope) -> None:
        self.store = store
        self.viewer = viewer
        # Also of a space whose names were forgotten since.
        self._places: dict[int, int] = {}
        self._made: dict[str, None] = {}
        self.number()

    def number(self) -> None:
        """Look anew at what numbers events: their sequence numbers, and the ids that the store chose."""
        for seq in seqs_of(self.store, self.viewer):
            self._places.setdefault(seq, len(self._places))
        with self.store._connections.reading() as db:
            rows = db.execute(
                "SELECT DISTINCT rid FROM events e JOIN spaces s ON s.id = e.space "
                "WHERE (s.tenant, s.user) = (?, ?) AND length(rid) = 26 ORDER BY seq",
                self.viewer[:2],
            )
            self._made.update(dict.fromkeys(row[0] for row in rows))

    def show(self, answer: Any) -> str:
        """An answer without what only numbers events."""
        text = repr(self._plain(answer))
        for place, id in enumerate(self._made):
            text = text.replace(id, f"made-{place}")
        text = re.sub(r"no event \d+", "no such event", text)  # the number is the caller's own
        text = re.sub(r"\b(\d{8}T\d{6})-\d+", r"\1-run", text)  # a sleep is named by the head too
        return re.sub(r"\b(?i:event) (\d+)", lambda m: f"event {self._place(int(m[1]))}", text)

    def _place(self, seq: int) -> Any:
        return self._places.get(seq, seq if seq in (0, NOWHERE) else f"FOREIGN {seq}")

    def _plain(self, value: Any) -> Any:
        """A value as nested tuples, with places for sequence numbers, without salts, hashes and signatures."""
        inner, place = self._plain, self._place
        match value:
            case Delta():
                numbered = ("seq", "first", "source")
                rows = [
                    tuple(
                        place(int(row[name])) if name in numbered else row[name].item()
                        for name in value.rows.dtype.names or ()
                    )
                    for row in value.rows
                ]
                marks = [(place(int(row[0])), *row.tolist()[1:]) for row in value.marks]
                uses = [(place(int(row[0])), *row.tolist()[1:]) for row in value.uses]
                return rows, list(value.terms), [place(seq) for seq in value.gone], marks, uses
            case Event():
                left_out = ("digest", "hash", "seq")
                named = [
                    inner(getattr(value, f.name)) for f in fields(value) if f.name not in left_out
                ]
                return place(value.seq), named
            case Ack():
                seq = place(value.seq)
                return value.status, value.id, value.version, seq, value.reason, value.near
            case Receipt():
                left_out = ("seq", "digests", "head", "signer", "signature", "checks", "derived")
                return [
                    inner(getattr(value, f.name)) for f in fields(value) if f.name not in left_out
                ]
            case ForgetPlan():  # bytes depend on the digits of sequence numbers in stored acks
                return value.asked, value.kin, dict(value.forms)
            case Record() if value.sources and value.digest:  # of the sources' ids too
                return inner(replace(value, digest=""))
            case Hits():
                return [inner(hit) for hit in value], value.withheld
            case datetime() | str() | bytes() | int() | float() | None:
                return value
            case _ if hasattr(value, "_asdict") or is_dataclass(value):
                known = (
                    value._asdict()
                    if hasattr(value, "_asdict")
                    else [f.name for f in fields(value)]
                )
                return {
                    name: place(getattr(value, name))
                    if name in _NUMBERS
                    else inner(getattr(value, name))
                    for name in known
                }
            case dict():
                return {
                    place(key) if isinstance(key, int) else key: inner(item)
                    for key, item in value.items()
                }
            case _ if hasattr(value, "items"):
                return inner(dict(value))
            case list() | tuple():
                return [inner(item) for item in value]
        raise AssertionError(f"how is a {type(value).__name__} compared?")
