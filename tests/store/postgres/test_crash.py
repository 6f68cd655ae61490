"""Writers and the server killed in the middle: what was acknowledged is there, once; what was not is there whole or not at all."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from remanence.errors import RemanenceError, StoreError
from remanence.store.postgres.store import PostgresStore
from remanence.types import Add
from tests.pg import Server, postgres_server
from tests.store.conformance import ANA
from tests.store.plain import plain
from tests.store.postgres.writer import changes_of


@pytest.fixture
def server() -> Iterator[Server]:
    """With fsync, as a server that may lose its power must be."""
    server = postgres_server(durable=True)
    yield server
    server.wipe()


class Writer:
    """A process that writes, and what it said."""

    def __init__(self, url: str, name: str, first: int = 0) -> None:
        paths = [*(p for p in sys.path if p), os.getcwd()]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.store.postgres.writer", url, name, str(first)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
        self.name = name
        self.acknowledged: list[int] = []
        self.begun = first - 1
        self.lost = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        assert self._ready.wait(60)

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for raw in self.process.stdout:
            if not raw.endswith(b"\n"):
                break
            what, *rest = json.loads(raw)
            if what == "open":
                self._ready.set()
            elif what == "begin":
                self.begun = rest[0]
            elif what == "ok":
                self.acknowledged.append(rest[0])
            else:
                self.lost += 1

    def wait_for(self, acknowledged: int) -> None:
        deadline = time.monotonic() + 120
        while len(self.acknowledged) < acknowledged:
            assert time.monotonic() < deadline, "it stopped writing"
            assert self.process.poll() is None, "it ended"
            time.sleep(0.005)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._thread.join(60)
        assert self.process.stdout is not None
        self.process.stdout.close()


def check(url: str, writers: list[Writer]) -> None:
    """Everything acknowledged is there once and whole; of what was only begun, all or nothing; a retry with its key is exact."""
    with PostgresStore.open(url, analyze=plain, tenant=ANA[0]) as store:
        report = store.verify()
        assert report.problems == ()
        events = 0
        for writer in writers:
            assert writer.acknowledged == list(range(len(writer.acknowledged)))
            for n in writer.acknowledged:
                events += check_call(store, writer.name, n)
            for n in range(len(writer.acknowledged), writer.begun + 1):
                there = store.get(ANA, f"{writer.name}-{n}") is not None
                head = store.head()
                acks = store.apply(changes_of(writer.name, n), key=f"{writer.name}-{n}")
                assert [ack.status for ack in acks] == ["stored"] * 4
                assert store.head() - head == (0 if there else 4), "the key tells them apart"
                events += check_call(store, writer.name, n)
        assert store.head() == events, "nothing twice"
        assert store.verify().problems == ()


def check_call(store: PostgresStore, name: str, n: int) -> int:
    one, two = store.history(ANA, f"{name}-{n}"), store.history(ANA, f"{name}-{n}-b")
    assert [version.text for version in one] == [
        f"{name}-{n} says something",
        f"{name}-{n} has changed its mind",
    ]
    assert len(two) == 1
    assert store.links(ANA, f"{name}-{n}") == [(f"{name}-{n}", "with", f"{name}-{n}-b")]
    return 4


def kill_writers(server: Server, kills: int, seed: int) -> None:
    dice, url, writers = random.Random(seed), server.fresh(), []
    for number in range(kills):
        writer = Writer(url, f"w{number}")
        writer.wait_for(dice.randint(1, 6))
        time.sleep(dice.random() * 0.03)
        writer.kill()
        writers.append(writer)
    check(url, writers)


def kill_servers(server: Server, kills: int, writers: int, seed: int) -> None:
    dice, url = random.Random(seed), server.fresh()
    running = [Writer(url, f"s{number}") for number in range(writers)]
    for _ in range(kills):
        for writer in running:
            writer.wait_for(len(writer.acknowledged) + dice.randint(1, 5))
        time.sleep(dice.random() * 0.03)
        server.kill()
        server.start()
    for writer in running:
        writer.wait_for(len(writer.acknowledged) + 2)
    for writer in running:
        writer.kill()
    assert sum(writer.lost for writer in running) >= kills
    check(url, running)


def test_writers_killed_in_the_middle(server: Server) -> None:
    kill_writers(server, kills=3, seed=1)


def test_the_server_killed_in_the_middle(server: Server) -> None:
    kill_servers(server, kills=2, writers=2, seed=2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_writers_killed_often(server: Server, seed: int) -> None:
    kill_writers(server, kills=40, seed=10 + seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_the_server_killed_often(server: Server, seed: int) -> None:
    kill_servers(server, kills=15, writers=3, seed=20 + seed)


def test_an_open_store_goes_on_after_a_restart(server: Server) -> None:
    with PostgresStore.open(server.fresh(), analyze=plain, tenant=ANA[0]) as store:
        store.apply([Add(scope=ANA, id="1", text="before")])
        assert store.pulse() == 1
        server.stop("fast")
        with pytest.raises(StoreError, match="connection"):
            store.get(ANA, "1")
        server.start()
        record = store.get(ANA, "1")
        assert record is not None
        assert record.text == "before"
        server.stop("fast")
        server.start()
        (ack,) = store.apply([Add(scope=ANA, id="2", text="after")])
        assert ack.seq == 2
        server.stop("fast")
        server.start()
        assert store.pulse() == 2


def test_a_connection_lost_in_the_middle_of_a_write(server: Server) -> None:
    """Nothing of it stands, what is raised says that nobody can know, and the same call with its key makes it exact."""
    with PostgresStore.open(server.fresh(), analyze=plain, tenant=ANA[0]) as store:
        store.apply([Add(scope=ANA, id="0", text="zero")])

        def cut() -> None:
            with store._writing("") as tx:
                tx.space(("acme", "new"))
                server.kill()
                server.start()
                tx.existing(("acme", "nobody"))

        with pytest.raises(StoreError, match="connection") as caught:
            cut()
        assert "same key" in caught.value.hint
        (ack,) = store.apply([Add(scope=ANA, id="1", text="one")], key="k")
        assert store.apply([Add(scope=ANA, id="1", text="one")], key="k") == [ack]
        assert store.head() == 2
        assert store.verify().ok


def test_many_processes_and_threads_write_at_once(server: Server) -> None:
    """One chain, without a gap, whoever writes; and writers of another tenant wait for nobody."""
    url = server.fresh()
    with PostgresStore.open(url, analyze=plain, tenant=ANA[0]) as store:
        writers = [Writer(url, f"p{n}") for n in range(3)]
        errors: list[RemanenceError] = []

        def write(name: str) -> None:
            try:
                for n in range(8):
                    store.apply(changes_of(name, n), key=f"{name}-{n}")
            except RemanenceError as error:
                errors.append(error)

        threads = [threading.Thread(target=write, args=(f"t{n}",)) for n in range(4)]
        for thread in threads:
            thread.start()
        with (
            store._connections.writing() as held,
            PostgresStore.open(url, analyze=plain, tenant="other", busy_timeout=5) as other,
        ):
            assert held.execute("SELECT 1").fetchone() == (1,)
            assert other.apply([Add(scope=("other", "x"), text="at once")])[0].status == "stored"
        for thread in threads:
            thread.join()
        for writer in writers:
            writer.wait_for(5)
            writer.kill()
        assert errors == []
        for name in ("t0", "t1", "t2", "t3"):
            for n in range(8):
                check_call(store, name, n)
        assert store.verify().problems == ()
        assert store.head() % 4 == 0


def test_several_processes_make_the_schema_at_once(server: Server) -> None:
    url = f"{server.fresh()}&schema=made_by_many"
    code = (
        "import sys\nfrom remanence.store.postgres.store import PostgresStore\n"
        "from remanence.types import Add\nfrom tests.store.plain import plain\n"
        "with PostgresStore.open(sys.argv[1], analyze=plain, tenant='acme') as store:\n"
        "    assert store.apply([Add(scope=('acme', 'ana'), text=sys.argv[2])])[0].status == 'stored'"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([*filter(None, sys.path), os.getcwd()]),
    }
    running = [
        subprocess.Popen([sys.executable, "-c", code, url, f"text {n}"], env=environment)
        for n in range(4)
    ]
    assert [process.wait(120) for process in running] == [0] * 4
    with PostgresStore.open(url, analyze=plain, tenant=ANA[0]) as store:
        assert len(store.list(ANA)) == 4
        assert store.verify().ok
    with server.admin(url.partition("@/")[2].partition("?")[0]) as db:
        db.execute("DROP SCHEMA made_by_many CASCADE")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_both_sides_of_a_fork_go_on(server: Server) -> None:
    with PostgresStore.open(server.fresh(), analyze=plain, tenant=ANA[0]) as store:
        store.apply([Add(scope=ANA, id="1", text="before")])
        child = os.fork()
        if not child:
            code = 1
            try:
                store.apply([Add(scope=ANA, id="child", text="of the child")])
                code = 0 if store.get(ANA, "1") else 2
            finally:
                os._exit(code)
        store.apply([Add(scope=ANA, id="parent", text="of the parent")])
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert {record.id for record in store.list(ANA)} == {"1", "child", "parent"}
        assert store.verify().ok
