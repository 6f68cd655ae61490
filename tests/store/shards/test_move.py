"""Moving a tenant while it is in use: nothing acknowledged is lost, one copy is live, and a kill at any step costs nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest

from remanence import Memory
from remanence.errors import Conflict, InvalidInput, NotFound, StoreBusy
from remanence.store.postgres.schema import TABLES
from remanence.store.shards.file import Shards
from remanence.store.shards.move import move, unfinished
from remanence.store.shards.sync import BUCKETS, session, sync
from tests.store.shards.conftest import Farm

STEPS = (
    "noted", "prepared", "round 1", "round 2", "stopped", "compared", "switched", "live", "listed", "erased"
)  # fmt: skip


class Writer:
    """Writes without a pause; what was acknowledged is in `acked`."""

    def __init__(self, farm: Farm, tenant: str) -> None:
        self.memory = Memory.open(farm.url, tenant=tenant, embedder="none")
        self.acked: list[str] = []
        self.wrong: list[BaseException] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                text = f"note {len(self.acked)} of the heron"
                (ack, *_) = self.memory.add(text, user_id="ana")
                assert ack.status == "stored"
                self.acked.append(text)
                assert self.memory.get(ack.id, user_id="ana").text == text
                if len(self.acked) % 7 == 0:
                    assert self.memory.search("heron", user_id="ana")
        except BaseException as error:
            self.wrong.append(error)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        assert self.wrong == []

    def check(self) -> None:
        """All that was acknowledged is there, once, and the ledger is sound."""
        said = [record.text for record in self.memory.list(user_id="ana", limit=10**6)]
        assert said == self.acked
        assert self.memory.verify().problems == ()


@contextmanager
def writing(farm: Farm, tenant: str = "acme") -> Iterator[Writer]:
    writer = Writer(farm, tenant)
    writer.start()
    try:
        while len(writer.acked) < 5 and not writer.wrong:
            pass
        yield writer
    finally:
        writer.stop()
        writer.memory.close()


def test_every_table_is_synced() -> None:
    assert set(BUCKETS) == set(TABLES)


def test_a_move_under_writers_loses_nothing(farm: Farm) -> None:
    with Memory.open(farm.url, tenant="acme", embedder="static") as memory:
        memory.add([f"page {n} about otters" for n in range(600)], user_id="bea")
        memory.add([{"content": "I live in Porto."}, {"content": "I moved to Braga."}])
        memory.flush()
        memory.forget([memory.list(user_id="bea", limit=1)[0].id], user_id="bea")
        (old,) = farm.live("acme")
        new = farm.other(old)
        with writing(farm) as writer:
            done = move(farm.shards, "acme", new)
            count = len(writer.acked)
            while len(writer.acked) < count + 10 and not writer.wrong:
                pass
            writer.stop()
            writer.check()
        assert (done.source, done.target) == (old, new)
        assert done.rounds >= 2
        assert farm.live("acme") == [new]
        assert farm.rows(old, "acme") == 0
        assert unfinished(farm.shards) == []
        assert memory.verify().problems == ()
        assert memory.status().pending >= 0
        # An index that was in memory before the move goes on from where it was.
        assert (
            memory.search("page 17 otters", user_id="bea")[0].record.text == "page 17 about otters"
        )
        assert [fact.text for fact in memory.facts()] == [
            fact.text for fact in memory.facts() if "Braga" in fact.text
        ]


def test_a_copy_is_the_same_in_every_digest(farm: Farm) -> None:
    with Memory.open(farm.url, tenant="acme", embedder="static") as memory:
        memory.add([f"page {n} about otters" for n in range(300)], user_id="bea")
        memory.flush()
        before = memory.state_digest(), memory.history_digest(), memory.verify().head
        for target in ("a", "b", "a"):
            if farm.live("acme") != [target]:
                done = move(farm.shards, "acme", target)
                assert done.digest == before[1]
            assert (memory.state_digest(), memory.history_digest(), memory.verify().head) == before
        assert memory.status().pending == 0


def test_a_second_round_copies_only_what_changed(farm: Farm) -> None:
    with Memory.open(farm.url, tenant="acme", embedder="none") as memory:
        memory.add([f"page {n} about otters" for n in range(2000)])
        (old,) = farm.live("acme")
        new = farm.other(old)
        with Memory.open(farm.shards[new].url, tenant="copy", embedder="none") as other:
            here, there = memory._store._connections, other._store._connections
            with session(here.pool, here.ledger) as source:
                first = sync(source, there.pool, there.ledger)
                assert sync(source, there.pool, there.ledger).copied == 0
            memory.add("one more page about otters")
            with session(here.pool, here.ledger) as source:
                second = sync(source, there.pool, there.ledger)
            assert first.copied > 4000
            assert 0 < second.copied < 1500
            assert other.verify().problems == ()


def test_what_is_forgotten_during_a_move_is_on_neither_disk(farm: Farm) -> None:
    canary = f"a canary of {uuid4()}"
    with Memory.open(farm.url, tenant="acme", embedder="none") as memory:
        memory.add([{"content": canary, "id": "x"}, {"content": "stays"}])
        (old,) = farm.live("acme")

        def forget(step: str) -> None:
            if step == "round 1":
                memory.forget(["x"])

        move(farm.shards, "acme", farm.other(old), tell=forget)
        assert [record.text for record in memory.list()] == ["stays"]
    assert [farm.on_disk(id, canary) for id in "ab"] == [0, 0]


def test_nothing_of_a_tenant_stays_behind_on_disk(farm: Farm) -> None:
    canary = f"a canary of {uuid4()}"
    with Memory.open(farm.url, tenant="acme", embedder="none") as memory:
        memory.add(canary)
        (old,) = farm.live("acme")
        assert farm.on_disk(old, canary) > 0
        done = move(farm.shards, "acme", farm.other(old))
        assert done.anew
        assert farm.on_disk(old, canary) == 0
        assert farm.on_disk(farm.other(old), canary) > 0


KILLED = """
import os, signal, sys
from pathlib import Path
from remanence.store.shards.file import read
from remanence.store.shards.move import move

