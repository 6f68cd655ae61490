"""From the passages that a question finds to those that they lead to, over the phrases that passages share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from remanence.catalogue.declare import mechanism
from remanence.seams import Question, Ranked, View
from remanence.text.read.calibrate import best_first, minmax, zscore
from remanence.text.read.phrases import Phrases, phrase_graph
from remanence.text.read.profile import profile

Floats = NDArray[np.float32]
Ords = NDArray[np.int32]


@mechanism(
    seam="Ranker",
    source="arXiv:2405.14831",
    title="HippoRAG: Neurobiologically Inspired Long-Term Memory for Large Language Models",
    year=2024,
    where="online retrieval: personalised PageRank over a phrase graph",
    fidelity="adapted",
)
@dataclass(frozen=True, kw_only=True)
class PhraseGraph:
    """Personalised PageRank from the question's phrases and the best passages so far, then a bonus for the second step.

    Departs from the paper: phrases are capitalised spans, years and titles found by rules, not triples by a language model; seeds
    are the question's phrases by idf, those of the three best passages at `lead`, and the passages themselves at
    `passage` by the 6th power of their scaled score. A passage that shares a rare phrase with one of the `best`, which the
    question does not name, gets up to `bridge` more, twice that for its title, at `fade` for every place down the list.

    Works only where the space is a collection of titled passages that share phrases (`share` of them at least): in
    conversations it was measured to cost recall. Signals: `graph`, `bridge`.
    """

    weight: float = 2.0
    bridge: float = 4.0
    lead: float = 0.5
    passage: float = 0.3
    damping: float = 0.5
    iterations: int = 15
    rare: int = 30
    best: int = 5
    fade: float = 0.8
    share: float = 0.3
    most: int = 20_000
    """Larger collections are not walked: building the graph takes some .4 ms a passage."""

    def rank(self, question: Question, view: View, ranked: Ranked) -> Ranked:
        about = profile(view)
        if about.titled < 0.5 or about.chained > 0.5 or not 2 < about.count <= self.most:
            return ranked
        graph = phrase_graph(view)
        if graph.linked < self.share or len(ranked.ords) < 3:
            return ranked
        asked = graph.named_in(question.query.text)
        walked = self._walk(graph, asked, ranked, view.n)
        signal = walked[ranked.ords]
        scores = zscore(ranked.scores) + np.float32(self.weight) * zscore(np.log(signal + 1e-9))
        first = best_first(ranked, scores, {"graph": signal})
        bridged = self._bridge(graph, asked, first, view.n)[first.ords]
        return best_first(
            first, first.scores + np.float32(self.bridge) * bridged, {"bridge": bridged}
        )

    def _walk(self, graph: Phrases, asked: list[int], ranked: Ranked, n: int) -> Floats:
        """(n,) how often a walk that restarts at the seeds stands at each passage."""
        rarity = np.log1p(n / np.maximum(graph.holding, 1)).astype(np.float32)
        phrase_seed = np.zeros(len(graph.holding), np.float32)
        passage_seed = np.zeros(n, np.float32)
        phrase_seed[asked] += rarity[asked]
        for ord in ranked.ords[:3]:
            held, weights = graph.of(int(ord))
            if len(held):
                shares = weights * rarity[held]
                phrase_seed[held] += np.float32(self.lead) * shares / shares.max()
        passage_seed[ranked.ords] = np.float32(self.passage) * minmax(ranked.scores) ** 6
        total = phrase_seed.sum() + passage_seed.sum()
        phrase_seed, passage_seed = phrase_seed / total, passage_seed / total
        out_passage = np.bincount(graph.passages, graph.weights, minlength=n)
        out_phrase = np.bincount(graph.phrases, graph.weights, minlength=len(phrase_seed))
        to_phrase = (graph.weights / out_passage[graph.passages]).astype(np.float32)
        to_passage = (graph.weights / out_phrase[graph.phrases]).astype(np.float32)
        at_phrase, at_passage = phrase_seed, passage_seed
        keep, back = np.float32(self.damping), np.float32(1 - self.damping)
        for _ in range(self.iterations):
            moved = at_passage[graph.passages] * to_phrase
            onward = at_phrase[graph.phrases] * to_passage
            at_phrase = back * phrase_seed + keep * np.bincount(
                graph.phrases, moved, minlength=len(phrase_seed)
            ).astype(np.float32)
            at_passage = back * passage_seed + keep * np.bincount(
                graph.passages, onward, minlength=n
            ).astype(np.float32)
        return np.asarray(at_passage, np.float32)

    def _bridge(self, graph: Phrases, asked: list[int], ranked: Ranked, n: int) -> Floats:
        """(n,) what a rare phrase that the question does not name, and that joins a passage to one of the best, is worth: near 1
        for a phrase of two passages and the first hit, 0 for one of `rare`; `TITLE` times that where it is the passage's title."""
        rarity = np.maximum(1 - np.log(np.maximum(graph.holding, 1) / 2) / np.log(self.rare / 2), 0)
        rarity[graph.holding < 2] = 0
        rarity[asked] = 0
        bonus = np.zeros(n, np.float32)
        for place, ord in enumerate(ranked.ords[: self.best].tolist()):
            held, _ = graph.of(ord)
            worth = np.zeros(len(graph.holding), np.float32)
            worth[held] = rarity[held] * self.fade**place
            reached = np.flatnonzero(worth[graph.phrases])
            reached = reached[graph.passages[reached] != ord]
            value = worth[graph.phrases[reached]] * graph.weights[reached]
            np.maximum.at(bonus, graph.passages[reached], value)
        return bonus
