"""Marks and uses of a space's records, kept beside its rows: what changes without a new version."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from remanence.seams import Uses
from remanence.store.rows import MARK
from remanence.types import FOREVER, Micros

_USED = np.dtype([("ord", "<i4"), ("at", "<i8"), ("until", "<i8")])


class Marks:
    """Stretches of known time during which records bore marks, each record by its first event."""

    def __init__(self) -> None:
        self._buffer: NDArray[Any] = np.zeros(16, MARK)
        self._n = 0
        self._places: dict[tuple[int, int, int], int] = {}

    def take(self, marks: NDArray[Any]) -> None:
        """New stretches, and those that ended."""
        need = self._n + len(marks)
        if need > len(self._buffer):
            self._buffer = np.concatenate((self._buffer[: self._n], np.zeros(need, MARK)))
        for mark in marks:
            key = (int(mark["first"]), int(mark["mark"]), int(mark["since"]))
            place = self._places.setdefault(key, self._n)
            self._buffer[place] = mark
            self._n = max(self._n, place + 1)

    def firsts(self, code: int, known_at: Micros | None) -> NDArray[np.int64]:
        """First events of the records that bore the mark of this code at a known time (None: now)."""
        marks = self._buffer[: self._n]
        moment = FOREVER - 1 if known_at is None else known_at
        on = (marks["mark"] == code) & (marks["since"] <= moment) & (moment < marks["until"])
        firsts: NDArray[np.int64] = marks["first"][on]
        return firsts


class Used:
    """When records were used, each named by the ord of its first version."""

    def __init__(self) -> None:
        self._buffer: NDArray[Any] = np.zeros(64, _USED)
        self._n = 0
        self._ords: NDArray[np.int64] = np.empty(0, np.int64)
        """Records of the uses that stand, ascending, each record's uses in the order of known time; `_at`: their moments. Never changed
        in place, as those who asked hold on to them."""
        self._at: NDArray[np.int64] = np.empty(0, np.int64)
        self.state = 0
        """Grows with every change."""

    def take(self, ords: NDArray[np.int64], uses: NDArray[Any]) -> None:
        """New uses, and those that were taken back, with the ord of each record's first version."""
        fresh = np.ones(len(uses), np.bool_)
        for place in np.flatnonzero(uses["until"] != FOREVER):
            held = self._buffer[: self._n]
            same = (held["ord"] == ords[place]) & (held["at"] == uses["at"][place])
            standing = np.flatnonzero(same & (held["until"] == FOREVER))
            if len(standing):
                held["until"][standing[0]] = uses["until"][place]
                fresh[place] = False
                self._drop(int(ords[place]), int(uses["at"][place]))
        need = self._n + int(fresh.sum())
        if need > len(self._buffer):
            wider = np.zeros(max(need, 2 * len(self._buffer)), _USED)
            wider[: self._n] = self._buffer[: self._n]
            self._buffer = wider
        added = self._buffer[self._n : need]
        added["ord"], added["at"], added["until"] = (
            ords[fresh],
            uses["at"][fresh],
            uses["until"][fresh],
        )
        self._n = need
        self._insert(added[added["until"] == FOREVER])
        self.state += len(uses) > 0

    def of(self, origin: NDArray[np.int32], known_at: Micros | None) -> Uses:
        """Uses of versions whose records' first versions have these ords, up to a known time (None: all that stand)."""
        ords, moments = self._ords, self._at
        if known_at is not None:
            held = self._buffer[: self._n]
            held = held[(held["at"] <= known_at) & (known_at < held["until"])]
            # Uses arrive in the order of known time, so a stable sort leaves each record's in theirs.
            order = np.argsort(held["ord"], kind="stable")
            ords, moments = held["ord"][order], held["at"][order]
        n = len(origin)
        if not len(ords):
            return Uses(np.zeros(n + 1, np.int64), np.empty(0, np.int64))
        counts = np.bincount(ords, minlength=max(n, int(origin.max(initial=0)) + 1))
        if np.array_equal(origin, np.arange(n)):  # no record has a second version
            start = np.zeros(n + 1, np.int64)
            np.cumsum(counts[:n], out=start[1:])
            return Uses(start, moments[: start[-1]])
        first = np.cumsum(counts) - counts
        start = np.zeros(n + 1, np.int64)
        np.cumsum(counts[origin], out=start[1:])
        places = np.arange(start[-1]) + np.repeat(first[origin] - start[:-1], counts[origin])
        return Uses(start, moments[places])

    def _insert(self, uses: NDArray[Any]) -> None:
        if not len(uses):
            return
        uses = uses[np.argsort(uses["ord"], kind="stable")]
        places = np.searchsorted(self._ords, uses["ord"], side="right")
        self._ords = np.insert(self._ords, places, uses["ord"])
        self._at = np.insert(self._at, places, uses["at"])

    def _drop(self, ord: int, at: Micros) -> None:
        start, end = np.searchsorted(self._ords, [ord, ord + 1])
        place = start + int(np.argmax(self._at[start:end] == at))
        self._ords, self._at = np.delete(self._ords, place), np.delete(self._at, place)
