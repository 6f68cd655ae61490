"""Chroma, persistent, cosine: one collection a memory, vectors given."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import chromadb
from wire import Plain, Turns, Vectors, serve

BATCH = 5_000
"""Chroma refuses larger ones."""


class Chroma(Plain):
    """`chromadb.PersistentClient`, everything else at its default."""

    def open(self, folder: Path, vectors: Vectors, settings: dict[str, Any]) -> str:
        self.vectors = vectors
        quiet = chromadb.Settings(anonymized_telemetry=False)
        self.client = chromadb.PersistentClient(str(folder), settings=quiet)
        self.collections: dict[str, Any] = {}
        return version("chromadb")

    def ingest(self, example: str, turns: Turns) -> None:
        if example not in self.collections:
            self.collections[example] = self.client.create_collection(
                f"memory-{len(self.collections)}",
                embedding_function=None,
                configuration={"hnsw": {"space": "cosine"}},
            )
        for start in range(0, len(turns), BATCH):
            batch = turns[start : start + BATCH]
            texts = [turn["text"] for turn in batch]
            metas = [turn.get("meta") for turn in batch]
            self.collections[example].add(
                ids=[turn["id"] for turn in batch],
                documents=texts,
                embeddings=self.vectors(texts),
                metadatas=metas if any(metas) else None,
            )

    def forget(self, example: str, ids: Sequence[str]) -> None:
        self.collections[example].delete(ids=list(ids))

    def query(self, example: str, text: str, k: int, at: str | None) -> list[str]:
        found = self.collections[example].query(
            query_embeddings=self.vectors([text]), n_results=k, include=["documents"]
        )
        return list(found["ids"][0])


if __name__ == "__main__":
    serve(Chroma())
