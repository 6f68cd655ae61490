"""A time to live: what a rule covers goes to the archive when it is old enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from remanence.catalogue.declare import mechanism
from remanence.errors import InvalidInput
from remanence.seams import Uses, View
from remanence.text.keep.ragged import DAY, last, positive, until
from remanence.types import Micros


@mechanism(
    seam="Keeper",
    source="Remanence",
    title="Time to live, renewed by use",
    year=2026,
    fidelity="ours",
)
@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """1 for less than `days` days after it was learnt, then 0. `renewed`: a use starts the time anew."""

    days: float
    renewed: bool = True

    def __post_init__(self) -> None:
        positive(days=self.days)

    def strength(self, born: NDArray[np.int64], uses: Uses, now: Micros) -> NDArray[np.float32]:
        since = last(until(uses, now), born) if self.renewed else born
        return (now - since < self.days * DAY).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A rule: records of these `kinds`, `sessions` and `part` of the space live so long. What is empty covers everything.

    `part`: scope below the space (`("assistant",)` for one agent); what lies below it is covered too. One record's own end is
    its `valid_to`; a rule only archives."""

    expiry: Expiry
    kinds: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    part: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (self.kinds or self.sessions or self.part):
            raise InvalidInput(
                "a time to live that covers everything",
                hint="name kinds, sessions or a part of the space",
            )

    def covers(self, view: View) -> NDArray[np.bool_]:
        """(n,) which versions the rule is about."""
        mask = np.ones(view.n, np.bool_)
        if self.kinds:
            mask &= np.isin(view.rows["kind"], _codes(view, self.kinds))
        if self.sessions:
            mask &= np.isin(view.rows["session"], _codes(view, self.sessions))
        if self.part:
            tail = "\x1f".join(self.part)
            below = tail + "\x1f"
            found = [
                c for c, name in enumerate(view.names) if name == tail or name.startswith(below)
            ]
            mask &= np.isin(view.rows["tail"], found)
        return mask


def _codes(view: View, wanted: tuple[str, ...]) -> list[int]:
    return [code for code, name in enumerate(view.names) if code and name in wanted]
