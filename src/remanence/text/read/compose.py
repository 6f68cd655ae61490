"""Retrievers, rankers and packers joined by `>>` into larger ones, as ordinary values.

Fuse(Lexical(), Dense(), by=RRF()) >> Neighbours(1) >> LateInteraction() >> Fit()
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, overload

from remanence.seams import Packer, Question, Ranked, Ranker, Retriever, View
from remanence.text.read.calibrate import top


class Reading(NamedTuple):
    """From a question to a packed context: what `retriever >> packer` gives."""

    retriever: Retriever
    packer: Packer


class Source:
    """Gives a retriever its `>>`: a ranker after it makes a longer retriever, a packer after it ends the line."""

    @overload
    def __rshift__(self, after: Ranker) -> Pipeline: ...
    @overload
    def __rshift__(self, after: Packer) -> Reading: ...
    def __rshift__(self, after: Any) -> Pipeline | Reading:
        this: Any = self
        if hasattr(after, "pack"):
            return Reading(this, after)
        if not hasattr(after, "rank"):
            return NotImplemented
        if isinstance(this, Pipeline):
            return Pipeline(this.source, (*this.rankers, after), pool=this.pool)
        return Pipeline(this, (after,))


@dataclass(frozen=True)
class Pipeline(Source):
    """A retriever and the rankers that see its candidates one after the other.

    The retriever is asked for `pool` candidates, or k where that is more: a ranker can only bring up what it is shown.
    """

    source: Retriever
    rankers: Sequence[Ranker] = ()
    pool: int = 100

    def retrieve(self, question: Question, view: View, k: int) -> Ranked:
        ranked = self.source.retrieve(question, view, max(k, self.pool))
        for ranker in self.rankers:
            ranked = ranker.rank(question, view, ranked)
        return top(ranked, k)
