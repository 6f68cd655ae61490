"""Nights: what they do is whole, within its budget, told beforehand, gone on with after a kill, and taken back without a trace."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remanence.errors import Conflict, InvalidInput, NotFound
from remanence.seams import Sleeper, Step
from remanence.text.keep.adjudicate import Adjudicate
from remanence.text.keep.fade import Fade
from remanence.text.keep.merge import Merge
from remanence.text.keep.sleep import Budget, run_id, undo_run, weight
from remanence.text.keep.summaries import SessionSummaries
from remanence.types import Add, Change, Mark, Retract
from tests.text.keep.conftest import SCOPE, Kept
from tests.text.keep.nights import ALL, fact, marked, night, summaries, undo
from tests.text.keep.test_summaries import GARDEN

FEW: tuple[Sleeper, ...] = (Merge(), SessionSummaries())


def furnish(kept: Kept, sessions: int = 3) -> None:
    """Something to do for everybody."""
    for number in range(sessions):
        for place, text in enumerate((*GARDEN, *GARDEN[2:4])):
            who = ("Ana", "Ben")[place % 2]
            day = -400 * (number % 2) - 10 + place / 10
            kept.told(f"s{number}t{place}", day, text=text, speaker=who, session=f"s{number}")
    fact(kept, "old", "Oslo", -9, origin="a", trust=0.5)
    fact(kept, "new", "Rome", -3, origin="b")


@pytest.fixture
def full(kept: Kept) -> Kept:
    kept.at(0)
    furnish(kept)
    return kept.at(1)


class Telling:
    """A sleeper that says what it is told to."""

    name = "telling"

    def __init__(self, *steps: Step) -> None:
        self.told = steps
        self.asked: list[str] = []

    def steps(self, store: object, scope: object, view: object, cursor: str, now: int) -> Iterator[Step]:  # fmt: skip
        self.asked.append(cursor)
        yield from self.told[int(cursor or 0) :]


def note(number: int, **more: object) -> Step:
    add = Add(scope=SCOPE, id=f"note{number}", text=f"note {number}", kind="note")
    return Step([add], str(number + 1), **{"done": (number + 1) / 4, **more})  # type: ignore[arg-type]


FOUR = tuple(note(number) for number in range(4))


def notes_of(kept: Kept) -> list[str]:
    return [one.id for one in kept.store.list(SCOPE, kinds=("note",), as_of=kept.now + 10**12)]


def test_everybody_in_turn(full: Kept) -> None:
    heard: list[tuple[str, float, str]] = []
    found = night(full, *ALL, progress=lambda *step: heard.append(step))
    assert [one.name for one in found.sleepers] == ["adjudicate", "summaries", "merge", "fade"]
    assert found.done
    assert not found.dry
    assert [dict(one.changes) for one in found.sleepers] == [
        {"link": 1, "retract": 1},
        {"add": 3},
        {"link": 12, "mark": 12},
        {"mark": 8},
    ]
    assert [name for name, done, _ in heard if done == 1] == ["adjudicate", "summaries", "merge", "merge", "fade"]  # fmt: skip
    assert all(one.bytes and one.seconds >= 0 for one in found.sleepers)
    actors = {event.actor for event in full.store.events(SCOPE, after=33) if event.actor}
    assert actors == {f"sleep/{found.run}/{one.name}" for one in found.sleepers}
    assert full.store.verify().problems == ()
    assert [dict(one.changes) for one in night(full.at(2), *ALL).sleepers] == [{}] * 4


def test_a_dry_run_says_the_same_and_writes_nothing(full: Kept, tmp_path: Path) -> None:
    head, digest = full.store.head(), full.store.history_digest()
    told = night(full, *ALL, dry_run=True)
    assert told.dry
    assert (full.store.head(), full.store.history_digest()) == (head, digest)
    assert full.store.cursor(SCOPE, "sleep/merge") == ""
    seen: list[Change] = []

    class Seen:
        """A sleeper whose steps are written down."""

        def __init__(self, sleeper: Sleeper) -> None:
            self.sleeper, self.name = sleeper, sleeper.name

        def steps(self, *args: object) -> Iterator[Step]:
            for step in self.sleeper.steps(*args):  # type: ignore[arg-type]
                seen.extend(step.changes)
                yield step

    done = night(full, *map(Seen, ALL))
    assert tuple(seen) == told.changes
    assert [one.notes for one in done.sleepers] == [one.notes for one in told.sleepers]
    assert [one.bytes for one in done.sleepers] == [one.bytes for one in told.sleepers]
    assert full.store.history_digest() != digest


def test_somebody_reads_in_between(full: Kept) -> None:
    """A search that follows the store during the night changes nothing of what it does."""
    told = night(full, *ALL, dry_run=True)
    done = night(full, *ALL, progress=lambda *step: full.view() and None)
    assert [one.bytes for one in done.sleepers] == [one.bytes for one in told.sleepers]


def test_seconds(kept: Kept) -> None:
    clock = iter(range(100))
    kept.told("a", 0)
    found = night(kept, Telling(*FOUR), Merge(), budget=Budget(seconds=4), timer=lambda: float(next(clock)))  # fmt: skip
    first, second = found.sleepers
    assert 0 < first.steps < 4
    assert first.left == 1 - first.steps / 4
    assert first.notes == ("stopped: the seconds are used up",)
    assert (second.steps, second.left) == (0, 1.0)
    assert len(notes_of(kept)) == first.steps
    sleeper = Telling(*FOUR)
    assert night(kept, sleeper).done
    assert sleeper.asked == [str(first.steps)]
    assert notes_of(kept) == ["note0", "note1", "note2", "note3"]


def test_no_seconds_at_all(kept: Kept) -> None:
    kept.told("a", 0)
    sleeper = Telling(*FOUR)
    assert night(kept, sleeper, budget=Budget(seconds=0)).sleepers[0].left == 1
    assert notes_of(kept) == []


def test_tokens(kept: Kept) -> None:
    kept.told("a", 0)
    steps = [note(n, tokens=40 * (n > 0), ahead=50 * (n < 3)) for n in range(4)]
    found = night(kept, Telling(*steps), budget=Budget(tokens=100))
    assert found.sleepers[0].notes == ("stopped: 80 tokens are used, and the next step may take 50",)  # fmt: skip
    assert (found.sleepers[0].tokens, found.sleepers[0].steps) == (80, 3)
    assert notes_of(kept) == ["note0", "note1", "note2"]


def test_bytes(kept: Kept) -> None:
    kept.told("a", 0)
    size = weight(FOUR[0].changes[0])
    found = night(kept, Telling(*FOUR), budget=Budget(bytes=2 * size))
    assert found.sleepers[0].bytes == 2 * size
    assert found.sleepers[0].notes == (f"stopped: the next step takes {size} bytes",)
    assert notes_of(kept) == ["note0", "note1"]


def test_what_is_refused(kept: Kept) -> None:
    """A step of which one change can't be made leaves none of them, and no cursor; the next sleeper goes on."""
    kept.told("a", 0)
    bad = Step((*FOUR[0].changes, Mark(scope=SCOPE, id="nobody", mark="x")), "7")
    found = night(kept, Telling(bad), SessionSummaries())
    assert notes_of(kept) == []
    assert kept.store.cursor(SCOPE, "sleep/telling") == ""
    assert "no record 'nobody'" in found.sleepers[0].notes[0]
    assert found.sleepers[1].left == 0


