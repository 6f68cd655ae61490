"""The inverted index in memory: which records hold a term, and how often.

The store keeps one packed row of `(term hash, tf)` entries per record version, written in the record's own transaction. This
index turns those rows into posting lists. It grows like a log-structured merge tree: new records go to a small dictionary, which
is sealed into a sorted segment, and segments of similar size are merged, so that n records cost O(n log n) in all and a term is
looked up in O(log n) segments. Statistics come from the lists themselves, hence from one space alone and right under any mask.

Cost: 9 bytes an entry in memory. A hash of 32 bits makes two of v words of a space collide with probability v / 2^32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from remanence.text.analyze import ENTRY

SEAL = 1024
"""Records that wait in the dictionary before they become a segment."""

Ords = NDArray[np.int32]
Counts = NDArray[np.uint8]
_NONE: tuple[Ords, Counts] = (np.empty(0, np.int32), np.empty(0, np.uint8))


@dataclass(frozen=True, slots=True)
class Segment:
    """Entries of some records, sorted by term, then by record."""

    terms: NDArray[np.uint32]
    ords: Ords
    tf: Counts

    @classmethod
    def of(cls, terms: NDArray[np.uint32], ords: Ords, tf: Counts) -> Segment:
        """Entries in record order to a segment."""
        order = np.argsort(terms, kind="stable")
        return cls(terms[order], ords[order], tf[order])

    def find(self, term: int) -> tuple[Ords, Counts]:
        # The needle must have the array's type: a Python int would convert the whole array first.
        start, end = (
            np.searchsorted(self.terms, np.uint32(term)),
            np.searchsorted(self.terms, np.uint32(term), side="right"),
        )
        return self.ords[start:end], self.tf[start:end]


class Inverted:
    """Posting lists of the records added so far; records are numbered 0, 1, 2, … in the order of `extend`."""

    def __init__(self) -> None:
        self.count = 0
        self._segments: list[Segment] = []
        self._tail: dict[int, list[tuple[int, int]]] = {}
        self._waiting: list[bytes] = []

    def extend(self, packed: Sequence[bytes]) -> None:
        """Append records, each as its packed `ENTRY` rows sorted by term."""
        if len(self._waiting) + len(packed) < SEAL:
            for number, entries in enumerate(packed, self.count):
                for term, tf in np.frombuffer(entries, ENTRY).tolist():
                    self._tail.setdefault(term, []).append((number, tf))
            self._waiting.extend(packed)
            self.count += len(packed)
            return
        start = self.count - len(self._waiting)
        self._segments.append(_segment([*self._waiting, *packed], start))
        self.count += len(packed)
        self._waiting, self._tail = [], {}
        while len(self._segments) > 1 and len(self._segments[-2].ords) < 2 * len(
            self._segments[-1].ords
        ):
            newer, older = self._segments.pop(), self._segments.pop()
            self._segments.append(
                Segment.of(
                    np.concatenate((older.terms, newer.terms)),
                    np.concatenate((older.ords, newer.ords)),
                    np.concatenate((older.tf, newer.tf)),
                )
            )

    def find(self, term: int) -> tuple[Ords, Counts]:
        """Records that hold the term, ascending, and how often each does (counts saturate at 255)."""
        parts = [found for segment in self._segments if len((found := segment.find(term))[0])]
        if tail := self._tail.get(term):
            table = np.array(tail, np.int32)
            parts.append((table[:, 0].copy(), table[:, 1].astype(np.uint8)))
        if len(parts) < 2:
            return parts[0] if parts else _NONE
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def _segment(packed: Sequence[bytes], start: int) -> Segment:
    sizes = (
        np.fromiter((len(entries) for entries in packed), np.int64, len(packed)) // ENTRY.itemsize
    )
    entries = np.frombuffer(b"".join(packed), ENTRY)
    ords = np.repeat(np.arange(start, start + len(packed), dtype=np.int32), sizes)
    return Segment.of(entries["term"].copy(), ords, entries["tf"].copy())
