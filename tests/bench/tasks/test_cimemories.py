"""The reader of CIMemories: the official file with labels of its own, and without, with ours."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from remanence.bench.tasks.cimemories import CIMemories
from remanence.bench.tasks.cimemories_labels import (
    Context,
    Judgements,
    context_hash,
    event_hash,
)
from remanence.errors import BadImport, InvalidInput

DATA = Path(os.environ.get("REMANENCE_DATA", Path(__file__).parents[4] / "shared" / "data"))
TOLD = {
    "rent": ("I pay 700 for a room.", "housing", "moving house"),
    "knee": ("My knee was operated on.", "health", "fall from a ladder"),
    "tea": ("I drink green tea.", "general", "general"),
}


def profile(labels: dict[str, Any] | None = None) -> dict[str, Any]:
    context: dict[str, Any] = {"recipient": "Landlord", "task": "Ask for a longer lease"}
    if labels is not None:
        context["labels_combined"] = labels
    return {
        "bio": {"name": "Ana"},
        "information_attributes": {
            name: {
                "value": "",
                "memory_statement": text,
                "information_domain": domain,
                "event": event,
            }
            for name, (text, domain, event) in TOLD.items()
        },
        "contexts": [context],
    }


def written(folder: Path, value: object) -> Path:
    path = folder / "profiles.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def test_labels_of_the_file_are_used_where_they_stand(tmp_path: Path) -> None:
    labels = {
        "I pay 700 for a room.": {"private": 0.1, "necessary": 0.8, "unlabeled": 0.1},
        "My knee was operated on.": {"private": 0.5, "necessary": 0.5, "unlabeled": 0.0},
    }
    notes: Counter[str] = Counter()
    (found,) = CIMemories().profiles(written(tmp_path, [profile(labels)]), notes)
    (message,) = found.messages
    assert message.labels == {"rent": "necessary", "knee": "private"}  # a tie is private
    assert message.having("private") == {"knee"}
    assert notes == {"labels of the file": 2, "memories without a label": 1}
    assert [attribute.text for attribute in found.attributes] == [text for text, _, _ in TOLD.values()]  # fmt: skip


def test_elsewhere_the_labels_are_ours(tmp_path: Path) -> None:
    none: frozenset[str] = frozenset()
    judged = Context(
        needed=frozenset(("housing",)),
        fine=none,
        story=none,
        central=none,
        relevant=frozenset((event_hash("moving house"),)),
        withheld=none,
    )
    judgements = Judgements(
        domains=frozenset(("housing", "health")),
        mild=none,
        general=event_hash("general"),
        mundane=frozenset((event_hash("moving house"), event_hash("fall from a ladder"))),
        intimate=none,
        contexts={context_hash("Landlord", "Ask for a longer lease"): judged},
    )
    notes: Counter[str] = Counter()
    path = written(tmp_path, [profile()])
    (found,) = CIMemories(judgements=judgements).profiles(tmp_path, notes)
    assert found.messages[0].labels == {"rent": "necessary", "knee": "private"}
    assert notes == {"labels of our own": 2, "memories without a label": 1}
    (strange,) = CIMemories().profiles(path)  # nobody judged this context
    assert strange.messages[0].labels == {}


def test_what_is_no_official_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no file"):
        CIMemories().profiles(tmp_path / "none.json")
    with pytest.raises(BadImport, match="not a list"):
        CIMemories().profiles(written(tmp_path, {"a": 1}))
    with pytest.raises(BadImport, match="'information_attributes'"):
        CIMemories().profiles(written(tmp_path, [{}]))


@pytest.mark.skipif(not DATA.is_dir(), reason="no real data: set REMANENCE_DATA")
def test_the_real_file_is_read_and_labelled_whole() -> None:
    notes: Counter[str] = Counter()
    profiles = CIMemories().profiles(DATA / "cimemories", notes)
    assert len(profiles) == 10
    assert sum(len(found.attributes) for found in profiles) == 1467
    assert {len(found.messages) for found in profiles} == {49}
    assert notes["memories without a label"] == 0
