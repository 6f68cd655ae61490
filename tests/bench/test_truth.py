"""The measurements of truth over time, on small inputs of our own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from remanence.bench.result import as_json
from remanence.bench.tasks.interference import Interference
from remanence.bench.truth import (
    WITH,
    WITHOUT,
    instruction_holds,
    run_instructions,
    run_interference,
    run_updates,
)
from remanence.types import Slot
from tests.bench.tasks.test_updates import CHAT, DIALOGUE, PROBES


@pytest.mark.parametrize("seed", [0, 1])
def test_the_last_value_is_always_first(seed: int) -> None:
    task = Interference(updates=(1, 2, 10, 60), repeats=3, others=20, chat=100, seed=seed)
    result = run_interference(task=task, peers=(), say=lambda line: None)
    ours, plain = result.systems
    assert (ours.name, plain.name) == (WITH, WITHOUT)
    assert ours.overall["first"].mean == 1.0
    assert plain.overall["first"].mean < 0.6
    assert set(ours.categories) == {"001 updates", "002 updates", "010 updates", "060 updates"}
    json.dumps(as_json(result), allow_nan=False)


def test_updates_and_instructions(tmp_path: Path) -> None:
    folder = tmp_path / "beam" / "3"
    (folder / "probing_questions").mkdir(parents=True)
    (folder / "chat.json").write_text(json.dumps(CHAT))
    (folder / "probing_questions" / "probing_questions.json").write_text(json.dumps(PROBES))
    (tmp_path / "dialogue_4.json").write_text(json.dumps(DIALOGUE))
    ours = run_updates(tmp_path / "beam", say=lambda line: None).systems[0]
    assert ours.overall["newest_first"].mean == 1.0
    result = run_instructions(tmp_path, say=lambda line: None)
    ours = result.systems[0]
    assert ours.overall["fact"].mean == 1.0
    assert ours.overall["value@1"].mean == 1.0
    assert result.notes["facts superseded"] >= 1


def test_an_instruction_holds_alone() -> None:
    given = [
        ("always end icon names with '-sm'", "-sm"),
        ("always end icon names with '-lg'", "-lg"),
    ]
    old, new = (Slot("here", "rule end icon", value) for value in ("-sm", "-lg"))
    assert instruction_holds([new], given)
    assert not instruction_holds([old], given)
    assert not instruction_holds([old, new], given)
    assert not instruction_holds([], given)
