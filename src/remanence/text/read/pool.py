"""Which records are looked at closely: all of a small space, the best of several lists in a large one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from remanence.catalogue.declare import mechanism
from remanence.seams import Question, Ranked, Retriever, View
from remanence.text.read.beside import beside
from remanence.text.read.compose import Source
from remanence.text.read.profile import profile


@mechanism(
    seam="Retriever",
    source="Remanence",
    title="Candidates: everything, or the union of the best",
    year=2026,
    fidelity="ours",
)
@dataclass(frozen=True, init=False)
class Pool(Source):
    """Candidates for rankers that score each of them by several signals; all start at score 0.

    Where at most `whole` records are visible, all of them, in order. Else the best `each` of every retriever, and the records
    `reach` steps around the best `centres` of each in their sessions, for an answer often stands beside the words that find it;
    twice `each` where records stand alone. The newest come in where all these are fewer than were asked for.
    """

    retrievers: Sequence[Retriever]
    whole: int
    each: int
    centres: int
    reach: int

    def __init__(
        self,
        *retrievers: Retriever,
        whole: int = 1500,
        each: int = 80,
        centres: int = 20,
        reach: int = 2,
    ) -> None:
        values = (retrievers, whole, each, centres, reach)
        for name, value in zip(self.__dataclass_fields__, values, strict=True):
            object.__setattr__(self, name, value)

    def retrieve(self, question: Question, view: View, k: int) -> Ranked:
        if view.count <= max(self.whole, k):
            ords = np.flatnonzero(view.visible).astype(np.int32)
        else:
            alone = 2 if profile(view).chained < 0.5 else 1
            each = max(self.each * alone, -(-k // max(len(self.retrievers), 1)))
            found = [one.retrieve(question, view, each).ords for one in self.retrievers]
            around = [
                beside(view, ords[: self.centres], step)
                for ords in found
                for step in range(-self.reach, self.reach + 1)
                if step
            ]
            ords = np.unique(np.concatenate([np.empty(0, np.int32), *found, *around]))
            ords = ords[ords >= 0].astype(np.int32)
            if len(ords) < k:
                newest = np.flatnonzero(view.visible)[-k:].astype(np.int32)
                ords = np.union1d(ords, newest)
        return Ranked(ords, np.zeros(len(ords), np.float32))
