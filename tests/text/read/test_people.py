"""The one speaker whom a question names."""

from __future__ import annotations

import numpy as np
import pytest

from remanence.seams import Ranked
from remanence.text.read.people import People


def everything(n: int) -> Ranked:
    return Ranked(np.arange(n, dtype=np.int32), np.zeros(n, np.float32))


def by_ord(ranked: Ranked, name: str) -> list[float]:
    return ranked.signals[name][np.argsort(ranked.ords)].tolist()


TALK = [
    {"text": "I run", "speaker": "Ana", "session": "a"},
    {"text": "I swim", "speaker": "Ben", "session": "a"},
    {"text": "I cook", "speaker": "Ana Lu", "session": "b"},
]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("What does Ben do?", [0, 1, 0]),
        ("what does ben do?", [0, 1, 0]),
        ("What does ben do?", [0, 0, 0]),
        ("What do Ana and Ben do?", [0, 0, 0]),
        ("What does Lu do?", [0, 0, 1]),
        ("Who cooks?", [0, 0, 0]),
    ],
)
def test_the_speaker_named(view, ask, question: str, said: list[float]) -> None:
    ranked = People().rank(ask(question), view(TALK), everything(3))
    assert by_ord(ranked, "speaker") == said
    if any(said):
        assert said[ranked.ords[0]] == 1


def test_roles_are_no_names(view, ask) -> None:
    seen = view([{"text": "hi", "speaker": "user"}, {"text": "hello", "speaker": "assistant"}])
    assert by_ord(People().rank(ask("What did the user say?"), seen, everything(2)), "speaker") == [
        0,
        0,
    ]
