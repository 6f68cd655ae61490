"""Which writer gets what."""

from __future__ import annotations

import pytest

from remanence.seams import Observation
from remanence.text.write.awake import Awake


@pytest.mark.parametrize(
    ("role", "kind", "kinds"),
    [
        ("user", "episode", ["episode"]),
        ("document", "episode", ["document", "passage"]),
        ("", "document", ["document", "passage"]),
        ("tool", "fact", ["fact"]),
    ],
)
def test_pages_are_taken_apart_and_messages_are_not(role: str, kind: str, kinds: list[str]) -> None:
    observation = Observation(text="Some words.", scope=("t", "u"), role=role, kind=kind)
    assert [change.kind for change in Awake().write(observation)] == kinds
