"""Reading the raw bytes of a store's files again: is anything of these strings still there, in any spelling?

SQLite's `secure_delete` zeroes what a row occupied, but not the copies that splitting and merging b-tree pages left in the gaps of
other pages (measured: one to five erased records in two thousand leave some). So the files themselves are read, every byte of them, for any
number of needles in one pass: words of the file at aligned places are hashed and looked up in a table of the needles' words; what
hits is compared in full.

Files are read through descriptors that stay open while the store is. Closing one would drop the locks that SQLite holds on the same
file in this process, as POSIX has it.
"""

from __future__ import annotations

import os
import re
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from json.encoder import encode_basestring, encode_basestring_ascii
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

WINDOW: Final = 24
"""Characters of a text, or bytes of a blob, that one fragment has: long enough to be somebody's own words."""
SHORTEST: Final = 6
"""Bytes: shorter strings are in every file by chance."""
MOST: Final = 200_000
"""Fragments that one scan looks for; of more, every so many-th."""
STEP: Final = 8
"""Characters from one window to the next: of a text of up to 1,000, any piece of 31 that is left has a whole window in it."""
PER_TEXT: Final = 128
PER_BLOB: Final = 16
SPELT: Final = 6
"""One window in so many is looked for in every spelling, the others only as the store writes them."""
CHUNK: Final = 1 << 20
"""Bytes that are hashed at once: they stay in the processor's cache."""
_LONGEST: Final = 512
"""Bytes of the longest spelling: what a chunk is read beyond its end."""
_PART: Final = re.compile(r"\.(\d+)\.part$")
_BORN: Final = time.time()
_SEPARATOR: Final = b"\xff\x00\xff"


