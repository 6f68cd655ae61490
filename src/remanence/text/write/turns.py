"""A message becomes one record, verbatim, with the searchable fields that it lacks itself.

Source: Wu et al. 2024, LongMemEval (arXiv:2410.10813): what is stored is the turn rather than the session, and the times
that a turn names join what it is indexed by.
Departs from the paper: a turn is one message, not a round of two; times come from rules, not from a language model; they
are resolved against the moment of the message and become words ("7 may 2023 sunday"), so that lexical search finds them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from remanence.catalogue.declare import mechanism
from remanence.seams import Observation
from remanence.text.write.dates import date_words, mentions
from remanence.text.write.days import DAY
from remanence.types import Add, Role


@mechanism(
    seam="Writer",
    source="arXiv:2410.10813",
    title="LongMemEval: Benchmarking Chat Assistants on Long-Term Interactive Memory",
    year=2024,
    where="session decomposition; time-aware indexing",
    fidelity="adapted",
)
@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """One message, one record: the text as it was said, and fields for speaker, caption, title and dates.

    Fields that the observation brings stay as they are. `meta["caption"]` (what an image shows) becomes a field where there
    is none. A message without `at` was said when it was handed over.

    >>> from remanence.types import Micros
    >>> monday: Micros = 1_683_504_000_000_000
    >>> (turn,) = Turns().write(Observation(text="I ran yesterday", scope=("t", "u"), speaker="Ana", at=monday))
    >>> turn.text, dict(turn.fields)
    ('I ran yesterday', {'speaker': 'Ana', 'dates': '8 may 2023 monday 7 sunday'})
    """

    day_words: bool = True
    """Whether the day of the message itself is among its dates."""
    mentioned: bool = True
    """Whether the times that the text names are."""

    def write(self, observation: Observation) -> list[Add]:
        fields = dict(observation.fields)
        if observation.speaker:
            fields.setdefault("speaker", observation.speaker)
        if observation.title:
            fields.setdefault("title", observation.title)
        caption = observation.meta.get("caption")
        if isinstance(caption, str) and caption:
            fields.setdefault("caption", caption)
        if "dates" not in fields and (dates := self._dates(observation)):
            fields["dates"] = dates
        return [
            Add(
                scope=observation.scope,
                text=observation.text,
                id=observation.id,
                kind=observation.kind,
                session=observation.session,
                speaker=observation.speaker,
                role=cast(Role, observation.role),
                fields=fields,
                meta=observation.meta,
                sources=observation.sources,
                origin=observation.origin,
                valid_from=observation.at,
            )
        ]

    def _dates(self, observation: Observation) -> str:
        at = observation.now if observation.at is None else observation.at
        if at is None:
            return ""
        day = at // DAY * DAY
        named = [(day, day + DAY)] if self.day_words else []
        if self.mentioned:
            named += [(found.since, found.until) for found in mentions(observation.text, at)]
        return date_words(named)
