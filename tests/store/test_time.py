"""`as_of` and `known_at` against a replay that is too simple to be wrong: valid time as a dictionary of points."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from remanence.errors import NotFound
from remanence.store.rows import ROW
from remanence.store.sqlite import SQLiteStore
from remanence.types import FOREVER, Add, Change, Forget, Retract, Revise
from tests.store.conformance import ANA, Clock
from tests.store.plain import plain

POINTS = range(13)
"""Valid moments that are looked at; changes use 0 to 10, and the last two stand for ever after."""
IDS = "ab"

moments = st.none() | st.integers(0, 10)
ids = st.sampled_from("aaab")
adds = st.tuples(st.just("add"), ids, st.integers(0, 10), moments)
revisions = st.tuples(st.just("revise"), ids, moments, st.none())
retractions = st.tuples(st.just("retract"), ids, st.integers(0, 10), st.none())
forgettings = st.tuples(st.just("forget"), ids, st.none(), st.none())
# More than one in ten would leave nothing to look at.
changes = st.integers(0, 9).flatmap(
    lambda n: (adds, revisions, retractions, forgettings)[(0, 0, 1, 1, 1, 1, 2, 2, 2, 3)[n]]
)
groups = st.tuples(st.integers(0, 3), st.lists(changes, min_size=1, max_size=3))
steps = st.lists(groups, max_size=8).map(lambda script: [(0, [("add", "a", 2, None)]), *script])


@dataclass
class Truth:
    """One record: what is true at each point, and where truth ends."""

    at: dict[int, str] = field(default_factory=dict)
    end: float = 0.0

    def paint(self, start: int, end: float, text: str) -> None:
        self.at.update({p: text for p in POINTS if start <= p < end})
        self.end = end

    def revise(self, start: int | None, text: str) -> None:
        if start is None:
            last = self.at[max(self.at)] if self.at else ""
            self.at = {p: text if now == last else now for p, now in self.at.items()}
        else:
            self.paint(start, self.end if start < self.end else float("inf"), text)

    def retract(self, moment: int) -> None:
        if moment < self.end:
            self.at = {p: text for p, text in self.at.items() if p < moment}
            self.end = max(self.at) + 1 if self.at else moment


class Replay:
    """The whole memory, and what it was at each known time."""

    def __init__(self) -> None:
        self.records: dict[str, Truth] = {}
        self.gone: set[str] = set()
        self.known: list[tuple[int, dict[str, dict[int, str]]]] = []

    def apply(self, op: str, id: str, start: int | None, end: int | None, text: str) -> None:
        record = self.records.get(id)
        if op == "add" and record is None and id not in self.gone and start is not None:
            if end is None or end > start:
                self.records[id] = Truth()
                self.records[id].paint(start, float("inf") if end is None else end, text)
        elif op == "revise" and record is not None:
            record.revise(start, text)
        elif op == "retract" and record is not None and start is not None:
            record.retract(start)
        elif op == "forget" and record is not None:
            del self.records[id]
            self.gone.add(id)

    def commit(self, at: int) -> None:
        self.known.append((at, {id: dict(truth.at) for id, truth in self.records.items()}))

    def expect(self, id: str, valid: int, known: int | None) -> str | None:
        if known is None:
            return self.records[id].at.get(valid) if id in self.records else None
        state: dict[str, dict[int, str]] = {}
        for at, then in self.known:
            if at <= known:
                state = then
        return None if id in self.gone else state.get(id, {}).get(valid)


def change_of(op: str, id: str, start: int | None, end: int | None, text: str) -> Change:
    match op:
        case "add":
            return Add(
                scope=ANA,
                id=id,
                text=text,
                valid_from=start,
                valid_to=FOREVER if end is None else end,
            )
        case "revise":
            return Revise(scope=ANA, id=id, text=text, valid_from=start)
        case "retract":
            return Retract(scope=ANA, id=id, at=start)
    return Forget(scope=ANA, id=id)


class Follower:
    """Keeps the rows of a space by deltas alone."""

    def __init__(self) -> None:
        self.seq = 0
        self.rows: dict[int, tuple[bytes, bytes]] = {}

    def follow(self, store: SQLiteStore) -> None:
        delta = store.delta(ANA, self.seq)
        assert sorted(delta.rows["seq"].tolist()) == delta.rows["seq"].tolist()
        for row, terms in zip(delta.rows, delta.terms, strict=True):
            self.rows[int(row["seq"])] = (row.tobytes(), terms)
        for seq in delta.gone:
            self.rows.pop(seq, None)
        self.seq = delta.seq


def check(
    script: list[tuple[int, list[tuple[str, str, int | None, int | None]]]], folder: Path
) -> None:
    clock, replay, follower, number = Clock(100), Replay(), Follower(), 0
    with SQLiteStore.open(folder / "a", analyze=plain, clock=clock) as store:
        for wait, group in script:
            clock.now += wait
            batch = []
            for change in group:
                number += 1
                batch.append((*change, f"text {number}"))
            acks = store.apply([change_of(*change) for change in batch])
            for change in batch:
                replay.apply(*change)
            if any(ack.status == "stored" for ack in acks):
                replay.commit(store.now())
            if number % 2:
                follower.follow(store)
        follower.follow(store)
        fresh = Follower()
        fresh.follow(store)
        assert fresh.rows == follower.rows
        rows = np.asarray(store.delta(ANA, 0).rows, ROW)
        for known in (None, 0, *(at + shift for at, _ in replay.known for shift in (-1, 0))):
            for valid in POINTS:
                expected = {
                    id: text for id in IDS if (text := replay.expect(id, valid, known)) is not None
                }
                for id in IDS:
                    try:
                        record = store.get(ANA, id, as_of=valid, known_at=known)
                        assert id not in replay.gone
                    except NotFound:
                        assert id in replay.gone
                        record = None
                    assert (record.text if record else None) == expected.get(id), (id, valid, known)
                listed = {r.id: r.text for r in store.list(ANA, as_of=valid, known_at=known)}
                assert listed == expected, (valid, known)
                assert by_columns(store, rows, valid, known) == expected
        report = store.verify()
        assert report.problems == ()
        before = (store.state_digest(), store.delta(ANA, 0).rows.tobytes())
        store.rebuild()
        assert (store.state_digest(), store.delta(ANA, 0).rows.tobytes()) == before
        store.export_jsonl(folder / "x")
    with SQLiteStore.open(folder / "b", analyze=plain) as other:
        assert other.import_jsonl(folder / "x").events == report.events
        assert (other.state_digest(), other.verify()) == (before[0], report)


def by_columns(
    store: SQLiteStore, rows: NDArray[Any], valid: int, known: int | None
) -> dict[str, str]:
    """The same by the rows' columns, as an index reads them."""
    seen = (rows["valid_from"] <= valid) & (valid < rows["valid_to"])
    if known is None:
        seen &= rows["known_to"] == FOREVER
    else:
        seen &= (rows["known_from"] <= known) & (known < rows["known_to"])
    return {r.id: r.text for r in store.records(ANA, rows["seq"][seen].tolist())}


GAP = [
    (0, [("add", "a", 2, None)]),
    (0, [("retract", "a", 5, None)]),
    (1, [("revise", "a", 8, None), ("add", "b", 0, 4)]),
    (1, [("retract", "a", 7, None)]),
    (1, [("revise", "a", 6, None)]),
]
"""True, not true, true again; then cut in the part where it was not."""


@settings(max_examples=50)
@example(GAP)
@given(steps)
def test_against_a_naive_replay(
    script: list[tuple[int, list[tuple[str, str, int | None, int | None]]]],
) -> None:
    with TemporaryDirectory() as folder:
        check(script, Path(folder))


@pytest.mark.slow
@settings(max_examples=500)
@given(steps)
def test_against_a_naive_replay_at_length(
    script: list[tuple[int, list[tuple[str, str, int | None, int | None]]]],
) -> None:
    with TemporaryDirectory() as folder:
        check(script, Path(folder))
