"""Asleep work: sleepers in turn, a transaction a step, within a budget; and the way back.

A night looks at the space as it was when it began, and so do all its sleepers: what one does another sees the next night. That makes a dry
run exact. Each step commits with the cursor to go on from, under the actor `sleep/<run>/<sleeper>`, whole or not at all: a
night that was killed is gone on with by the next one, and `undo_run` takes back what a run did, all of it.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from remanence.errors import Conflict, InvalidInput, NotFound
from remanence.seams import Sleeper, Step, Store, View
from remanence.text.keep.fade import ARCHIVED, QUARANTINED
from remanence.text.keep.strengths import PINNED
from remanence.types import Change, Event, Micros, Scope, Undo, to_datetime

ACTOR: Final = "sleep"
"""How the actor of every asleep change begins, and the name of every cursor."""
PAGE: Final = 10_000
"""Events read at once."""
Progress = Callable[[str, float, str], None]
"""(sleeper, share of its work that is done, note) after each step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a night may take. It is looked at between steps, which are short: a step that is under way is brought to its end.

    `seconds` of work; `tokens` given to and by models; `bytes` of changes, as `weight` counts them."""

    seconds: float = math.inf
    tokens: float = math.inf
    bytes: float = math.inf

    def __post_init__(self) -> None:
        for name, value in (("seconds", self.seconds), ("tokens", self.tokens), ("bytes", self.bytes)):  # fmt: skip
            if not isinstance(value, (int, float)) or not value >= 0:
                raise InvalidInput(f"{name} is {value!r}", hint="give a number that is not below 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slept:
    """What one sleeper did. `changes`: those that were stored, by kind; `left`: the share of its work that is left for another night."""

    name: str
    steps: int = 0
    changes: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    tokens: int = 0
    bytes: int = 0
    left: float = 1.0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """What a run did, or would do: then `changes` has it all, in order, and nothing was written."""

    run: str
    sleepers: tuple[Slept, ...]
    dry: bool = False
    changes: tuple[Change, ...] = ()

    @property
    def done(self) -> bool:
        """Nothing is left for another night."""
        return not any(one.left for one in self.sleepers)


def run_id(now: Micros, head: int) -> str:
    """The name of a run that begins at a moment with this head of the ledger.

    >>> run_id(1_750_000_000_000_000, 42)
    '20250615T150640-42'
    """
    moment = to_datetime(now)
    return f"{moment:%Y%m%dT%H%M%S}-{head}" if moment else f"T{now}-{head}"


def weight(change: Change) -> int:
    """Bytes of a change as it prints; the ledger takes about as many."""
    return len(repr(change).encode("utf-8", "backslashreplace"))


def sleep(
    store: Store,
    view_of: Callable[[Scope], View],
    sleepers: Sequence[Sleeper],
    *,
    scope: Scope,
    budget: Budget,
    run: str,
    now: Micros,
    dry_run: bool = False,
    progress: Progress | None = None,
    timer: Callable[[], float] = time.monotonic,
) -> Night:
    """Let each sleeper do what is due, in order, as far as the budget goes.

    `view_of` gives the space at `now`, archive and quarantine included; `run`: see `run_id`; `timer`: seconds, for the budget.
    Where somebody forgot or changed in between what a step builds on, the step is refused whole, and left for another night.

    Raises: InvalidInput for names that can't be kept, and what the store raises."""
    if not run or "/" in run:
        raise InvalidInput(f"run {run!r}", hint="give a name without a slash")
    night = _Night(store, scope, budget, run, dry_run, progress, timer)
    view = view_of(scope)
    for mark in (ARCHIVED, PINNED, QUARANTINED):
        view.marked(mark)  # read now and kept: others may write during the night
    slept = tuple(night.let(sleeper, view, now) for sleeper in sleepers)
    return Night(run=run, sleepers=slept, dry=dry_run, changes=tuple(night.planned))


