"""What was said just before or after a record."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from remanence.seams import View

Ords = NDArray[np.int32]


def beside(view: View, ords: Ords, step: int) -> Ords:
    """(c,) for each candidate the record `step` places later in its session (negative: earlier), -1 where there is none.

    Records with a title and without a session are passages that only happen to be stored one after the other: they have no
    neighbours. Messages without a session are one long conversation."""
    other = view.neighbour(step)[ords]
    rows = view.rows[ords]
    return np.where((rows["session"] == 0) & (rows["titled"] > 0), -1, other).astype(np.int32)
