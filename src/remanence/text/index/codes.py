"""Approximate search by one bit a dimension, rescored: what large spaces are searched by.

Source: sign codes with exact rescoring, as in Yamada et al. 2021, "Efficient Passage Retrieval with Hashing for Open-domain
Question Answering" (BPR), arXiv:2106.00882, section 3.
Departs from the paper: the hash is not learnt; a bit says on which side of the space's mean vector the record lies.

The codes of 10^6 records are 48 MB and are compared in 5 ms. They need no building, take a new record at once, serve any filter and
any moment, and a forgotten record's code is overwritten: a graph does none of this, and found less (`docs/log.md`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.int8]
FAR = np.iinfo(np.uint16).max


class Codes:
    """Sign codes of the rows of one space, a column a 64 dimensions: a comparison reads memory in its order."""

    def __init__(self, dim: int) -> None:
        self.words = -(-dim // 64)
        self.centre: Floats = np.zeros(dim, np.float32)
        self.count = 0
        self._columns: NDArray[np.uint64] = np.zeros((self.words, 0), np.uint64)

    def extend(self, rows: Bytes, norm: Floats) -> None:
        """Take in the rows from `count` on. Where they have doubled, the centre is computed anew, and all codes with it."""
        if len(rows) > self._columns.shape[1]:
            wider = np.zeros((self.words, 2 * len(rows)), np.uint64)
            self.centre = _mean(rows, norm)
            self._columns, self.count = wider, 0
        for start in range(self.count, len(rows), 16_384):
            self.put(np.arange(start, min(start + 16_384, len(rows))), rows, norm)
        self.count = len(rows)

    def put(self, ords: NDArray[np.integer], rows: Bytes, norm: Floats) -> None:
        """(Re)code these rows."""
        if len(ords):
            self.write(ords, rows[ords] / norm[ords, None])

    def write(self, ords: NDArray[np.integer], unit: Floats) -> None:
        """(Re)code rows whose unit vectors are (m, dim) these; the centre stays where it is."""
        self._reach(int(ords.max(initial=-1)) + 1)
        self._columns[:, ords] = self._bits(unit).T

    def _reach(self, n: int) -> None:
        if n > self._columns.shape[1]:
            wider = np.zeros((self.words, 2 * n), np.uint64)
            wider[:, : self._columns.shape[1]] = self._columns
            self._columns = wider

    def near(self, vector: Floats, usable: NDArray[np.bool_], take: int) -> NDArray[np.int64]:
        """At least `take` usable rows (all, if fewer) whose codes differ least from the vector's; ties come along."""
        n = len(usable)
        self._reach(n)
        asked = self._bits(vector[None, :])[0]
        far = np.bitwise_count(self._columns[0, :n] ^ asked[0]).astype(np.uint16)
        for word in range(1, self.words):
            far += np.bitwise_count(self._columns[word, :n] ^ asked[word])
        if not usable.all():
            far[~usable] = FAR
        heap = np.bincount(np.minimum(far, 64 * self.words + 1), minlength=64 * self.words + 2)
        limit = int(np.searchsorted(np.cumsum(heap[:-1]), take))
        return np.flatnonzero(far <= min(limit, 64 * self.words))

    def _bits(self, unit: Floats) -> NDArray[np.uint64]:
        """(n, words) one bit a dimension; dimensions beyond the last count as equal."""
        bits = np.zeros((len(unit), 64 * self.words), np.bool_)
        bits[:, : unit.shape[1]] = unit > self.centre
        packed: NDArray[np.uint64] = np.packbits(bits, axis=1).view(np.uint64)
        return packed


def _mean(rows: Bytes, norm: Floats) -> Floats:
    sample = np.linspace(0, len(rows) - 1, min(len(rows), 20_000)).astype(np.int64)
    mean: Floats = (rows[sample] / norm[sample, None]).mean(axis=0).astype(np.float32)
    return mean
