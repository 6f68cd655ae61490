"""LanceDB: one table a memory; exact vector search (`settings["index"]` builds IVF-HNSW-SQ), or its full-text search
(`settings["mode"]` = `text`), or both fused by its reciprocal ranks (`hybrid`). Default: vectors."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import lancedb
import pyarrow as pa
from wire import Plain, Turns, Vectors, serve


class LanceDb(Plain):
    """Tables in one local folder."""

    def open(self, folder: Path, vectors: Vectors, settings: dict[str, Any]) -> str:
        self.vectors, self.settings = vectors, settings
        self.mode = settings.get("mode", "vector")
        self.database = lancedb.connect(str(folder))
        self.tables: dict[str, Any] = {}
        return version("lancedb")

    def ingest(self, example: str, turns: Turns) -> None:
        texts = [turn["text"] for turn in turns]
        rows = self.vectors(texts)
        column = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), rows.shape[1])
        data = pa.table({"id": [turn["id"] for turn in turns], "text": texts, "vector": column})
        if example in self.tables:
            self.tables[example].add(data)
            return
        table = self.tables[example] = self.database.create_table(
            f"memory_{len(self.tables)}", data
        )
        if self.mode != "vector":
            table.create_fts_index("text")

    def wait(self) -> None:
        for table in self.tables.values():
            if self.settings.get("index"):
                table.create_index(metric="cosine", index_type="IVF_HNSW_SQ")
            table.optimize()

    def query(self, example: str, text: str, k: int, at: str | None) -> list[str]:
        table = self.tables[example]
        if self.mode == "text":
            found = table.search(text, query_type="fts")
        elif self.mode == "hybrid":
            found = table.search(query_type="hybrid").vector(self.vectors([text])[0]).text(text)
        else:
            found = table.search(self.vectors([text])[0]).distance_type("cosine")
        return [row["id"] for row in found.select(["id"]).limit(k).to_list()]


if __name__ == "__main__":
    serve(LanceDb())
