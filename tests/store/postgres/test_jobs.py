"""The queue of a database: filled with the write, given out once, taken over from the dead, and blind to everything else."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from remanence import Memory
from remanence.errors import AccessDenied, Conflict
from remanence.seams import Encoded
from remanence.store.postgres.jobs import ATTEMPTS, SLEEPY, Job, Queue
from remanence.store.postgres.place import place, with_setting
from remanence.store.postgres.store import PostgresStore
from remanence.types import Add, Retract
from tests.pg import Server, postgres_server
from tests.store.plain import plain


@pytest.fixture
def server() -> Iterator[Server]:
    found = postgres_server()
    yield found
    found.wipe()


@pytest.fixture
def url(server: Server) -> str:
    return with_setting(server.fresh(), "embed", "later")


_numbers = itertools.count()


def written(url: str, tenant: str, count: int, user: str = "ana", **more: Any) -> None:
    with PostgresStore.open(url, analyze=plain, tenant=tenant) as store:
        texts = [f"note {next(_numbers)}" for _ in range(count)]
        store.apply([Add(scope=(tenant, user), text=text) for text in texts], **more)


@pytest.fixture
def queue(url: str) -> Iterator[Queue]:
    with_queue = Queue(place(url), "one", lease=30)
    yield with_queue
    with_queue.close()


def asked(queue: Queue) -> dict[tuple[str, str, int], int]:
    return {(job.tenant, job.kind, job.space): job.fresh for job in queue.standing()}


def test_a_write_asks_for_what_follows_from_it(url: str, queue: Queue) -> None:
    written(url, "acme", 3)
    written(url, "acme", 2, "bea")
    written(url, "acme", 1, actor="sleep/20250101T000000-1/merge")  # nobody sleeps again for that
    assert asked(queue) == {
        ("acme", "embed", 0): 6, ("acme", "sleep", 1): 3, ("acme", "sleep", 2): 2
    }  # fmt: skip
    due = {job.kind: job.due for job in queue.standing() if job.space < 2}
    assert due["embed"] <= datetime.now(UTC)
    assert due["sleep"] > datetime.now(UTC)
    written(url, "acme", SLEEPY)
    assert all(job.due <= datetime.now(UTC) for job in queue.standing() if job.space < 2)


def test_what_was_rolled_back_asks_for_nothing(url: str, queue: Queue) -> None:
    with PostgresStore.open(url, analyze=plain, tenant="acme") as store:
        with pytest.raises(Conflict):
            store.apply(
                [
                    Add(scope=("acme", "ana"), text="x"),
                    Retract(scope=("acme", "ana"), id="no", expect=1),
                ],
                whole=True,
            )
        assert asked(queue) == {}
        store.apply([Add(scope=("acme", "ana"), text="x", id="x")])
        before = asked(queue)
        store.put_vectors("e", [1], Encoded(_unit(), ()))
        assert asked(queue) == before


def _unit() -> Any:
    import numpy as np

    return np.array([[1.0, 0.0]], np.float32)


def test_an_import_asks_too(url: str, queue: Queue, tmp_path: Path) -> None:
    with PostgresStore.open(url, analyze=plain, tenant="acme") as store:
        store.apply([Add(scope=("acme", "ana"), text="x")])
        store.export_jsonl(tmp_path / "out")
    other = with_setting(postgres_server().fresh(), "embed", "later")
    with PostgresStore.open(other, analyze=plain, tenant="acme") as store:
        store.import_jsonl(tmp_path / "out")
    second = Queue(place(other), "two")
    assert asked(second) == asked(queue)
    second.close()


def test_no_job_is_given_out_twice(url: str) -> None:
    tenants = {f"t{n}" for n in range(12)}
    for tenant in tenants:
        written(url, tenant, 1)
    got: list[str] = []

    def work(number: int) -> None:
        mine = Queue(place(url), f"w{number}")
        while (job := mine.take(("embed",))) is not None:
            got.append(job.tenant)
        mine.close()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == sorted(tenants)


def test_a_dead_worker_s_job_goes_to_another(url: str, queue: Queue) -> None:
    written(url, "acme", 1)
    dead = Queue(place(url), "dead", lease=0.5)
    job = dead.take(("embed",))
    assert job is not None
    assert queue.take(("embed",)) is None
    time.sleep(0.3)
    assert dead.renew() == 1
    time.sleep(0.3)
    assert queue.take(("embed",)) is None
    time.sleep(0.4)
    taken = queue.take(("embed",))
    assert taken is not None
    assert taken.attempts == 2
    dead.done(job)  # too late: it is the other's
    assert ("acme", "embed", 0) in asked(queue)
    queue.done(taken)
    assert ("acme", "embed", 0) not in asked(queue)
    dead.close()


def test_what_is_written_meanwhile_stays_asked_for(url: str, queue: Queue) -> None:
    written(url, "acme", 2)
    job = queue.take(("embed",))
    assert job is not None
    written(url, "acme", 3)
    queue.done(job)
    again = queue.take(("embed",))
    assert again is not None
    assert (again.fresh, again.attempts) == (3, 1)
    queue.give_back(again)
    assert queue.take(("embed",)) == again


def test_what_fails_is_tried_later_and_parked_at_last(
    url: str, server: Server, queue: Queue
) -> None:
    written(url, "acme", 1)
    for attempt in range(1, ATTEMPTS + 1):
        _hurry(server, url)
        job = queue.take(("embed",))
        assert job is not None
        assert job.attempts == attempt
        queue.failed(job, "EndpointError: it answered 503")
        assert queue.take(("embed",)) is None
    (standing,) = [job for job in queue.standing() if job.kind == "embed"]
    assert (standing.due, standing.attempts, standing.error) == (
        None, ATTEMPTS, "EndpointError: it answered 503"
    )  # fmt: skip
    written(url, "acme", 1)
    assert queue.take(("embed",)) is None
    assert queue.retry() == 1
    job = queue.take(("embed",))
    assert job is not None
    assert job.fresh == 2


def test_a_job_that_kills_its_workers_is_parked(url: str, server: Server) -> None:
    written(url, "acme", 1)
    for number in range(ATTEMPTS):
        victim = Queue(place(url), f"w{number}")
        assert victim.take(("embed",)) is not None
        victim.close()
        with server.admin(_database(url)) as db:
            db.execute("UPDATE remanence.jobs SET until = now() - interval '1 second'")
    last = Queue(place(url), "last")
    assert last.take(("embed",)) is None
    (standing,) = [job for job in last.standing() if job.kind == "embed"]
    assert (standing.due, standing.worker) == (None, "")
    assert "died" in standing.error
    last.close()


def _hurry(server: Server, url: str) -> None:
    with server.admin(_database(url)) as db:
        db.execute("UPDATE remanence.jobs SET due = now()")


def _database(url: str) -> str:
    return dict(place(url).settings)["dbname"]


def test_workers_see_jobs_and_nothing_else(url: str, server: Server, queue: Queue) -> None:
    written(url, "acme", 1)
    written(url, "blue", 1)
    with server.admin(_database(url)) as db:
        db.execute("SET ROLE remanence_worker; SET search_path = remanence")
        assert {row[0] for row in db.execute("SELECT tenant FROM jobs")} == {"acme", "blue"}
        for table in ("ledgers", "events", "spaces", "docs", "placements"):
            with pytest.raises(server.psycopg.errors.InsufficientPrivilege):
                db.execute(f"SELECT * FROM {table}")
        db.execute("RESET ROLE; SET ROLE remanence_app")
        assert db.execute("SELECT count(*) FROM jobs").fetchone() == (0,)
        db.execute("SET remanence.tenant = 'acme'")
        (ledger,) = db.execute("SELECT id FROM ledgers").fetchone()
        db.execute(f"SET remanence.ledger = '{ledger}'")
        assert {row[0] for row in db.execute("SELECT tenant FROM jobs")} == {"acme"}
        assert db.execute("DELETE FROM jobs WHERE tenant = 'blue'").rowcount == 0


def test_who_is_no_worker_is_refused(url: str, server: Server) -> None:
    written(url, "acme", 1)
    name = f"app_only_{_database(url)}"
    with server.admin() as db:
        db.execute(f"CREATE ROLE {name} LOGIN; GRANT remanence_app TO {name}")
    try:
        mine = url.replace("postgres@", f"{name}@", 1)
        with pytest.raises(AccessDenied, match="GRANT remanence_worker"):
            Queue(place(mine))
        with PostgresStore.open(mine, analyze=plain, tenant="acme") as store:
            store.apply([Add(scope=("acme", "ana"), text="as well")])
    finally:
        with server.admin() as db:
            db.execute(f"DROP ROLE {name}")


def test_embed_later_leaves_it_to_workers(url: str, queue: Queue) -> None:
    with Memory.open(url, tenant="acme", embedder="static") as memory:
        memory.add(["the heron stood still", "the kettle sang"])
        time.sleep(0.3)
        assert memory.status().pending == 2
        assert memory.search("heron")[0].record.text == "the heron stood still"
        assert memory.flush(10)
        assert memory.status().pending == 0
    assert isinstance(queue.take(("embed",)), Job)


def test_without_it_workers_wait_for_the_process_that_wrote(url: str, queue: Queue) -> None:
    written(with_setting(url, "embed", "now"), "acme", 1)
    assert queue.take(("embed",)) is None
    assert queue.take(("embed",), ahead=60) is not None
