"""How speed and recall hold as a memory grows: ours beside Chroma, LanceDB and FTS5, the same records, in one run.

The records are synthetic (`synthetic.py`) and so are the vectors, which cost nobody anything: what is timed is the search, without
the query's encoding. `recall` compares the ids of a vector search with the ten nearest by an exact scan in float32; a full search
of ours has none, since it ranks by more than vectors. Each system runs alone, in a process of its own, on one thread.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from remanence import __version__
from remanence.bench.machine import commit, machine
from remanence.bench.peers.wire import word_sums
from remanence.bench.synthetic import Synthetic
from remanence.bench.systems.base import Closed, Ingested, SystemFailed, start
from remanence.bench.tasks.base import Question, shown
from remanence.errors import InvalidInput, MissingExtra

MEMORY = "scale"
DIM = 384
K = 10


@dataclass(frozen=True, slots=True)
class Contender:
    """A system with its settings; `dense`: it ranks by vectors alone, so that its recall can be told."""

    system: str
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    dense: bool = False


CONTENDERS: Mapping[str, Contender] = MappingProxyType(
    {
        "remanence": Contender("remanence"),
        "remanence-dense": Contender("remanence", {"recipe": "dense-alone"}, dense=True),
        "remanence-lexical": Contender(
            "remanence", {"recipe": "lexical-alone", "embedder": "none"}
        ),
        "chroma": Contender("chroma", dense=True),
        "lancedb": Contender("lancedb", dense=True),
        "lancedb-index": Contender("lancedb", {"index": True}, dense=True),
        "fts5": Contender("fts5"),
        "fts5-all": Contender("fts5-all"),
        "tantivy": Contender("tantivy"),
        "bm25s-stem": Contender("bm25s-stem"),
    }
)
DEFAULT = ("remanence", "remanence-dense", "chroma", "lancedb", "fts5")


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One system at one size. Rates are records a second, times milliseconds, sizes bytes; a system that failed has `error`."""

    system: str
    records: int
    version: str = ""
    error: str = ""
    ingest_acknowledged_per_s: float = 0.0
    ingest_ready_per_s: float = 0.0
    first_query_ms: float = 0.0
    query_p50_ms: float = 0.0
    query_p95_ms: float = 0.0
    ratio: float = 0.0
    """Its p50 over the first system's."""
    recall: float | None = None
    """Share of the ten exact nearest among its ten."""
    found: float = 0.0
    """Share of questions whose own record is among the ten; synthetic words, so no measure of quality."""
    bytes_per_record: float = 0.0
    peak_memory_bytes: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A run: points by size, then by system."""

    points: tuple[Point, ...]
    queries: int
    seed: int
    version: str
    commit: str
    machine: Mapping[str, str]
    started: str
    benchmark: str = "scale"
    schema: int = 1

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def run_scale(
    *,
    sizes: Sequence[int] = (10_000, 100_000, 1_000_000),
    systems: Sequence[str] = DEFAULT,
    queries: int = 100,
    seed: int = 0,
    json_path: Path | None = None,
    say: Callable[[str], None] = print,
) -> Scale:
    """Measure each system at each size. Raises: InvalidInput for a system or size that can't be."""
    unknown = [name for name in systems if name not in CONTENDERS]
    if unknown:
        raise InvalidInput(f"no system {unknown[0]!r}", hint=f"known: {', '.join(CONTENDERS)}")
    if min(sizes, default=0) < K or queries < 2:
        raise InvalidInput("too few records or queries", hint=f"at least {K} records and 2 queries")
    started = datetime.now(UTC).isoformat(timespec="seconds")
    made = Synthetic(seed=seed)
    points: list[Point] = []
    with tempfile.TemporaryDirectory(prefix="remanence-scale-") as scratch:
        table = made.table(DIM)
        np.save(Path(scratch) / "table.npy", table)
        for size in sizes:
            asked = made.questions(size, queries)
            dense = any(CONTENDERS[name].dense for name in systems)
            truth = exact(made, size, asked, table) if dense else []
            say(f"{size:,} records: exact neighbours of {queries} queries are known")
            for name in systems:
                with tempfile.TemporaryDirectory(dir=scratch) as place:
                    folder = Path(place) / "system"
                    base = next(
                        (p.query_p50_ms for p in points if p.records == size and not p.error), 0.0
                    )
                    point = measure(
                        name, made, size, asked, truth, folder, Path(scratch), base, say
                    )
                points.append(point)
                say(point.error or f"{size:,} {name}: p50 {point.query_p50_ms:.2f} ms")
    result = Scale(
        points=tuple(points),
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


def exact(
    made: Synthetic, size: int, asked: Sequence[Question], table: NDArray[np.float32]
) -> list[set[str]]:
    """Ids of the ten records nearest to each question, by a scan in float32, a block at a time."""
    vectors = word_sums(table)
    wanted = vectors([question.text for question in asked])
    scores = np.full((len(asked), 0), 0.0, np.float32)
    places = np.zeros((len(asked), 0), np.int64)
    start = 0
    for block in made.blocks(size):
        here = wanted @ vectors([shown(turn) for turn in block]).T
        numbers = np.broadcast_to(np.arange(start, start + len(block)), here.shape)
        scores, places = np.hstack((scores, here)), np.hstack((places, numbers))
        best = np.argsort(-scores, axis=1, kind="stable")[:, :K]
        scores, places = np.take_along_axis(scores, best, 1), np.take_along_axis(places, best, 1)
        start += len(block)
    return [{f"t{place}" for place in row} for row in places.tolist()]


def measure(
    name: str,
    made: Synthetic,
    size: int,
    asked: Sequence[Question],
    truth: Sequence[set[str]],
    folder: Path,
    vectors: Path,
    base: float,
    say: Callable[[str], None],
) -> Point:
    """Fill one system, then ask it everything twice and keep the second time, when all that is loaded on demand is there."""
    contender = CONTENDERS[name]
    extra = dict(contender.settings)
    if contender.system == "remanence" and extra.get("embedder") != "none":
        extra["table"] = str(vectors / "table.npy")
    ingested: list[Ingested] = []
    try:
        with ExitStack() as stack:
            system = start(contender.system, folder, vectors, dim=DIM, say=say, extra=extra)
            stack.callback(system.kill)
            done = 0
            for block in made.blocks(size):
                done += len(block)
                ingested.append(system.extend(MEMORY, block, more=done < size))
            first = system.query(MEMORY, asked[0].text, K)
            for question in asked:
                system.query(MEMORY, question.text, K)
            answers = [system.query(MEMORY, question.text, K) for question in asked]
            closed: Closed = system.close()
            version = system.version
    except (SystemFailed, MissingExtra) as error:
        return Point(system=name, records=size, error=str(error))
    times = 1e3 * np.array([answer.seconds - answer.embedding for answer in answers])
    p50 = float(np.median(times))
    shares = [len(near & set(answer.ids)) / K for near, answer in zip(truth, answers, strict=False)]
    own = [
        question.evidence[0] in answer.ids for question, answer in zip(asked, answers, strict=True)
    ]
    return Point(
        system=name,
        records=size,
        version=version,
        ingest_acknowledged_per_s=size / sum(part.added for part in ingested),
        ingest_ready_per_s=size / sum(part.ready for part in ingested),
        first_query_ms=1e3 * (first.seconds - first.embedding),
        query_p50_ms=p50,
        query_p95_ms=float(np.percentile(times, 95)),
        ratio=p50 / base if base else 1.0,
        recall=float(np.mean(shares)) if contender.dense else None,
        found=float(np.mean(own)),
        bytes_per_record=closed.bytes / size,
        peak_memory_bytes=float(closed.peak),
    )


HEADER = (
    "records",
    "system",
    "p50 ms",
    "p95 ms",
    "ratio",
    "recall@10",
    "found",
    "stored/s",
    "ready/s",
    "first ms",
    "bytes/record",
    "peak MB",
)


def rows(result: Scale) -> list[list[str]]:
    """The table, under `HEADER`."""
    return [
        [
            f"{point.records:,}",
            point.system,
            f"{point.query_p50_ms:.2f}",
            f"{point.query_p95_ms:.2f}",
            f"{point.ratio:.1f}",
            "" if point.recall is None else f"{point.recall:.3f}",
            f"{point.found:.2f}",
            f"{point.ingest_acknowledged_per_s:,.0f}",
            f"{point.ingest_ready_per_s:,.0f}",
            f"{point.first_query_ms:,.0f}",
            f"{point.bytes_per_record:,.0f}",
            f"{point.peak_memory_bytes / 1e6:,.0f}",
        ]
        for point in result.points
        if not point.error
    ]


def show_scale(result: Scale, console: Console) -> None:
    """Print the table."""
    table = Table(title="search as a memory grows", title_justify="left", header_style="bold")
    for number, name in enumerate(HEADER):
        table.add_column(name, justify="left" if number == 1 else "right")
    for row in rows(result):
        table.add_row(*row)
    console.print(table)
    for point in result.points:
        if point.error:
            console.print(f"{point.records:,} {point.error}", highlight=False, markup=False)
