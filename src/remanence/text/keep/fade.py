"""What moves to the archive, and what comes back from it: marks, chosen from strengths. Nothing is deleted by fading.

`plan` only reads; `changes` are what a store applies, or a dry run prints; `Fade` does it asleep.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from remanence.catalogue.declare import mechanism
from remanence.seams import Keeper, Marked, Step, Store, View
from remanence.text.keep.activation import BaseLevel
from remanence.text.keep.ragged import Int64s, last, until
from remanence.text.keep.strengths import PINNED, learnt, strengths
from remanence.text.keep.ttl import Limit
from remanence.types import BEGINNING, FOREVER, Mark, Micros, Record, Scope, to_datetime

ARCHIVED, QUARANTINED = "archived", "quarantined"
OURS = ("faded: ", "expired: ")
"""How the reasons of our marks begin. What somebody archived by hand is left alone."""
AT_ONCE = 500
"""Marks committed at once."""
_FAR = 1e30
Mask = NDArray[np.bool_]


class Moved(NamedTuple):
    """A record that goes to the archive (`archived`) or comes back from it, how strong it is now, and why."""

    scope: Scope
    id: str
    ord: int
    strength: float
    archived: bool
    why: str


def plan(
    view: View,
    keeper: Keeper,
    now: Micros,
    *,
    marked: Sequence[Marked] = (),
    below: float = 0.1,
    keep: int = 1_000,
    limits: Sequence[Limit] = (),
) -> list[Moved]:
    """What should move, weakest first; then what should come back.

    To the archive goes what is weaker than `below`, as long as more than `keep` records stay in reach (a small memory costs
    nothing to search), and what a limit covers and its time is over. Back comes what was put there by this and has been used since,
    unless it would have to go again. Never moved: what is pinned or quarantined, facts in force and the records they were taken from
    (a search shows them in the fact's place), and, but for limits, the newest record of each session of several.

    `view` should be of the whole space, at `now`; `marked`: what is in the archive, as `Store.marked` tells it (empty: nothing
    comes back)."""
    archived = view.marked(ARCHIVED)
    fixed = view.marked(PINNED) | view.marked(QUARANTINED) | _in_force(view)
    strength = strengths(view, keeper, now)
    over = _over(view, limits, now)
    below = min(max(below, -_FAR), _FAR)  # strengths are float32
    moved = _leaving(view, strength, over, ~archived & view.visible & ~fixed, below, keep)
    used = last(until(view.uses(), now), np.full(view.n, BEGINNING, np.int64))
    born = learnt(view)
    out = [
        Moved(record.scope, record.id, ord, float(strength[ord]), True, why)
        for ord, record in _known(view, moved)
        for why in [_why(int(born[ord]), int(used[ord]), float(strength[ord]), bool(over[ord]))]
    ]
    may = archived & view.standing & (strength >= below) & ~over
    return out + _returning(view, may, used, strength, marked)


def changes(moved: Sequence[Moved]) -> list[Mark]:
    """The marks that carry a plan out."""
    return [
        Mark(scope=one.scope, id=one.id, mark=ARCHIVED, on=one.archived, why=one.why)
        for one in moved
    ]


@mechanism(
    seam="Sleeper",
    source="Remanence",
    title="Archive by strength",
    year=2026,
    fidelity="ours",
)
@dataclass(frozen=True, slots=True, kw_only=True)
class Fade:
    """Moves to the archive what has faded and brings back what was used again: `plan`, some hundred marks a step.

    What is done leaves the plan, so a sleep that was cut off goes on by planning anew; the cursor says nothing."""

    keeper: Keeper = field(default_factory=BaseLevel)
    below: float = 0.1
    keep: int = 1_000
    limits: tuple[Limit, ...] = ()

    @property
    def name(self) -> str:
        return "fade"

    def steps(
        self, store: Store, scope: Scope, view: View, cursor: str, now: Micros
    ) -> Iterator[Step]:
        moved = plan(
            view,
            self.keeper,
            now,
            marked=store.marked(scope, ARCHIVED),
            below=self.below,
            keep=self.keep,
            limits=self.limits,
        )
        for start in range(0, len(moved), AT_ONCE):
            some = moved[start : start + AT_ONCE]
            gone = sum(one.archived for one in some)
            note = f"{gone} to the archive, {len(some) - gone} back"
            yield Step(changes(some), cursor, note, (start + len(some)) / len(moved))


def _in_force(view: View) -> Mask:
    """(n,) facts that hold their slot, and the records they were taken from."""
    facts: Mask = view.standing & (view.rows["slot"] != 0)
    sources = np.unique(view.rows["source"][facts])
    stated: Mask = np.isin(view.rows["first"], sources[sources != 0])
    return facts | stated


def _over(view: View, limits: Sequence[Limit], now: Micros) -> Mask:
    """(n,) what a limit covers and its time is over."""
    over = np.zeros(view.n, np.bool_)
    for limit in limits:
        over |= limit.covers(view) & (strengths(view, limit.expiry, now) == 0)
    return over


def _newest(view: View) -> Mask:
    """(n,) the last record of each session that has several."""
    rows = view.rows
    ords = np.flatnonzero(view.standing & (rows["session"] != 0) & (rows["slot"] == 0))
    order = ords[np.lexsort((rows["first"][ords], rows["valid_from"][ords], rows["session"][ords]))]
    same = rows["session"][order[1:]] == rows["session"][order[:-1]]
    ends = np.concatenate((~same, [True]))[: len(order)]
    several = np.concatenate(([False], same))[: len(order)]
    mask = np.zeros(view.n, np.bool_)
    mask[order[ends & several]] = True
    return mask


def _leaving(
    view: View, strength: NDArray[np.float32], over: Mask, may: Mask, below: float, keep: int
) -> NDArray[np.int64]:
    """Ords that go: those over their limit, then the weakest."""
    expired = np.flatnonzero(may & over)
    active = int(np.count_nonzero(view.visible & ~view.marked(ARCHIVED))) - len(expired)
    weak = np.flatnonzero(may & ~over & (strength < below) & ~_newest(view))
    order = np.lexsort((weak, learnt(view)[weak], strength[weak]))
    return np.concatenate((expired, weak[order[: max(active - keep, 0)]]))


def _returning(
    view: View, may: Mask, used: Int64s, strength: NDArray[np.float32], marked: Sequence[Marked]
) -> list[Moved]:
    since = {one.id: one.since for one in marked if one.why.startswith(OURS)}
    back = np.flatnonzero(may & (used > min(since.values(), default=FOREVER)))
    return [
        Moved(record.scope, record.id, ord, float(strength[ord]), False, f"used on {_day(at)}")
        for ord, record in _known(view, back)
        for at in [int(used[ord])]
        if at > since.get(record.id, FOREVER)
    ]


def _known(view: View, ords: NDArray[np.int64]) -> Iterator[tuple[int, Record]]:
    """Without what was forgotten since the view was made."""
    for ord, record in zip(ords.tolist(), view.records(ords.astype(np.int32)), strict=True):
        if record is not None:
            yield ord, record


def _why(born: Micros, used: Micros, strength: float, over: bool) -> str:
    what = OURS[1] + "past its time to live" if over else OURS[0] + f"strength {strength:.3f}"
    return f"{what}, " + (
        f"last used on {_day(used)}" if used > BEGINNING else f"unused since {_day(born)}"
    )


def _day(at: Micros) -> str:
    moment = to_datetime(at)
    return f"{moment:%Y-%m-%d}" if moment else "ever"
