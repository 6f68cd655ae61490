"""BEAM's reader on a small chat of our own in the official schema."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from remanence.bench.tasks.beam import Beam, source_ids
from remanence.errors import InvalidInput

CHAT: list[dict[str, Any]] = [
    {
        "batch_number": 1,
        "time_anchor": None,
        "turns": [
            [
                {
                    "role": "user",
                    "id": 0,
                    "time_anchor": "May-04-2024",
                    "content": "I grow leeks ->-> 1,1",
                },
                {"role": "assistant", "id": 1, "content": "Lovely. Use x ->-> y in the plan."},
            ],
            [{"role": "user", "id": 2, "content": "Now onions. ->-> 1,N/A)"}],
        ],
    },
    {
        "batch_number": 2,
        "time_anchor": "June-01-2024",
        "turns": [
            [{"role": "user", "id": 3, "time_anchor": "Somewhen", "content": "No more onions."}]
        ],
    },
]
PROBES = {
    "abstention": [{"question": "Which tractor?", "ideal_response": "not said"}],
    "knowledge_update": [
        {
            "question": "What grows?",
            "answer": "leeks",
            "source_chat_ids": {"old": [2], "new": [[3, 99]]},
        }
    ],
    "summarization": [{"question": "Sum up", "ideal_summary": "s", "source_chat_ids": [0, 2, 0]}],
}


def write(folder: Path, chat: Any) -> None:
    (folder / "probing_questions").mkdir(parents=True)
    (folder / "chat.json").write_text(json.dumps(chat))
    (folder / "probing_questions" / "probing_questions.json").write_text(json.dumps(PROBES))


def test_turns_and_questions(tmp_path: Path) -> None:
    write(tmp_path / "10", CHAT)
    write(tmp_path / "9", CHAT)
    notes: Counter[str] = Counter()
    first, second = Beam().examples(tmp_path, notes)
    assert (first.id, second.id) == ("9", "10")
    assert [t.text for t in first.turns] == [
        "I grow leeks", "Lovely. Use x ->-> y in the plan.", "Now onions.", "No more onions."
    ]  # fmt: skip
    may, june = datetime(2024, 5, 4, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC)
    assert [t.at for t in first.turns] == [may, may, may, june]
    assert [t.session for t in first.turns] == ["batch_1"] * 3 + ["batch_2"]
    assert {q.category: q.evidence for q in first.questions} == {
        "abstention": (),
        "knowledge_update": ("2", "3"),
        "summarization": ("0", "2"),
    }
    assert notes["source ids of a message that does not exist"] == 2
    assert notes["time anchors that could not be read"] == 2


def test_plans_nest_batches(tmp_path: Path) -> None:
    write(tmp_path / "1", [{"plan-1": CHAT[:1]}, {"plan-2": CHAT[1:]}])
    (example,) = Beam().examples(tmp_path / "1" / "chat.json")
    assert [t.session for t in example.turns] == ["batch_1"] * 3 + ["batch_2"]


def test_source_ids_of_any_nesting() -> None:
    assert list(source_ids({"a": [1, [2]], "b": 3})) == ["1", "2", "3"]
    assert list(source_ids(None)) == []


def test_a_folder_without_chats(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no chat\.json"):
        list(Beam().examples(tmp_path))
