"""How old each memory of a view is, and how strong by it and its uses: computed from the ledger's columns, never stored."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from remanence.seams import Keeper, View
from remanence.text.keep.ragged import Int64s, select
from remanence.types import BEGINNING, Micros

PINNED = "pinned"
TIMELESS = frozenset(("fact", "lesson", "procedure", "profile"))
"""Kinds whose valid time says when something is so, not when it was told: they are as old as what we know of them."""


def learnt(view: View, ords: NDArray[np.integer] | None = None) -> Int64s:
    """(n,) or, of `ords`, (c,) Micros: since when each version has been in memory. What was said or written: since it was; statements
    of `TIMELESS` kinds and later versions: since they came to be known. Never later than that."""
    rows = view.rows
    every = slice(None) if ords is None else ords  # a column at a time: a row has many bytes
    known: Int64s = rows["known_from"][every].astype(np.int64)
    said, kinds = rows["valid_from"][every], rows["kind"][every]
    timeless = [code for code in np.unique(kinds) if view.names[code] in TIMELESS]
    told = (rows["seq"][every] == rows["first"][every]) & (said > BEGINNING)
    if timeless:
        told &= ~np.isin(kinds, timeless)
    return np.where(told, np.minimum(said, known), known)


def strengths(
    view: View, keeper: Keeper, now: Micros, ords: NDArray[np.integer] | None = None
) -> NDArray[np.float32]:
    """(n,) how strong each version is, or (c,) those of `ords`. What is pinned is at 1."""
    uses, pinned = view.uses(), view.marked(PINNED)
    if ords is not None:
        uses, pinned = select(uses, ords), pinned[ords]
    return np.where(pinned, np.float32(1), keeper.strength(learnt(view, ords), uses, now))
