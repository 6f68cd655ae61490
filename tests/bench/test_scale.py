"""The scale benchmark, small: exact neighbours are exact, and every column is filled by a real system."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from remanence.bench.lexical import run_lexical
from remanence.bench.peers.wire import word_sums
from remanence.bench.scale import DIM, Scale, exact, rows, run_scale
from remanence.bench.synthetic import Synthetic
from remanence.bench.tasks.base import shown
from remanence.bench.tasks.locomo import LoCoMo
from remanence.errors import InvalidInput


def silent(line: str) -> None:
    """Progress is for people."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Scale:
    out = tmp_path_factory.mktemp("scale") / "scale.json"
    systems = ("remanence", "remanence-dense", "remanence-lexical", "fts5")
    result = run_scale(sizes=(300,), systems=systems, queries=8, json_path=out, say=silent)
    assert json.loads(out.read_text()) == json.loads(json.dumps(result.as_json()))
    return result


def test_exact_neighbours() -> None:
    made = Synthetic(seed=1)
    table = made.table(16)
    asked = made.questions(200, 5)
    vectors = word_sums(table)
    all_rows = vectors([shown(turn) for turn in made.block(0, 200)])
    for question, near in zip(asked, exact(made, 200, asked, table), strict=True):
        cosines = all_rows @ vectors([question.text])[0]
        assert near == {f"t{n}" for n in np.argsort(-cosines, kind="stable")[:10]}


def test_every_system_is_measured(small: Scale) -> None:
    assert [point.error for point in small.points] == [""] * 4
    for point in small.points:
        assert 0 < point.query_p50_ms <= point.query_p95_ms
        assert point.ingest_acknowledged_per_s >= point.ingest_ready_per_s > 0
        assert point.bytes_per_record > 50
        assert point.found > 0.5
    assert small.points[0].ratio == 1.0
    assert len(rows(small)) == 4


def test_ours_is_exact_below_the_switch(small: Scale) -> None:
    dense = small.points[1]
    assert dense.recall is not None
    assert dense.recall >= 0.95
    assert small.points[0].recall is None


def test_dimensions_are_those_of_minilm() -> None:
    assert DIM == 384


def test_wrong_calls() -> None:
    with pytest.raises(InvalidInput, match="known: remanence"):
        run_scale(systems=("nothing",), say=silent)
    with pytest.raises(InvalidInput, match="at least 10 records"):
        run_scale(sizes=(), say=silent)


@pytest.mark.slow
def test_lexical_needs_a_package_index_for_its_peers(locomo_file: Path) -> None:
    result = run_lexical(task=LoCoMo(), data=locomo_file, sizes=(300,), queries=5, say=silent)
    assert result.quality is not None
    ours = result.quality.systems[0]
    assert ours.overall["recall@10"].mean == 1.0
    assert result.as_json()["benchmark"] == "lexical"
