"""Histories of everything that can happen to a memory, against a replay that is too simple to be wrong.

Each is read back through `get`, `history`, `list`, links, uses, followers of `delta` and the views of the text index, at moments of
valid and of known time; then verified, rebuilt, exported and imported.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from remanence.errors import NotFound
from remanence.seams import Holder
from remanence.store.verbs import LedgerStore
from remanence.text.index.space import Space
from remanence.text.index.view import SpaceView
from remanence.types import (
    FOREVER,
    Add,
    Change,
    Forget,
    Link,
    Mark,
    Query,
    Retract,
    Revise,
    Slot,
    Source,
    Touch,
    Undo,
    to_micros,
)
from tests.store.conformance import ANA, Clock
from tests.store.engines import ENGINES, Place, engine
from tests.store.replay import POINTS, Replay

IDS = "abcdefghuvwxyz"
"""Of records, and from `u` on of facts."""
MARKS = ("archived", "quarantined", "mine")
NOON = 100
"""Known time begins after all valid moments."""

moments = st.integers(0, 10)
maybe = st.none() | moments
ids = st.sampled_from("aaaaabbbc")
facts = st.sampled_from("uvwxyz")
sources = st.sampled_from(["", "", "", "a", "b", "c"])
older = st.sampled_from([(), (), ("a",), ("b",), ("b", "a"), ("c", "b"), ("never",)])
adds = st.tuples(st.just("add"), st.sampled_from("cdefgh"), moments, maybe, sources, older)
states = st.tuples(st.just("state"), facts, moments, st.sampled_from("ppq"), sources)
revisions = st.tuples(st.just("revise"), ids, maybe)
retractions = st.tuples(st.just("retract"), ids | st.sampled_from("uvw"), moments)
markings = st.tuples(
    st.just("mark"), st.sampled_from("aabu"), st.sampled_from(MARKS), st.booleans()
)
links = st.tuples(st.just("link"), st.sampled_from("aabc"), st.sampled_from("abbc"))
touches = st.tuples(st.just("touch"), ids)
undos = st.tuples(st.just("undo"), st.sampled_from([0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6]))
forgettings = st.tuples(st.just("forget"), st.sampled_from("aabcu"))
# Weights: more than one forgetting in twenty would leave nothing to look at.
reversible = (
    [adds] * 3
    + [states] * 4
    + [revisions] * 4
    + [retractions] * 3
    + [markings] * 2
    + [links, touches]
)
steps = st.sampled_from([*reversible, *[undos] * 7]).flatmap(lambda step: step)
changes = st.integers(0, 24).flatmap(lambda n: steps if n else forgettings)
Step = tuple[Any, ...]
Script = Sequence[tuple[int, Sequence[Step]]]
groups = st.tuples(st.integers(0, 3), st.lists(changes, min_size=2, max_size=4))
scripts = st.lists(groups, min_size=3, max_size=14).map(
    lambda script: [(0, [("add", "a", 2, None, "", ()), ("add", "b", 0, 9, "", ())]), *script]
)


class Simple:
    """The newest value holds: earlier ones are closed where it begins, and it where the next one does."""

    def settle(self, add: Add, id: str, at: int, held: Sequence[Holder]) -> Sequence[Change]:
        assert add.slot is not None
        assert {holder.slot[:2] for holder in held} == {add.slot[:2]}
        changes: list[Change] = []
        for holder in held:
            if holder.valid_from <= at:
                changes += _supersede(id, holder.id, at)
        later = [holder for holder in held if holder.valid_from > at]
        if later:
            first = min(later, key=lambda holder: (holder.valid_from, holder.id))
            changes += _supersede(first.id, id, first.valid_from)
        return changes


def _supersede(new: str, old: str, at: int) -> list[Change]:
    return [
        Retract(scope=ANA, id=old, at=at),
        Link(scope=ANA, src=new, relation="supersedes", dst=old),
    ]


def change_of(op: str, given: Sequence[Any]) -> Change:
    match op, given:
        case "add", (id, start, end, text, source, older):
            return Add(
                scope=ANA, id=id, text=text, valid_from=start, supersedes=older,
                valid_to=FOREVER if end is None else end, sources=(Source(source),) if source else (),
            )  # fmt: skip
        case "state", (id, start, slot, text, source):
            return Add(
                scope=ANA, id=id, text=text, kind="fact", valid_from=start, slot=Slot("I", slot, text),
                sources=(Source(source),) if source else (),
            )  # fmt: skip
        case "revise", (id, start, text):
            return Revise(scope=ANA, id=id, text=text, valid_from=start)
        case "retract", (id, moment):
            return Retract(scope=ANA, id=id, at=moment)
        case "mark", (id, mark, on):
            return Mark(scope=ANA, id=id, mark=mark, on=on, why=f"why {id}")
        case "link", (src, dst):
            return Link(scope=ANA, src=src, relation="r", dst=dst)
        case "touch", (id,):
            return Touch(scope=ANA, id=id)
    assert op == "forget"
    return Forget(scope=ANA, id=given[0])


class Follower:
    """Keeps what a space shows by deltas alone."""

    def __init__(self) -> None:
        self.seq = 0
        self.rows: dict[int, tuple[bytes, bytes]] = {}
        self.marks: dict[tuple[int, int, int], int] = {}
        self.uses: dict[tuple[int, int], list[int]] = {}

    def follow(self, store: LedgerStore) -> None:
        delta = store.delta(ANA, self.seq)
        assert sorted(delta.rows["seq"].tolist()) == delta.rows["seq"].tolist()
        for row, terms in zip(delta.rows, delta.terms, strict=True):
            self.rows[int(row["seq"])] = (row.tobytes(), terms)
        for seq in delta.gone:
            self.rows.pop(seq, None)
        for first, mark, since, until in delta.marks.tolist():
            self.marks[first, mark, since] = until
        for first, at, until in delta.uses.tolist():
            held = self.uses.setdefault((first, at), [])
            if until != FOREVER and FOREVER in held:
                held.remove(FOREVER)
            held.append(until)
        self.seq = delta.seq

    def here(self) -> tuple[Any, ...]:
        """What is of records that are still there."""
        marks = {key: until for key, until in self.marks.items() if key[0] in self.rows}
        uses = {key: sorted(held) for key, held in self.uses.items() if key[0] in self.rows}
        return self.rows, marks, uses


@dataclass
class History:
    """One run: the store, its replay, and who follows it."""

    store: LedgerStore
    clock: Clock

    def __post_init__(self) -> None:
        self.replay, self.follower = Replay(), Follower()
        self.space = Space(self.store, ANA, None)
        self.numbers: list[int] = []
        """Changes that were made, and by which events."""
        self.runs: dict[int, list[int]] = {}
        self.number = 0

    def run(self, script: Script) -> None:
        for wait, group in script:
            self.clock.now += wait
            for step in group:
                self.step(*step)
            if self.number % 2:
                self.follower.follow(self.store)
            if self.number % 3:
                self.space.view(Query(text="", scope=ANA), self.store.now())

    def step(self, op: str, *given: Any) -> None:
        self.number += 1
        if op in ("add", "state"):
            given = (*given[:3], f"text {self.number}", *given[3:])
        if op == "revise":
            given = (*given, f"text {self.number}")
        before = self.store.head()
        if op == "undo":
            made = self.undo(*given)
        else:
            made = self.replay.apply(self.number, op, *given)
            acks = self.store.apply([change_of(op, given)], settler=Simple())
            assert (acks[0].status == "stored") == made, (op, given, acks)
        after = self.store.head()
        assert (after > before) == made, (op, given)
        if made:
            self.replay.commit(self.store.now())
            self.runs[self.number] = list(range(before + 1, after + 1))
            self.numbers.append(self.number)

    def undo(self, back: int) -> bool:
        """Take back one of the last changes, its events in reverse."""
        if back >= len(self.numbers):
            return False
        change = self.numbers[-1 - back]
        made = self.replay.apply(self.number, "undo", change)
        run = self.runs[change]
        if made or len(run) == 1:
            undos = [Undo(scope=ANA, seq=seq) for seq in reversed(run)]
            acks = self.store.apply(undos)
            assert {ack.status == "stored" for ack in acks} == {made}, (change, acks)
            assert all(ack.status != "rejected" or "event" in ack.reason for ack in acks)
        return made

    def check(self, dice: random.Random, moments: int, points: int) -> None:
        """Read everything back, at so many moments of known and of valid time."""
        self.follower.follow(self.store)
        fresh, self.fresh = Follower(), Space(self.store, ANA, None)
        fresh.follow(self.store)
        assert fresh.here() == self.follower.here()
        here = [id for id in IDS if id not in self.replay.gone]
        self.told = {id: self.store.history(ANA, id) for id in here}
        times = [at + shift for at, _ in self.replay.known for shift in (-1, 0)]
        for known in (None, 0, *dice.sample(times, min(len(times), moments))):
            for valid in dice.sample(POINTS, points):
                self.check_lists(valid, known)
                for id in here:
                    self.check_record(id, valid, known)
                for id in dice.sample(here, min(len(here), 2)):
                    record = self.store.get(ANA, id, as_of=valid, known_at=known)
                    assert (record.text if record else None) == self.expected.get(id)
                    newest = self.store.get(ANA, id, known_at=known)
                    truth = self.replay.then(known).get(("record", id))
                    assert (newest.text if newest else None) == (truth.last if truth else None)
                self.check_views(valid, known)
        links = {cell[1:] for cell in self.replay.then(None) if cell[0] == "link"}
        for id in IDS:
            self.check_gone(id)
            assert set(self.store.links(ANA, id)) == {link for link in links if id in link[::2]}
        for relation in ("r", "supersedes"):
            found = {(src, dst) for src, dst, _ in self.store.linked(ANA, relation)}
            assert found == {(src, dst) for src, name, dst in links if name == relation}
        for mark in ("archived", "mine"):
            bearing = self.replay.marked(None, mark)
            known_now = {id for id in bearing if self.replay.truth(id)}
            found_now = {(item.id, item.why) for item in self.store.marked(ANA, mark)}
            assert found_now == {(id, f"why {id}") for id in known_now}

    def check_gone(self, id: str) -> None:
        if id in self.replay.gone:
            for read in (self.store.get, self.store.history):
                with pytest.raises(NotFound, match="forgotten"):
                    read(ANA, id)
            return
        uses = [cell for cell in self.replay.then(None) if cell[:2] == ("use", id)]
        assert len(self.store.touches(ANA, id)) == len(uses)

    def check_lists(self, valid: int, known: int | None) -> None:
        self.expected = dict(self.replay.records(known, valid))
        self.apart = {mark: self.replay.marked(known, mark) for mark in MARKS}
        everything = self.store.list(
            ANA, as_of=valid, known_at=known, archived=True, quarantined=True
        )
        assert {r.id: r.text for r in everything} == self.expected, (valid, known)
        for record in everything:
            assert set(record.marks) == {m for m in MARKS if record.id in self.apart[m]}
        plain = self.store.list(ANA, as_of=valid, known_at=known)
        assert {r.id for r in plain} == set(self.expected) - self.hidden(*MARKS[:2])

    def hidden(self, *marks: str) -> set[str]:
        return set().union(*(self.apart[mark] for mark in marks))

    def check_record(self, id: str, valid: int, known: int | None) -> None:
        moment = FOREVER - 1 if known is None else known
        told = [
            version.text
            for version in self.told[id]
            if version.known_from is not None
            and to_micros(version.known_from) <= moment
            and (version.known_to is None or moment < to_micros(version.known_to))
            and (version.valid_from is None or to_micros(version.valid_from) <= valid)
            and (version.valid_to is None or valid < to_micros(version.valid_to))
        ]
        expected = self.expected
        assert told == ([expected[id]] if id in expected else []), (id, valid, known)

    def check_views(self, valid: int, known: int | None) -> None:
        facts = set("uvwxyz")
        for asked, unseen in (
            ({}, facts | self.hidden(*MARKS[:2])),
            ({"archived": True}, facts | self.hidden("quarantined")),
            ({"quarantined": True, "kinds": ("fact",)}, set("abcdefgh") | self.hidden("archived")),
        ):
            query = Query(text="", scope=ANA, as_of=valid, known_at=known, **asked)
            view = self.space.view(query, self.store.now())
            ords = np.flatnonzero(view.visible).astype(np.int32)
            assert view.count == len(ords)
            records = [record for record in view.records(ords) if record]
            assert {r.id for r in records} == set(self.expected) - unseen
            uses = view.uses()
            for ord, record in zip(ords, records, strict=True):
                assert record.text == self.expected[record.id]
                times = uses.at[uses.start[ord] : uses.start[ord + 1]].tolist()
                assert times == sorted(times)
                cells = [c for c in self.replay.then(known) if c[:2] == ("use", record.id)]
                assert len(times) == len(cells)
            fresh = self.fresh.view(query, self.store.now())
            assert _seen(fresh) == _seen(view)
        standing = view.records(np.flatnonzero(view.standing).astype(np.int32))
        assert {r.id: r.text for r in standing if r} == self.expected


def _seen(view: SpaceView) -> list[tuple[Any, ...]]:
    """What a view shows of each standing version, whatever its ord."""
    uses = view.uses()
    return [
        (
            view.rows["seq"][ord], view.visible[ord], *(view.marked(mark)[ord] for mark in MARKS),
            uses.at[uses.start[ord] : uses.start[ord + 1]].tolist(),
        )
        for ord in np.flatnonzero(view.standing)
    ]  # fmt: skip


def check(script: Script, opened: Place, moments: int = 4, points: int = 2) -> None:
    clock, folder = Clock(NOON), opened.folder
    with opened("a", clock=clock) as store:
        history = History(store, clock)
        history.run(script)
        history.check(random.Random(len(script)), moments, points)
        report = store.verify()
        assert report.problems == ()
        counts = store.counts()
        here = [
            cell[1]
            for cell, node in history.replay.cells.items()
            if cell[0] == "record" and node.value is not None
        ]
        assert counts.records == len(here)
        follower = Follower()
        follower.follow(store)
        assert counts.versions == len(follower.rows)
        before = (store.state_digest(), store.history_digest(), follower.here())
        store.rebuild()
        follower = Follower()
        follower.follow(store)
        assert (store.state_digest(), store.history_digest(), follower.here()) == before
        store.export_jsonl(folder / "x")
    with opened("b") as other:
        assert other.import_jsonl(folder / "x").events == report.events
        assert (other.state_digest(), other.history_digest(), other.verify()) == (
            *before[:2],
            report,
        )


GAP = [
    (0, [("add", "a", 2, None, "", ())]),
    (0, [("retract", "a", 5)]),
    (1, [("revise", "a", 8), ("add", "b", 0, 4, "", ())]),
    (1, [("retract", "a", 7)]),
    (1, [("revise", "a", 6)]),
]
"""True, not true, true again; then cut in the part where it was not."""
BACK = [
    *GAP,
    *[(1, [("undo", 0)])] * 3,
    (1, [("undo", 5), ("undo", 6), ("revise", "a", None), ("undo", 0), ("forget", "b")]),
]
"""Taken back, brought back, and taken back again."""


@settings(max_examples=150)
@example(GAP)
@example(BACK)
@given(scripts)
def test_against_a_naive_replay(script: Script) -> None:
    with engine("sqlite") as opened:
        check(script, opened)


@settings(max_examples=8)
@example(GAP)
@example(BACK)
@given(scripts)
def test_against_a_naive_replay_on_a_server(script: Script) -> None:
    with engine("postgres") as opened:
        check(script, opened, moments=2, points=1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ENGINES)
def test_against_a_naive_replay_at_length(name: str) -> None:
    @settings(max_examples=3000 if name == "sqlite" else 300)
    @given(scripts)
    def run(script: Script) -> None:
        with engine(name) as opened:
            check(script, opened, moments=12, points=6)

    run()


made_of = st.lists(st.sampled_from(reversible).flatmap(lambda step: step), min_size=4, max_size=14)


@settings(max_examples=75)
@given(made_of)
def test_undoing_everything_in_reverse_restores_each_state(made: list[Step]) -> None:
    undo_everything(made, "sqlite")


@settings(max_examples=8)
@given(made_of)
def test_undoing_everything_on_a_server(made: list[Step]) -> None:
    undo_everything(made, "postgres")


def undo_everything(made: list[Step], name: str) -> None:
    with engine(name) as opened, opened("a", clock=Clock(NOON)) as store:
        states = [store.state_digest()]
        for number, (op, *given_) in enumerate(made):
            if op in ("add", "state"):
                given_ = [*given_[:3], f"text {number}", *given_[3:]]
            if op == "revise":
                given_.append(f"text {number}")
            before = store.head()
            store.apply([change_of(op, given_)], settler=Simple())
            states += [store.state_digest()] * (store.head() - before)
        last = store.head()
        for seq in range(last, 0, -1):
            (ack,) = store.apply([Undo(scope=ANA, seq=seq)])
            assert ack.status == "stored", ack
            if states[seq - 1] != states[seq]:  # between two events of one change nothing was seen
                assert store.state_digest() == states[seq - 1]
        redo = list(range(store.head(), last, -1))
        assert store.state_digest() == states[0]
        versions = [s for s in redo if next(store.events(ANA, after=s - 1, limit=1)).op == "undo"]
        assert versions == redo
        assert store.verify().problems == ()
