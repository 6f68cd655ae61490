"""Imports, re-embedding and sleep in bulk: the same result wherever they run, and whoever is killed meanwhile."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from remanence import Memory
from remanence.bulk.embed import embed
from remanence.bulk.load import load
from remanence.bulk.place import Place
from remanence.bulk.runner import Here, Processes, Runner, WorkerLost, run
from remanence.bulk.sleep import sleep
from remanence.bulk.task import Encode
from remanence.embed.choose import open_embedder
from remanence.errors import InvalidInput, ModelMissing
from remanence.seams import Observation

USERS = ("ana", "bea", "carl")
START = 1_750_000_000_000_000


def observations(users: tuple[str, ...] = USERS, each: int = 40) -> list[Observation]:
    return [
        Observation(
            text=f"{user} saw heron {n} by the river, and I live in {'Porto' if n < 20 else 'Braga'}.",
            scope=("acme", user),
            id=f"{user}-{n}",
            session=f"s{n // 10}",
            speaker=user,
            role="user",
            at=START + n * 60_000_000,
        )
        for n in range(each)
        for user in users
    ]


@pytest.fixture(scope="module", params=["here", "processes", "ray"])
def runner(request: pytest.FixtureRequest) -> Iterator[Runner]:
    if request.param == "ray":
        pytest.importorskip("ray")
        from remanence.bulk.cluster import OnRay
    made: Runner = {
        "here": Here,
        "processes": lambda: Processes(2),
        "ray": lambda: OnRay(2),
    }[request.param]()
    yield made
    made.close()


def told(store: str, tenant: str = "acme") -> dict[str, list[tuple[str, str]]]:
    """What each user's memory holds, in the order of commits."""
    with Memory.open(store, embedder="none", tenant=tenant, read_only=True) as memory:
        assert memory.verify().ok
        return {
            user: [(r.id, r.text) for r in memory.list(user_id=user, limit=1000)]
            for user in memory.users()
        }


@pytest.mark.filterwarnings("ignore")
def test_everything_is_there_in_its_order_and_once(runner: Runner, tmp_path: Path) -> None:
    place = Place(store=f"{tmp_path}/")
    given = observations()
    done: list[int] = []
    first = load(place, given, runner, apart=True, tell=done.append)
    assert first.counts["stored"] == len(given) == done[-1]
    again = load(place, given, runner, apart=True)
    assert again.counts == {"duplicate": len(given)}
    found = told(place.store)
    assert found == {user: [(o.id, o.text) for o in given if o.scope[1] == user] for user in USERS}


@pytest.mark.filterwarnings("ignore")
def test_vectors_are_those_of_one_process(runner: Runner, tmp_path: Path) -> None:
    place = Place(store=str(tmp_path / "bulk.rmem"), embedder="static")
    load(place, observations(), runner)
    steps: list[tuple[int, int]] = []
    assert embed(place, [""], runner, lambda done, of: steps.append((done, of))) >= 120
    assert steps[-1][0] == steps[-1][1]
    assert embed(place, [""], runner) == 0
    encoder = open_embedder("static")
    assert encoder is not None
    with Memory.open(place.store, embedder=encoder, tenant="acme") as memory:
        assert memory.status().pending == 0
        record = memory.get("bea-7", user_id="bea")
        vectors = dict(memory._store.vectors(("acme", "bea"), encoder.id, 0))
        with Memory.open(tmp_path / "one.rmem", embedder=encoder) as alone:
            alone.add({"content": record.text, "name": "bea"})
            alone.flush()
            scope = ("default", "default")
            assert alone._store.vectors(scope, encoder.id, 0)[0][1] in vectors.values()


@pytest.mark.filterwarnings("ignore")
def test_every_user_sleeps_once(runner: Runner, tmp_path: Path) -> None:
    place = Place(store=str(tmp_path / "bulk.rmem"))
    load(place, observations(), runner)
    place = Place(store=place.store, embedder="none")
    names: list[str] = []
    first = sleep(place, ["acme"], runner, tell=lambda _, user: names.append(user))
    assert sorted(names) == sorted(USERS)
    assert first["users"] == 3
    assert first["add"] > 0  # summaries of sessions
    assert not {"add", "left"} & (+sleep(place, ["acme"], runner)).keys()
    assert told(place.store).keys() == set(USERS)


def test_an_observation_without_an_id_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="without an id"):
        load(Place(store=str(tmp_path / "m")), [Observation(text="x", scope=("a", "b"))], Here())


def test_no_encoder_no_work(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing):
        embed(Place(store=str(tmp_path / "m")), [""], Here())


class Deadly(Processes):
    """Kills one of its processes when it is asked for the third time."""

    asked = 0

    def submit(self, task):  # type: ignore[no-untyped-def]
        self.asked += 1
        if self.asked == 3:
            victim = next(iter(self._pool._processes))
            threading.Thread(
                target=lambda: (time.sleep(0.05), os.kill(victim, signal.SIGKILL))
            ).start()
        return super().submit(task)


def test_what_a_killed_process_had_in_hand_is_done_by_another(tmp_path: Path) -> None:
    place = Place(store=f"{tmp_path}/")
    given = observations(tuple(f"u{n}" for n in range(8)), each=30)
    runner = Deadly(2)
    try:
        done = load(place, given, runner, apart=True)
    finally:
        runner.close()
    assert done.counts["stored"] + done.counts["duplicate"] == len(given)
    assert sum(map(len, told(place.store).values())) == len(given)


class Mortal(Processes):
    """Its workers always die."""

    def submit(self, task):  # type: ignore[no-untyped-def]
        future = super().submit(task)
        for victim in list(self._pool._processes):
            os.kill(victim, signal.SIGKILL)
        return future


def test_workers_that_always_die_are_told_of() -> None:
    runner = Mortal(1)
    try:
        with pytest.raises(WorkerLost, match="on the same encode task"):
            list(run([("x", Encode(embedder="static", texts=["x"]))], runner))
    finally:
        runner.close()


@pytest.mark.filterwarnings("ignore")
def test_a_killed_ray_worker_costs_nothing(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    from remanence.bulk.cluster import OnRay

    class DeadlyOnRay(OnRay):
        asked = 0

        def submit(self, task):  # type: ignore[no-untyped-def]
            self.asked += 1
            found = super().submit(task)
            if self.asked == 6:
                for victim in busy_workers():
                    os.kill(victim, signal.SIGKILL)
            return found

    place = Place(store=f"{tmp_path}/")
    given = observations(tuple(f"u{n}" for n in range(12)), each=30)
    runner = DeadlyOnRay(2)
    try:
        load(place, given, runner, apart=True)
    finally:
        runner.close()
    assert runner.asked > 6
    found = told(place.store)
    assert {user: [id for id, _ in records] for user, records in found.items()} == {
        f"u{n}": [f"u{n}-{i}" for i in range(30)] for n in range(12)
    }


def busy_workers() -> list[int]:
    """Ray's processes on this machine that are performing a task, by the title that Ray gives them."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            title = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if title.startswith(b"ray::_performed"):
            found.append(int(folder.name))
    return found
