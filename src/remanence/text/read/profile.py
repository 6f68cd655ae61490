"""What a space measures about itself, so that one configuration reads short chats, long answers and passages alike.

All of it comes from the columns of the visible records: no text is read. Lengths are words of the body without stop words.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from remanence.seams import View
from remanence.store.rows import ROLES
from remanence.text.read.beside import beside

SAMPLE = 20_000
"""Records that are looked at: the newest of the visible ones."""
CHAT, PROSE = 10.0, 40.0
"""Mean lengths at which a space is wholly chat turns, or wholly messages and passages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """`count` visible records, of `length` words on average; shares in 0 to 1 of the records.

    `long`: 0 for chat turns, 1 for messages or passages of 40 words or more. `bursts`: share of records of at most 4 words.
    `chained`: share that belongs to a session of more than one record. `titled`: share that has a title. `assisted`: share of
    records whose role is user or assistant, where both occur."""

    count: int
    length: float
    long: float
    bursts: float
    chained: float
    titled: float
    assisted: float


def profile(view: View) -> Profile:
    """Measured once for each state of the space."""
    return view.derived("profile", _measure)


def _measure(view: View, before: Profile | None) -> Profile:
    if before is not None and before.count > SAMPLE and view.count < before.count * 1.02:
        return before
    ords = np.flatnonzero(view.visible)[-SAMPLE:].astype(np.int32)
    if not len(ords):
        return Profile(
            count=0, length=0.0, long=0.0, bursts=0.0, chained=0.0, titled=0.0, assisted=0.0
        )
    rows = view.rows[ords]
    lengths = view.lengths()[ords]
    mean = float(lengths.mean())
    before_it, after_it = beside(view, ords, -1), beside(view, ords, 1)
    user = float((rows["role"] == ROLES.index("user")).mean())
    assistant = float((rows["role"] == ROLES.index("assistant")).mean())
    return Profile(
        count=view.count,
        length=mean,
        long=float(np.clip(np.log(max(mean, 1.0) / CHAT) / np.log(PROSE / CHAT), 0.0, 1.0)),
        bursts=float((lengths <= 4).mean()),
        chained=float(((before_it >= 0) | (after_it >= 0)).mean()),
        titled=float((rows["titled"] > 0).mean()),
        assisted=user + assistant if min(user, assistant) > 0.02 else 0.0,
    )
