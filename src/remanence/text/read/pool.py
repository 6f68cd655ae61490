"""Which records are looked at closely: all of a small space, the best of several lists in a large one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from remanence.catalogue.declare import mechanism
from remanence.seams import Question, Ranked, Retriever, View
from remanence.text.read.compose import Source


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
    `reach` steps around the best `centres` of each in their sessions, for an answer often stands beside the words that find it.
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
        each: int = 150,
        centres: int = 50,
        reach: int = 2,
    ) -> None:
        values = (retrievers, whole, each, centres, reach)
        for name, value in zip(self.__dataclass_fields__, values, strict=True):
            object.__setattr__(self, name, value)

    def retrieve(self, question: Question, view: View, k: int) -> Ranked:
        if view.count <= self.whole:
            ords = np.flatnonzero(view.visible).astype(np.int32)
        else:
            found = [
                retriever.retrieve(question, view, max(k, self.each)).ords
                for retriever in self.retrievers
            ]
            around = [
                view.neighbour(step)[ords[: self.centres]]
                for ords in found
                for step in range(-self.reach, self.reach + 1)
                if step
            ]
            ords = np.unique(np.concatenate([np.empty(0, np.int32), *found, *around]))
            ords = ords[ords >= 0].astype(np.int32)
        return Ranked(ords, np.zeros(len(ords), np.float32))