def test_names_of_runs(kept: Kept) -> None:
    assert run_id(kept.now, 3) == "20250615T150640-3"
    assert run_id(-(2**62), 3).startswith("T-")
    for run in ("", "a/b"):
        with pytest.raises(InvalidInput):
            night(kept, run=run)
    with pytest.raises(InvalidInput):
        Budget(tokens=-1)
    with pytest.raises(InvalidInput):
        Budget(seconds=float("nan"))


def test_undo_restores_everything(full: Kept) -> None:
    before = full.store.state_digest()
    found = night(full, *ALL)
    assert full.store.state_digest() != before
    acks = undo(full, found.run)
    assert {ack.status for ack in acks} == {"stored"}
    assert full.store.state_digest() == before
    assert full.store.verify().problems == ()
    assert {ack.status for ack in undo(full, found.run)} == {"duplicate"}
    assert full.store.state_digest() == before


def test_undo_of_nothing(full: Kept) -> None:
    night(full, *ALL, run="one")
    for run in ("", "o", "two", "one/merge"):
        with pytest.raises(NotFound):
            undo_run(full.store, SCOPE, run)


def test_undo_waits_for_what_was_built_on_it(full: Kept) -> None:
    run = night(full, *ALL).run
    (id, *_) = marked(full)
    full.apply(Mark(scope=SCOPE, id=id, mark="archived", on=False))
    digest = full.store.state_digest()
    with pytest.raises(Conflict, match="undo event"):
        undo(full, run)
    assert full.store.state_digest() == digest