class _Night:
    """A run under way, and what it has spent."""

    def __init__(
        self,
        store: Store,
        scope: Scope,
        budget: Budget,
        run: str,
        dry: bool,
        progress: Progress | None,
        timer: Callable[[], float],
    ) -> None:
        self.store = store
        self.scope = scope
        self.budget = budget
        self.run = run
        self.dry = dry
        self.progress = progress
        self.timer = timer
        self.began = timer()
        self.tokens = self.bytes = 0
        self.planned: list[Change] = []

    def let(self, sleeper: Sleeper, view: View, now: Micros) -> Slept:
        name = f"{ACTOR}/{sleeper.name}"
        cursor = self.store.cursor(self.scope, name)
        began, tokens, size = self.timer(), self.tokens, self.bytes
        changes: Counter[str] = Counter()
        notes: list[str] = []
        count, done, ahead = 0, 0.0, 0
        steps = sleeper.steps(self.store, self.scope, view, cursor, now)
        while True:
            short = self._short(ahead)
            step = None if short else next(steps, None)
            if step is None:
                done = done if short else 1.0
                notes += [f"stopped: {short}"] if short else []
                break
            self.tokens += step.tokens
            needed = sum(map(weight, step.changes))
            if self.bytes + needed > self.budget.bytes:
                notes.append(f"stopped: the next step takes {needed} bytes")
                break
            try:
                stored = self._commit(sleeper.name, name, step, cursor)
            except Conflict as error:
                notes.append(f"refused, to be planned anew: {error}")
                break
            self.bytes += needed
            changes.update(stored)
            cursor, done, ahead, count = step.cursor, step.done, step.ahead, count + 1
            notes += [step.note] if step.note else []
            if self.progress is not None:
                self.progress(sleeper.name, done, step.note)
        return Slept(
            name=sleeper.name,
            steps=count,
            changes=dict(sorted(changes.items())),
            seconds=self.timer() - began,
            tokens=self.tokens - tokens,
            bytes=self.bytes - size,
            left=max(1.0 - done, 0.0),
            notes=tuple(notes),
        )

    def _short(self, ahead: int) -> str:
        """What there is too little of to begin another step; empty where there is enough."""
        if self.timer() - self.began >= self.budget.seconds:
            return "the seconds are used up"
        if self.tokens + ahead > self.budget.tokens:
            return f"{self.tokens} tokens are used, and the next step may take {ahead}"
        return ""

    def _commit(self, sleeper: str, name: str, step: Step, before: str) -> Iterator[str]:
        """The kinds of changes that were stored."""
        kinds = [type(change).__name__.lower() for change in step.changes]
        if self.dry:
            self.planned += step.changes
            return iter(kinds)
        if not kinds and step.cursor == before:
            return iter(())
        acks = self.store.apply(
            step.changes,
            actor=f"{ACTOR}/{self.run}/{sleeper}",
            cursor=(self.scope, name, step.cursor),
            whole=True,
        )
        pairs = zip(kinds, acks, strict=True)
        return (kind for kind, ack in pairs if ack.status == "stored")


def undo_run(store: Store, scope: Scope, run: str) -> list[Change]:
    """What takes back all that a run did in a scope: an `Undo` for each of its events, the newest first, to be applied `whole`.

    Not for what was forgotten since, nor what was an undo itself. Cursors stay: duplicates, conflicts and sessions that were undone
    are left as they are until something new comes to them; what faded fades again, unless it is used or pinned. Applying raises
    Conflict where somebody built on the run since: undo that first.

    Raises: NotFound where there was no such run."""
    begins = f"{ACTOR}/{run}/"
    mine = [event for event in _events(store, scope) if event.actor.startswith(begins)]
    if not run or not mine:
        raise NotFound(f"no sleep {run!r}", hint="the ledger names runs as actors sleep/RUN/…")
    return [
        Undo(scope=scope, seq=event.seq)
        for event in reversed(mine)
        if not event.erased and event.op not in ("undo", "forget")
    ]


def _events(store: Store, scope: Scope) -> Iterator[Event]:
    after = 0
    while page := list(store.events(scope, after=after, limit=PAGE)):
        yield from page
        after = page[-1].seq
