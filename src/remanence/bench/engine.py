"""Where a large memory is best kept: its words and vectors in the process that reads them, or in PostgreSQL.

The same synthetic records (`synthetic.py`) in one database are asked the same questions both ways, each in a process of its own on one
thread: by a store that is told to follow every space in memory, and by one that is told to leave every space's words and vectors where
they are (`big=`). What is timed is the search as a user calls it, the query's encoding included, which costs nothing here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from rich.console import Console
from rich.table import Table

from remanence import __version__
from remanence.bench.machine import commit, machine
from remanence.bench.peers.wire import peak
from remanence.bench.synthetic import Synthetic
from remanence.bench.systems.remanence import WordSums
from remanence.errors import InvalidInput, NotFound
from remanence.memory import Memory
from remanence.store.postgres.dropping import drop_tenant
from remanence.store.postgres.place import is_url

DIM: Final = 384
K: Final = 10
USER: Final = "bench"
Way = Literal["memory", "engine"]
WAYS: Final[Mapping[Way, int]] = {"memory": 10**12, "engine": 0}
"""`big` of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One way at one size. Times in milliseconds, memory in bytes beyond what the process took before it opened the store.

    `first`: the first question, with what has to be read for it; `again`: the same in a process that comes later; `recall`: of the
    vector search, against the exact one, None where it is exact; `agreement`: share of the ten hits that the other way has, too;
    `same`: share of questions answered with the same ten in the same order."""

    way: str
    records: int
    first_ms: float
    again_ms: float
    p50_ms: float
    p95_ms: float
    memory_bytes: float
    recall: float | None
    agreement: float
    same: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A run: points by size, then by way; and how fast records came in."""

    points: tuple[Point, ...]
    stored_per_s: Mapping[int, float]
    queries: int
    seed: int
    version: str
    commit: str
    machine: Mapping[str, str]
    started: str
    benchmark: str = "engine"
    schema: int = 1

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one process saw."""

    first: float
    times: list[float]
    memory: int
    recall: float | None
    hits: list[list[str]]


def run_engine(
    url: str,
    *,
    sizes: Sequence[int] = (10_000, 100_000),
    queries: int = 60,
    seed: int = 0,
    json_path: Path | None = None,
    say: Callable[[str], None] = print,
) -> Engine:
    """Fill a tenant of the database at `url` for each size, ask, and drop it again.

    Raises: InvalidInput for what is no PostgreSQL URL, and for sizes that can't be; what opening a store raises."""
    if not is_url(url):
        raise InvalidInput(f"{url!r} is no PostgreSQL database", hint="give postgresql://…")
    if min(sizes, default=0) < K or queries < 2:
        raise InvalidInput("too few records or queries", hint=f"at least {K} records and 2 queries")
    started = datetime.now(UTC).isoformat(timespec="seconds")
    made = Synthetic(seed=seed)
    points: list[Point] = []
    stored: dict[int, float] = {}
    for size in sizes:
        tenant = f"bench-engine-{size}"
        with suppress(NotFound):  # left by a run that was cut short
            drop_tenant(url, tenant)
        try:
            stored[size] = size / _fill(url, tenant, made, size)
            say(f"{size:,} records: {stored[size]:,.0f} stored a second, vectors included")
            texts = [question.text for question in made.questions(size, queries)]
            asked = {way: _in_a_process(url, tenant, way, seed, texts) for way in WAYS}
            again = {way: _in_a_process(url, tenant, way, seed, texts[:1]) for way in WAYS}
        finally:
            drop_tenant(url, tenant)
        pairs: tuple[tuple[Way, Way], ...] = (("memory", "engine"), ("engine", "memory"))
        for way, other in pairs:
            points.append(_point(way, size, asked[way], again[way], asked[other]))
            say(f"{size:,} {way}: p50 {points[-1].p50_ms:.1f} ms")
    result = Engine(
        points=tuple(points),
        stored_per_s=stored,
        queries=queries,
        seed=seed,
        version=__version__,
        commit=commit(),
        machine=machine(),
        started=started,
    )
    if json_path is not None:
        json_path.write_text(json.dumps(result.as_json(), indent=1) + "\n", encoding="utf-8")
    return result


