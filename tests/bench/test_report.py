"""Tables and plots say what the result says."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from remanence.bench import report
from remanence.bench.result import Difference, Figure, Measured, Result

FIGURE = Figure(0.8123, 0.75, 0.87, 0.7, 0.9, 40)
METRICS = dict.fromkeys((*report.QUALITY,), FIGURE)
SPREAD = {metric: {"min": 0.7, "max": 0.9, "std": 0.05, "examples": 3.0} for metric in METRICS}


@pytest.fixture
def result() -> Result:
    good = Measured(
        name="ours",
        version="1",
        overall=METRICS,
        categories={"single-hop": METRICS},
        spread=SPREAD,
        speed={"query_p50_ms": 1.234, "ingest_ready_per_s": 12345.6},
        size={"bytes_per_record_without_text": 900.0, "peak_memory_bytes": 2.5e8},
    )
    memory_only = Measured(
        name="in|memory", overall=METRICS, categories={"single-hop": METRICS}, spread=SPREAD
    )
    return Result(
        task="locomo",
        task_version="1",
        data="mine.json",
        examples=3,
        records=100,
        questions=40,
        notes={"citations that name no turn": 2},
        systems=(good, memory_only, Measured(name="lost", error="lost ended with exit code 1")),
        differences=(Difference("ours", "in|memory", "recall@10", FIGURE),),
        seed=0,
        version="0.1.0",
        commit="abc",
        machine={"python": "3.11"},
        command="rmem bench locomo",
        started="2026-01-01T00:00:00+00:00",
    )


def test_markdown_has_every_figure(result: Result) -> None:
    text = report.markdown(result)
    assert "| ours | .812 |" in text
    assert "| system | single-hop (40) | overall (40) [95 %] | over examples |" in text
    assert "| ours | .812 | .812 [.750, .870] | .700 to .900, sd .050 |" in text
    assert "12,346" in text
    assert "| 250 |" in text
    assert "in\\|memory" in text
    assert "| lost | lost ended with exit code 1 |" in text
    assert "| in\\|memory | +.812 [+.700, +.900] |" in text
    assert "| citations that name no turn | 2 |" in text
    assert "rmem bench locomo" in text


def test_the_terminal_shows_the_same_tables(result: Result) -> None:
    out = io.StringIO()
    report.show(result, Console(file=out, width=220))
    for title, _, _ in report.tables(result):
        assert title in out.getvalue()


def test_plot(result: Result, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="extra eval is not installed")
    report.plot(result, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
