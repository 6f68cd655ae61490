"""Letting many users' memories sleep, several at a time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from remanence.bulk.place import Place
from remanence.bulk.runner import Runner, run
from remanence.bulk.task import Done, Sleep


def sleep(
    place: Place,
    tenants: Iterable[str],
    runner: Runner,
    *,
    seconds: float = math.inf,
    tell: Callable[[int, str], None] | None = None,
) -> Counter[str]:
    """Do what is due for every user of these tenants' stores (`""`: the one that the place names), each within so many seconds.

    Counts of changes by kind, of `users`, and of those of whom something is `left`. `tell` gets the number of users done and the last one.
    Running it again goes on from where each was."""

    def tasks() -> Iterator[tuple[str, Sleep]]:
        for tenant in tenants:
            with place.open(tenant, embedder="none") as memory:
                users = memory.users()
            for user in users:
                yield user, Sleep(place=place, tenant=tenant, user=user, seconds=seconds)

    total: Counter[str] = Counter()
    for user, done in run(tasks(), runner):
        assert isinstance(done, Done)
        total.update(done.counts)
        if tell is not None:
            tell(total["users"], user)
    return total
