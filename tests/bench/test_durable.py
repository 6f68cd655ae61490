"""The durability benchmark, small."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from remanence.bench.durable import run_durable, show_durable, times
from remanence.errors import InvalidInput


def test_every_kind_of_write_is_timed(tmp_path: Path) -> None:
    said: list[str] = []
    result = run_durable(
        folder=tmp_path, writes=5, bulk=50, json_path=tmp_path / "out.json", say=said.append
    )
    for kind in (result.fsync, result.sqlite, result.add):
        assert kind.n == 5
        assert 0 < kind.p50 <= kind.p95
    assert result.bulk_per_s > 0
    assert result.ratio == pytest.approx(result.add.p50 / result.fsync.p50)
    assert json.loads((tmp_path / "out.json").read_text())["bulk_records"] == 50
    assert [file.name for file in tmp_path.iterdir()] == ["out.json"]
    assert len(said) == 2
    out = io.StringIO()
    show_durable(result, Console(file=out, width=100))
    assert "Memory.add" in out.getvalue()


def test_times_are_milliseconds() -> None:
    assert times([0.001] * 9 + [0.1]).p50 == pytest.approx(1.0)


def test_wrong_calls(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="at least 2 writes"):
        run_durable(folder=tmp_path, writes=1)
