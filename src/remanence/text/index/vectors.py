"""Exact search over the stored vectors of one space, and the best token matches of chosen records.

Both work on the bytes that the store keeps (int8, direction only), with NumKong's int8 kernels: a scan of 10^5 vectors of 384
dimensions takes under 2 ms. The query is quantised for the scan; how far that moves a cosine is known, so the scan's answer is
rescored in float32 until it is certain: the result is the exact top k over the stored vectors. Above `SWITCH` records codes of
one bit a dimension choose what is rescored (`codes.py`); `recall` says how much that loses on the questions that were asked.
"""

from __future__ import annotations

from collections import deque
from typing import TypeVar

import numkong
import numpy as np
from numpy.typing import NDArray

from remanence.store.rows import pack_unit
from remanence.text.index.codes import Codes

SWITCH = 100_000
"""Visible records up to which search is exact: `rmem bench scale` shows what it costs there and what codes save above."""
RESCORED = 2_000
"""Records that are rescored above the switch, at the least."""
ASKED = 20
"""Questions that recall is measured with."""
Floats = NDArray[np.float32]
Ords = NDArray[np.int32]
Bytes = NDArray[np.int8]
A = TypeVar("A", bound=np.generic)


def dots(rows: Bytes, queries: Bytes) -> NDArray[np.int32]:
    """(n, d) and (q, d) int8 -> (n, q) int32 inner products, exact."""
    return np.asarray(numkong.dots_packed(rows, numkong.dots_pack(queries)))


def norms(rows: Bytes) -> Floats:
    """(n, d) int8 -> (n,) Euclidean norms; 1 for zero rows, so that dividing by them is safe."""
    wide = rows.astype(np.float32)
    length: Floats = np.sqrt(np.einsum("nd,nd->n", wide, wide))
    length[length == 0] = 1
    return length


class Dense:
    """One vector a record, in memory; records without one are never found."""

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self.rows: Bytes = np.zeros((0, dim), np.int8)
        self.norm: Floats = np.ones(0, np.float32)
        self.has: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self.codes = Codes(dim)
        self.asked: deque[Floats] = deque(maxlen=ASKED)

    def put(self, ords: Ords, vectors: Bytes) -> None:
        """Vectors of these records, (m, dim)."""
        if not len(ords):
            return
        need = int(ords.max()) + 1
        if need > len(self.rows):
            size = max(need, 2 * len(self.rows), 64)
            self.rows = grown(self.rows, size, 0)
            self.norm = grown(self.norm, size, 1)
            self.has = grown(self.has, size, False)
        self.rows[ords] = vectors
        self.norm[ords] = norms(vectors)
        self.has[ords] = True
        self.codes.put(ords[ords < self.codes.count], self.rows, self.norm)

    def having(self, ords: Ords) -> NDArray[np.bool_]:
        """(c,) whether each of these records has its vector; the latest may be waiting for theirs."""
        found = np.zeros(len(ords), np.bool_)
        known = ords < len(self.has)
        found[known] = self.has[ords[known]]
        return found

    def erase(self, ord: int) -> None:
        """Overwrite the vector of a forgotten record; it counts as known, so that nobody waits for it."""
        self.put(np.array([ord], np.int32), np.zeros((1, self.dim), np.int8))

    def cosine(self, vector: Floats, ords: Ords) -> Floats:
        """(c,) exact cosines with a unit vector, (c, p) with the p columns of a (d, p) matrix; 0 for records without a vector."""
        known = ords < len(self.rows)
        if not known.all():
            cosines = np.zeros((len(ords), *vector.shape[1:]), np.float32)
            cosines[known] = self.cosine(vector, ords[known])
            return cosines
        exact: Floats = ((self.rows[ords].astype(np.float32) @ vector).T / self.norm[ords]).T
        return exact

    def nearest(self, vector: Floats, k: int, visible: NDArray[np.bool_]) -> tuple[Ords, Floats]:
        """The k visible records nearest to a unit vector, best first (ties: the earlier). Exact, unless more than `SWITCH` are
        visible: then the exactly best of those whose codes come nearest."""
        n = min(len(visible), len(self.rows))
        usable = visible[:n] & self.has[:n]
        count = int(np.count_nonzero(usable))
        if not count or k < 1:
            return np.empty(0, np.int32), np.empty(0, np.float32)
        if count <= SWITCH:
            return self._exact(vector, min(k, count), usable, count)
        self.asked.append(vector)
        near = self._near(vector, usable, max(RESCORED, 20 * k))
        return self._best(vector, near.astype(np.int32), min(k, len(near)))

    def recall(self, visible: NDArray[np.bool_], k: int = 10) -> float | None:
        """Share of the exact k nearest that `nearest` finds, over the questions last asked; None where it is exact by itself."""
        n = min(len(visible), len(self.rows))
        usable = visible[:n] & self.has[:n]
        count = int(np.count_nonzero(usable))
        if count <= SWITCH or not self.asked:
            return None
        shares = []
        for vector in list(self.asked):
            exact = self._exact(vector, k, usable, count)[0]
            near = self._near(vector, usable, max(RESCORED, 20 * k))
            found = self._best(vector, near.astype(np.int32), k)[0]
            shares.append(len(np.intersect1d(exact, found)) / k)
        return float(np.mean(shares))

    def _near(self, vector: Floats, usable: NDArray[np.bool_], take: int) -> NDArray[np.int64]:
        self.codes.extend(self.rows[: len(usable)], self.norm[: len(usable)])
        return self.codes.near(vector, usable, take)

    def _best(self, vector: Floats, ords: Ords, k: int) -> tuple[Ords, Floats]:
        exact = self.cosine(vector, ords)
        order = np.lexsort((ords, -exact))[:k]
        return ords[order], exact[order]

    def _exact(
        self, vector: Floats, k: int, usable: NDArray[np.bool_], count: int
    ) -> tuple[Ords, Floats]:
        small = pack_unit(vector[None, :])
        length = np.float32(norms(small)[0])
        here: Ords | None = None
        if count < len(usable) // 8:  # gathering few rows is cheaper than scanning all
            here = np.flatnonzero(usable).astype(np.int32)
            rough = dots(self.rows[here], small)[:, 0] / (self.norm[here] * length)
        else:
            n = len(usable)
            rough = dots(self.rows[:n], small)[:, 0] / (self.norm[:n] * length)
            if count < n:
                rough[~usable] = -np.inf
        # Both vectors have length 1, so the cosine of any record is off by at most the distance between the queries.
        error = float(np.linalg.norm(vector - small[0].astype(np.float32) / length))
        take = max(4 * k, 64)
        while True:
            take = min(take, count)
            best = np.argpartition(rough, len(rough) - take)[-take:]
            ords, exact = self._best(
                vector, best.astype(np.int32) if here is None else here[best], k
            )
            if take == count or float(rough[best].min()) + error <= exact[-1]:
                return ords, exact
            take *= 4


