"""Remember encodings by content, so that what is ingested or versioned again is not encoded again."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from remanence.seams import Embedder, Encoded, EncodedQuery

Floats = NDArray[np.float32]

OVERHEAD = 300
"""Bytes of Python objects around an entry, measured with tracemalloc."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Cached:
    """Any encoder, with the encodings of the texts that it saw last kept in `capacity` bytes of memory.

    Least recently used go first. Threads may share it; two that ask for the same new text at once may both encode it, to the same bytes.
    """

    inner: Embedder
    capacity: int = 64 * 2**20
    _entries: OrderedDict[bytes, tuple[Floats, bytes]] = field(
        default_factory=OrderedDict, repr=False
    )
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _held: list[int] = field(default_factory=lambda: [0], repr=False)

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
        keys = [_key(text) for text in texts]
        found: dict[bytes, tuple[Floats, bytes]] = {}
        with self._lock:
            for key in keys:
                if (entry := self._entries.get(key)) is not None:
                    self._entries.move_to_end(key)
                    found[key] = entry
        fresh = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        if fresh:
            made = self.inner.encode(list(fresh.values()))
            rows = (row.copy() for row in made.dense)
            added = dict(zip(fresh, zip(rows, made.tokens, strict=True), strict=True))
            found.update(added)
            self._keep(added)
        dense = np.zeros((len(texts), self.dim), np.float32)
        for i, key in enumerate(keys):
            dense[i] = found[key][0]
        return Encoded(dense, [found[key][1] for key in keys])

    def query(self, text: str) -> EncodedQuery:
        return self.inner.query(text)

    def unpack(self, packed: NDArray[np.uint8]) -> Floats:
        return self.inner.unpack(packed)

    def _keep(self, added: dict[bytes, tuple[Floats, bytes]]) -> None:
        with self._lock:
            for key, entry in added.items():
                if key not in self._entries:
                    self._entries[key] = entry
                    self._held[0] += _size(entry)
            while self._held[0] > self.capacity:
                _, oldest = self._entries.popitem(last=False)
                self._held[0] -= _size(oldest)


def _key(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=20).digest()


def _size(entry: tuple[Floats, bytes]) -> int:
    return entry[0].nbytes + len(entry[1]) + OVERHEAD
