"""What a text tells of somebody: domains (health, finance, …) and events (a divorce, an arrest, …), several at once, each scored.

Two signs are joined: words and phrases of the policy, compared by English stems, and the likeness of the text's vector to a
few sentences of each kind. Either may be missing: a record without a vector is judged by its words alone.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from remanence.seams import Embedder
from remanence.text.analyze import stem, words
from remanence.text.guard.policy import Integrity, Kind

Floats = NDArray[np.float32]

STRONG: Final = 0.7
WEAK: Final = 0.3
"""Belief that one such word gives; several add up as independent signs: 1 - Π(1 - w)."""
TOLD: Final = 0.5
"""A kind is recognised from here on: by one strong word, two weak ones, or a vector that is near enough."""
SUSPECTED: Final = 0.25
"""What the likeliest domain needs where none is recognised: what may be sensitive is taken to be."""
LOW: Final = 0.1
HIGH: Final = 0.5
"""Likeness to a kind's sentences that says nothing, and that says all that a vector can."""
MOST: Final = 0.7
"""What a vector can say at the most."""
NEUTRAL: Final = 0.3
"""How much of the likeness to sentences that tell nothing is taken off."""
BEHIND: Final = 0.5
"""How much of what a kind is behind the likest of its group is taken off."""
NEAREST: Final = 2
"""Sentences of a kind whose cosines are averaged."""
LONGEST: Final = 4000
"""Characters of a text that are read for words."""
CLOCK: Final = "#clock"
"""In a policy's words: any time of day."""
_TIME: Final = re.compile(r"(?:[01]?\d|2[0-4]):[0-5]\d|(?:1[0-2]|[1-9])(?:am|pm)")
NOTHING: Final = "?"
"""The label of sentences that tell nothing."""
KEPT: Final = 8
"""Encoders whose prototypes are remembered."""


class Match(NamedTuple):
    """A phrase of a lexicon found in a text: what it stands for, and the tokens `start:end` that it covers."""

    label: str
    weight: float
    start: int
    end: int


class Lexicon:
    """Phrases by label, found in a text by their stems, in one pass over its words."""

    def __init__(self, entries: Iterable[tuple[str, float, str]]) -> None:
        """`entries`: label, weight, phrase."""
        self._starts: dict[str, list[tuple[tuple[str, ...], str, float]]] = {}
        for label, weight, phrase in entries:
            tokens = _tokens(phrase)
            if tokens:
                self._starts.setdefault(tokens[0], []).append((tuple(tokens), label, weight))

    def find(self, text: str, *, across: bool = False) -> list[Match]:
        """Every phrase in the text, longest first, none inside another of its label; `across`: none inside another of any label."""
        tokens = _tokens(text[:LONGEST])
        found = []
        for place, token in enumerate(tokens):
            for phrase, label, weight in self._starts.get(token, ()):
                end = place + len(phrase)
                if len(phrase) == 1 or tuple(tokens[place:end]) == phrase:
                    found.append(Match(label, weight, place, end))
        found.sort(key=lambda match: (match.start - match.end, -match.weight, match.start))
        kept: list[Match] = []
        for match in found:
            if not any(_covers(other, match, across) for other in kept):
                kept.append(match)
        return kept

    def scores(self, text: str) -> dict[str, float]:
        """Belief in each label; a word that is repeated counts once."""
        doubt: dict[str, float] = {}
        tokens = None
        seen = set()
        for match in self.find(text):
            tokens = tokens if tokens is not None else _tokens(text[:LONGEST])
            key = (match.label, *tokens[match.start : match.end])
            if key not in seen:
                seen.add(key)
                doubt[match.label] = doubt.get(match.label, 1.0) * (1.0 - match.weight)
        return {label: 1.0 - left for label, left in doubt.items()}


def _covers(kept: Match, match: Match, across: bool) -> bool:
    apart = kept.end <= match.start or match.end <= kept.start
    if apart or kept.label == match.label:
        return not apart
    return across and match.end - match.start < kept.end - kept.start


def _tokens(text: str) -> list[str]:
    """Stems of all words, function words as they are: "laid off" is two tokens. A time of day is `CLOCK`."""
    if text == CLOCK:
        return [CLOCK]
    tokens = []
    for word in words(text):
        if _TIME.fullmatch(word.text):
            tokens.append(CLOCK)
            continue
        plain = word.text.removesuffix("'s")
        tokens.append(stem(plain) or plain)
    return tokens


