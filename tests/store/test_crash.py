"""Killed at any moment, or written to by many at once: what was acknowledged is there, and the store checks out."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from remanence.errors import NotFound, StoreFull
from remanence.store.sqlite import SQLiteStore
from remanence.types import Add, Record
from tests.store.conformance import ANA, add
from tests.store.plain import plain
from tests.store.storm import text_of


def start(mode: str, path: Path, name: str, times: int = 0) -> subprocess.Popen[str]:
    paths = [*(p for p in sys.path if p), os.getcwd()]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.store.storm", mode, str(path), name, str(times)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
    )


class Known:
    """What was acknowledged so far, by all processes."""

    def __init__(self) -> None:
        self.versions: dict[str, int] = {}
        self.retracted: set[str] = set()
        self.forgotten: set[str] = set()

    def hear(self, output: str) -> None:
        for line in output.splitlines(keepends=True):
            if line.endswith("\n"):  # the last one may be cut by the kill
                self.take(json.loads(line))

    def take(self, fact: dict[str, Any]) -> None:
        self.versions.update(dict.fromkeys(fact.get("added", ()), 1))
        if "revised" in fact:
            self.versions[fact["revised"]] = fact["version"]
        if "retracted" in fact:
            self.retracted.add(fact["retracted"])
        if "forgotten" in fact:
            self.forgotten.add(fact["forgotten"])

    def check(self, store: SQLiteStore, *, killed: bool) -> None:
        """A killed process may have committed one more change than it could tell."""
        ahead = 0
        for id, version in self.versions.items():
            record = self._read(store, id)
            if record is None:
                ahead += id not in self.forgotten
                continue
            assert id not in self.forgotten
            assert record.version >= version + (id in self.retracted)
            said = record.version - (record.valid_to is not None)
            assert record.text == text_of(id, said)
            ahead += record.version > version + (id in self.retracted)
        assert ahead <= killed

    def _read(self, store: SQLiteStore, id: str) -> Record | None:
        try:
            record = store.get(ANA, id)
        except NotFound:
            return None
        assert record is not None, f"{id} was acknowledged and is not there"
        return record


def storm_and_kill(path: Path, kills: int) -> None:
    dice = random.Random(kills)
    for number in range(kills):
        known = Known()  # each storm has names of its own
        process = start("kill", path, f"storm{number}")
        assert process.stdout is not None
        known.hear(process.stdout.readline())
        time.sleep(dice.random() * 0.3)
        process.kill()
        output, _ = process.communicate()
        assert process.returncode == -9, "the storm ended by itself"
        known.hear(output)
        with SQLiteStore.open(path, analyze=plain) as store:
            known.check(store, killed=True)
            assert store.verify().problems == ()


def test_killed_at_random_moments(tmp_path: Path) -> None:
    storm_and_kill(tmp_path / "a", kills=8)


@pytest.mark.slow
@pytest.mark.parametrize("round", range(10))
def test_killed_at_two_hundred_random_moments(tmp_path: Path, round: int) -> None:
    storm_and_kill(tmp_path / "a", kills=20 + round % 2)


def many_at_once(path: Path, processes: int, times: int) -> None:
    known = Known()
    with SQLiteStore.open(path, analyze=plain) as store:
        store.apply([Add(scope=ANA, id="counter", text="0")])
    running = [start("mix", path, f"p{n}", times) for n in range(processes)]
    for process in running:
        output, _ = process.communicate()
        assert process.returncode == 0
        known.hear(output)
    with SQLiteStore.open(path, analyze=plain) as store:
        counter = store.get(ANA, "counter")
        assert counter is not None
        assert counter.text == str(processes * (times // 4))
        known.check(store, killed=False)
        assert (
            len(store.list(ANA, limit=10**9))
            == len(set(known.versions) - known.forgotten - known.retracted) + 1
        )
        assert store.verify().problems == ()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_eight_processes_at_once(tmp_path: Path) -> None:
    many_at_once(tmp_path / "a", processes=8, times=60)


@pytest.mark.slow
def test_eight_processes_at_length(tmp_path: Path) -> None:
    many_at_once(tmp_path / "a", processes=8, times=1000)


def fill(store: SQLiteStore, stored: list[str]) -> None:
    for number in range(100):
        store.apply([add("x" * 20_000, id=str(number), session=str(number))])
        stored.append(str(number))


def test_a_disk_that_fills_up(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("no right to mount a small disk here")
    try:
        with SQLiteStore.open(disk / "a", analyze=plain) as store:
            stored: list[str] = []
            with pytest.raises(StoreFull, match="rolled back whole"):
                fill(store, stored)
            assert len(stored) > 3
            assert [record.id for record in store.list(ANA)] == stored
            assert store.verify().problems == ()
        with SQLiteStore.open(disk / "a", analyze=plain, read_only=True) as store:
            assert [record.id for record in store.list(ANA)] == stored
    finally:
        subprocess.run(["umount", str(disk)], check=True)