class Tokens:
    """Token states of the records asked for so far, in one array."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.states: Bytes = np.zeros((0, width), np.int8)
        self.norm: Floats = np.ones(0, np.float32)
        self.used = 0
        self.start: NDArray[np.int64] = np.full(0, -1, np.int64)
        self.count: NDArray[np.int32] = np.zeros(0, np.int32)

    def missing(self, ords: Ords) -> Ords:
        """Those of the records that were never put."""
        known = ords < len(self.start)
        absent: Ords = (
            ords[~known | (self.start[np.where(known, ords, 0)] < 0)] if len(self.start) else ords
        )
        return absent

    def put(self, ords: Ords, states: Bytes, counts: NDArray[np.int64]) -> None:
        """Token states of these records, (sum of counts, width), one record after the other."""
        if not len(ords):
            return
        need = self.used + len(states)
        if need > len(self.states):
            size = max(need, 2 * len(self.states))
            self.states, self.norm = grown(self.states, size, 0), grown(self.norm, size, 1)
        if (last := int(ords.max()) + 1) > len(self.start):
            size = max(last, 2 * len(self.start))
            self.start, self.count = grown(self.start, size, -1), grown(self.count, size, 0)
        self.states[self.used : need] = states
        self.norm[self.used : need] = norms(states)
        self.start[ords] = self.used + np.concatenate(([0], np.cumsum(counts)[:-1]))
        self.count[ords] = counts
        self.used = need

    def erase(self, ord: int) -> None:
        """Overwrite the states of a forgotten record."""
        if ord < len(self.start) and self.start[ord] >= 0:
            self.states[self.start[ord] : self.start[ord] + self.count[ord]] = 0
            self.count[ord] = 0

    def best(self, queries: Floats, ords: Ords) -> Floats:
        """(q, c) the best cosine of each query token over each record's tokens; 0 where it has none."""
        found = np.zeros((len(queries), len(ords)), np.float32)
        counts = np.zeros(len(ords), np.int64)
        known = ords < len(self.count)  # others were never put
        counts[known] = self.count[ords[known]]
        some = np.flatnonzero(counts)
        if not len(some) or not len(queries):
            return found
        counts, begin = counts[some], self.start[ords[some]]
        edges = np.concatenate(([0], np.cumsum(counts)))
        if len(begin) == 1 or (begin[1:] == begin[:-1] + counts[:-1]).all():  # stored side by side
            span = slice(int(begin[0]), int(begin[0] + edges[-1]))
            states, norm = self.states[span], self.norm[span]
        else:
            at = np.arange(edges[-1]) + np.repeat(begin - edges[:-1], counts)
            states, norm = self.states.take(at, axis=0), self.norm.take(at)
        small = pack_unit(queries)
        cosines = dots(states, small) / norm[:, None]
        found[:, some] = (np.maximum.reduceat(cosines, edges[:-1], axis=0) / norms(small)).T
        return found


def grown(array: NDArray[A], size: int, fill: object) -> NDArray[A]:
    """A longer array with the same beginning."""
    wider = np.full((size, *array.shape[1:]), fill, array.dtype)
    wider[: len(array)] = array
    return wider
