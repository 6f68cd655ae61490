"""What has nothing to do with the question is left out."""

from __future__ import annotations

from remanence.text.read.lexical import Lexical
from remanence.text.read.people import People
from remanence.text.read.pool import Pool
from remanence.text.read.related import Related
from remanence.text.read.window import Window
from tests.text.read.conftest import Ask, View

TOLD = [
    {"text": "The garden needs water.", "speaker": "Ana", "session": "a"},
    {"text": "I will see to it.", "speaker": "Ben", "session": "a"},
    {"text": "My bicycle is red.", "speaker": "Ben", "session": "b"},
]


def test_only_what_shares_something_remains(view: View, ask: Ask) -> None:
    seen = view(TOLD)
    pipeline = Pool(Lexical()) >> Window() >> People() >> Related()
    found = pipeline.retrieve(ask("Who waters the garden?"), seen, 10)
    assert sorted(found.ords.tolist()) == [0, 1]  # the neighbour too
    assert len(pipeline.retrieve(ask("zebra"), seen, 10).ords) == 0
    assert sorted(pipeline.retrieve(ask("What did Ben say?"), seen, 10).ords.tolist())[-2:] == [
        1,
        2,
    ]


def test_nothing_is_dropped_where_nothing_is_known(view: View, ask: Ask) -> None:
    found = (Pool(Lexical()) >> Related()).retrieve(ask("zebra"), view(TOLD), 10)
    assert len(found.ords) == 3