def _open(url: str, tenant: str, way: Way, seed: int) -> Memory:
    encoder = WordSums(Synthetic(seed=seed).table(DIM))
    where = f"{url}{'&' if '?' in url else '?'}big={WAYS[way]}"
    return Memory.open(where, tenant=tenant, embedder=encoder)


def _fill(url: str, tenant: str, made: Synthetic, size: int) -> float:
    """Seconds until everything was stored and encoded."""
    start = time.perf_counter()
    with _open(url, tenant, "memory", made.seed) as memory:
        for block in made.blocks(size):
            for session, turns in groupby(block, key=lambda turn: turn.session):
                said = [
                    {"id": t.id, "role": t.role, "name": t.speaker, "content": t.text, "at": t.at}
                    for t in turns
                ]
                memory.add(said, user_id=USER, session_id=session)
            memory.flush()
    return time.perf_counter() - start


def _in_a_process(url: str, tenant: str, way: Way, seed: int, texts: Sequence[str]) -> _Asked:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:
        return apart.submit(_ask, url, tenant, way, seed, texts).result()


def _ask(url: str, tenant: str, way: Way, seed: int, texts: Sequence[str]) -> _Asked:
    """Ask everything once: nothing is known of a question that comes for the first time."""
    with _open(url, tenant, way, seed) as memory:
        before = peak()
        begun = time.perf_counter()
        hits = [[hit.record.id for hit in memory.search(texts[0], user_id=USER, k=K)]]
        first = time.perf_counter() - begun
        times = []
        for text in texts[1:]:
            begun = time.perf_counter()
            found = memory.search(text, user_id=USER, k=K)
            times.append(time.perf_counter() - begun)
            hits.append([hit.record.id for hit in found])
        held = peak() - before
        said = memory.status().dense
    recall = float(said.rpartition(" ")[2].rstrip(")")) if said.startswith("approx") else None
    return _Asked(first, times, held, recall, hits)


def _point(way: Way, size: int, asked: _Asked, again: _Asked, other: _Asked) -> Point:
    pairs = list(zip(asked.hits, other.hits, strict=True))
    return Point(
        way=way,
        records=size,
        first_ms=1e3 * asked.first,
        again_ms=1e3 * again.first,
        p50_ms=1e3 * float(np.median(asked.times or 0)),
        p95_ms=1e3 * float(np.percentile(asked.times or 0, 95)),
        memory_bytes=float(asked.memory),
        recall=asked.recall,
        agreement=float(np.mean([len({*a} & {*b}) / max(len(a), 1) for a, b in pairs])),
        same=float(np.mean([a == b for a, b in pairs])),
    )


HEADER: Final = (
    "records",
    "words and vectors in",
    "first ms",
    "again ms",
    "p50 ms",
    "p95 ms",
    "memory MB",
    "recall@10",
    "agreement",
    "same",
)


def rows(result: Engine) -> list[list[str]]:
    """The table, under `HEADER`."""
    return [
        [
            f"{point.records:,}",
            point.way,
            f"{point.first_ms:,.0f}",
            f"{point.again_ms:,.0f}",
            f"{point.p50_ms:.1f}",
            f"{point.p95_ms:.1f}",
            f"{point.memory_bytes / 1e6:,.0f}",
            "" if point.recall is None else f"{point.recall:.3f}",
            f"{point.agreement:.3f}",
            f"{point.same:.2f}",
        ]
        for point in result.points
    ]


def show_engine(result: Engine, console: Console) -> None:
    """Print the table."""
    table = Table(title="where a large memory is kept", title_justify="left", header_style="bold")
    for number, name in enumerate(HEADER):
        table.add_column(name, justify="left" if number == 1 else "right")
    for row in rows(result):
        table.add_row(*row)
    console.print(table)
