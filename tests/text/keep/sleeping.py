"""A night in a process of its own, which kills itself at a chosen moment:

python -m tests.text.keep.sleeping STORE MODE COUNT

`between`: after COUNT steps. `inside`: when the changes of a step are gone through for the COUNT-th time, halfway; so in the middle of
its transaction too. `analyze`: at the COUNT-th text that a transaction stores."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from remanence.seams import Analyzed, Sleeper, Step, Store, View
from remanence.text.index.terms import record_terms
from remanence.types import Change, Micros, Scope
from tests.text.keep.conftest import Kept
from tests.text.keep.nights import ALL, night


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Countdown:
    """Kills at zero."""

    def __init__(self, count: int) -> None:
        self.left = count

    def tick(self) -> bool:
        self.left -= 1
        return self.left == 0


class Halfway(list[Change]):
    """Changes that kill who goes through them."""

    def __init__(self, changes: list[Change], countdown: Countdown) -> None:
        super().__init__(changes)
        self.countdown = countdown

    def __iter__(self) -> Iterator[Change]:
        last = bool(self) and self.countdown.tick()
        for number, change in enumerate(super().__iter__()):
            if last and 2 * number + 1 >= len(self):
                die()
            yield change


class Deadly:
    """A sleeper whose changes do that."""

    def __init__(self, sleeper: Sleeper, countdown: Countdown) -> None:
        self.sleeper = sleeper
        self.countdown = countdown

    @property
    def name(self) -> str:
        return self.sleeper.name

    def steps(
        self, store: Store, scope: Scope, view: View, cursor: str, now: Micros
    ) -> Iterator[Step]:
        for step in self.sleeper.steps(store, scope, view, cursor, now):
            yield step._replace(changes=Halfway(list(step.changes), self.countdown))


def main(path: str, mode: str, count: str) -> None:
    countdown = Countdown(int(count))

    def analyze(text: str, fields: Mapping[str, str], meta: Mapping[str, object]) -> Analyzed:
        if mode == "analyze" and countdown.tick():
            die()
        return record_terms(text, fields, meta)

    def progress(sleeper: str, done: float, note: str) -> None:
        if mode == "between" and countdown.tick():
            die()

    kept = Kept(Path(path), analyze)
    kept.at(1)
    deadly: tuple[Sleeper, ...] = tuple(Deadly(one, countdown) for one in ALL)
    night(kept, *(deadly if mode == "inside" else ALL), progress=progress)
    kept.store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
