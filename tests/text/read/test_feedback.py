"""Words of the best hits asked for too."""

from __future__ import annotations

from remanence.text.read.feedback import Feedback
from remanence.text.read.lexical import Lexical


def test_feedback_reaches_what_shares_no_word(view, ask) -> None:
    seen = view(
        [
            {"text": "the bakery sells sourdough bread"},
            {"text": "sourdough takes two days"},
            {"text": "trains are late"},
        ]
    )
    assert Lexical().retrieve(ask("bread"), seen, 3).ords.tolist() == [0]
    found = Feedback().retrieve(ask("bread"), seen, 3)
    assert found.ords.tolist() == [0, 1]
    assert not len(Feedback().retrieve(ask("zebra"), seen, 3).ords)
