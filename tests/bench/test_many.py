"""The benchmark of many tenants on several servers, small."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from remanence.bench.many import run_many, show_many
from remanence.errors import InvalidInput
from tests.pg import postgres_server


def test_a_small_farm_is_loaded_asked_and_moved(tmp_path: Path) -> None:
    servers = [postgres_server(), postgres_server(number=1)]
    said: list[str] = []
    try:
        result = run_many(
            tenants=20,
            records=1000,
            urls=[server.fresh() for server in servers],
            workers=1,
            json_path=tmp_path / "out.json",
            say=said.append,
        )
    finally:
        for server in servers:
            server.wipe()
    assert sum(result.spread) == 20
    assert min(result.spread) > 0
    assert (result.leaks, result.missing, result.lost, result.problems) == (0, 0, 0, 0)
    assert (result.checked, result.verified, result.first.n, result.later.n) == (20, 5, 20, 160)
    assert result.load_per_s > 0
    assert result.moved_rows > 100
    assert json.loads((tmp_path / "out.json").read_text())["records"] == 1000
    out = io.StringIO()
    show_many(result, Console(file=out, width=140))
    assert "add during the move" in out.getvalue()


def test_wrong_calls() -> None:
    with pytest.raises(InvalidInput, match="at least 2 servers"):
        run_many(servers=1)
    with pytest.raises(InvalidInput, match="2 records for each"):
        run_many(tenants=10, records=10)
