"""What a text tells is recognised, by words alone and better with vectors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remanence.embed.minilm import MiniLM
from remanence.errors import ModelMissing
from remanence.text.guard.domains import CLOCK, Domains, Lexicon, Told
from remanence.text.guard.policy import Policy
from tests.text.guard.statements import STATEMENTS

DOMAINS = Domains.of(Policy.shipped().integrity)
WORDS = st.sampled_from(
    "doctor debt lawyer wife boss school rent nine tea Monday divorce the arrested gay 10:30".split()
)


def f1(told: list[Told], which: int) -> float:
    """Over all statements: what must be found, and what is found and may not be."""
    hits = extra = missed = 0
    for (_, *wanted), got in zip(STATEMENTS, told, strict=True):
        must = {name for name in wanted[which] if not name.endswith("?")}
        may = {name.rstrip("?") for name in wanted[which]}
        hits += len(must & set(got[which]))
        missed += len(must - set(got[which]))
        extra += len(set(got[which]) - may)
    return 2 * hits / (2 * hits + extra + missed)


def test_words_alone_tell_most() -> None:
    told = [DOMAINS.told(text) for text, _, _ in STATEMENTS]
    assert f1(told, 0) > 0.6
    for (_, domains, _), got in zip(STATEMENTS, told, strict=True):
        if not domains:
            assert not got.events


def test_vectors_tell_more() -> None:
    try:
        encoder = MiniLM.open()
    except ModelMissing as missing:
        pytest.skip(str(missing))
    rows, starts = DOMAINS.prototypes.rows(encoder)
    assert len(starts) == len(DOMAINS.prototypes.labels)
    assert DOMAINS.prototypes.rows(encoder)[0] is rows  # once for an encoder
    dense = encoder.encode([text for text, _, _ in STATEMENTS]).dense
    told = [
        DOMAINS.told(text, rows @ row) for (text, _, _), row in zip(STATEMENTS, dense, strict=True)
    ]
    assert f1(told, 0) > 0.85
    assert f1(told, 1) > 0.8


@pytest.mark.parametrize(
    ("text", "domains", "events"),
    [
        ("Winning the lottery pays for my therapist.", {"finance", "mental_health"}, {"windfall"}),
        ("He was laid off in May.", {"employment"}, {"job_loss"}),
        ("The court granted her a restraining order.", {"legal"}, {"assault"}),
        ("Supper is at 7:30.", {"schedule"}, set()),
        ("I got the deposit back.", set(), set()),
        ("A cup of tea.", set(), set()),
        ("", set(), set()),
    ],
)
def test_examples(text: str, domains: set[str], events: set[str]) -> None:
    told = DOMAINS.told(text)
    assert set(told.domains) == domains
    assert set(told.events) == events


@given(st.lists(WORDS, max_size=12), WORDS)
def test_more_words_never_tell_less(words: list[str], another: str) -> None:
    text = " ".join(words)
    before, after = DOMAINS.lexicon.scores(text), DOMAINS.lexicon.scores(f"{text}. {another}")
    assert all(after[label] >= score - 1e-9 for label, score in before.items())
    assert all(0 < score <= 1 for score in after.values())
    assert DOMAINS.lexicon.scores(f"{text}. {text}") == pytest.approx(
        before
    )  # repeating is no sign


def test_phrases_are_found_by_their_stems_and_longest_first() -> None:
    lexicon = Lexicon(
        [("a", 0.5, "loan"), ("b", 0.9, "student loan"), ("b", 0.2, "student"), ("c", 1.0, CLOCK)]
    )
    assert [m.label for m in lexicon.find("Student loans")] == ["b", "a"]
    assert [m.label for m in lexicon.find("Student loans", across=True)] == ["b"]
    assert [m.label for m in lexicon.find("at 9pm")] == ["c"]
    assert lexicon.scores("students and loans") == pytest.approx({"b": 0.2, "a": 0.5})
    assert lexicon.find("") == []


def test_a_vector_that_is_like_nothing_tells_nothing() -> None:
    sentences = sum(len(of) for of in DOMAINS.prototypes.like.values())
    assert DOMAINS.told("A cup of tea.", np.zeros(sentences, np.float32)) == Told({}, {})
