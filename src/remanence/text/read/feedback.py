"""The best hits' words asked for too: pseudo-relevance feedback."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from remanence.catalogue.declare import mechanism
from remanence.seams import Question, Ranked, View
from remanence.text.analyze import terms
from remanence.text.read.compose import Source
from remanence.text.read.lexical import Lexical, occurrences
from remanence.text.read.question import sought


@mechanism(
    seam="Retriever",
    source="doi:10.1145/383952.383972",
    title="Relevance-Based Language Models",
    year=2001,
    where="RM1, interpolated with the query as in RM3",
    fidelity="adapted",
)
@dataclass(frozen=True, kw_only=True)
class Feedback(Source):
    """Asks `lexical` twice: first the question, then the question and the `words` likeliest words of the best `hits`, which get the
    share `mix` of the weight. Signal: `feedback`.

    Departs from the paper in that hits count by their BM25 scores rather than by query likelihood, and that the expanded
    question is scored by BM25. It reads the texts of the hits."""

    lexical: Lexical = field(default_factory=Lexical)
    hits: int = 10
    words: int = 15
    mix: float = 0.3

    def retrieve(self, question: Question, view: View, k: int) -> Ranked:
        first = self.lexical.retrieve(question, view, self.hits)
        asked = sought(question, view)
        if not len(first.ords) or not asked:
            return Ranked(first.ords, first.scores, {"feedback": first.scores})
        likely: Counter[str] = Counter()
        for text, score in zip(view.texts(first.ords), first.scores.tolist(), strict=True):
            counted = Counter(terms(text))
            length = max(counted.total(), 1)
            for term, times in counted.items():
                likely[term] += score * times / length
        best = dict(sorted(likely.items(), key=lambda pair: (-pair[1], pair[0]))[: self.words])
        weights = {term: (1 - self.mix) * n / asked.total() for term, n in asked.items()}
        mass = sum(best.values()) or 1.0
        for term, value in best.items():
            weights[term] = weights.get(term, 0.0) + self.mix * value / mass
        matches = [
            (occurrences(view, term, self.lexical.fields), weight)
            for term, weight in weights.items()
        ]
        ords, scores = self.lexical.score(view, matches)
        order = np.lexsort((ords, -scores))[:k]
        return Ranked(ords[order], scores[order], {"feedback": scores[order]})
