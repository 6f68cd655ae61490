"""BM25 against the formula, and over fields."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remanence.text.analyze import terms
from remanence.text.read.lexical import Lexical, idf

TALK = [
    {"text": "red apples and green apples"},
    {"text": "green pears"},
    {"text": "a long story about a house with a garden, trees and one apple"},
]


def bm25(texts: list[str], query: str, k1: float, b: float) -> list[float]:
    """The formula, term by term."""
    docs = [terms(text) for text in texts]
    mean = max(sum(map(len, docs)) / len(docs), 1.0)
    scores = []
    for doc in docs:
        score = 0.0
        for term in terms(query):
            holding = sum(term in other for other in docs)
            weight = math.log(1 + (len(docs) - holding + 0.5) / (holding + 0.5))
            tf = doc.count(term)
            score += weight * tf * (k1 + 1) / (tf + k1 * (1 - b + b * len(doc) / mean))
        scores.append(score)
    return scores


@pytest.mark.parametrize("query", ["apples", "green apple garden", "house"])
def test_scores_follow_the_formula(view, ask, query: str) -> None:
    found = Lexical(b=0.75).retrieve(ask(query), view(TALK), 10)
    wanted = bm25([t["text"] for t in TALK], query, 1.2, 0.75)
    assert dict(zip(found.ords.tolist(), found.scores.tolist(), strict=True)) == pytest.approx(
        {ord: score for ord, score in enumerate(wanted) if score}, rel=1e-5
    )
    assert found.signals["bm25"].tolist() == found.scores.tolist()


def test_fields_count_by_their_weight(view, ask) -> None:
    seen = view([{"text": "cat"}, {"text": "dog", "title": "cat"}, {"text": "x", "title": "hat"}])
    assert Lexical().retrieve(ask("cat"), seen, 3).ords.tolist() == [1, 0]
    assert Lexical(fields={}).retrieve(ask("cat"), seen, 3).ords.tolist() == [0]


def test_nothing_shared_is_nothing_found(view, ask) -> None:
    seen = view(TALK)
    assert not len(Lexical().retrieve(ask("zebra"), seen, 5).ords)
    assert not len(Lexical().retrieve(ask("the of"), seen, 5).ords)


@settings(max_examples=50)
@given(st.integers(0, 1000), st.integers(1, 1000))
def test_rarer_terms_tell_more(holding: int, more: int) -> None:
    count = holding + more
    assert idf(holding, count) > idf(min(holding + 1, count), count) or holding == count
    assert idf(count, count) >= 0


def test_k_best_come_in_order(view, ask) -> None:
    seen = view(
        [{"text": f"cat {'cat ' * (n % 5)} {'dog ' * (n % 3)}", "id": f"c{n}"} for n in range(40)]
    )
    everything = Lexical().retrieve(ask("cat"), seen, 40)
    few = Lexical().retrieve(ask("cat"), seen, 4)
    assert few.ords.tolist() == everything.ords[:4].tolist()
    assert (np.diff(everything.scores) <= 0).all()
