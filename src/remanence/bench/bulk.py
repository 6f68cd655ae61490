"""What several processes are worth: re-embedding short texts here, in processes of this machine, and on Ray.

The whole way is timed, as `rmem bulk embed` goes it: texts are read from a store, encoded by workers, and their vectors stored. Each
worker has one thread. A worker's start, Ray's own among it, and loading the encoder are told apart, since they are paid once.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from remanence import __version__
from remanence.bench.durable import USER, as_message
from remanence.bench.machine import commit, machine
from remanence.bench.synthetic import Synthetic
from remanence.bulk.embed import embed
from remanence.bulk.place import Place, encoder
from remanence.bulk.runner import Here, Processes, Runner, run
from remanence.bulk.task import Encode
from remanence.errors import InvalidInput, MissingExtra, ModelMissing
from remanence.text.write.messages import TENANT

WAYS: Final = ("here", "processes-1", "processes-2", "ray-1", "ray-2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way: texts a second, that over the rate of `here`, and seconds until its workers were ready. `error`: why it was not
    measured."""

    name: str
    per_s: float = 0.0
    speedup: float = 0.0
    start_s: float = 0.0
    same: bool = True
    """Whether its vectors are those of `here`, byte by byte."""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """A run."""

    ways: tuple[Way, ...]
    texts: int
    encoder: str
    seed: int
    version: str
    commit: str
    machine: Mapping[str, str]
    started: str
    benchmark: str = "bulk"
    schema: int = 1

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def run_bulk(
    *,
    texts: int = 3_000,
    ways: Sequence[str] = WAYS,
    embedder: str = "minilm",
    words: float = 8.0,
    seed: int = 0,
    json_path: Path | None = None,
    say: Callable[[str], None] = print,
) -> Bulk:
    """Measure each way on the same texts, of so many words in the middle. Raises: InvalidInput, ModelMissing."""
    if unknown := [name for name in ways if name not in WAYS]:
        raise InvalidInput(f"no way {unknown[0]!r}", hint=f"known: {', '.join(WAYS)}")
    if texts < 1:
        raise InvalidInput(f"{texts} texts", hint="give 1 or more")
    model = encoder(embedder)
    if model is None:
        raise ModelMissing(f"there is no encoder {embedder!r}", hint="rmem models list shows them")
    started = datetime.now(UTC).isoformat(timespec="seconds")
    found: list[Way] = []
    with tempfile.TemporaryDirectory(prefix="remanence-bulk-") as folder:
        place = Place(store=str(Path(folder) / "bulk.rmem"), embedder=embedder)
        made = Synthetic(seed=seed, mean_words=words)
        with place.open(embedder="none") as memory:
            for block in made.blocks(texts):
                memory.add([as_message(turn) for turn in block], user_id=USER)
        first = ""
        for name in ways:
            try:
                way, digest = measure(name, place, model.id)
            except MissingExtra as error:
                found.append(Way(name=name, error=error.message))
                continue
            first = first or digest
            base = found[0].per_s if found and found[0].per_s else way.per_s
            found.append(
                Way(
                    name=name,
                    per_s=way.per_s,
                    speedup=way.per_s / base,
                    start_s=way.start_s,
                    same=digest == first,
                )
            )
            say(f"{name}: {way.per_s:,.0f} texts/s")
    result = Bulk(
        ways=tuple(found),
        texts=texts,
        encoder=model.id,
        seed=seed,
        version=__version__,
        commit=commit(),
        machine=machine(),
        started=started,
    )
    if json_path is not None:
        json_path.write_text(json.dumps(result.as_json(), indent=1) + "\n", encoding="utf-8")
    return result


def measure(name: str, place: Place, encoder_id: str) -> tuple[Way, str]:
    """One way, and a digest of the vectors it made. Raises: MissingExtra."""
    with place.store_of() as store:
        store.drop_encoder(encoder_id)
    began = perf_counter()
    with closing(_runner(name)) as runner:
        # Each worker loads the encoder with its first text; more texts than workers, so that none is left out.
        warm = [
            (n, Encode(embedder=place.embedder, texts=[f"warm {n}"]))
            for n in range(4 * runner.workers)
        ]
        for _ in run(warm, runner):
            pass
        ready = perf_counter()
        done = embed(place, [""], runner)
        ended = perf_counter()
    with place.store_of() as store:
        digest = sha256()
        for _, vector in store.vectors((TENANT, USER), encoder_id, 0):
            digest.update(vector)
    way = Way(name=name, per_s=done / (ended - ready), start_s=ready - began)
    return way, digest.hexdigest()


def _runner(name: str) -> Runner:
    kind, _, workers = name.partition("-")
    if kind == "here":
        return Here()
    if kind == "processes":
        return Processes(int(workers))
    from remanence.bulk.cluster import OnRay

    return OnRay(int(workers))


def show_bulk(result: Bulk, console: Console) -> None:
    """Print the table."""
    title = f"{result.texts:,} texts, {result.encoder}"
    table = Table(title=title, title_justify="left", header_style="bold")
    for name in ("way", "texts/s", "speed-up", "start s", "same vectors"):
        table.add_column(name, justify="left" if name == "way" else "right")
    for way in result.ways:
        if way.error:
            table.add_row(way.name, way.error)
            continue
        same = "yes" if way.same else "NO"
        table.add_row(
            way.name, f"{way.per_s:,.0f}", f"{way.speedup:.2f}", f"{way.start_s:.1f}", same
        )
    console.print(table)