def tell(step):
    if step == sys.argv[4]:
        os.kill(os.getpid(), signal.SIGKILL)

move(read(Path(sys.argv[1])), sys.argv[2], sys.argv[3], tell=tell)
"""


def killed_at(step: str, shards: Shards, tenant: str, to: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(shards.path), tenant, to, step], capture_output=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


@pytest.mark.parametrize(
    "step",
    [pytest.param(step, marks=() if step == "switched" else pytest.mark.slow) for step in STEPS],
)
def test_a_mover_that_is_killed_costs_nothing(farm: Farm, step: str) -> None:
    with Memory.open(farm.url, tenant="acme", embedder="none") as memory:
        memory.add([f"page {n} about otters" for n in range(1200)], user_id="bea")
        (old,) = farm.live("acme")
    new = farm.other(old)
    switched = STEPS.index(step) >= STEPS.index("switched")
    with writing(farm) as writer:
        killed_at(step, farm.shards, "acme", new)
        count = len(writer.acked)
        while len(writer.acked) < count + 5 and not writer.wrong:
            pass  # it goes on, whoever died
        assert farm.live("acme") == [new if switched else old]
        assert len(unfinished(farm.shards)) == 1
        move(farm.shards, "acme", new)
        assert farm.live("acme") == [new]
        count = len(writer.acked)
        while len(writer.acked) < count + 5 and not writer.wrong:
            pass
        writer.stop()
        writer.check()
    assert farm.rows(old, "acme") == 0
    assert unfinished(farm.shards) == []


def test_a_mover_that_died_between_the_two_is_finished_by_a_reader(farm: Farm) -> None:
    with Memory.open(farm.url, tenant="acme", embedder="none") as memory:
        memory.add("x")
    (old,) = farm.live("acme")
    killed_at("switched", farm.shards, "acme", farm.other(old))
    assert farm.live("acme") == []
    with Memory.open(farm.url, tenant="acme", embedder="none", read_only=True) as memory:
        assert [record.text for record in memory.list()] == ["x"]
    assert farm.live("acme") == [farm.other(old)]


def test_there_and_back_with_a_kill_in_between(farm: Farm) -> None:
    with Memory.open(farm.url, tenant="acme", embedder="none") as memory:
        memory.add("x")
        (old,) = farm.live("acme")
        new = farm.other(old)
        for number, target in enumerate((new, old, new)):
            killed_at("switched", farm.shards, "acme", target)
            memory.add(f"way {number} to {target}")
            assert farm.live("acme") == [target]
            move(farm.shards, "acme", target)
        assert len(memory.list()) == 4
        assert memory.verify().problems == ()


def test_writers_are_told_to_try_again_after_their_patience(farm: Farm) -> None:
    with Memory.open(farm.url, tenant="acme", embedder="none") as memory:
        memory.add("x")
        memory._store._connections.here.timeout = 0.2
        (old,) = farm.live("acme")
        told: list[str] = []

        def late(step: str) -> None:
            if step == "stopped":
                try:
                    memory.add("y")
                except StoreBusy as error:
                    told.append(error.hint)

        move(farm.shards, "acme", farm.other(old), tell=late)
        assert told == ["try again"]
        memory.add("y")
        assert [record.text for record in memory.list()] == ["x", "y"]


def test_only_one_moves_a_tenant(farm: Farm) -> None:
    with Memory.open(farm.url, tenant="acme", embedder="none") as memory:
        memory.add("x")
    (old,) = farm.live("acme")
    refused: list[str] = []

    def second(step: str) -> None:
        if step == "prepared":
            with pytest.raises(Conflict, match="somebody is moving"):
                move(farm.shards, "acme", farm.other(old))
            refused.append(step)

    move(farm.shards, "acme", farm.other(old), tell=second)
    assert refused == ["prepared"]
    with pytest.raises(InvalidInput, match="already"):
        move(farm.shards, "acme", farm.other(old))
    with pytest.raises(NotFound):
        move(farm.shards, "nobody", "a")
    with pytest.raises(NotFound, match="no server 'z'"):
        move(farm.shards, "acme", "z")


def test_a_live_store_in_the_way_is_left_alone(farm: Farm) -> None:
    with Memory.open(farm.url, tenant="acme", embedder="none") as memory:
        memory.add("x")
    (old,) = farm.live("acme")
    new = farm.other(old)
    with Memory.open(farm.shards[new].url, tenant="acme", embedder="none") as memory:
        memory.add("another one")
    with pytest.raises(Conflict, match="live store"):
        move(farm.shards, "acme", new)
    assert farm.rows(old, "acme") == farm.rows(new, "acme") == 1


def test_jobs_go_with_their_tenant(farm: Farm) -> None:
    with Memory.open(farm.url, tenant="acme", embedder="none") as memory:
        memory.add(["x", "y"])
        (old,) = farm.live("acme")
        sql = "SELECT kind, space, tenant, fresh, due FROM remanence.jobs ORDER BY kind"
        before = farm.ask(old, sql)
        assert len(before) == 2
        move(farm.shards, "acme", farm.other(old))
        assert farm.ask(old, sql) == []
        assert farm.ask(farm.other(old), sql) == before
