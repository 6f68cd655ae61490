"""Every word of the question looks for its best match among the words of the record."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from remanence.catalogue.declare import mechanism
from remanence.seams import Question, Ranked, View
from remanence.text.read.calibrate import best_first, fill, zscore
from remanence.text.read.lexical import FIELDS, idf, occurrences
from remanence.text.read.people import named
from remanence.text.read.question import token_terms
from remanence.text.read.window import around

Floats = NDArray[np.float32]

STOP_WORD = 0.15
"""Weight of a token of a stop word, where the rarest term weighs 1.15."""


@mechanism(
    seam="Ranker",
    source="arXiv:2004.12832",
    title="ColBERT: Efficient and Effective Passage Search via Contextualized Late Interaction over BERT",
    year=2020,
    where="equation 3 (MaxSim)",
    fidelity="adapted",
)
@dataclass(frozen=True, kw_only=True)
class LateInteraction:
    """MaxSim over stored token states: the sum, over the question's tokens, of the best cosine in the record.

    Departs from the paper: the encoder was never trained for it; the record's neighbours up to `reach` steps away may serve a token
    too, at `decay` per step; tokens are weighted by the idf of their term, and a speaker's name counts as a stop word
    (`people` scores it). A record that waits for its vectors counts as average.

    Adds `weight` times the z-score of `late`. Signals: `late` (idf, window), `late_own` (idf, record alone), `late_even` and
    `late_even_own` (all tokens alike), `late_lift` (window; each token's matches as z-scores over the candidates)."""

    weight: float = 1.0
    reach: int = 2
    decay: float = 0.8

    def rank(self, question: Question, view: View, ranked: Ranked) -> Ranked:
        encoded = question.encoded
        if encoded is None or not len(encoded.states) or not len(ranked.ords):
            return ranked
        near = around(view, ranked.ords, self.reach, self.decay)
        unique, place = np.unique(near.ords, return_inverse=True)
        best = np.zeros((len(encoded.states), len(unique)), np.float32)
        known = unique >= 0
        best[:, known] = np.maximum(view.token_max(encoded.states, unique[known]), 0)
        served = best[:, place.reshape(near.ords.shape)]  # (q, c, window)
        own = served[:, :, self.reach]
        whole = (served * near.decay).max(axis=2)
        weights = token_weights(question, view)
        even = np.full(len(weights), 1 / len(weights), np.float32)
        lift = (whole - whole.mean(axis=1, keepdims=True)) / (
            whole.std(axis=1, keepdims=True) + np.float32(1e-3)
        )
        signals = {
            "late": weights @ whole,
            "late_own": weights @ own,
            "late_even": even @ whole,
            "late_even_own": even @ own,
            "late_lift": weights @ lift,
        }
        encoded_yet = np.asarray(own.any(axis=0), np.bool_)
        signals = {name: fill(values, encoded_yet) for name, values in signals.items()}
        scores = ranked.scores + np.float32(self.weight) * zscore(signals["late"])
        return best_first(ranked, scores, signals)


def token_weights(question: Question, view: View) -> Floats:
    """(q,) how much each of the question's tokens counts; they add up to 1."""
    names = named(question, view).terms
    rarest = idf(0, view.count)
    known = {
        term: idf(len(occurrences(view, term, FIELDS).ords), view.count) / rarest
        for term in set(question.terms) - names
    }
    found = [known.get(term, 0.0) for term in token_terms(question)]
    weights = np.array(found, np.float32) + np.float32(STOP_WORD)
    scaled: Floats = weights / weights.sum()
    return scaled
