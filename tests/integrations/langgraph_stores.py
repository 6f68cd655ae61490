"""What the tests of the LangGraph store share: LangGraph's own in-memory store, and items to put into both."""

from __future__ import annotations

from typing import Any
from zlib import crc32

from langchain_core.embeddings import Embeddings
from langgraph.store.memory import InMemoryStore

USERS = ("users", "ana")
CARS = {
    "one": {"text": "red apple", "color": "red", "score": 4.5, "made": {"by": "x", "in": 2001}},
    "two": {"text": "red car", "color": "red", "score": 3.0, "made": {"by": "y", "in": 2002}},
    "three": {"text": "green apple", "color": "green", "score": 4.0, "tags": ["a", "b"]},
    "four": {"text": "blue car", "color": "blue", "score": 3.5, "tags": ["b"]},
}


class Words(Embeddings):
    """One dimension a word: enough for the in-memory store to rank by shared words."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        row = [0.0] * 4096
        for word in "".join(c if c.isalnum() else " " for c in text.lower()).split():
            row[crc32(word.encode()) % 4096] += 1.0
        return row


def in_memory() -> InMemoryStore:
    return InMemoryStore(index={"dims": 4096, "embed": Words()})


def keys(items: Any) -> list[str]:
    return [item.key for item in items]
