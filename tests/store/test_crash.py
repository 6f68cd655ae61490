"""Killed at any moment, or written to by many at once: what was acknowledged is there, what was forgotten is not, and all checks out."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from remanence.store.sqlite import SQLiteStore
from remanence.text.index.terms import record_terms
from remanence.types import Add
from tests.store.conformance import ANA
from tests.store.lane import Known, canaries


def start(module: str, *arguments: object) -> subprocess.Popen[str]:
    paths = [*(p for p in sys.path if p), os.getcwd()]
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return subprocess.Popen(
        [sys.executable, "-m", f"tests.store.{module}", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **one_thread, "PYTHONPATH": os.pathsep.join(paths)},
    )


def finish(*running: subprocess.Popen[str]) -> list[dict[str, Any]]:
    """What each lane reports. One that fails stops the others, and says why."""
    found = []
    for lane in running:
        output, error = lane.communicate()
        for other in running if lane.returncode else ():
            other.kill()
            other.communicate()
        assert lane.returncode == 0, error
        found.append(json.loads(output))
        print(output)
    return found


def test_killed_at_random_moments(tmp_path: Path) -> None:
    (report,) = finish(start("lane", "storm", tmp_path, 1, 10))
    assert report["kills"] == 10
    assert report["acknowledged"]["add"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("round", range(10))
def test_killed_at_a_thousand_random_moments(tmp_path: Path, round: int) -> None:
    """Ten rounds of two stores at once, fifty writers killed over each, and some who only opened it or read."""
    lanes = [start("lane", "storm", tmp_path / str(n), 10 * round + n, 50) for n in range(2)]
    reports = finish(*lanes)
    done = Counter[str]()
    for report in reports:
        done.update(report["acknowledged"])
    assert sum(report["kills"] for report in reports) == 100
    assert sum(report["verified"] for report in reports) >= 20
    assert {"add", "revise", "retract", "mark", "forget", "space", "sleep", "link"} <= set(done)


def test_killed_while_an_old_store_is_migrated(tmp_path: Path) -> None:
    (report,) = finish(start("lane", "migrate", tmp_path, 1, 6))
    assert report["kills"] == 6


@pytest.mark.slow
def test_killed_often_while_an_old_store_is_migrated(tmp_path: Path) -> None:
    reports = finish(*(start("lane", "migrate", tmp_path / str(n), n, 60) for n in range(2)))
    assert all(report["schema 1 after the kill"] for report in reports)
    assert all(report["schema 3 after the kill"] for report in reports)


def many_at_once(path: Path, processes: int, times: int) -> None:
    known = Known()
    with SQLiteStore.open(path, analyze=record_terms) as store:
        store.apply([Add(scope=ANA, id="counter", text="0")])
    running = [start("storm", "mix", path, f"p{n}", times) for n in range(processes)]
    for process in running:
        output, error = process.communicate()
        assert process.returncode == 0, error
        known.hear(output.encode())
    assert known.open == []
    with SQLiteStore.open(path, analyze=record_terms) as store:
        counter = store.get(ANA, "counter")
        assert counter is not None
        assert counter.text == str(processes * (times // 4))
        known.check(store, random.Random(0), others={"counter"})
        assert store.verify().problems == ()
    assert canaries(path) & known.erased() == set()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_eight_processes_at_once(tmp_path: Path) -> None:
    many_at_once(tmp_path / "a", processes=8, times=24)


@pytest.mark.slow
def test_eight_processes_at_length(tmp_path: Path) -> None:
    many_at_once(tmp_path / "a", processes=8, times=600)
