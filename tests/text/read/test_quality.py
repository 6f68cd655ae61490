"""The default recipe on real conversations, where they are at hand."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from remanence.bench.tasks.base import Example
from remanence.bench.tasks.locomo import LoCoMo
from remanence.embed.choose import open_embedder
from remanence.errors import ModelMissing
from remanence.memory import Memory

DATA = (
    Path(os.environ.get("REMANENCE_DATA", Path(__file__).parents[4] / "shared" / "data")) / "locomo"
)
K = 10


def recall(memory: Memory, example: Example) -> list[float]:
    """Share of the evidence of each question among the first 10."""
    memory.add(
        [
            {
                "content": turn.text,
                "name": turn.speaker,
                "at": turn.at,
                "id": turn.id,
                "session_id": turn.session,
                "caption": turn.caption,
            }
            for turn in example.turns
        ],
        user_id=example.id,
    )
    memory.flush()
    found = []
    for question in example.questions:
        if question.evidence and question.category != "adversarial":
            hits = memory.search(question.text, user_id=example.id, k=K)
            got = {hit.record.id for hit in hits}
            found.append(np.mean([id in got for id in question.evidence]))
    return found


def examples() -> list[Example]:
    if not DATA.exists():
        pytest.skip(f"no LoCoMo conversations at {DATA}; REMANENCE_DATA says where they are")
    task = LoCoMo(corrections=DATA / "corrections_dev.json")
    return list(task.examples(DATA / "locomo_dev.json"))


def test_words_alone_find_the_evidence(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "m.rmem", embedder="none") as memory:
        assert np.mean(recall(memory, examples()[0])) >= 0.79


@pytest.mark.slow
@pytest.mark.parametrize(("embedder", "least"), [("none", 0.79), ("minilm", 0.84)])
def test_evidence_is_found_in_all_conversations(
    tmp_path: Path, embedder: str, least: float
) -> None:
    try:
        open_embedder(embedder)
    except ModelMissing as missing:
        pytest.skip(str(missing))
    with Memory.open(tmp_path / "m.rmem", embedder=embedder) as memory:
        assert np.mean([r for example in examples() for r in recall(memory, example)]) >= least