@dataclass(frozen=True, slots=True, eq=False)
class Prototypes:
    """Sentences by label, encoded once for each encoder."""

    like: Mapping[str, Sequence[str]]
    _encoded: dict[str, tuple[Floats, NDArray[np.intp]]] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def labels(self) -> list[str]:
        """The labels that have sentences, in order."""
        return [label for label, sentences in self.like.items() if sentences]

    def rows(self, encoder: Embedder) -> tuple[Floats, NDArray[np.intp]]:
        """(p, d) unit rows of all sentences, and (labels,) where each label's begin. Raises: what the encoder raises."""
        with self._lock:
            known = self._encoded.get(encoder.id)
            if known is None:
                texts = [text for label in self.labels for text in self.like[label]]
                counts = [len(self.like[label]) for label in self.labels]
                dense = encoder.encode(texts).dense if texts else np.empty((0, encoder.dim))
                rows = np.asarray(dense, np.float32)
                starts = np.cumsum([0, *counts])[:-1].astype(np.intp)
                if len(self._encoded) >= KEPT:
                    self._encoded.pop(next(iter(self._encoded)))
                known = self._encoded[encoder.id] = (rows, starts)
        return known

    def best(self, vector: Floats, encoder: Embedder) -> dict[str, float]:
        """Label -> the best cosine with one of its sentences. Raises: as `rows`."""
        rows, starts = self.rows(encoder)
        if not len(starts):
            return {}
        nearest = np.maximum.reduceat(rows @ vector, starts)
        return dict(zip(self.labels, nearest.tolist(), strict=True))


class Told(NamedTuple):
    """What a text tells: domains and events with their scores, the most certain first."""

    domains: Mapping[str, float]
    events: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Domains:
    """The recogniser of a policy's domains and events."""

    kinds: tuple[Kind, ...]
    lexicon: Lexicon = field(repr=False)
    prototypes: Prototypes = field(repr=False)
    events: frozenset[str]

    @classmethod
    def of(cls, policy: Integrity) -> Self:
        """For the domains and events that a policy defines."""
        kinds = [(kind, kind.name) for kind in policy.domains.values()]
        kinds += [(kind, _event(kind.name)) for kind in policy.events.values()]
        entries = [
            (label, weight, phrase)
            for kind, label in kinds
            for weight, phrases in ((STRONG, kind.strong), (WEAK, kind.weak))
            for phrase in phrases
        ]
        return cls(
            kinds=tuple(kind for kind, _ in kinds),
            lexicon=Lexicon(entries),
            prototypes=Prototypes(
                {NOTHING: policy.neutral, **{label: kind.like for kind, label in kinds}}
            ),
            events=frozenset(_event(name) for name in policy.events),
        )

    def told(self, text: str, cosines: Floats | None = None) -> Told:
        """What `text` tells. `cosines` (p,): its cosine with each row of `prototypes`, where it has a vector."""
        believed = self.lexicon.scores(text)
        suspect = False
        if cosines is not None:
            said, suspect = self._near(cosines)
            for label, near in said.items():
                believed[label] = 1.0 - (1.0 - believed.get(label, 0.0)) * (1.0 - near)
        ordered = sorted(believed.items(), key=lambda item: (-item[1], item[0]))
        likeliest = next(
            ((label, score) for label, score in ordered if label not in self.events), None
        )
        ordered = [(label, score) for label, score in ordered if score >= TOLD]
        if not ordered and suspect and likeliest and likeliest[1] >= SUSPECTED:
            ordered = [likeliest]
        return Told(
            {label: score for label, score in ordered if label not in self.events},
            {label[1:]: score for label, score in ordered if label in self.events},
        )

    def _near(self, cosines: Floats) -> tuple[dict[str, float], bool]:
        """Label -> what the vector says for it, in [0, `MOST`]; and whether it is more like some domain than like what tells nothing."""
        likeness: dict[str, float] = {}
        start = 0
        for label in self.prototypes.labels:
            end = start + len(self.prototypes.like[label])
            likeness[label] = float(np.sort(cosines[start:end])[-NEAREST:].mean())
            start = end
        nothing = likeness.pop(NOTHING, 0.0)
        best = [0.0, 0.0]
        for label, cosine in likeness.items():
            group = label in self.events
            best[group] = max(best[group], cosine)
        said = {}
        for label, cosine in likeness.items():
            behind = best[label in self.events] - cosine
            left = cosine - NEUTRAL * max(nothing, LOW) - BEHIND * behind
            if left > LOW:
                said[label] = MOST * min(1.0, (left - LOW) / (HIGH - LOW))
        return said, best[False] > nothing


def _event(name: str) -> str:
    """The label of an event, which may have the name of a domain."""
    return "!" + name
