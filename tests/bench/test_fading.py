"""The fading benchmark, small: halves are halves, uses keep what answered, and the figures are those of real stores."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from remanence.bench.fading import ARMS, BEFORE, NEW, Fading, main_fading, show_fading
from remanence.bench.result import Measured, Result
from remanence.errors import InvalidInput
from remanence.serve.output import console


def silent(line: str) -> None:
    """Progress is for people."""


@pytest.fixture(scope="module")
def conversation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten sessions, ten days apart, of four things each; two questions ask for every second thing."""
    things = [f"{a} {b}" for a in ("green", "heavy", "lost", "new") for b in THINGS]
    told: dict[str, object] = {"speaker_a": "Ida", "speaker_b": "Jon"}
    qa: list[dict[str, object]] = []
    for number in range(10):
        session = f"session_{number + 1}"
        month, day = divmod(10 * number, 30)
        told[f"{session}_date_time"] = f"9:05 am on {day + 1} {MONTHS[month]}, 2023"
        said: list[dict[str, str]] = []
        for place, thing in enumerate(things[4 * number : 4 * number + 4]):
            turns = (("Ida", f"The {thing} is in the shed."), ("Jon", "Good to know, thank you."))
            said += [
                {"speaker": who, "dia_id": f"D{number + 1}:{2 * place + n}", "text": text}
                for n, (who, text) in enumerate(turns, start=1)
            ]
            if place % 2:
                qa += [
                    {"question": asked, "evidence": [said[-2]["dia_id"]], "category": 4}
                    for asked in (f"Where is the {thing}?", f"Who has the {thing}?")
                ]
        told[session] = said
    path = tmp_path_factory.mktemp("fading") / "mine.json"
    path.write_text(json.dumps([{"sample_id": "one", "conversation": told, "qa": qa}]))
    return path


THINGS = ("kiln", "cello", "ladder", "kettle", "anvil", "canoe", "lamp", "globe", "piano", "sled")
MONTHS = ("January", "April", "July", "October")


@pytest.fixture(scope="module")
def measured(conversation: Path, tmp_path_factory: pytest.TempPathFactory) -> Fading:
    out = tmp_path_factory.mktemp("out") / "fading.json"
    result = main_fading(
        data=conversation, embedder="none", records=80, queries=6, json=out, say=silent
    )
    assert json.loads(out.read_text()) == json.loads(json.dumps(result.as_json()))
    return result


def quality(result: Fading) -> Result:
    assert result.quality is not None
    return result.quality


def arm(result: Fading, name: str) -> Measured:
    return next(one for one in quality(result).systems if one.name == name)


def recall(result: Fading, name: str, when: str) -> float:
    return arm(result, name).categories[when]["recall@10"].mean


def test_halves(measured: Fading) -> None:
    assert [one.name for one in quality(measured).systems] == [one.name for one in ARMS]
    for one, way in zip(quality(measured).systems, ARMS, strict=True):
        assert one.size["archived_share"] == (0 if way.half is None else 0.5)
        assert {when: found["recall@10"].n for when, found in one.categories.items()} == {
            BEFORE: 20,
            NEW: 20,
        }
        assert one.overall == one.categories[NEW]


def test_what_was_used_is_still_found(measured: Fading) -> None:
    assert recall(measured, "everything", BEFORE) == recall(measured, "everything", NEW) == 1
    for keeper in ("BaseLevel", "Ebbinghaus", "AgeWeighted"):
        assert recall(measured, f"weakest half ({keeper})", BEFORE) == 1
    assert recall(measured, "random half", BEFORE) < 1
    assert recall(measured, "oldest half", BEFORE) < 1


def test_archived_is_out_of_reach(measured: Fading) -> None:
    assert 0.1 < recall(measured, "random half", NEW) < 0.9
    assert 0.1 < recall(measured, "oldest half", NEW) < 0.9
    gaps = {(gap.than, gap.metric): gap.figure.mean for gap in quality(measured).differences}
    assert gaps["random half", "recall@10"] == pytest.approx(
        1 - recall(measured, "random half", NEW)
    )


def test_speed_of_three_memories(measured: Fading) -> None:
    everything, half, alone = measured.speed
    assert (everything.records, everything.reach) == (80, 80)
    assert (half.records, half.reach) == (80, 40)
    assert (alone.records, alone.reach) == (40, 40)
    assert all(0 < one.query_p50_ms <= one.query_p95_ms for one in measured.speed)
    assert everything.found > 0.5
    assert measured.uses == 8


def test_it_can_be_shown(measured: Fading) -> None:
    out = console()
    with out.capture() as shown:
        show_fading(measured, out)
    assert "weakest half (BaseLevel)" in shown.get()
    assert "half archived" in shown.get()


def test_wrong_calls(conversation: Path) -> None:
    with pytest.raises(InvalidInput, match="nothing to measure"):
        main_fading(records=0, say=silent)
    with pytest.raises(InvalidInput, match="too few"):
        main_fading(records=5, say=silent)
