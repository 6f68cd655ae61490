"""What a durable write costs: one `add` of one turn, beside what the disk takes to make a few kilobytes durable by itself.

An acknowledged write is on disk, so no store can be faster than the disk's own `fsync`. The two are measured in turn, write by
write, so that a disk that is slow for a while is slow for both; a bare SQLite insert, committed as durably, stands between them.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from remanence import __version__
from remanence.bench.machine import commit, machine
from remanence.bench.synthetic import Synthetic
from remanence.bench.tasks.base import Turn
from remanence.errors import InvalidInput
from remanence.memory import Memory

PAGE = b"\0" * 4096
USER = "durable"


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of one kind of write."""

    p50: float
    p95: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Durable:
    """`fsync`: 4 kB appended and synced; `sqlite`: a bare insert and commit; `add`: ours; `bulk_per_s`: ours, many at once."""

    fsync: Times
    sqlite: Times
    add: Times
    ratio: float
    """Median of `add` over median of `fsync`."""
    bulk_per_s: float
    bulk_records: int
    embedder: str
    seed: int
    version: str
    commit: str
    machine: Mapping[str, str]
    started: str
    benchmark: str = "durable"
    schema: int = 1

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def run_durable(
    *,
    folder: Path | None = None,
    writes: int = 500,
    bulk: int = 20_000,
    embedder: str = "none",
    seed: int = 0,
    json_path: Path | None = None,
    say: Callable[[str], None] = print,
) -> Durable:
    """Measure on the disk of `folder` (default: the one for temporary files). Raises: InvalidInput, StoreError, ModelError.

    `embedder`: with one, its worker encodes beside the writes and competes for the processor, as it would in use.
    """
    if writes < 2 or bulk < 1:
        raise InvalidInput("too few writes", hint="at least 2 writes and 1 record in bulk")
    started = datetime.now(UTC).isoformat(timespec="seconds")
    turns = [turn for block in Synthetic(seed=seed).blocks(writes + bulk) for turn in block]
    with tempfile.TemporaryDirectory(prefix="remanence-durable-", dir=folder) as place:
        synced, inserted, added = one_by_one(Path(place), turns[:writes], embedder)
        say(
            f"{writes} writes: fsync {synced.p50:.2f} ms, sqlite {inserted.p50:.2f} ms, add {added.p50:.2f} ms (p50)"
        )
        rate = in_bulk(Path(place), turns[writes:], embedder)
        say(f"{bulk:,} records in bulk: {rate:,.0f} a second")
    result = Durable(
        fsync=synced,
        sqlite=inserted,
        add=added,
        ratio=added.p50 / synced.p50,
        bulk_per_s=rate,
        bulk_records=bulk,
        embedder=embedder,
        seed=seed,
        version=__version__,
        commit=commit(),
        machine=machine(),
        started=started,
    )
    if json_path is not None:
        json_path.write_text(json.dumps(result.as_json(), indent=1) + "\n", encoding="utf-8")
    return result


def one_by_one(folder: Path, turns: list[Turn], embedder: str) -> tuple[Times, Times, Times]:
    """Times of fsync, a bare SQLite insert and our `add`, in turn for each of the turns."""
    seconds: dict[str, list[float]] = {"fsync": [], "sqlite": [], "add": []}

    def timed(kind: str, act: Callable[[], object]) -> None:
        start = time.perf_counter()
        act()
        seconds[kind].append(time.perf_counter() - start)

    with (
        open(folder / "page", "wb", buffering=0) as file,
        closing(sqlite3.connect(folder / "bare.sqlite", isolation_level=None)) as bare,
        Memory.open(folder / "one.rmem", embedder=embedder) as memory,
    ):
        bare.execute("PRAGMA journal_mode=WAL")
        bare.execute("PRAGMA synchronous=FULL")
        bare.execute("CREATE TABLE memory (id TEXT PRIMARY KEY, text TEXT)")

        def sync() -> None:
            file.write(PAGE)
            os.fsync(file.fileno())

        for turn in turns:
            row, message = (turn.id, turn.text), as_message(turn)
            timed("fsync", sync)
            timed("sqlite", partial(bare.execute, "INSERT INTO memory VALUES (?, ?)", row))
            timed("add", partial(memory.add, message, user_id=USER))
    return times(seconds["fsync"]), times(seconds["sqlite"]), times(seconds["add"])


def in_bulk(folder: Path, turns: list[Turn], embedder: str) -> float:
    """Records a second, until the last is acknowledged, of `add` with a thousand messages a call."""
    source = iter(turns)
    start = time.perf_counter()
    with Memory.open(folder / "bulk.rmem", embedder=embedder) as memory:
        while batch := [as_message(turn) for turn in islice(source, 1000)]:
            memory.add(batch, user_id=USER)
        return len(turns) / (time.perf_counter() - start)


def as_message(turn: Turn) -> dict[str, object]:
    """A turn as `Memory.add` takes it."""
    return {
        "content": turn.text,
        "role": turn.role,
        "name": turn.speaker,
        "session_id": turn.session,
        "id": turn.id,
        "at": turn.at,
    }


def times(seconds: list[float]) -> Times:
    """Milliseconds at the middle and near the end."""
    p50, p95 = np.percentile(1e3 * np.array(seconds), [50, 95])
    return Times(float(p50), float(p95), len(seconds))


def show_durable(result: Durable, console: Console) -> None:
    """Print the table."""
    table = Table(title="a durable write", title_justify="left", header_style="bold")
    for name in ("write", "p50 ms", "p95 ms", "n"):
        table.add_column(name, justify="left" if name == "write" else "right")
    rows = {"fsync of 4 kB": result.fsync, "SQLite insert": result.sqlite, "Memory.add": result.add}
    for name, value in rows.items():
        table.add_row(name, f"{value.p50:.2f}", f"{value.p95:.2f}", str(value.n))
    console.print(table)
    console.print(
        f"add / fsync {result.ratio:.2f}; in bulk {result.bulk_per_s:,.0f} records/s "
        f"(n {result.bulk_records:,}); embedder {result.embedder}",
        highlight=False,
    )
