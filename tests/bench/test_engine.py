"""The engine benchmark, small: both ways find the same, and every column is filled by a real database."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from remanence.bench.engine import rows, run_engine
from remanence.errors import InvalidInput
from tests.pg import postgres_server


def silent(line: str) -> None:
    """Progress is for people."""


@pytest.mark.slow
def test_both_ways_are_measured(tmp_path: Path) -> None:
    server = postgres_server()
    try:
        out = tmp_path / "engine.json"
        result = run_engine(server.fresh(), sizes=(60,), queries=4, json_path=out, say=silent)
    finally:
        server.wipe()
    assert json.loads(out.read_text()) == json.loads(json.dumps(result.as_json()))
    assert [point.way for point in result.points] == ["memory", "engine"]
    for point in result.points:
        assert point.agreement == point.same == 1
        assert 0 < point.p50_ms <= point.p95_ms
        assert min(point.first_ms, point.again_ms) > 0
    assert len(rows(result)) == 2


def test_only_a_database_can_be_measured(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no PostgreSQL database"):
        run_engine(str(tmp_path / "a.rmem"))
    with pytest.raises(InvalidInput, match="too few records"):
        run_engine("postgresql:///x", sizes=(3,))
