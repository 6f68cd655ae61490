"""What a space measures about itself."""

from __future__ import annotations

import pytest

from remanence.text.read.profile import profile

TALK = [
    {"text": "I run", "speaker": "Ana", "session": "a"},
    {"text": "I swim", "speaker": "Ben", "session": "a"},
    {"text": "I cook", "speaker": "Ana Lu", "session": "b"},
]


def test_a_space_measures_itself(view) -> None:
    chat = profile(view(TALK))
    assert (chat.count, chat.long, chat.titled, chat.assisted) == (3, 0, 0, 0)
    assert (chat.length, chat.bursts, chat.chained) == (1, 1, pytest.approx(2 / 3))
    long = [
        {"text": f"word{n} " * 60, "title": "t", "role": r}
        for n, r in enumerate(["user", "assistant"])
    ]
    passages = profile(view(long))
    assert (passages.long, passages.titled, passages.assisted, passages.chained) == (1, 1, 1, 0)
    assert profile(view([])).count == 0
