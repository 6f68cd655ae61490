"""MaxSim against a slow double loop, with the real (small) encoder."""

from __future__ import annotations

import numpy as np
import pytest

from remanence.seams import Ranked
from remanence.text.read.late import LateInteraction, token_weights

TALK = [
    {"text": "my dog hates rain", "session": "a"},
    {"text": "ann moved from lisbon to paris in may", "session": "a"},
    {"text": "the cat loves milk and jazz", "session": "b"},
    {"text": "!", "session": "b"},
]


def everything(n: int) -> Ranked:
    return Ranked(np.arange(n, dtype=np.int32), np.zeros(n, np.float32))


def by_ord(ranked: Ranked, name: str) -> np.ndarray:
    return ranked.signals[name][np.argsort(ranked.ords)]


def maxsim(encoder, question, weights: np.ndarray) -> np.ndarray:
    """Equation 3, over what the store keeps of each text."""
    scores = []
    for told in TALK:
        (packed,) = encoder.encode([told["text"]]).tokens
        if not packed:
            scores.append(np.nan)
            continue
        raw = np.frombuffer(packed, np.uint8).reshape(-1, encoder.token_bytes)
        states = encoder.unpack(raw)
        best = [max(0.0, max(float(q @ s) for s in states)) for q in question.encoded.states]
        scores.append(float(weights @ best))
    filled = np.array(scores)
    filled[np.isnan(filled)] = np.nanmean(filled)
    return filled


def test_maxsim_is_the_formula(view, ask, encoder) -> None:
    seen, question = view(TALK, encoder), ask("Where did ann play in Paris?", encoder)
    ranked = LateInteraction(reach=0).rank(question, seen, everything(4))
    wanted = maxsim(encoder, question, token_weights(question, seen))
    assert by_ord(ranked, "late") == pytest.approx(wanted, abs=0.02)
    assert by_ord(ranked, "late_own") == pytest.approx(wanted, abs=0.02)


def test_neighbours_serve_at_a_decay(view, ask, encoder) -> None:
    seen, question = view(TALK, encoder), ask("ann moved to paris", encoder)
    own = by_ord(LateInteraction(reach=0).rank(question, seen, everything(4)), "late")
    for decay in (1.0, 0.8):
        rank = LateInteraction(reach=1, decay=decay).rank
        far = by_ord(rank(question, seen, everything(4)), "late")
        assert (far[:3] >= own[:3] - 1e-6).all()
        assert far[0] >= decay * own[1] - 1e-6
        assert far[2] == pytest.approx(
            own[2]
        )  # the other session, and beside it a text without tokens


def test_weights_add_up_and_prefer_rare_words(view, ask, encoder) -> None:
    question = ask("the dog in paris", encoder)
    weights = token_weights(question, view(TALK * 1, encoder))
    assert weights.sum() == pytest.approx(1)
    words = [question.query.text[a:b].lower() for a, b in question.encoded.spans]
    by_word = dict(zip(words, weights.tolist(), strict=True))
    assert by_word["dog"] > by_word["the"]


def test_without_vectors_nothing_changes(view, ask, encoder) -> None:
    seen, ranked = view(TALK), everything(4)
    assert LateInteraction().rank(ask("dog"), seen, ranked) is ranked
