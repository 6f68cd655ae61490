"""The readers on the real files, where these are: known sizes, and nothing unresolved beyond the known."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from remanence.bench.tasks.base import Task
from remanence.bench.tasks.beam import Beam
from remanence.bench.tasks.cranfield import Cranfield
from remanence.bench.tasks.locomo import LoCoMo
from remanence.bench.tasks.multihop import MultiHop

DATA = Path(os.environ.get("REMANENCE_DATA", Path(__file__).parents[4] / "shared" / "data"))
CASES = [
    (LoCoMo(corrections=DATA / "locomo" / "corrections_dev.json"), "locomo", (5, 2760, 760), 0),
    (LoCoMo(), "locomo", (5, 2760, 760), 2),
    (Beam(), "beam_100k", (11, 3002, 198), 0),
    (MultiHop(), "multihop", (2, 2884, 200), 0),
    (Cranfield(), "cranfield", (1, 1398, 225), 3),
]


@pytest.mark.skipif(not DATA.is_dir(), reason="no real data: set REMANENCE_DATA")
@pytest.mark.parametrize(("task", "folder", "sizes", "unresolved"), CASES)
def test_sizes(task: Task, folder: str, sizes: tuple[int, int, int], unresolved: int) -> None:
    notes: Counter[str] = Counter()
    examples = list(task.examples(DATA / folder, notes))
    turns = [turn for example in examples for turn in example.turns]
    asked = [
        q for e in examples for q in e.questions if q.evidence and q.category not in task.apart
    ]
    assert (len(examples), len(turns), len(asked)) == sizes
    assert notes.total() == unresolved
    assert all(turn.text for turn in turns)
    for example in examples:
        ids = {turn.id for turn in example.turns}
        assert len(ids) == len(example.turns)
        assert all(ids.issuperset(question.evidence) for question in example.questions)
