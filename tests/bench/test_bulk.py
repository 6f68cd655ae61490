"""The benchmark of several workers, small."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from remanence.bench.bulk import run_bulk, show_bulk
from remanence.errors import InvalidInput, ModelMissing


def test_every_way_makes_the_same_vectors(tmp_path: Path) -> None:
    result = run_bulk(
        texts=150,
        ways=("here", "processes-2"),
        embedder="static",
        json_path=tmp_path / "out.json",
        say=lambda _: None,
    )
    assert [way.name for way in result.ways] == ["here", "processes-2"]
    assert all(way.same and way.per_s > 0 and way.start_s > 0 for way in result.ways)
    assert result.ways[0].speedup == 1
    assert json.loads((tmp_path / "out.json").read_text())["texts"] == 150
    out = io.StringIO()
    show_bulk(result, Console(file=out, width=100))
    assert "processes-2" in out.getvalue()


def test_wrong_calls() -> None:
    with pytest.raises(InvalidInput, match="no way 'moon'"):
        run_bulk(ways=("moon",))
    with pytest.raises(InvalidInput, match="0 texts"):
        run_bulk(texts=0)
    with pytest.raises(ModelMissing):
        run_bulk(embedder="none")
