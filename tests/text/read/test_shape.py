"""What kind of utterance."""

from __future__ import annotations

import numpy as np

from remanence.seams import Ranked
from remanence.text.read.shape import Shape


def everything(n: int) -> Ranked:
    return Ranked(np.arange(n, dtype=np.int32), np.zeros(n, np.float32))


def by_ord(ranked: Ranked, name: str) -> list[float]:
    return ranked.signals[name][np.argsort(ranked.ords)].tolist()


def test_forms_of_utterances(view, ask) -> None:
    told = [
        {"text": "When do you leave?", "session": "a"},
        {"text": "Next week, with 3 bags", "session": "a"},
        {"text": "Fine", "session": "a"},
    ]
    when = Shape().rank(ask("When does she leave?"), view(told), everything(3))
    assert by_ord(when, "asks") == [1, 0, 0]
    assert by_ord(when, "answers") == [0, 1, 0]
    assert by_ord(when, "tells_time") == [0, 1, 0]
    assert by_ord(when, "tells_number") == [0, 0, 0]
    assert when.ords[0] == 1
    many = Shape().rank(ask("How many bags?"), view(told), everything(3))
    assert by_ord(many, "tells_number") == [0, 1, 0]


def test_users_matter_where_there_are_assistants(view, ask) -> None:
    told = [{"text": "ok", "role": "user"}, {"text": "sure", "role": "assistant"}]
    assert by_ord(Shape().rank(ask("x"), view(told), everything(2)), "by_user") == [1, 0]
    alone = [{"text": "ok", "role": "user"}, {"text": "sure", "role": "user"}]
    assert by_ord(Shape().rank(ask("x"), view(alone), everything(2)), "by_user") == [0, 0]
