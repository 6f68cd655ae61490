"""A whole run over real child processes: what is asked, what is counted, what is written down."""

from __future__ import annotations

import json
from pathlib import Path
from types import MappingProxyType

import pytest

from remanence.bench import envs
from remanence.bench.commands import main_bench
from remanence.bench.envs import Peer
from remanence.bench.result import Result, read, write
from remanence.bench.run import run
from remanence.bench.tasks.locomo import LoCoMo
from remanence.errors import BadImport, InvalidInput


def silent(line: str) -> None:
    """Progress is for people."""


def measured(locomo_file: Path, *systems: str) -> Result:
    return run(LoCoMo(), systems, locomo_file, say=silent)


def test_a_run_counts_what_has_evidence(locomo_file: Path) -> None:
    result = measured(locomo_file, "fts5")
    (system,) = result.systems
    assert (result.examples, result.records, result.questions) == (2, 12, 10)
    assert system.error == ""
    assert system.overall["recall@10"].n == 8  # the adversarial one is apart
    assert system.overall["recall@10"].mean == 1.0
    assert system.overall["recall@1"].mean == pytest.approx((1 + 1 + 0.5 + 1) / 4)
    assert system.overall["coverage@500"].mean == 1.0
    assert set(system.categories) == {"single-hop", "multi-hop", "temporal", "adversarial"}
    assert system.categories["adversarial"]["recall@10"].n == 2
    assert system.macro["recall@1"] == pytest.approx((1 + 0.5 + 1) / 3)
    assert system.spread["recall@1"]["std"] == 0.0
    assert system.size["bytes_per_record"] > system.size["text_bytes_per_record"] > 20
    assert system.speed["ingest_ready_per_s"] > 0


def test_a_result_is_written_and_read_back(locomo_file: Path, tmp_path: Path) -> None:
    result = measured(locomo_file, "fts5")
    write(result, tmp_path / "result.json")
    assert read(tmp_path / "result.json") == result
    written = (tmp_path / "result.json").read_text()
    assert "parrot" not in written
    assert str(tmp_path) not in written
    fields = json.loads(written)
    assert fields["machine"]["python"]
    assert fields["task_version"] == LoCoMo().version


def test_same_seed_same_figures(locomo_file: Path) -> None:
    first, second = measured(locomo_file, "fts5"), measured(locomo_file, "fts5")
    assert first.systems[0].overall == second.systems[0].overall


BROKEN = """
from wire import Plain, serve

class Broken(Plain):
    def open(self, folder, vectors, settings):
        return "1"
    def ingest(self, example, turns):
        {fails}

serve(Broken())
"""


@pytest.mark.parametrize(
    ("fails", "said"),
    [("raise ValueError('no room')", "no room"), ("import os; os._exit(7)", "exit code 7")],
)
def test_a_system_that_fails_stops_no_other(
    locomo_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str, said: str
) -> None:
    script = tmp_path / "broken.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(envs.SCRIPTS)!r})\n" + BROKEN.format(fails=fails)
    )
    broken = Peer(name="broken", script=str(script), vectors=False)
    monkeypatch.setattr(envs, "PEERS", MappingProxyType({**envs.PEERS, "broken": broken}))
    result = measured(locomo_file, "broken", "fts5")
    assert said in result.systems[0].error
    assert not result.systems[0].overall
    assert result.systems[1].overall["recall@10"].mean == 1.0


def test_pairs_are_compared(locomo_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    again = Peer(name="again", script="fts5_peer.py", vectors=False, settings={"stop": False})
    monkeypatch.setattr(envs, "PEERS", MappingProxyType({**envs.PEERS, "again": again}))
    result = measured(locomo_file, "fts5", "again")
    gap = {d.metric: d.figure for d in result.differences}["recall@10"]
    means = [system.overall["recall@10"].mean for system in result.systems]
    assert gap.mean == pytest.approx(means[0] - means[1])
    assert gap.n == 8


def test_the_command(locomo_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    lines: list[str] = []
    result = main_bench(
        "locomo", data=locomo_file, systems=["fts5"], json=out, limit=1, say=lines.append
    )
    assert result.examples == 1
    assert result.command == "rmem bench locomo --data mine.json --system fts5 --limit 1"
    assert read(out) == result
    assert lines


def test_wrong_calls(locomo_file: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="did you mean chroma"):
        main_bench("locomo", data=locomo_file, systems=["chrome"])
    with pytest.raises(InvalidInput, match="known: locomo"):
        main_bench("lokomo", data=locomo_file)
    with pytest.raises(InvalidInput, match="belongs to locomo"):
        main_bench("beam", data=locomo_file, corrections=locomo_file)
    empty = tmp_path / "empty.json"
    empty.write_text("[]")
    with pytest.raises(InvalidInput, match="no question with evidence"):
        main_bench("locomo", data=empty, systems=["fts5"], say=silent)
    empty.write_text('{"schema": 0}')
    with pytest.raises(BadImport, match="schema 1"):
        read(empty)
