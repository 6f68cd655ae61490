"""What untrusted origins say, held against what others say of the same: the check before a memory is shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from remanence.catalogue.declare import mechanism
from remanence.seams import Question, Screened, View
from remanence.text.guard.echoes import Echoes, echoes_in
from remanence.text.guard.lessons import Lessons, lessons_in
from remanence.text.guard.steering import Steering, strongest
from remanence.text.guard.witnesses import Doubted, Witnesses
from remanence.types import Hit

CONFIRMED: Final = "confirmed"
"""The mark of a record that somebody entitled to has confirmed: it is not looked at any more."""
STEERS: Final = "would steer what is done, from an untrusted origin"
REPEATS: Final = "repeats what was found harmful before"
ECHOES: Final = "says again what the same origin was quarantined for"
OPPOSES: Final = "contradicts what a more trusted origin says"
OUTVOTED: Final = "contradicts what several independent origins say"
ALONE: Final = "said only by an origin that is not trusted"


@mechanism(
    seam="Gate",
    source="arXiv:2510.02373",
    title="A-MemGuard: consensus among related memories",
    year=2025,
    where="section 3.2, consensus-based validation",
    fidelity="adapted",
)
@dataclass(frozen=True, slots=True, kw_only=True)
class Consensus:
    """Withholds hits below `threshold` of trust that contradict what more trusted or several independent origins say of the same matter,
    that would steer (see `Steering`), that repeat a lesson or say again what their origin was quarantined for (`echoes`);
    notes what only an untrusted origin says.

    Related memories are those that hold the same slot, the `near` nearest to the question, and the `near` that share its words or
    the hit's. Ten records of one origin are one voice. A voice of more than `margin` higher trust outweighs any number of
    lower ones, unless as trusted a voice says the same as the hit; among equals two independent voices outvote one.

    Departs from the paper: there a language model derives a reasoning path from each retrieved memory and judges which paths deviate;
    here each memory's statement on the question's matter is compared by its slot, names, numbers, words and negation, trust comes from
    origins (the paper has none), and related memories are looked up beyond those retrieved. Contradictions that only
    inference would show are not seen, and neither is a false claim on which no other memory speaks: that one is noted."""

    threshold: float = 0.9
    margin: float = 0.05
    near: int = 24
    answers: float = 0.35
    """Cosine from which a hit is held to answer the question even without its words."""
    heeded: float = 2.5
    """What a hit that speaks of the question's matter may steer at most: a bare instruction on it is too much."""
    steering: Steering | None = field(default_factory=Steering)

    def screen(self, question: Question, view: View, hits: Sequence[Hit]) -> Screened:
        doubtful = [
            hit
            for hit in hits
            if hit.record.trust < self.threshold and CONFIRMED not in hit.record.marks
        ]
        if not doubtful:
            return Screened(hits, ())
        lessons, echoes = lessons_in(view), echoes_in(view)
        witnesses = Witnesses(
            question, view, doubtful, near=self.near, answers=self.answers, margin=self.margin
        )
        kept: list[Hit] = []
        why: Counter[str] = Counter()
        for hit in hits:
            doubted = witnesses.doubted.get(hit.place)
            reason = self._reason(hit, doubted, lessons, echoes, witnesses) if doubted else ""
            if not reason:
                kept.append(hit)
            elif reason == ALONE:
                kept.append(replace(hit, notes=(*hit.notes, ALONE)))
            else:
                why[reason] += 1
        return Screened(kept, [f"{count} withheld: {reason}" for reason, count in why.items()])

    def _reason(
        self, hit: Hit, doubted: Doubted, lessons: Lessons, echoes: Echoes, witnesses: Witnesses
    ) -> str:
        """Why a doubted hit may not be shown, or `ALONE`, or ""."""
        record = hit.record
        low = self.steering is not None and record.trust < self.steering.threshold
        if low and self.steering is not None:
            if doubted.entry.steers is None:  # once a version: its text does not change
                doubted.entry.steers = strongest((record.text, *record.fields.values())).score
            asked = any(line.speaks for line in doubted.lines)
            if doubted.entry.steers >= (self.heeded if asked else self.steering.least):
                return STEERS
            if lessons.repeats(record.text):
                return REPEATS
            if echoes.echoed(doubted.entry.family, doubted.entry.said, witnesses):
                return ECHOES
        above, equal, backed = witnesses.weigh(doubted)
        if above:
            return OPPOSES
        if equal:
            return OUTVOTED
        return ALONE if low and not backed else ""
