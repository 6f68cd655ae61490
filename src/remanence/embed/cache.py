"""Remember encodings by content, so that what is ingested or versioned again is not encoded again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from remanence.seams import Embedder, Encoded, EncodedQuery
from remanence.store.forgetting.scan import Scanner
from remanence.types import Scope

Floats = NDArray[np.float32]

OVERHEAD = 300
"""Bytes of Python objects around an entry, measured with tracemalloc."""
FEW = 32
"""Texts that are looked for one after another."""
START = 8
"""Characters by which more of them are looked up."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Cached:
    """Any encoder, with the encodings of the texts that it saw last kept in `capacity` bytes of memory.

    Least recently used go first. Threads may share it; two that ask for the same new text at once may both encode it, to the same bytes.
    It is a `Form`: what a forget erases goes from here too, whatever was encoded around it.
    """

    inner: Embedder
    capacity: int = 64 * 2**20
    _entries: OrderedDict[str, tuple[Floats, bytes]] = field(
        default_factory=OrderedDict, repr=False
    )
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _held: list[int] = field(default_factory=lambda: [0], repr=False)
    _erasures: list[int] = field(default_factory=lambda: [0], repr=False)

    @property
    def id(self) -> str:
        return self.inner.id

    @property
    def dim(self) -> int:
        return self.inner.dim

    @property
    def token_dim(self) -> int:
        return self.inner.token_dim

    @property
    def token_bytes(self) -> int:
        return self.inner.token_bytes

    @property
    def held(self) -> int:
        """Bytes in use."""
        return self._held[0]

    def encode(self, texts: Sequence[str]) -> Encoded:
        """As the encoder would; each distinct text that is not remembered is encoded once."""
        keys = list(texts)
        found: dict[str, tuple[Floats, bytes]] = {}
        with self._lock:
            erasures = self._erasures[0]
            for key in keys:
                if (entry := self._entries.get(key)) is not None:
                    self._entries.move_to_end(key)
                    found[key] = entry
        fresh = list(dict.fromkeys(key for key in keys if key not in found))
        if fresh:
            made = self.inner.encode(fresh)
            rows = (row.copy() for row in made.dense)
            added = dict(zip(fresh, zip(rows, made.tokens, strict=True), strict=True))
            found.update(added)
            self._keep(added, erasures)
        dense = np.zeros((len(texts), self.dim), np.float32)
        for i, key in enumerate(keys):
            dense[i] = found[key][0]
        return Encoded(dense, [found[key][1] for key in keys])

    def query(self, text: str) -> EncodedQuery:
        return self.inner.query(text)

    def unpack(self, packed: NDArray[np.uint8]) -> Floats:
        return self.inner.unpack(packed)

    @property
    def name(self) -> str:
        """What a receipt calls it."""
        return "encoder cache"

    def erase(self, scope: Scope, ids: Sequence[str], texts: Sequence[str]) -> int:
        """Forget the encodings of every text that says one of these: what was encoded may have more around it."""
        wanted = [text for text in dict.fromkeys(texts) if text.strip()]
        with self._lock:
            self._erasures[0] += 1
            said = set(wanted)
            long = _Words(wanted) if len(wanted) > FEW else None
            gone = [
                key
                for key in self._entries
                if key in said
                or (any(text in key for text in wanted) if long is None else long.within(key))
            ]
            for key in gone:
                self._held[0] -= _size(key, self._entries.pop(key))
        return len(gone)

    def scan(self, needles: Sequence[bytes]) -> tuple[int, int]:
        """(entries looked at, how many of these byte strings some encoded text still has)."""
        with self._lock:
            keys = [key.encode("utf-8", "surrogatepass") for key in self._entries]
        scanner = Scanner(needles)
        scanner.blobs(keys)
        return len(keys), len(scanner.found)

    def _keep(self, added: dict[str, tuple[Floats, bytes]], erasures: int) -> None:
        with self._lock:
            if self._erasures[0] != erasures:
                return  # something was erased while these were encoded: it may be among them
            for key, entry in added.items():
                if key not in self._entries:
                    self._entries[key] = entry
                    self._held[0] += _size(key, entry)
            while self._held[0] > self.capacity:
                oldest, entry = self._entries.popitem(last=False)
                self._held[0] -= _size(oldest, entry)


class _Words:
    """Many texts, found in another one by the first of their words."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.by_start: dict[str, list[str]] = {}
        for text in texts:
            self.by_start.setdefault(text[:START], []).append(text)
        self.short = [start for start in self.by_start if len(start) < START]

    def within(self, whole: str) -> bool:
        if any(text in whole for text in self.short):
            return True
        for place in range(len(whole) - START + 1):
            for text in self.by_start.get(whole[place : place + START], ()):
                if whole.startswith(text, place):
                    return True
        return False


def _size(key: str, entry: tuple[Floats, bytes]) -> int:
    return len(key) + entry[0].nbytes + len(entry[1]) + OVERHEAD
