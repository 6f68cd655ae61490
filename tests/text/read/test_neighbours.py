"""Scores shared with neighbours and sessions."""

from __future__ import annotations

import numpy as np
import pytest

from remanence.seams import Ranked
from remanence.text.read.neighbours import Neighbours, Sessions

TALK = [{"text": f"turn{n}", "session": "a" if n < 3 else "b"} for n in range(5)]


def ranked(*scores: float) -> Ranked:
    order = np.argsort([-s for s in scores], kind="stable").astype(np.int32)
    return Ranked(order, np.array(scores, np.float32)[order])


def test_neighbours_share(view, ask) -> None:
    found = Neighbours(1, 0.5).rank(ask("x"), view(TALK), ranked(0, 10, 4, 2, 0))
    scores = dict(zip(found.ords.tolist(), found.scores.tolist(), strict=True))
    assert scores == pytest.approx({0: 0.5, 1: 1.2, 2: 0.9, 3: 0.2, 4: 0.1})
    assert Neighbours(0).rank(ask("x"), view(TALK), ranked(0, 10, 4, 2, 0)).ords.tolist()[:2] == [
        1,
        2,
    ]


def test_a_good_session_lifts_its_turns(view, ask) -> None:
    # Session a: mean of the best two is 3; session b: 4.
    found = Sessions(weight=5, best=2).rank(ask("x"), view(TALK), ranked(6, 0, 0, 4, 4))
    signal = dict(zip(found.ords.tolist(), found.signals["session"].tolist(), strict=True))
    assert signal == pytest.approx({0: 3, 1: 3, 2: 3, 3: 4, 4: 4})
    assert set(found.ords.tolist()[:2]) == {3, 4}


def test_turns_without_a_session_are_alone(view, ask) -> None:
    seen = view([{"text": "a"}, {"text": "b"}])
    found = Sessions().rank(ask("x"), seen, ranked(3, 1))
    assert found.signals["session"].tolist() == [3, 1]
