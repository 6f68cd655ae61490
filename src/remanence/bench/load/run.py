"""Servers under load, in one run: the same texts, the same requests, the same clients, the same machine.

Each server is filled, then asked by more and more clients at once; with each number of clients they take turns, so that a machine
that is slow for a while is slow for all. After that every add that a server acknowledged is asked for by its id and compared. With
`kill` each server is also killed in the middle of a load, started again where it was, and held to the same account: that shows what
a process takes with it when it dies; what a power cut takes shows on a disk that is cut off, not here.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

from remanence import __version__
from remanence.bench.load.plan import PEERS, STORES, Plan, check, share_of
from remanence.bench.load.postgres import postgres
from remanence.bench.load.report import plot as draw
from remanence.bench.load.result import Account, LoadResult, Point
from remanence.bench.load.systems import Chroma, Ours, Server
from remanence.bench.load.trial import Trial
from remanence.bench.machine import commit, machine
from remanence.bench.peers.wire import word_sums
from remanence.bench.synthetic import Synthetic
from remanence.bench.systems.base import OURS, SystemFailed
from remanence.errors import MissingExtra

DEFAULT = ("remanence-lexical", "remanence", *PEERS)
DIM = 384


def run_load(
    *,
    stores: Sequence[str] = STORES[:1],
    systems: Sequence[str] = DEFAULT,
    clients: Sequence[int] = (1, 4, 16, 64),
    seconds: float = 15.0,
    mix: str = "80/20",
    records: int = 10_000,
    users: int = 8,
    kill: bool = False,
    seed: int = 0,
    command: str = "",
    json_path: Path | None = None,
    plot: Path | None = None,
    say: Callable[[str], None] = print,
) -> LoadResult:
    """Measure each system, ours on each store: "sqlite", "postgres" (one of its own), or the URL of a database, where a tenant is left.

    Raises: InvalidInput for what can't be measured; MissingExtra without aiohttp, PostgreSQL or matplotlib where they are needed."""
    plan = Plan(
        clients=clients,
        seconds=seconds,
        share=share_of(mix),
        records=records,
        users=users,
        seed=seed,
        kill=kill,
        made=Synthetic(seed=seed),
    )
    check(plan, stores, systems)
    if find_spec("aiohttp") is None:
        raise MissingExtra("the clients need aiohttp", hint="pip install aiohttp")
    if plot is not None and find_spec("matplotlib") is None:
        raise MissingExtra("plots need matplotlib", hint="pip install 'remanence[eval]'")
    started, busy = datetime.now(UTC).isoformat(timespec="seconds"), os.getloadavg()[0]
    points: list[Point] = []
    accounts: list[Account] = []
    with tempfile.TemporaryDirectory(prefix="remanence-load-") as place:
        plan = replace(plan, scratch=Path(place))
        kept = [(name, store) for name in systems if name in OURS for store in stores]
        wanted = kept + [(name, "") for name in systems if name in PEERS]
        with ExitStack() as stack:
            trials = [trial for one in wanted if (trial := begun(*one, plan, stack, points, say))]
            for load, number in enumerate(clients):
                for trial in trials:
                    attempt(trial, partial(trial.load, load, number, points), points)
            for trial in trials:
                attempt(trial, partial(trial.settle, accounts), points)
    result = LoadResult(
        points=tuple(points),
        accounts=tuple(accounts),
        records=records,
        users=users,
        seconds=seconds,
        mix=mix,
        seed=seed,
        version=__version__,
        commit=commit(),
        machine=machine(),
        load_average=busy,
        command=command,
        started=started,
    )
    if json_path is not None:
        result.write(json_path)
    if plot is not None:
        draw(result, plot)
    return result


def begun(
    name: str,
    store: str,
    plan: Plan,
    stack: ExitStack,
    points: list[Point],
    say: Callable[[str], None],
) -> Trial | None:
    """A server, filled, which ends with the stack; None where it failed."""
    said = f"{name}/{'postgres' if '://' in store else store}" if store else name
    try:
        server, pids = made(said, name, store, plan, stack, say)
    except MissingExtra as error:
        points.append(Point(system=said, clients=0, error=str(error)))
        say(f"{said}: {error}")
        return None
    stack.callback(server.stop)
    trial = Trial(server=server, pids=pids, plan=plan, say=say)
    attempt(trial, trial.fill, points)
    return None if trial.failed else trial


def attempt(trial: Trial, work: Callable[[], None], points: list[Point]) -> None:
    """Do something with a server that has not failed yet, and note where it does."""
    if trial.failed:
        return
    try:
        work()
    except (SystemFailed, OSError) as error:
        trial.failed = True
        points.append(Point(system=trial.server.name, clients=0, error=str(error)))
        trial.say(f"{trial.server.name}: {error}")


def made(
    said: str,
    name: str,
    store: str,
    plan: Plan,
    stack: ExitStack,
    say: Callable[[str], None],
) -> tuple[Server, list[int]]:
    """The server, not started yet, and processes besides its own that work for it."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=plan.scratch)))
    if not store:
        vectors = word_sums(plan.made.table(DIM))
        return Chroma(said, folder / "server", vectors=vectors, say=say), []
    encoder = str(OURS[name]["embedder"])
    if store == "sqlite":
        return Ours(said, folder / "server", store=str(folder / "load.rmem"), embedder=encoder), []
    if store != "postgres":
        tenant = f"load-{uuid4().hex[:8]}"
        say(f"{said}: as the tenant {tenant}, whose memories stay in the database")
        return Ours(said, folder / "server", store=store, embedder=encoder, tenant=tenant), []
    url, pid = stack.enter_context(postgres(folder / "pg"))
    return Ours(said, folder / "server", store=url, embedder=encoder), [pid]
