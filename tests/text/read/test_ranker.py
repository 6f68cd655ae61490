"""Weights files, and fitting them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from remanence.errors import InvalidInput
from remanence.seams import Ranked
from remanence.text.read.calibrate import zscore
from remanence.text.read.profile import Profile
from remanence.text.read.ranker import Linear, Weights, shipped
from remanence.text.read.train import Lesson, features, fit, lesson, train_ranker

CHAT = Profile(count=9, length=8, long=0.0, bursts=0.1, chained=1.0, titled=0.0, assisted=0.0)
LONG = Profile(count=9, length=99, long=1.0, bursts=0.0, chained=1.0, titled=0.0, assisted=1.0)


def weights(**by_signal: dict[str, float]) -> Weights:
    return Weights.parse({"format": 1, "models": [{"needs": [], "weights": by_signal}]})


def test_shipped_weights_know_every_case() -> None:
    found = shipped()
    assert [model.needs for model in found.models] == [("late", "dense"), ("dense",), ()]
    assert found.model({"late": 0, "dense": 0}) is found.models[0]
    assert found.model({"dense": 0, "bm25": 0}) is found.models[1]
    assert found.model({"bm25": 0}) is found.models[2]


def test_a_trait_adds_in_proportion() -> None:
    model = weights(dense={"base": 0.1, "long": 0.4}).models[0]
    assert model.at(CHAT) == pytest.approx({"dense": 0.1})
    assert model.at(LONG) == pytest.approx({"dense": 0.5})


def test_scores_are_the_weighted_sum(view, ask) -> None:
    seen = view([{"text": f"t{n}"} for n in range(3)])
    a, b = np.array([1, 2, 6], np.float32), np.array([5, 0, 1], np.float32)
    ranked = Ranked(np.arange(3, dtype=np.int32), np.zeros(3, np.float32), {"a": a, "b": b})
    found = Linear(weights=weights(a={"base": 2.0}, b={"base": -1.0}, c={"base": 9.0})).rank(
        ask("x"), seen, ranked
    )
    wanted = 2 * zscore(a) - zscore(b)
    assert found.scores == pytest.approx(np.sort(wanted)[::-1])
    assert found.ords.tolist() == np.argsort(-wanted).tolist()


@pytest.mark.parametrize(
    "data",
    [
        [],
        {"format": 2, "models": []},
        {"format": 1, "models": []},
        {"format": 1, "models": [{"needs": ["late"], "weights": {}}]},
        {"format": 1, "models": [{"needs": [], "weights": {"bm25": {"colour": 1.0}}}]},
        {"format": 1, "models": [{"needs": [], "weights": {"bm25": {"base": float("nan")}}}]},
    ],
)
def test_bad_weights_say_so(tmp_path: Path, data: object) -> None:
    (tmp_path / "w.json").write_text(json.dumps(data))
    with pytest.raises(InvalidInput):
        Weights.load(tmp_path / "w.json")


def test_missing_or_broken_files_say_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        Weights.load(tmp_path / "none.json")
    (tmp_path / "w.json").write_text("{")
    with pytest.raises(InvalidInput):
        Weights.load(tmp_path / "w.json")


def lessons(count: int, *, seed: int = 0) -> list[Lesson]:
    """The evidence has a high `good`; in long spaces a high `dense` instead; `noise` says nothing."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        space = LONG if number % 2 else CHAT
        evidence = np.zeros(40, np.bool_)
        evidence[rng.choice(40, 2, replace=False)] = True
        names = ("good", "dense", "noise")
        signals = {name: rng.normal(size=40).astype(np.float32) for name in names}
        signals["dense" if space is LONG else "good"][evidence] += 3
        found.append(Lesson(f"g{number % 6}", signals, evidence, space))
    return found


def test_fitting_finds_what_tells(tmp_path: Path) -> None:
    said: list[str] = []
    fitted = train_ranker(lessons(60), tmp_path / "w.json", l2=1.0, k=5, progress=said.append)
    found = Weights.load(tmp_path / "w.json")
    model = found.models[0]
    assert model.needs == ("dense",)
    assert model.at(CHAT)["good"] > 1 > abs(model.at(CHAT)["noise"])
    assert model.at(LONG)["dense"] > 1 > abs(model.at(LONG)["good"])
    assert "dense" not in found.models[1].weights
    assert fitted.recall > 0.85
    assert set(fitted.by_group) == {f"g{n}" for n in range(6)}
    assert found.about["questions"] == fitted.questions == 60
    assert len(said) == len(found.models) == 2


def test_fitting_is_the_minimum() -> None:
    given, names = lessons(12), ["dense", "good", "noise"]
    best = fit(given, names, l2=2.0)

    def loss(w: np.ndarray) -> float:
        total = float(w @ w)
        for each in given:
            table, evidence = features(each, names)
            grown = np.exp(table.astype(np.float64) @ w)
            own = grown[evidence]
            total -= float(np.mean(np.log(own / (own + grown[~evidence].sum()))))
        return total

    rng = np.random.default_rng(1)
    for _ in range(20):
        assert loss(best + rng.normal(size=len(best)) * 0.05) > loss(best)


def test_the_same_lessons_give_the_same_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        train_ranker(lessons(24), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_one_conversation_is_not_enough() -> None:
    with pytest.raises(InvalidInput):
        train_ranker([each for each in lessons(24) if each.group == "g0"])
    with pytest.raises(InvalidInput):
        train_ranker([])


def test_a_lesson_is_what_a_question_found(view, ask) -> None:
    from remanence.recipes.default import default

    seen = view([{"text": "Ana runs", "speaker": "Ana"}, {"text": "Ben swims", "speaker": "Ben"}])
    learnt = lesson(default().retriever, ask("Who swims?"), seen, [1], "g")
    assert learnt is not None
    assert learnt.evidence.sum() == 1
    assert (
        learnt.signals["bm25"][learnt.evidence].tolist()
        > learnt.signals["bm25"][~learnt.evidence].tolist()
    )
    assert lesson(default().retriever, ask("Who swims?"), seen, [7], "g") is None
