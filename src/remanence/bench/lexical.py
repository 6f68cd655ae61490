"""Which lexical index: our own inverted index in ordinary rows, FTS5, tantivy, or bm25s.

Two questions, one answer each: how fast as a memory grows (`scale`, synthetic text), and what it finds (any task with gold evidence).
Ours is measured through `Memory.search` with nothing but its lexical retriever, records fetched and all; the others return ids.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from remanence.bench import report
from remanence.bench.result import Result, as_json
from remanence.bench.run import run
from remanence.bench.scale import Scale, run_scale, show_scale
from remanence.bench.tasks.base import Task

SPEED = ("remanence-lexical", "fts5", "fts5-all", "tantivy", "bm25s-stem")
QUALITY = ("remanence-lexical@lexical-alone", "fts5", "fts5-all", "tantivy", "bm25s-stem")


@dataclass(frozen=True, slots=True)
class LexicalResult:
    """Speed by size; and quality, where data was given."""

    speed: Scale
    quality: Result | None

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        quality = as_json(self.quality) if self.quality else None
        return {
            "benchmark": "lexical",
            "schema": 1,
            "speed": self.speed.as_json(),
            "quality": quality,
        }


def run_lexical(
    *,
    task: Task | None = None,
    data: Path | None = None,
    sizes: Sequence[int] = (10_000, 100_000),
    queries: int = 100,
    seed: int = 0,
    command: str = "",
    say: Callable[[str], None] = print,
) -> LexicalResult:
    """Measure the lexical indexes. Raises: what `run` and `run_scale` raise."""
    speed = run_scale(sizes=sizes, systems=SPEED, queries=queries, seed=seed, say=say)
    quality = (
        run(task, QUALITY, data, seed=seed, command=command, say=say)
        if task is not None and data
        else None
    )
    return LexicalResult(speed, quality)


def show_lexical(result: LexicalResult, console: Console) -> None:
    """Print both tables."""
    show_scale(result.speed, console)
    if result.quality is not None:
        report.show(result.quality, console)