def test_undo_after_a_forget(full: Kept) -> None:
    """What is gone stays gone; all else comes back."""
    run = night(full, *ALL).run
    made = summaries(full)[0]
    full.store.forget(SCOPE, [made.sources[0].id])
    undo(full, run)
    assert summaries(full) == []
    assert marked(full) == []
    with pytest.raises(NotFound):
        full.store.get(SCOPE, made.id)
    assert full.store.verify().problems == ()


def test_due_again_after_a_forget(full: Kept) -> None:
    night(full, *ALL)
    made = {one.session: one for one in summaries(full)}
    gone = made["s0"].sources[0].id
    full.store.forget(SCOPE, [gone])
    assert {one.session for one in summaries(full)} == {"s1", "s2"}
    night(full.at(2), *ALL)
    again = {one.session: one for one in summaries(full)}
    assert set(again) == {"s0", "s1", "s2"}
    assert gone not in {source.id for source in again["s0"].sources}
    assert again["s1"].id == made["s1"].id


# --- killed ---


def slept(path: Path, mode: str, count: int) -> int:
    paths = [*(p for p in sys.path if p), os.getcwd()]
    done = subprocess.run(
        [sys.executable, "-m", "tests.text.keep.sleeping", str(path), mode, str(count)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
        check=False,
    )
    return done.returncode


def ends(kept: Kept) -> tuple[str, list[str], int]:
    assert kept.store.verify().problems == ()
    ops = sorted(
        f"{event.op} {event.id}"
        for event in kept.store.events(SCOPE, limit=10**6)
        if event.actor.startswith("sleep/")
    )
    return kept.store.state_digest(), ops, len(ops)


def killed_and_gone_on_with(folder: Path, kills: Sequence[tuple[str, int]]) -> None:
    """Nothing twice and nothing half: the end is what it is without a kill."""
    kept = Kept(folder / "kept.rmem")
    furnish(kept.at(0))
    kept.store.backup(folder / "before.rmem")
    night(kept.at(1), *ALL)
    wanted = ends(kept)
    kept.store.close()
    assert wanted[2] > 20
    parts = set()
    for number, (mode, count) in enumerate(kills):
        path = folder / f"{number}.rmem"
        shutil.copy(folder / "before.rmem", path)
        assert slept(path, mode, count) == -signal.SIGKILL
        again = Kept(path).at(1)
        parts.add(ends(again)[2])
        night(again, *ALL)
        assert ends(again) == wanted
        again.store.close()
    assert max(parts) < wanted[2]
    assert len(parts) > 1


def test_killed_between_and_inside_steps(tmp_path: Path) -> None:
    killed_and_gone_on_with(
        tmp_path, [("between", 4), ("inside", 3), ("inside", 20), ("analyze", 2)]
    )


@pytest.mark.slow
def test_killed_at_every_moment(tmp_path: Path) -> None:
    kills = [("between", n) for n in range(1, 7)] + [("analyze", n) for n in range(1, 4)]
    killed_and_gone_on_with(tmp_path, kills + [("inside", n) for n in range(1, 22)])


# --- any store ---

TEXTS = st.sampled_from(
    (
        *GARDEN,
        "We planted forty tulips beside the old garden wall!",
        "We planted 40 tulips beside the old garden wall.",
    )
)
turns = st.tuples(
    st.just("turn"), TEXTS, st.sampled_from("ab"), st.integers(-500, 0), st.sampled_from("xy")
)
facts = st.tuples(
    st.just("fact"), st.sampled_from(("Oslo", "Rome", "Bonn")), st.sampled_from("abc"), st.integers(-30, 0), st.sampled_from((0.5, 1.0))
)  # fmt: skip
touches = st.tuples(st.sampled_from(("pinned", "quarantined", "archived", "use", "retract")), st.integers(0, 30))  # fmt: skip
sleeping = st.lists(
    st.sampled_from((Adjudicate(), SessionSummaries(least=3), Merge(), Merge(apart=1e9), Fade(keep=2))),
    min_size=1, max_size=4, unique_by=lambda one: one.name,
)  # fmt: skip


def live(kept: Kept, ops: list[tuple[object, ...]]) -> None:
    for number, op in enumerate(ops):
        id = f"r{number}"
        match op:
            case ("turn", str(text), str(session), int(day), str(speaker)):
                kept.told(id, day, text=text, session=session, speaker=speaker)
            case ("fact", str(value), str(origin), int(day), float(trust)):
                fact(kept, id, value, day, origin=origin, trust=trust)
            case (str(what), int(which)) if kept.store.get(SCOPE, f"r{which}"):
                change = {"use": None, "retract": Retract(scope=SCOPE, id=f"r{which}", at=kept.now)}.get(
                    what, Mark(scope=SCOPE, id=f"r{which}", mark=what)
                )  # fmt: skip
                kept.store.apply([change]) if change else kept.use(f"r{which}")


@given(
    ops=st.lists(turns | turns | facts | touches, max_size=30),
    more=st.lists(turns | facts | touches, max_size=6),
    first=sleeping,
    second=sleeping,
)
def test_undo_in_any_store(tmp_path_factory, ops: list, more: list, first: list, second: list) -> None:  # fmt: skip
    """Nights one upon the other, taken back one after the other: each time what was there before. And each was told exactly by a
    dry run, and leaves nothing to do."""
    kept = Kept(tmp_path_factory.mktemp("any") / "kept.rmem")
    try:
        live(kept.at(0), ops)
        digests, runs = [], []
        for day, (sleepers, later) in enumerate(((first, []), (second, more)), 1):
            live(kept.at(day), [("skip",)] * (100 * day) + later)
            kept.at(day + 0.5)
            digests.append(kept.store.state_digest())
            told = night(kept, *sleepers, dry_run=True)
            assert kept.store.state_digest() == digests[-1]
            found = night(kept, *sleepers)
            runs.append(found.run)
            assert [one.bytes for one in found.sleepers] == [one.bytes for one in told.sleepers]
            if len(sleepers) == 1:  # one may leave something for another
                assert not night(kept, *sleepers, dry_run=True).changes
        assert kept.store.verify().problems == ()
        try:
            undo(kept, runs[1])
        except NotFound:
            assert kept.store.state_digest() == digests[1]
        assert kept.store.state_digest() == digests[1]
        if not more:
            try:
                undo(kept, runs[0])
            except NotFound:
                assert digests[0] == digests[1]
            assert kept.store.state_digest() == digests[0]
    finally:
        kept.store.close()
