"""The multi-hop reader on small pools of our own in both official layouts."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from remanence.bench.tasks.multihop import MultiHop
from remanence.errors import InvalidInput


def passage(title: str, text: str, gold: bool) -> dict[str, object]:
    return {"title": title, "paragraph_text": text, "is_supporting": gold}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    corpus = [
        {"title": "Elm", "text": "A tree."},
        {"title": "Elm", "text": "A town."},
        {"title": "Oak", "text": "Also a tree."},
    ]
    question = {
        "id": "3hop1__1_2",
        "question": "Which?",
        "answer": "Oak",
        "paragraphs": [
            passage("Elm", "A town.", True),
            passage("Oak", "Also a tree, slightly edited.", True),
            passage("Elm", "A lost text.", True),
            passage("Elm", "A tree.", False),
        ],
    }
    (tmp_path / "musique.json").write_text(json.dumps([question]))
    (tmp_path / "musique_corpus.json").write_text(json.dumps(corpus))
    (tmp_path / "hotpotqa_corpus.json").write_text(
        json.dumps({"Ash": ["One. ", "Two."], "Fir": ["Three."]})
    )
    hotpot = {
        "_id": "x",
        "type": "bridge",
        "question": "Who?",
        "answer": "Fir",
        "context": [["Ash", ["One. ", "Two."]], ["Fir", ["Three."]]],
        "supporting_facts": [["Fir", 0], ["Fir", 1], ["Yew", 0]],
    }
    (tmp_path / "hotpotqa.json").write_text(json.dumps([hotpot]))
    return tmp_path


def test_passages_and_gold(folder: Path) -> None:
    notes: Counter[str] = Counter()
    hotpot, musique = MultiHop().examples(folder, notes)
    assert (hotpot.turns[0].title, hotpot.turns[0].text) == ("Ash", "One. Two.")
    assert (hotpot.questions[0].evidence, hotpot.questions[0].category) == (
        ("p1",),
        "hotpotqa",
    )
    assert (musique.questions[0].evidence, musique.questions[0].category) == (
        ("p1", "p2"),
        "musique",
    )
    assert notes["supporting passages that are not in the corpus"] == 2


def test_one_file(folder: Path) -> None:
    (example,) = MultiHop().examples(folder / "musique.json")
    assert example.id == "musique"


def test_a_folder_without_corpora(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"_corpus\.json"):
        list(MultiHop().examples(tmp_path))
