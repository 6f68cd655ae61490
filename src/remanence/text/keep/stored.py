"""What a night reads of a space again and again: vectors of its records, and how many of them hold a stem. Read once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from remanence.seams import Store, View
from remanence.store.rows import unpack_unit
from remanence.types import Scope

Floats = NDArray[np.float32]


class Vectors:
    """Stored vectors of some records, read when the first is asked for."""

    def __init__(self, store: Store, scope: Scope, view: View, ords: NDArray[np.integer]) -> None:
        self._store, self._scope = store, scope
        self._encoder = view.encoder
        self._seqs = view.rows["seq"]
        self._wanted = np.unique(self._seqs[ords]).tolist()
        self._packed: dict[int, bytes] | None = None

    def of(self, ords: NDArray[np.integer]) -> tuple[NDArray[np.bool_], Floats]:
        """(c,) which of these have one, and those, (m, d) unit rows in their order."""
        if self._packed is None:
            self._packed = self._read()
        found = [self._packed.get(seq, b"") for seq in self._seqs[ords].tolist()]
        has = np.array([bool(packed) for packed in found], np.bool_)
        if not has.any():
            return has, np.empty((0, 0), np.float32)
        rows = np.frombuffer(b"".join(found), np.int8).reshape(int(has.sum()), -1)
        return has, unpack_unit(rows)

    def _read(self) -> dict[int, bytes]:
        if self._encoder is None or not self._wanted:
            return {}
        wanted = set(self._wanted)
        every = self._store.vectors(self._scope, self._encoder.id, self._wanted[0] - 1)
        return {seq: packed for seq, packed in every if seq in wanted}


class Rarity:
    """Inverse document frequency of stems among the visible records of a view."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._known: dict[str, float] = {}

    def of(self, stem: str) -> float:
        """log(1 + n / df); a stem that occurs nowhere counts as one that occurs once."""
        known = self._known.get(stem)
        if known is None:
            seen = max(len(self._view.postings(stem).ords), 1)
            known = self._known[stem] = float(np.log1p(max(self._view.count, 1) / seen))
        return known
