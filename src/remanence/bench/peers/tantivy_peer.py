"""tantivy with its English stemmer: one index a memory, the words of the query joined by OR, its BM25."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import tantivy
from wire import WORD, Plain, Turns, Vectors, serve


class Tantivy(Plain):
    """A commit and a reload for each ingest, so that what was added is found."""

    def open(self, folder: Path, vectors: Vectors, settings: dict[str, Any]) -> str:
        self.folder = folder
        self.indexes: dict[str, tantivy.Index] = {}
        return version("tantivy")

    def create(self, example: str) -> tantivy.Index:
        schema = tantivy.SchemaBuilder()
        schema.add_text_field("id", stored=True, tokenizer_name="raw")
        schema.add_text_field("text", stored=True, tokenizer_name="en_stem")
        place = self.folder / str(len(self.indexes))
        place.mkdir()
        index = self.indexes[example] = tantivy.Index(schema.build(), path=str(place))
        return index

    def ingest(self, example: str, turns: Turns) -> None:
        index = self.indexes.get(example) or self.create(example)
        writer = index.writer(num_threads=1)
        for turn in turns:
            writer.add_document(tantivy.Document(id=turn["id"], text=turn["text"]))
        writer.commit()
        writer.wait_merging_threads()
        index.reload()

    def query(self, example: str, text: str, k: int, at: str | None) -> list[str]:
        index = self.indexes[example]
        words = " ".join(WORD.findall(text.lower()))
        if not words:
            return []
        searcher = index.searcher()
        found = searcher.search(index.parse_query(words, ["text"]), k).hits
        return [searcher.doc(address)["id"][0] for _, address in found]


if __name__ == "__main__":
    serve(Tantivy())
