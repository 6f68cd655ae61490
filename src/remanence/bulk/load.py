"""Remembering many observations, those of one user always in their order, users side by side."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from remanence.bulk.place import Place
from remanence.bulk.runner import Runner, run
from remanence.bulk.task import Done, Store
from remanence.errors import InvalidInput
from remanence.seams import Observation
from remanence.types import Scope

BATCH = 500
"""Observations that a worker gets at once."""
HELD = 50
"""Batches read ahead of the slowest user."""


@dataclass(slots=True)
class Loaded:
    """What became of the observations, by status; why some were rejected."""

    counts: Counter[str] = field(default_factory=Counter)
    rejected: dict[str, str] = field(default_factory=dict)


def load(
    place: Place,
    observations: Iterable[Observation],
    runner: Runner,
    *,
    apart: bool = False,
    tell: Callable[[int], None] | None = None,
) -> Loaded:
    """Remember them. Each needs an id of its own, so that running it again, after whatever ended it, stores nothing twice.

    `apart`: each tenant has a store of its own at the place. `tell` gets the number done. Raises: InvalidInput for one without an id;
    what a worker raises: what was acknowledged before stays."""
    lanes = _Lanes(observations)
    found = Loaded()

    def tasks() -> Iterator[tuple[Scope, Store] | None]:
        for lane in lanes.batches():
            if lane is None:
                yield None
                continue
            scope, batch = lane
            tenant = scope[0] if apart else ""
            yield scope, Store(place=place, tenant=tenant, observations=batch)

    for scope, done in run(tasks(), runner):
        assert isinstance(done, Done)
        lanes.free(scope)
        found.counts.update(done.counts)
        found.rejected.update(done.rejected)
        if tell is not None:
            tell(found.counts.total())
    return found


class _Lanes:
    """Observations by user: of each one batch is under way at a time, so that they are committed in their order."""

    def __init__(self, observations: Iterable[Observation]) -> None:
        self._source = iter(observations)
        self._waiting: defaultdict[Scope, list[Observation]] = defaultdict(list)
        self._held = 0
        self._busy: set[Scope] = set()
        self._read = True

    def free(self, scope: Scope) -> None:
        """A batch of this user's is done."""
        self._busy.discard(scope)

    def batches(self) -> Iterator[tuple[Scope, list[Observation]] | None]:
        """The next batch that may begin; None where all that is left stands behind one that is under way."""
        while (scope := self._next()) or self._waiting:
            if scope is None:
                yield None
                continue
            held = self._waiting.pop(scope)
            if rest := held[BATCH:]:
                self._waiting[scope] = rest
            self._held -= len(held) - len(rest)
            self._busy.add(scope)
            yield scope, held[:BATCH]

    def _next(self) -> Scope | None:
        while self._read and self._held < HELD * BATCH:
            one = next(self._source, None)
            if one is None:
                self._read = False
                break
            if not one.id:
                raise InvalidInput("an observation without an id", hint="bulk loads need one each")
            self._waiting[one.scope[:2]].append(one)
            self._held += 1
        ready = (scope for scope in self._waiting if scope not in self._busy)
        return max(ready, key=lambda scope: len(self._waiting[scope]), default=None)
