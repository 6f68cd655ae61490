"""Records whose vector lies near the question's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from remanence.catalogue.declare import mechanism
from remanence.seams import Question, Ranked, View
from remanence.text.read.calibrate import best_first, fill, zscore
from remanence.text.read.compose import Source


@mechanism(
    seam="Retriever",
    source="arXiv:1908.10084",
    title="Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks",
    year=2019,
    where="cosine similarity of pooled sentence vectors",
    fidelity="adapted",
)
@dataclass(frozen=True, kw_only=True)
class Dense(Source):
    """Nearest records by cosine. Signal: `dense`.

    Departs from the paper in that any encoder may have made the vectors, and that a record that waits for its vector is not found
    here; the words find it. As a ranker it adds `weight` times the z-score of the cosine, and such a record counts as average."""

    weight: float = 0.3

    def retrieve(self, question: Question, view: View, k: int) -> Ranked:
        if question.encoded is None:
            return Ranked(np.empty(0, np.int32), np.empty(0, np.float32))
        ords, scores = view.nearest(question.encoded.dense, k)
        return Ranked(ords, scores, {"dense": scores})

    def rank(self, question: Question, view: View, ranked: Ranked) -> Ranked:
        if question.encoded is None:
            return ranked
        cosines = view.cosine(question.encoded.dense, ranked.ords)
        signal = fill(cosines, cosines != 0)
        scores = ranked.scores + np.float32(self.weight) * zscore(signal)
        return best_first(ranked, scores, {"dense": signal})
