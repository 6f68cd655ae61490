"""`rmem train`, `rmem bench` and `rmem models`: the commands that measure, on a conversation of three lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remanence.text.read.ranker import Weights

Rmem = Callable[..., Any]
SAID = {
    "moved": "We moved to Porto in spring.",
    "boat": "The boat is called Nieve.",
    "dentist": "My dentist is Doctor Amaral.",
    "bread": "I bake bread on Sundays.",
    "train": "The night train leaves at eleven.",
    "cat": "Our cat sleeps on the piano.",
}
ASKED = {
    "moved": "When did they move to Porto?",
    "boat": "What is the boat called?",
    "cat": "Where does the cat sleep?",
}


@pytest.fixture
def locomo(tmp_path: Path) -> Path:
    samples = []
    for number in range(3):
        ids = {name: f"D1:{place}" for place, name in enumerate(SAID, 1)}
        turns = [
            {"speaker": "Ana", "dia_id": ids[name], "text": text} for name, text in SAID.items()
        ]
        conversation = {
            "speaker_a": "Ana",
            "speaker_b": "Ben",
            "session_1_date_time": f"1:56 pm on {number + 1} May, 2023",
            "session_1": turns,
        }
        qa = [
            {"question": text, "answer": "yes", "evidence": [ids[name]], "category": 4}
            for name, text in ASKED.items()
        ]
        samples.append({"sample_id": f"conv-{number}", "conversation": conversation, "qa": qa})
    path = tmp_path / "locomo.json"
    path.write_text(json.dumps(samples))
    return path


def test_a_ranker_is_fitted_and_its_weights_can_be_read(
    rmem: Rmem, locomo: Path, tmp_path: Path
) -> None:
    out = tmp_path / "weights.json"
    done = rmem("train", "ranker", "--data", locomo, "--embedder", "none", "--out", out, "--json")
    assert done.code == 0
    assert (done.row["questions"], done.row["recall"]) == (9, 1.0)
    assert set(done.row["by_group"]) == {"locomo/conv-0", "locomo/conv-1", "locomo/conv-2"}
    assert "bm25" in Weights.load(out).models[-1].weights
    shown = rmem(
        "train", "ranker", "--data", f"locomo={locomo}", "--embedder", "none", "--out", out
    )
    assert "recall@10 1.0000 on what was held out, 9 questions" in shown.out


@pytest.mark.parametrize(
    ("data", "message"),
    [("nowhere.json", "nowhere.json: no such file"), ("beam=nowhere", "nowhere")],
)
def test_training_without_data(rmem: Rmem, data: str, message: str) -> None:
    done = rmem("train", "ranker", "--data", data, "--embedder", "none")
    assert (done.code, message in done.err) == (2, True)


def test_a_benchmark_reports_and_writes_its_result(
    rmem: Rmem, locomo: Path, tmp_path: Path
) -> None:
    out = tmp_path / "result.json"
    done = rmem("bench", "locomo", "--data", locomo, "--system", "fts5", "--json", out)
    assert done.code == 0
    assert "fts5" in done.out
    result = json.loads(out.read_text())
    assert (result["task"], result["questions"]) == ("locomo", 9)
    wrong = rmem("bench", "locomo", "--data", locomo, "--system", "fts6")
    assert (wrong.code, "fts6" in wrong.err) == (2, True)


def test_the_encoders_on_this_machine(rmem: Rmem) -> None:
    done = rmem("models", "list", "--json")
    rows = {row["name"]: row for row in done.rows}
    assert set(rows) == {"minilm", "static"}
    assert done.code == (0 if rows["minilm"]["path"] else 1)


PROMISES = (
    "interference",
    "updates",
    "instructions",
    "poisoning",
    "integrity",
    "remanence",
    "fading",
)


@pytest.mark.parametrize("name", PROMISES)
def test_every_promise_has_its_benchmark(rmem: Rmem, name: str) -> None:
    done = rmem("bench", name, "--help")
    assert (done.code, done.out.startswith(f"Usage: rmem bench {name} ")) == (0, True)


def test_fading_is_measured(rmem: Rmem, tmp_path: Path) -> None:
    out = tmp_path / "fading.json"
    done = rmem(
        *(
            "bench",
            "fading",
            "--records",
            "200",
            "--queries",
            "3",
            "--embedder",
            "none",
            "--json",
            out,
        )
    )
    assert (done.code, "half archived" in done.out) == (0, True)
    assert json.loads(out.read_text())["speed"][1]["reach"] == 100


@pytest.mark.slow
def test_remanence_is_measured(rmem: Rmem) -> None:
    done = rmem("bench", "remanence", "--count", "40", "--embedder", "none")
    assert (done.code, "others found" in done.out) == (0, True)
    assert "at least" in rmem("bench", "remanence", "--count", "1").err


@pytest.mark.slow
def test_interference_is_measured(rmem: Rmem, tmp_path: Path) -> None:
    out = tmp_path / "interference.json"
    done = rmem("bench", "interference", "--json", out)
    assert done.code == 0
    ours = next(line for line in done.out.splitlines() if line.startswith("remanence, current"))
    assert "1.000 [1.000, 1.000]" in ours
    result = json.loads(out.read_text())
    assert result["command"] == "rmem bench interference --peer fts5"


def test_a_wording_of_attacks_that_there_is_none_of(rmem: Rmem) -> None:
    done = rmem("bench", "poisoning", "--wording", "shouted", "--embedder", "none")
    assert (done.code, "no wording 'shouted' - one of develop" in done.err) == (2, True)
