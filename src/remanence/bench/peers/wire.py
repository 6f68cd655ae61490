"""How a system under measurement is spoken to: JSON lines over stdin and stdout. Standard library only.

The parent sends one object a line, the child answers with one; a child that fails answers `{"error": …}` and goes on.

    {"do": "open", "folder": F, "vectors": V, "settings": {…}}   -> {"version": …}
    {"do": "ingest", "example": E, "turns": [{"id", "text", …}]} -> {"added": s, "ready": s, "embedding": s}
    {"do": "query", "example": E, "text": T, "k": K, "at": A}    -> {"ids": […], "seconds": s, "embedding": s}
    {"do": "context", "example": E, "text": T, "budget": B}      -> {"ids": […] or null}
    {"do": "forget", "example": E, "ids": [I, …]}                -> {"seconds": s}
    {"do": "close"}                                              -> {"bytes": on disk, "peak": of memory}

Seconds are taken here, inside the child, around the system's own call, so that the pipe costs nobody anything.
`V` is a folder with `texts.json` (a list) and `vectors.npy` (a row each), or with `table.npy` (see `word_sums`); "" where a
system wants none. `"more": true` in an ingest says that another follows: then the child does not wait until it is ready.
"""

from __future__ import annotations

import json
import os
import re
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol
from zlib import crc32

Turns = Sequence[dict[str, Any]]
WORD = re.compile(r"\w+")
Vectors = Callable[[Sequence[str]], Any]
"""Texts -> their (n, d) float32 unit rows."""


class Served(Protocol):
    """What a child implements. `embedding` is the seconds that the calls since its last reading spent in an encoder."""

    def open(self, folder: Path, vectors: Vectors, settings: dict[str, Any]) -> str: ...

    def ingest(self, example: str, turns: Turns) -> None: ...

    def wait(self) -> None: ...

    def query(self, example: str, text: str, k: int, at: str | None) -> list[str]: ...

    def context(self, example: str, text: str, budget: int) -> list[str] | None: ...

    def forget(self, example: str, ids: Sequence[str]) -> None: ...

    def embedding(self) -> float: ...

    def close(self) -> None: ...


class Plain:
    """What most systems have nothing to add to: they are ready when `ingest` returns, and pack no contexts."""

    def wait(self) -> None:
        """Nothing is left to do after `ingest`."""

    def context(self, example: str, text: str, budget: int) -> list[str] | None:
        """No packing of its own: the parent packs the ranked list."""
        return None

    def forget(self, example: str, ids: Sequence[str]) -> None:
        """Most are never asked to."""
        raise NotImplementedError(f"{type(self).__name__} was not taught to forget")

    def embedding(self) -> float:
        """Vectors are looked up, not computed."""
        return 0.0

    def close(self) -> None:
        """Nothing to close."""


def look_up(folder: str) -> Vectors:
    """A function from texts to the vectors that the parent computed; a text it did not see is an error."""
    if not folder:
        return no_vectors
    import numpy as np  # the one package that every peer with vectors has

    table = Path(folder) / "table.npy"
    if table.exists():
        return word_sums(np.load(table))
    texts = json.loads((Path(folder) / "texts.json").read_text(encoding="utf-8"))
    rows = {spaced(text): row for row, text in enumerate(texts)}
    matrix = np.load(Path(folder) / "vectors.npy")

    def vectors(wanted: Sequence[str]) -> Any:
        try:
            return matrix[[rows[spaced(text)] for text in wanted]]
        except KeyError as error:  # without the text itself: it is somebody's data
            raise LookupError(
                f"no vector was given for a text of {len(error.args[0])} characters"
            ) from None

    return vectors


def buckets(text: str, count: int) -> list[int]:
    """The row of each word of a text, by its checksum; punctuation apart from letters and digits is no word."""
    return [crc32(word.encode()) % count for word in WORD.findall(text.lower())]


def word_sums(table: Any) -> Vectors:
    """A function from texts to the unit sums of their words' rows in a (b, d) table: vectors that any text has, for free."""
    import numpy as np

    def vectors(texts: Sequence[str]) -> Any:
        sums = np.stack([table[buckets(text, len(table))].sum(axis=0) for text in texts])
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        return (sums / np.where(norms > 0, norms, 1)).astype(np.float32)

    return vectors


def spaced(text: str) -> str:
    """The text with its white space made single: some systems trim what they are given."""
    return " ".join(text.split())


def no_vectors(texts: Sequence[str]) -> Any:
    """For a system that asked for no vectors."""
    raise RuntimeError(
        f"vectors of {len(texts)} texts were asked for, but this system said that it needs none"
    )


def peak() -> int:
    """Most bytes of memory this process has held. `ru_maxrss` would count the parent's too on Linux."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def size(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


class Desk:
    """Answers one request after another with a system."""

    def __init__(self, system: Served) -> None:
        self.system = system
        self.folder = Path()

    def open(self, folder: str, vectors: str, settings: dict[str, Any]) -> dict[str, Any]:
        self.folder = Path(folder)
        return {"version": self.system.open(self.folder, look_up(vectors), settings)}

    def ingest(self, example: str, turns: Turns, more: bool = False) -> dict[str, Any]:
        self.system.embedding()
        start = time.perf_counter()
        self.system.ingest(example, turns)
        added = time.perf_counter() - start
        if not more:
            self.system.wait()
        return {
            "added": added,
            "ready": time.perf_counter() - start,
            "embedding": self.system.embedding(),
        }

    def query(self, example: str, text: str, k: int, at: str | None) -> dict[str, Any]:
        self.system.embedding()
        start = time.perf_counter()
        ids = self.system.query(example, text, k, at)
        seconds = time.perf_counter() - start
        return {"ids": ids, "seconds": seconds, "embedding": self.system.embedding()}

    def context(self, example: str, text: str, budget: int) -> dict[str, Any]:
        return {"ids": self.system.context(example, text, budget)}

    def forget(self, example: str, ids: Sequence[str]) -> dict[str, Any]:
        start = time.perf_counter()
        self.system.forget(example, ids)
        return {"seconds": time.perf_counter() - start}

    def close(self) -> dict[str, Any]:
        self.system.close()
        return {"bytes": size(self.folder), "peak": peak()}


def serve(system: Served) -> None:
    """Answer requests until `close`. What the system prints goes to stderr, so that it can't garble the answers."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    desk = Desk(system)
    for line in sys.stdin:
        request = json.loads(line)
        do = request.pop("do")
        try:
            answer = getattr(desk, do)(**request)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        out.write(json.dumps(answer) + "\n")
        out.flush()
        if do == "close":
            return
