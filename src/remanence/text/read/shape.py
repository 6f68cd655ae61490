"""What kind of utterance a record is: who plays the part, how long, whether it asks or tells, whether it has a time or a number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from remanence.catalogue.declare import mechanism
from remanence.seams import Question, Ranked, View
from remanence.store.rows import ROLES
from remanence.text.analyze import words
from remanence.text.read.beside import beside
from remanence.text.read.calibrate import best_first, zscore
from remanence.text.read.profile import profile
from remanence.text.read.window import counts

Floats = NDArray[np.float32]

FORM = "form"
"""The field of the lexical index under which `analyze` notes what kind of text it was."""
_WHEN = frozenset(("when", "date", "day", "month", "year", "time", "ago"))
_MANY = frozenset(("many", "much", "often", "old", "long", "number", "total"))


@mechanism(
    seam="Ranker",
    source="Remanence",
    title="Role, length and form of an utterance",
    year=2026,
    fidelity="ours",
)
@dataclass(frozen=True, kw_only=True)
class Shape:
    """What is to be remembered is told by users rather than by assistants, and told rather than asked.

    Adds `user` to a user's messages where users and assistants talk, takes `asking` off what ends in a question mark, and adds
    `answering` to what follows such; adds `timed` to what names a time where the question is after one, and `counted` to what has a
    number where it is after that. Signals: `by_user`, `asks`, `answers`, `tells_time`, `tells_number`, `length` (log words)."""

    user: float = 0.5
    asking: float = 0.3
    answering: float = 0.3
    timed: float = 0.3
    counted: float = 0.2

    def rank(self, question: Question, view: View, ranked: Ranked) -> Ranked:
        ords = ranked.ords
        asked = {word.text for word in words(question.query.text[:2000])}
        before = beside(view, ords, -1)
        asks = view.postings("question", FORM)
        rows = view.rows[ords]
        none = np.zeros(len(ords), np.float32)
        signals = {
            "by_user": (rows["role"] == ROLES.index("user")).astype(np.float32)
            if profile(view).assisted
            else none,
            "asks": counts(asks, ords),
            "answers": counts(asks, before),
            "tells_time": counts(view.postings("time", FORM), ords) if asked & _WHEN else none,
            "tells_number": counts(view.postings("number", FORM), ords) if asked & _MANY else none,
            "length": np.log1p(view.lengths()[ords]),
        }
        scores = (
            ranked.scores
            + np.float32(self.user) * zscore(signals["by_user"])
            - np.float32(self.asking) * signals["asks"]
            + np.float32(self.answering) * signals["answers"]
            + np.float32(self.timed) * signals["tells_time"]
            + np.float32(self.counted) * signals["tells_number"]
        )
        return best_first(ranked, scores, signals)
