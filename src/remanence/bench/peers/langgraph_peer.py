"""LangGraph's `InMemoryStore` with a vector index: one namespace a memory. It keeps nothing on disk."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from langgraph.store.base import PutOp
from langgraph.store.memory import InMemoryStore
from wire import Plain, Turns, Vectors, serve


class LangGraph(Plain):
    """`settings["dim"]`: dimensions of the vectors."""

    def open(self, folder: Path, vectors: Vectors, settings: dict[str, Any]) -> str:
        def embed(texts: list[str]) -> list[list[float]]:
            return vectors(texts).tolist()  # type: ignore[no-any-return]

        self.store = InMemoryStore(
            index={"dims": settings["dim"], "embed": embed, "fields": ["text"]}
        )
        return version("langgraph")

    def ingest(self, example: str, turns: Turns) -> None:
        self.store.batch([PutOp((example,), turn["id"], {"text": turn["text"]}) for turn in turns])

    def query(self, example: str, text: str, k: int, at: str | None) -> list[str]:
        return [item.key for item in self.store.search((example,), query=text, limit=k)]


if __name__ == "__main__":
    serve(LangGraph())
