"""LoCoMo's reader on two conversations of our own in the official schema, malformed where the official file is."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from remanence.bench.tasks.base import Example
from remanence.bench.tasks.locomo import LoCoMo, read_moment
from remanence.errors import BadImport, InvalidInput


def turn(id: str, speaker: str, text: str, **more: str) -> dict[str, str]:
    return {"speaker": speaker, "dia_id": id, "text": text, **more}


FIRST = {
    "sample_id": "conv-a",
    "conversation": {
        "speaker_a": "Ida",
        "speaker_b": "Jon",
        "session_1_date_time": "9:05 am on 3 March, 2024",
        "session_1": [
            turn("D1:1", "Ida", "The kiln arrived this morning."),
            turn("D1:2", "Jon", "Send pictures!", blip_caption="a green kiln in a shed"),
        ],
        "session_2_date_time": "a rainy evening",
        "session_2": [turn("D2:1", "Ida", "First bowl fired yesterday.")],
        "session_3_date_time": "1:00 pm on 4 March, 2024",
    },
    "qa": [
        {"question": "What did Ida get?", "answer": "a kiln", "evidence": ["D1:1"], "category": 4},
        {
            "question": "Which colour?",
            "answer": 7,
            "evidence": ["D1:02; D2:1", "D:1:1"],
            "category": 1,
        },
        {
            "question": "Who swims?",
            "adversarial_answer": "Jon",
            "evidence": ["D", "D9:9"],
            "category": 5,
        },
    ],
}
SECOND = {**FIRST, "sample_id": "conv-b"}
FIXES = [
    {
        "question_id": "locomo_0_qa0",
        "question": "What did Ida get?",
        "correct_evidence": ["D2:1"],
        "correct_answer": "a bowl",
    },
    {
        "question_id": "locomo_1_qa0",
        "question": "Another question",
        "correct_evidence": ["D2:1"],
        "correct_answer": "x",
    },
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.json").write_text(json.dumps([FIRST, SECOND]))
    (tmp_path / "corrections.json").write_text(json.dumps(FIXES))
    return tmp_path


def read(folder: Path, task: LoCoMo) -> tuple[list[Example], Counter[str]]:
    notes: Counter[str] = Counter()
    return list(task.examples(folder, notes)), notes


def test_turns(folder: Path) -> None:
    (first, second), notes = read(folder, LoCoMo())
    assert (first.id, second.id) == ("conv-a", "conv-b")
    assert [t.id for t in first.turns] == ["D1:1", "D1:2", "D2:1"]
    assert first.turns[0].at == datetime(2024, 3, 3, 9, 5, tzinfo=UTC)
    assert first.turns[1].caption == "a green kiln in a shed"
    assert (first.turns[2].session, first.turns[2].at) == ("session_2", None)
    assert notes["sessions without a readable date"] == 2


def test_questions_and_malformed_citations(folder: Path) -> None:
    (first, _), notes = read(folder, LoCoMo())
    single, multi, adversarial = first.questions
    assert (single.evidence, single.category, single.answer) == (("D1:1",), "single-hop", "a kiln")
    assert (multi.evidence, multi.answer) == (("D1:2", "D2:1", "D1:1"), "7")
    assert (adversarial.evidence, adversarial.category) == ((), "adversarial")
    assert notes["citations that name no turn"] == 2
    assert notes["citations of a turn that does not exist"] == 2
    assert LoCoMo().apart == {"adversarial"}


def test_corrections_apply_only_to_their_question(folder: Path) -> None:
    task = LoCoMo(corrections=folder / "corrections.json")
    (first, second), notes = read(folder / "mine.json", task)
    assert (first.questions[0].evidence, first.questions[0].answer) == (("D2:1",), "a bowl")
    assert second.questions[0].evidence == ("D1:1",)
    assert notes["corrections that fit no question"] == 1
    assert task.version != LoCoMo().version


def test_moments() -> None:
    assert read_moment("12:30 am on 1 January, 2023") == datetime(2023, 1, 1, 0, 30, tzinfo=UTC)
    assert read_moment("yesterday") is None


def test_errors_say_what_is_wrong(tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    with pytest.raises(InvalidInput, match="--data"):
        read(bad, LoCoMo())
    with pytest.raises(InvalidInput, match=r"no \.json"):
        read(tmp_path, LoCoMo())
    bad.write_text("[\n{]")
    with pytest.raises(BadImport, match=r"bad\.json:2: not JSON"):
        read(bad, LoCoMo())
    bad.write_text('[{"qa": []}]')
    with pytest.raises(BadImport, match="'conversation'"):
        read(bad, LoCoMo())
    bad.write_text('[{"question_id": "q1"}]')
    with pytest.raises(BadImport, match="locomo_<n>"):
        read(bad, LoCoMo(corrections=bad))
