"""The readers of knowledge updates and changed instructions, on small files of our own in the official shapes."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from remanence.bench.tasks.updates import KnowledgeUpdates, MemoryCode
from remanence.errors import InvalidInput

CHAT = [
    {
        "batch_number": 1,
        "time_anchor": "May-04-2024",
        "turns": [
            [
                {"role": "user", "id": 0, "content": "My shed budget is $400."},
                {"role": "assistant", "id": 1, "content": "Fine."},
                {"role": "user", "id": 2, "content": "I raised the shed budget to $600."},
            ]
        ],
    }
]
PROBES = {
    "knowledge_update": [
        {
            "question": "What is my shed budget?",
            "answer": "$600",
            "source_chat_ids": {"original_info": [0, 2], "updated_info": [2, 7]},
        },
        {"question": "And else?", "answer": "", "source_chat_ids": [0]},
    ],
    "abstention": [{"question": "Which dog?", "source_chat_ids": []}],
}
DIALOGUE = {
    "context": {"mentor": "Ines", "mentee": "Otto"},
    "instructions": [[[3, 0], [8, 0]], [-1], [[3, 1]]],
    "sessions": [
        {
            "type": ["instruction-add", "filler-add", "instruction-add"],
            "topic": [
                "always end icon names with '-sm'",
                "Lunch",
                "always sort the imports",
            ],
            "text": "Ines: Hi Otto. \n\nOtto: Hi!\n\nInes: End icon names with '-sm'.\n\nAnd sort the imports.",
        },
        {"type": ["filler-add"], "topic": ["Lunch"], "text": "Ines: Soup?"},
        {
            "type": ["instruction-update"],
            "topic": ["always end icon names with '-lg'"],
            "text": "Ines: From now on, end icon names with '-lg'.\n\nOtto: Got it.",
        },
    ],
}


def test_beam_tells_old_from_new(tmp_path: Path) -> None:
    folder = tmp_path / "3"
    (folder / "probing_questions").mkdir(parents=True)
    (folder / "chat.json").write_text(json.dumps(CHAT))
    (folder / "probing_questions" / "probing_questions.json").write_text(json.dumps(PROBES))
    notes: Counter[str] = Counter()
    ((example, original),) = KnowledgeUpdates().changed(tmp_path, notes)
    (question,) = example.questions
    assert question.evidence == ("2",)
    assert original[question.id] == ("0",)
    assert notes["questions that do not tell old from new"] == 1


def test_memorycode_turns_and_changed_topics(tmp_path: Path) -> None:
    (tmp_path / "dialogue_4.json").write_text(json.dumps(DIALOGUE))
    ((example, history),) = MemoryCode().changed(tmp_path)
    assert [(turn.speaker, turn.text) for turn in example.turns[:4]] == [
        ("Ines", "Hi Otto."),
        ("Otto", "Hi!"),
        ("Ines", "End icon names with '-sm'."),
        ("Ines", "And sort the imports."),
    ]
    (question,) = example.questions
    assert question.text == "How should icon names end?"
    assert (question.answer, question.evidence) == ("-lg", ("s2:0",))
    assert [given.value for given in history[question.id]] == ["-sm", "-lg"]


def test_a_folder_without_dialogues(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="dialogue_N"):
        list(MemoryCode().examples(tmp_path))
