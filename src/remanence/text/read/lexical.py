"""Words that the question and the record share: BM25 over weighted fields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from remanence.catalogue.declare import mechanism
from remanence.seams import Postings, Question, Ranked, View
from remanence.text.read.calibrate import top
from remanence.text.read.compose import Source
from remanence.text.read.profile import profile
from remanence.text.read.question import sought

Floats = NDArray[np.float32]
Ords = NDArray[np.int32]

FIELDS: Mapping[str, float] = MappingProxyType({"title": 2.0, "caption": 1.0, "dates": 1.0})
"""How much a word counts in a field, beside 1 in the body. Who spoke is scored apart (`people`)."""


def occurrences(view: View, term: str, fields: Mapping[str, float]) -> Postings:
    """Records that hold a term in the body or in a field, and how often, each occurrence weighted by its field."""
    found = [(view.postings(term), 1.0)]
    found += [(view.postings(term, name), weight) for name, weight in fields.items()]
    held = [(ords, tf * np.float32(weight)) for (ords, tf), weight in found if len(ords)]
    if not held:
        return found[0][0]
    if len(held) == 1:
        return Postings(*held[0])
    ords, place = np.unique(np.concatenate([ords for ords, _ in held]), return_inverse=True)
    tf = np.bincount(place, weights=np.concatenate([tf for _, tf in held]), minlength=len(ords))
    return Postings(ords.astype(np.int32), tf.astype(np.float32))


def idf(holding: int, count: int) -> float:
    """How telling a term is that `holding` of `count` records have: ln(1 + (N - n + .5) / (n + .5)), never negative."""
    return float(np.log1p((count - holding + 0.5) / (holding + 0.5)))


@mechanism(
    seam="Retriever",
    source="doi:10.1561/1500000019",
    title="The Probabilistic Relevance Framework: BM25 and Beyond",
    year=2009,
    where="section 3: BM25 and its weighted fields",
    fidelity="adapted",
)
@dataclass(frozen=True, kw_only=True)
class Lexical(Source):
    """BM25 over the words of a record and of its fields. Signal: `bm25`.

    Departs from the paper in that a field's weight multiplies its term counts while the length is the body's alone, that idf can't
    be negative, and that `b`, where it is None, follows the length of the space's records: .4 for chat turns (a long turn says
    more) up to .75 for messages and passages (a long one is about more).
    """

    k1: float = 1.2
    b: float | None = None
    fields: Mapping[str, float] = field(default_factory=lambda: FIELDS)

    def retrieve(self, question: Question, view: View, k: int) -> Ranked:
        found = Counter(sought(question, view))
        matches = [(occurrences(view, term, self.fields), times) for term, times in found.items()]
        ords, scores = self.score(view, matches)
        order = np.lexsort((ords, -scores))[:k] if len(ords) <= 4 * k else _best(ords, scores, k)
        return top(Ranked(ords[order], scores[order], {"bm25": scores[order]}), k)

    def score(self, view: View, matches: Iterable[tuple[Postings, float]]) -> tuple[Ords, Floats]:
        """Records that hold any of the terms, ascending, and their BM25 scores."""
        total = np.zeros(view.n, np.float32)
        for (ords, tf), times in matches:
            if len(ords):
                weight = np.float32(times * idf(len(ords), view.count) * (self.k1 + 1))
                total[ords] += weight * tf / (tf + self.norm(view, ords))
        ords = np.flatnonzero(total).astype(np.int32)
        return ords, total[ords]

    def norm(self, view: View, ords: Ords) -> Floats:
        """k1 (1 - b + b length / mean length) of each record, in the shape of `ords`; -1 counts as an empty record."""
        b = 0.4 + 0.35 * profile(view).long if self.b is None else self.b
        mean = max(profile(view).length, 1.0)
        lengths = np.where(ords >= 0, view.lengths()[ords], np.float32(0))
        scaled: Floats = np.float32(self.k1) * (np.float32(1 - b) + lengths * np.float32(b / mean))
        return scaled


def _best(ords: Ords, scores: Floats, k: int) -> NDArray[np.int64]:
    """Places of the k best, best first; of equal ones the earlier record."""
    least = scores[np.argpartition(-scores, k - 1)[k - 1]]
    kept = np.flatnonzero(scores >= least)
    return kept[np.lexsort((ords[kept], -scores[kept]))][:k]
