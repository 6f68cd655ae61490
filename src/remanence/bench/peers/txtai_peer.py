"""txtai's hybrid index (its BM25 and dense vectors, fused by its default), one index a memory, vectors given."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from txtai import Embeddings
from wire import Plain, Turns, Vectors, serve


class Txtai(Plain):
    """`Embeddings(hybrid=True, content=True)` with an external transform; saved once, so that its size is known."""

    def open(self, folder: Path, vectors: Vectors, settings: dict[str, Any]) -> str:
        self.folder = folder
        self.vectors = vectors
        self.indexes: dict[str, Embeddings] = {}
        return version("txtai")

    def ingest(self, example: str, turns: Turns) -> None:
        index = Embeddings(method="external", transform=self.vectors, hybrid=True, content=True)
        index.index((turn["id"], turn["text"], None) for turn in turns)
        index.save(str(self.folder / str(len(self.indexes))))
        self.indexes[example] = index

    def query(self, example: str, text: str, k: int, at: str | None) -> list[str]:
        return [found["id"] for found in self.indexes[example].search(text, k)]


if __name__ == "__main__":
    serve(Txtai())
