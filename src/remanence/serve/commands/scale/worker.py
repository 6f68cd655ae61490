"""`rmem worker`: encodes what waits and lets memories sleep, for servers that leave it to others."""

from __future__ import annotations

import os
import signal
import socket
from datetime import UTC, datetime
from typing import Annotated

import typer

from remanence.bulk.place import Place, encoder
from remanence.bulk.worker import Worker
from remanence.errors import InvalidInput
from remanence.serve.opening import key_place
from remanence.serve.options import Embedder, Json, Keys, Store, default_store
from remanence.serve.output import console, emit, table, visible, working
from remanence.serve.shell import NOTHING_FOUND
from remanence.store.choose import has_tenants, tenants_at
from remanence.store.postgres.jobs import KINDS, Queue, Standing
from remanence.store.postgres.place import is_url, place
from remanence.store.shards.file import file_of, is_shards, read


def worker(
    store: Store = "",
    keys: Keys = "",
    kinds: Annotated[
        str, typer.Option("--kinds", metavar="LIST", help="What to do, separated by commas.")
    ] = ",".join(KINDS),
    threads: Annotated[int, typer.Option("--threads", metavar="N", help="Jobs at a time.")] = 1,
    once: Annotated[bool, typer.Option("--once", help="End when nothing is left to do.")] = False,
    status: Annotated[
        bool, typer.Option("--status", help="Only say what waits, and what failed why.")
    ] = False,
    retry: Annotated[
        bool, typer.Option("--retry", help="Only let what was parked be tried again.")
    ] = False,
    lease: Annotated[
        float,
        typer.Option(
            "--lease", metavar="S", help="Seconds after which others take a dead worker's job over."
        ),
    ] = 60.0,
    every: Annotated[
        float, typer.Option("--every", metavar="S", help="Seconds between looks for work.")
    ] = 1.0,
    embedder: Embedder = "auto",
    json_: Json = False,
) -> int:
    """Encode texts and let memories sleep when it is due, for all tenants of a store. Start as many as you like, on any machine.

    rmem worker --store postgresql://remanence@db/memories --threads 2

    rmem worker --store memories/ --once

    rmem worker --store shards:///shards.toml --status
    """
    store = store or default_store()
    if status or retry:
        return _retry(store) if retry else _status(store, keys, embedder, json_)
    with working("loading the encoder", shown=not json_):
        here = Place(store=store, key=key_place(keys), embedder=embedder, actor="worker")
        worker = Worker(
            here,
            f"{socket.gethostname()}/{os.getpid()}",
            kinds=[kind.strip() for kind in kinds.split(",") if kind.strip()],
            threads=threads,
            lease=lease,
            every=every,
            tell=_say,
        )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    worker.run(once=once)
    done = {name: worker.counts[name] for name in ("embedded", "slept", "failed")}
    if json_:
        emit(done)
    else:
        told = ", ".join(f"{count:,} {name}" for name, count in done.items() if count)
        console().print(told or "nothing to do")
    return 0


def _say(line: str) -> None:
    console(errors=True).print(visible(f"{datetime.now(UTC):%H:%M:%S} {line}"), style="yellow")


def _queues(store: str) -> list[Queue]:
    if is_shards(store):
        return [Queue(server.place) for server in read(file_of(store)).servers]
    return [Queue(place(store))]


def _retry(store: str) -> int:
    if not (is_url(store) or is_shards(store)):
        raise InvalidInput(
            "nothing is parked in a folder", hint="a worker tries it again by itself"
        )
    found = 0
    for queue in _queues(store):
        found += queue.retry()
        queue.close()
    console().print(f"{found:,} jobs are tried again")
    return 0 if found else NOTHING_FOUND


def _status(store: str, keys: str, embedder: str, json_: bool) -> int:
    if is_url(store) or is_shards(store):
        jobs: list[Standing] = []
        for queue in _queues(store):
            jobs += queue.standing()
            queue.close()
    else:
        jobs = _in_folder(store, keys, embedder)
    for job in jobs if json_ else ():
        emit(
            {
                **{
                    name: getattr(job, name)
                    for name in ("tenant", "kind", "fresh", "attempts", "worker", "error")
                },
                "stands": _stands(job),
            }
        )
    if not json_ and jobs:
        rows = [(job.tenant, job.kind, f"{job.fresh:,}", _stands(job), job.error) for job in jobs]
        table(("tenant", "work", "records", "stands", "error"), rows)
    if not json_ and not jobs:
        console(errors=True).print("nothing waits")
    return 0 if jobs else NOTHING_FOUND


def _in_folder(store: str, keys: str, embedder: str) -> list[Standing]:
    here = Place(store=store, key=key_place(keys))
    model = encoder(embedder)
    found = []
    for tenant in tenants_at(store) if has_tenants(store) else [""]:
        with here.store_of(tenant) as one:
            waits = one.waiting(model.id) if model else 0
        if waits:
            now = datetime.now(UTC)
            found.append(Standing(tenant, "embed", 0, waits, now, 0, "", None, ""))
    return found


def _stands(job: Standing) -> str:
    now = datetime.now(UTC)
    if job.until is not None and job.until > now:
        return f"in hand: {job.worker}"
    if job.due is None:
        return f"parked after {job.attempts} tries"
    if job.due <= now:
        return "due"
    left = int((job.due - now).total_seconds())
    return f"due in {left} s" if left < 3600 else f"due in {left // 3600} h"
