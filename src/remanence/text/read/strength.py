"""What was used before is a little likelier to be used again."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from remanence.catalogue.declare import mechanism
from remanence.seams import Keeper, Question, Ranked, Uses, View
from remanence.text.keep.activation import BaseLevel
from remanence.text.keep.ragged import counts, select
from remanence.text.keep.strengths import learnt
from remanence.text.read.calibrate import best_first


@mechanism(
    seam="Ranker",
    source="arXiv:2305.10250",
    title="MemoryBank: Enhancing Large Language Models with Long-Term Memory",
    year=2023,
    where="memories recalled are reinforced",
    fidelity="inspired",
)
@dataclass(frozen=True, kw_only=True)
class Strength:
    """Adds `weight` times what its uses have added to a record's strength; age alone moves nothing, and where no candidate was
    ever used, order and scores stay as they are.

    Signals, where any candidate was used: `strength` (0 to 1, as the keeper has it at the question's moment) and `reinforced`
    (the part of it that its uses made)."""

    weight: float = 0.1
    keeper: Keeper = field(default_factory=BaseLevel)

    def rank(self, question: Question, view: View, ranked: Ranked) -> Ranked:
        uses = view.uses()
        if not len(uses.at) or not len(ranked.ords):
            return ranked
        mine = select(uses, ranked.ords)
        if not len(mine.at):
            return ranked
        known_at = question.query.known_at
        now = question.now if known_at is None else known_at
        born = learnt(view, ranked.ords)
        strength = self.keeper.strength(born, mine, now)
        used = np.flatnonzero(counts(mine))
        none = Uses(np.zeros(len(used) + 1, np.int64), np.empty(0, np.int64))
        reinforced = np.zeros(len(born), np.float32)
        reinforced[used] = strength[used] - self.keeper.strength(born[used], none, now)
        scores = ranked.scores + np.float32(self.weight) * reinforced
        return best_first(ranked, scores, {"strength": strength, "reinforced": reinforced})
