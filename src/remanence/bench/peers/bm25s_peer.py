"""bm25s (Lucene's BM25, k1 1.5, b .75) with its English stop words; `settings["stem"]` adds the Snowball stemmer."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import bm25s
import Stemmer
from wire import Plain, Turns, Vectors, serve


class Bm25s(Plain):
    """One index a memory. It can't grow, so `wait` makes it anew from all the words that were ingested."""

    def open(self, folder: Path, vectors: Vectors, settings: dict[str, Any]) -> str:
        self.folder = folder
        self.stemmer = Stemmer.Stemmer("english") if settings.get("stem") else None
        self.words: dict[str, list[list[str]]] = {}
        self.turns: dict[str, list[dict[str, Any]]] = {}
        self.stale: set[str] = set()
        self.indexes: dict[str, bm25s.BM25] = {}
        return version("bm25s")

    def tokenize(self, texts: list[str]) -> list[list[str]]:
        return bm25s.tokenize(
            texts, stopwords="en", stemmer=self.stemmer, return_ids=False, show_progress=False
        )

    def ingest(self, example: str, turns: Turns) -> None:
        self.turns.setdefault(example, []).extend(turns)
        self.words.setdefault(example, []).extend(self.tokenize([turn["text"] for turn in turns]))
        self.stale.add(example)

    def wait(self) -> None:
        for example in self.stale:
            index = self.indexes[example] = bm25s.BM25()
            index.index(self.words[example], show_progress=False)
            place = self.folder / str(list(self.turns).index(example))
            index.save(place)
            kept = {turn["id"]: turn["text"] for turn in self.turns[example]}
            (place / "texts.json").write_text(json.dumps(kept))
        self.stale.clear()

    def query(self, example: str, text: str, k: int, at: str | None) -> list[str]:
        turns = self.turns[example]
        found, scores = self.indexes[example].retrieve(
            self.tokenize([text]), k=min(k, len(turns)), show_progress=False
        )
        return [
            turns[place]["id"]
            for place, score in zip(found[0], scores[0], strict=True)
            if score > 0
        ]


if __name__ == "__main__":
    serve(Bm25s())
