"""mem0 with `infer=False` (no language model) and its local Qdrant: one user a memory, one `add` a turn, as its users do.

Its embedder and its chat model are replaced after it is built: the first by a look-up of the shared vectors, the second by
nothing, since it must not be called.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mem0 import Memory
from wire import Plain, Turns, Vectors, serve

UNUSED_KEY = "unused"  # its OpenAI clients are built, and replaced before any use


class Embedding:
    """mem0's embedder interface over the shared vectors."""

    def __init__(self, vectors: Vectors, config: Any) -> None:
        self.vectors, self.config = vectors, config

    def embed(self, text: str, memory_action: str | None = None) -> list[float]:
        return [float(value) for value in self.vectors([text])[0]]

    def embed_batch(self, texts: list[str], memory_action: str = "add") -> list[list[float]]:
        return [[float(value) for value in row] for row in self.vectors(texts)]


class Mem0(Plain):
    """`settings["dim"]`: dimensions of the vectors."""

    def open(self, folder: Path, vectors: Vectors, settings: dict[str, Any]) -> str:
        os.environ.setdefault("OPENAI_API_KEY", UNUSED_KEY)
        store = {
            "collection_name": "memories",
            "path": str(folder / "qdrant"),
            "on_disk": True,
            "embedding_model_dims": settings["dim"],
        }
        self.memory = Memory.from_config(
            {
                "vector_store": {"provider": "qdrant", "config": store},
                "history_db_path": str(folder / "history.db"),
            }
        )
        self.memory.embedding_model = Embedding(vectors, self.memory.embedding_model.config)
        self.memory.llm = None
        self.ids: dict[tuple[str, str], list[str]] = {}
        return version("mem0ai")

    def ingest(self, example: str, turns: Turns) -> None:
        for turn in turns:
            message = {"role": "user", "content": turn["text"]}
            metadata = {"turn": turn["id"], **(turn.get("meta") or {})}
            added = self.memory.add([message], user_id=example, infer=False, metadata=metadata)
            self.ids[example, turn["id"]] = [result["id"] for result in added["results"]]

    def forget(self, example: str, ids: Sequence[str]) -> None:
        for id in ids:
            for own in self.ids.pop((example, id)):
                self.memory.delete(own)

    def query(self, example: str, text: str, k: int, at: str | None) -> list[str]:
        found = self.memory.search(text, top_k=k, filters={"user_id": example}, threshold=0.0)
        return [result["metadata"]["turn"] for result in found["results"]]


if __name__ == "__main__":
    serve(Mem0())
