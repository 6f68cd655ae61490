"""The generated stream: the same from the same seed, and each key's last value where the question says."""

from __future__ import annotations

from collections import Counter

from remanence.bench.tasks.interference import Interference

SMALL = Interference(updates=(1, 3, 20), repeats=2, others=10, chat=30)


def test_the_same_seed_makes_the_same_stream() -> None:
    assert list(SMALL.examples()) == list(SMALL.examples())
    assert list(SMALL.examples()) != list(
        Interference(updates=(1, 3, 20), repeats=2, others=10, chat=30, seed=1).examples()
    )


def test_evidence_is_the_last_turn_that_gives_the_value() -> None:
    (example,) = SMALL.examples()
    texts = {turn.id: turn.text for turn in example.turns}
    assert len(example.questions) == 6
    for question in example.questions:
        (gold,) = question.evidence
        assert question.answer in texts[gold]
    moments = [turn.at for turn in example.turns]
    assert moments == sorted(moments)  # type: ignore[type-var]


def test_keys_are_given_as_many_values_as_their_category_says() -> None:
    (example,) = SMALL.examples()
    assert Counter(question.category for question in example.questions) == {
        "001 updates": 2,
        "003 updates": 2,
        "020 updates": 2,
    }
    assert len(example.turns) >= 2 * (1 + 3 + 20) + 30 + 10
