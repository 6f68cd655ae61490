"""SQLite FTS5 with the Porter stemmer: the words of the query joined by OR, ranked by its bm25()."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Any

from wire import Plain, Turns, Vectors, serve

WORD = re.compile(r"\w+")
STOP_TEXT = """
a about an and are as at be been but by can could did do does doing for from had has have he her him his how i if in
into is it its me my no not of on or our she should so some than that the their them then there these they this to too
up was we were what when where which while who whom why will with would you your
"""
STOP = frozenset(STOP_TEXT.split())


class Fts5(Plain):
    """One file a memory, so that its statistics are its own. `settings["stop"]` (default true): leave stop words out of the
    query, which is far faster and finds more."""

    def open(self, folder: Path, vectors: Vectors, settings: dict[str, Any]) -> str:
        self.folder = folder
        self.stop = STOP if settings.get("stop", True) else frozenset()
        self.memories: dict[str, sqlite3.Connection] = {}
        return sqlite3.sqlite_version

    def ingest(self, example: str, turns: Turns) -> None:
        memory = self.memories.get(example) or self.create(example)
        memory.execute("BEGIN")
        memory.executemany(
            "INSERT INTO memory VALUES (?, ?)", [(turn["id"], turn["text"]) for turn in turns]
        )
        memory.execute("COMMIT")

    def create(self, example: str) -> sqlite3.Connection:
        memory = sqlite3.connect(self.folder / f"{len(self.memories)}.sqlite", isolation_level=None)
        memory.execute("PRAGMA journal_mode=WAL")
        memory.execute(
            "CREATE VIRTUAL TABLE memory USING fts5(id UNINDEXED, text, tokenize='porter unicode61')"
        )
        self.memories[example] = memory
        return memory

    def query(self, example: str, text: str, k: int, at: str | None) -> list[str]:
        words = WORD.findall(text)
        asked = [word for word in words if word.lower() not in self.stop] or words
        if not asked:
            return []
        match = " OR ".join(f'"{word}"' for word in asked)
        found = self.memories[example].execute(
            "SELECT id FROM memory WHERE memory MATCH ? ORDER BY bm25(memory) LIMIT ?", (match, k)
        )
        return [row[0] for row in found]

    def close(self) -> None:
        for memory in self.memories.values():
            memory.close()


if __name__ == "__main__":
    serve(Fts5())
