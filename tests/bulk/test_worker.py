"""Workers: every text encoded once, nothing lost to a kill, for databases and for folders of stores."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from remanence import Memory
from remanence.bulk.place import Place
from remanence.bulk.queues import FolderQueue
from remanence.bulk.worker import Worker
from remanence.embed.choose import open_embedder
from remanence.errors import EndpointError, InvalidInput, ModelMissing
from remanence.seams import Encoded
from remanence.store.postgres.jobs import Queue
from remanence.store.postgres.place import place, with_setting
from tests.pg import postgres_server

TENANTS = ("acme", "blue", "coral")
STATIC = open_embedder("static")
assert STATIC is not None


@pytest.fixture(params=["folder", "database"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "folder":
        yield f"{tmp_path}/"
        return
    server = postgres_server()
    yield with_setting(server.fresh(), "embed", "later")
    server.wipe()


def filled(store: str, each: int, tenants: tuple[str, ...] = TENANTS) -> None:
    for tenant in tenants:
        with Memory.open(store, tenant=tenant, embedder="none") as memory:
            memory.add(
                [
                    {"content": f"{tenant} saw heron {n} by the river", "session_id": f"s{n // 50}"}
                    for n in range(each)
                ],
                user_id="ana",
            )


def worker(store: str, name: str = "w", **more: object) -> Worker:
    return Worker(Place(store=store, embedder="static"), name, every=0.05, **more)  # type: ignore[arg-type]


def vectors(store: str, tenant: str) -> list[tuple[int, bytes]]:
    assert STATIC is not None
    with Memory.open(store, tenant=tenant, embedder="none", read_only=True) as memory:
        assert memory.verify().problems == ()
        return list(memory._store.vectors((tenant, "ana"), STATIC.id, 0))


def test_once_does_what_waits_and_ends(store: str) -> None:
    filled(store, 220)
    first = worker(store)
    first.run(once=True)
    assert first.counts["slept"] == 3
    assert first.counts["embedded"] >= 660  # and summaries, where they came first
    for tenant in TENANTS:
        assert len(vectors(store, tenant)) >= 220
        with Memory.open(store, tenant=tenant, embedder="none") as memory:
            runs = {line.actor.split("/")[0] for line in memory.log(user_id="ana", limit=1000)}
            assert "sleep" in runs
    second = worker(store)
    second.run(once=True)
    assert second.counts["slept"] == 0  # what a sleeper writes makes nobody sleep again
    third = worker(store)
    third.run(once=True)
    assert third.counts == {}


def test_many_at_once_encode_every_text_once(store: str) -> None:
    filled(store, 300)
    team = [worker(store, f"w{n}", kinds=["embed"], threads=2) for n in range(2)]
    threads = [threading.Thread(target=one.run, kwargs={"once": True}) for one in team]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one.counts["embedded"] for one in team) == 900
    assert [len(vectors(store, tenant)) for tenant in TENANTS] == [300] * 3


def test_a_worker_hears_of_what_is_written_later(store: str) -> None:
    filled(store, 1)
    one = worker(store, kinds=["embed"])
    thread = threading.Thread(target=one.run)
    thread.start()
    try:
        until(lambda: one.counts["embedded"] == 3)
        filled(store, 3)
        until(lambda: one.counts["embedded"] == 9)
    finally:
        one.stop()
        thread.join()


def until(true: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Sick:
    """Fails as an endpoint does that is away."""

    id, dim, token_dim, token_bytes = "sick", 4, 0, 0

    def encode(self, texts: list[str]) -> Encoded:
        raise EndpointError("it answered 503", hint="wait")


def test_what_fails_is_told_and_tried_again(store: str) -> None:
    filled(store, 2, ("acme",))
    told: list[str] = []
    one = worker(store, kinds=["embed"], tell=told.append)
    one._encoder = Sick()  # type: ignore[assignment]
    one.run(once=True)
    assert one.counts == {"failed": 1}
    assert told == ["embed of 'acme' failed: EndpointError: it answered 503"]
    if store.startswith("postgres"):
        queue = Queue(place(store))
        (job,) = [job for job in queue.standing() if job.kind == "embed"]
        assert (job.attempts, job.error) == (1, "EndpointError: it answered 503")
        queue.close()


def test_a_kind_or_an_encoder_that_is_not_there(store: str) -> None:
    filled(store, 1, ("acme",))
    with pytest.raises(InvalidInput, match="'dream'"):
        worker(store, kinds=["dream"])
    with pytest.raises(InvalidInput):
        worker(store, kinds=[])
    with pytest.raises(ModelMissing):
        Worker(Place(store=store), "w")
    Worker(Place(store=store), "w", kinds=["sleep"]).run(once=True)


def test_one_process_at_a_time_works_at_a_store_of_a_folder(tmp_path: Path) -> None:
    filled(f"{tmp_path}/", 1, ("acme",))
    assert STATIC is not None
    mine = FolderQueue(Place(store=f"{tmp_path}/"), STATIC.id, every=0)
    job = mine.take(["embed"])
    assert job is not None
    ask = (
        "import sys; from remanence.bulk.queues import FolderQueue; from remanence.bulk.place import Place; "
        "print(FolderQueue(Place(store=sys.argv[1]), sys.argv[2]).take(['embed']))"
    )
    asked = [sys.executable, "-c", ask, f"{tmp_path}/", STATIC.id]
    assert subprocess.run(asked, capture_output=True, text=True).stdout == "None\n"
    mine.give_back(job)
    assert "acme" in subprocess.run(asked, capture_output=True, text=True).stdout
    mine.close()


# --- processes ---


def started(store: str, *more: str) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "remanence",
        "worker",
        "--store",
        store,
        "--embedder",
        "static",
    ]
    return subprocess.Popen(
        [*command, "--kinds", "embed", "--every", "0.05", "--json", *more],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def count(store: str) -> int:
    assert STATIC is not None
    total = 0
    for tenant in TENANTS:
        with Memory.open(store, tenant=tenant, embedder=STATIC, read_only=True) as memory:
            total += memory.status().embedded
    return total


def test_sigterm_finishes_the_batch(store: str) -> None:
    filled(store, 600)
    process = started(store)
    until(lambda: count(store) > 0)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert json.loads(out)["embedded"] == count(store)
    worker(store, kinds=["embed"]).run(once=True)
    assert count(store) == 1800


@pytest.mark.slow
def test_a_killed_worker_costs_nothing_beside_three_others(store: str, tmp_path: Path) -> None:
    filled(store, 3000)
    team = [started(store, "--lease", "2") for _ in range(4)]
    try:
        for victim in team[:1]:
            until(lambda: count(store) > 0)
            victim.send_signal(signal.SIGKILL)
        until(lambda: count(store) == 9000, 120)
    finally:
        for process in team:
            process.send_signal(signal.SIGTERM)
        for process in team:
            process.communicate(timeout=30)
    assert [process.returncode for process in team] == [-signal.SIGKILL, 0, 0, 0]
    alone = f"{tmp_path}/alone/"
    filled(alone, 3000)
    worker(alone, kinds=["embed"]).run(once=True)
    for tenant in TENANTS:
        assert vectors(store, tenant) == vectors(alone, tenant)
