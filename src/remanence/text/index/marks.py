"""Marks and uses of a space's records, kept beside its rows: what changes without a new version."""

from __future__ import annotations

from typing import Any, NamedTuple

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


class _Sorted(NamedTuple):
    """Uses by the ord of their record's first version: those of ord `o` are `at[start[o]:start[o + 1]]`."""

    start: NDArray[np.int64]
    at: NDArray[np.int64]


class Used:
    """When records were used, each named by the ord of its first version."""

    def __init__(self) -> None:
        self._buffer: NDArray[Any] = np.zeros(64, _USED)
        self._n = 0
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
        need = self._n + int(fresh.sum())
        if need > len(self._buffer):
            self._buffer = np.concatenate((self._buffer[: self._n], np.zeros(need, _USED)))
        added = self._buffer[self._n : need]
        added["ord"], added["at"], added["until"] = (
            ords[fresh],
            uses["at"][fresh],
            uses["until"][fresh],
        )
        self._n = need
        self.state += len(uses) > 0

    def of(self, origin: NDArray[np.int32], known_at: Micros | None) -> Uses:
        """Uses of versions whose records' first versions have these ords, up to a known time (None: all that stand)."""
        held = self._buffer[: self._n]
        moment = FOREVER - 1 if known_at is None else known_at
        held = held[(held["at"] <= moment) & (moment < held["until"])]
        if not len(held):
            return Uses(np.zeros(len(origin) + 1, np.int64), np.empty(0, np.int64))
        by = _sorted(held, max(int(origin.max(initial=0)), int(held["ord"].max())) + 1)
        counts = by.start[origin + 1] - by.start[origin]
        start = np.concatenate(([0], np.cumsum(counts)))
        places = np.arange(start[-1]) + np.repeat(by.start[origin] - start[:-1], counts)
        return Uses(start, by.at[places])


def _sorted(held: NDArray[Any], n: int) -> _Sorted:
    # Uses arrive in the order of known time, so a stable sort leaves each record's in theirs.
    order = np.argsort(held["ord"], kind="stable")
    start = np.concatenate(([0], np.cumsum(np.bincount(held["ord"], minlength=n))))
    return _Sorted(start, held["at"][order])