@dataclass(slots=True)
class Needles:
    """Fragments of what is erased: windows of texts, in several spellings, and of blobs, as they are."""

    texts: dict[str, bool] = field(default_factory=dict)
    """Whether in every spelling, or only as the store would write it."""
    blobs: dict[bytes, None] = field(default_factory=dict)
    left_out: int = 0
    """Fragments that `patterns` passed over, because there were too many."""

    def add_value(self, value: Any) -> None:
        """Every string and every number of some length in a JSON value, names of members included."""
        if isinstance(value, str):
            self.add_text(value)
        elif isinstance(value, Mapping):
            for name, inner in value.items():
                self.add_text(name)
                self.add_value(inner)
        elif isinstance(value, (list, tuple)):
            for inner in value:
                self.add_value(inner)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            self.add_text(repr(value))

    def add_text(self, text: str) -> None:
        """Windows of a string; a short one whole."""
        if len(text) <= WINDOW:
            if len(text.encode("utf-8", "surrogatepass")) >= SHORTEST and len(set(text)) > 2:
                self.texts[text] = True
            return
        for number, start in enumerate(_starts(len(text), PER_TEXT)):
            window = text[start : start + WINDOW]
            if len(set(window)) > 4:
                self.texts[window] = self.texts.get(window, False) or number % SPELT == 0

    def add_blob(self, blob: bytes) -> None:
        """Windows of some bytes; a short one whole."""
        if len(blob) <= WINDOW:
            if len(blob) >= SHORTEST and len(set(blob)) > 4:
                self.blobs[blob] = None
            return
        for start in _starts(len(blob), PER_BLOB):
            window = blob[start : start + WINDOW]
            if len(set(window)) > 8:
                self.blobs[window] = None

    def patterns(self) -> dict[bytes, bool]:
        """Every spelling of every fragment; whether it is one of a text."""
        total = len(self.texts) + len(self.blobs)
        step = -(-total // MOST) if total else 1
        found: dict[bytes, bool] = {blob: False for blob in islice(self.blobs, 0, None, step)}
        for text, spelt in islice(self.texts.items(), 0, None, step):
            found.update(dict.fromkeys(spellings(text) if spelt else as_stored(text), True))
        self.left_out = total - len(range(0, len(self.texts), step)) - len(
            range(0, len(self.blobs), step)
        )  # fmt: skip
        return found

    def raw(self) -> list[bytes]:
        """The fragments themselves, texts as UTF-8: what a `Form` is asked for."""
        return [text.encode("utf-8", "surrogatepass") for text in self.texts]


def _starts(length: int, most: int) -> Iterable[int]:
    step = max(STEP, -(-length // most))
    return dict.fromkeys([*range(0, length - WINDOW, step), length - WINDOW])


def as_stored(text: str) -> Iterator[bytes]:
    """UTF-8, and inside a JSON string."""
    raw = text.encode("utf-8", "surrogatepass")
    yield raw
    escaped = encode_basestring(text)[1:-1].encode("utf-8", "surrogatepass")
    if escaped != raw:
        yield escaped


def spellings(text: str) -> Iterator[bytes]:
    """As stored, as JSON escapes it in ASCII, UTF-16 in both orders, and base64 at the three places it can begin at."""
    yield from as_stored(text)
    raw = text.encode("utf-8", "surrogatepass")
    if not text.isascii():
        yield encode_basestring_ascii(text)[1:-1].encode()
    yield text.encode("utf-16-le", "surrogatepass")
    yield text.encode("utf-16-be", "surrogatepass")
    for before in range(3):
        # Letters that a neighbour has bits in are left out at either end.
        whole = b64encode(bytes(before) + raw)
        length = len(raw) + before
        coded = whole[(0, 2, 3)[before] : 4 * (length // 3) + length % 3]
        if len(coded) >= SHORTEST:
            yield coded


class _Class:
    """Needles of one range of lengths: words of `width` bytes, looked at wherever the offset is a multiple of `stride`."""

    def __init__(
        self, patterns: Sequence[bytes], ids: Sequence[int], width: int, stride: int
    ) -> None:
        self.width, self.stride = width, stride
        need = width + stride - 1
        heads = np.frombuffer(b"".join(pattern[:need] for pattern in patterns), np.uint8)
        heads = heads.reshape(len(patterns), need)
        keys = [
            _keys(np.ascontiguousarray(heads[:, shift : shift + width]).reshape(-1), width)
            [:: max(width // 8, 1)]
            for shift in range(stride)
        ]  # fmt: skip
        every = np.concatenate(keys)
        order = np.argsort(every, kind="stable")
        self.keys = every[order]
        self.ids = np.tile(np.asarray(ids, np.int64), stride)[order]
        self.shifts = np.repeat(np.arange(stride), len(patterns))[order]
        bits = min(max(16, int(np.ceil(np.log2(64 * len(every))))), 23)
        self.sought = np.arange(len(every) + 1)
        """How many of the entries before each are still looked for."""
        self.down = np.uint64(64 - bits)
        self.table = np.zeros(1 << bits, np.bool_)
        self.table[(self.keys >> self.down).view(np.int64)] = True

    def narrow(self, sought: NDArray[np.bool_]) -> None:
        """Look only for these, by pattern."""
        np.cumsum(sought[self.ids], out=self.sought[1:])

    def candidates(self, data: NDArray[np.uint8]) -> Iterator[tuple[int, int, NDArray[np.int64]]]:
        """(first and last entry of `keys`, offsets of the words that equal them), for entries that are still looked for."""
        size = 4 if self.width == 4 else 8
        for phase in range(0, size, self.stride) if self.stride < size else (0,):
            usable = (len(data) - phase) // size * size
            if usable < self.width:
                continue
            keys = _keys(data[phase : phase + usable], self.width)
            places = np.flatnonzero(self.table[(keys >> self.down).view(np.int64)])
            if not len(places):
                continue
            seen = keys[places]
            low = np.searchsorted(self.keys, seen)
            hit = self.keys[np.minimum(low, len(self.keys) - 1)] == seen
            places, low = places[hit], low[hit]
            high = np.searchsorted(self.keys, seen[hit], "right")
            hit = self.sought[high] > self.sought[low]
            if not hit.any():
                continue
            places, low, high = places[hit], low[hit], high[hit]
            order = np.argsort(low, kind="stable")
            places, low, high = places[order], low[order], high[order]
            borders = np.flatnonzero(np.diff(low, prepend=-1, append=-1))
            for first, last in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
                yield int(low[first]), int(high[first]), phase + places[first:last] * size


def _keys(data: NDArray[np.uint8], width: int) -> NDArray[np.uint64]:
    """A 64-bit key for the word of `width` bytes at every aligned place."""
    if width == 4:
        return data.view("<u4").astype(np.uint64) * _FIRST
    words = data.view("<u8")
    keys: NDArray[np.uint64] = words * _FIRST
    if width == 16:
        keys = keys[:-1] + words[1:]
        keys *= _SECOND
    return keys


_FIRST: Final = np.uint64(0x9E3779B97F4A7C15)
_SECOND: Final = np.uint64(0xD6E8FEB86659FD93)
_CLASSES: Final = ((23, 16, 8), (11, 8, 4), (SHORTEST, 4, 2))
"""(shortest pattern, width, stride): every place of a pattern has an aligned word in it."""


class Scanner:
    """Looks for many byte strings at once, in time linear in what is read. Strings shorter than `SHORTEST` are refused."""

    def __init__(self, patterns: Sequence[bytes]) -> None:
        self.patterns = list(patterns)
        assert all(SHORTEST <= len(pattern) <= _LONGEST for pattern in self.patterns)
        self.found: dict[int, tuple[str, int]] = {}
        """pattern -> where it was seen first; it is not looked for again."""
        self.sought = np.ones(len(self.patterns), np.bool_)
        left = dict(enumerate(self.patterns))
        self.classes = []
        for least, width, stride in _CLASSES:
            mine = {id: pattern for id, pattern in left.items() if len(pattern) >= least}
            if mine:
                self.classes.append(_Class(list(mine.values()), list(mine), width, stride))
            left = {id: pattern for id, pattern in left.items() if id not in mine}

    def file(self, path: Path) -> int:
        """Look through a file. Returns the bytes looked at, 0 where it is absent."""
        try:
            handle = _handle(path)
        except FileNotFoundError:
            return 0
        space = bytearray(CHUNK + _LONGEST)
        buffer = np.frombuffer(space, np.uint8)
        offset = 0
        while size := _read(handle, space, offset):
            self.look(buffer[:size], path.name, offset)
            if size <= CHUNK:
                return offset + size
            offset += CHUNK
        return offset

    def blobs(self, blobs: Iterable[bytes], where: str = "") -> None:
        """Look through values from anywhere, each for itself."""
        part: list[bytes] = []
        size = 0
        for blob in blobs:
            part.append(blob)
            size += len(blob)
            if size >= CHUNK:
                self._joined(part, where)
                part, size = [], 0
        self._joined(part, where)

    def _joined(self, part: list[bytes], where: str) -> None:
        data = np.frombuffer(_SEPARATOR.join(part), np.uint8)
        for start in range(0, len(data), CHUNK):
            self.look(data[start : start + CHUNK + _LONGEST], where, start)

    def look(self, data: NDArray[np.uint8], where: str = "", offset: int = 0) -> None:
        """Look through some bytes, which are those from `offset` on of `where`."""
        before = len(self.found)
        for kind in self.classes:
            for low, high, places in kind.candidates(data):
                for entry in range(low, high):
                    id = int(kind.ids[entry])
                    if id in self.found:
                        continue
                    starts = places - int(kind.shifts[entry])
                    place = _first_equal(data, starts, self.patterns[id])
                    if place >= 0:
                        self.found[id] = (where, offset + place)
        if len(self.found) > before:
            self.sought[list(islice(self.found, before, None))] = False
            for kind in self.classes:
                kind.narrow(self.sought)


def _first_equal(data: NDArray[np.uint8], starts: NDArray[np.int64], pattern: bytes) -> int:
    starts = starts[(starts >= 0) & (starts + len(pattern) <= len(data))]
    for offset, byte in enumerate(pattern):
        if not len(starts):
            return -1
        starts = starts[data[starts + offset] == byte]
    return int(starts[0]) if len(starts) else -1


# --- the files ----------------------------------------------------------------------------------------------------

_handles: dict[Path, tuple[int, int, int]] = {}
_stores: Counter[Path] = Counter()
_handling = threading.Lock()


def own_files(path: Path) -> list[Path]:
    """Every file of the store's folder that is the store's: database, log, shared memory, journals, and what exports left half done."""
    path = path.resolve()  # they lie beside the file itself, not beside a link to it
    beside = [
        file
        for file in path.parent.iterdir()
        if file.name.startswith(f"{path.name}-") or _PART.search(file.name)
    ]
    return [path, *sorted(file for file in beside if file.is_file())]


def drop_parts(path: Path) -> int:
    """Delete the half-done files of exports and backups whose process is gone. Returns how many."""
    dropped = 0
    for file in own_files(path):
        match = _PART.search(file.name)
        if match and not _alive(int(match[1]), file):
            file.unlink(missing_ok=True)
            dropped += 1
    return dropped


def _alive(pid: int, file: Path) -> bool:
    if pid == os.getpid():  # or was it another process of this number?
        try:
            return file.stat().st_mtime >= _BORN
        except FileNotFoundError:
            return False
    return running(pid)


def running(pid: int) -> bool:
    """Whether there is a process of this number; where that can't be told, yes."""
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def head(path: Path, size: int = 100) -> bytes:
    """The first bytes of a file. Of a store that is open in this process without closing anything."""
    with _handling:
        held = path.resolve() in _stores
    if not held:
        with path.open("rb") as file:
            return file.read(size)
    space = bytearray(size)
    return bytes(space[: _read(_handle(path), space, 0)])


def hold(path: Path) -> None:
    """A store is open on this file: what is opened to read it stays open until the last one of this process is closed."""
    with _handling:
        _stores[path.resolve()] += 1


def release(path: Path) -> None:
    """A store on this file was closed."""
    whole = path.resolve()
    with _handling:
        _stores[whole] -= 1
        if _stores[whole] <= 0:
            del _stores[whole]
            for file in [file for file in _handles if _belongs(file, whole)]:
                os.close(_handles.pop(file)[0])


def _belongs(file: Path, store: Path) -> bool:
    return file.parent == store.parent and (
        file == store or file.name.startswith(f"{store.name}-") or bool(_PART.search(file.name))
    )


def _read(handle: int, into: bytearray, offset: int) -> int:
    if hasattr(os, "preadv"):
        return os.preadv(handle, [into], offset)
    with _handling:  # elsewhere a descriptor has one place
        os.lseek(handle, offset, os.SEEK_SET)
        part = os.read(handle, len(into))
    into[: len(part)] = part
    return len(part)


def _handle(path: Path) -> int:
    path = path.resolve()
    with _handling:
        there = path.stat()
        kept = _handles.get(path)
        if kept is not None:
            if kept[1:] == (there.st_dev, there.st_ino):
                return kept[0]
            os.close(kept[0])  # that file has no name any more, so nobody else works in it
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        found = os.fstat(handle)
        _handles[path] = (handle, found.st_dev, found.st_ino)
        return handle
