"""A small LoCoMo file of our own that every system should find its way in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

FACTS = {
    "Ida": [
        "My new kiln is green.",
        "The parrot is called Domino.",
        "We sail to Bornholm every June.",
    ],
    "Jon": [
        "I repaired the cello myself.",
        "Night shifts end in October.",
        "The allotment flooded again.",
    ],
}
QUESTIONS = [
    ("What colour is the kiln?", ["D1:1"], 4),
    ("What is the parrot called?", ["D1:3"], 4),
    ("Who repaired the cello and when do night shifts end?", ["D1:2", "D2:2"], 1),
    ("Where do they sail in June?", ["D2:1"], 2),
    ("Which allotment did the parrot flood?", ["D2:3"], 5),
    ("What was never said?", [], 3),
]


@pytest.fixture
def locomo_file(tmp_path: Path) -> Path:
    ida, jon = FACTS["Ida"], FACTS["Jon"]
    sessions = [
        [("Ida", ida[0]), ("Jon", jon[0]), ("Ida", ida[1])],
        [("Ida", ida[2]), ("Jon", jon[1]), ("Jon", jon[2])],
    ]
    conversation: dict[str, object] = {"speaker_a": "Ida", "speaker_b": "Jon"}
    for s, turns in enumerate(sessions, start=1):
        conversation[f"session_{s}_date_time"] = f"9:05 am on {s} March, 2024"
        conversation[f"session_{s}"] = [
            {"speaker": who, "dia_id": f"D{s}:{t}", "text": text}
            for t, (who, text) in enumerate(turns, start=1)
        ]
    qa = [{"question": q, "evidence": e, "category": c, "answer": ""} for q, e, c in QUESTIONS]
    both = [{"sample_id": f"conv-{n}", "conversation": conversation, "qa": qa} for n in (1, 2)]
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(both))
    return path
