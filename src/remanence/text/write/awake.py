"""The writer of an assistant's memory: pages go to one writer, all else to another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from remanence.seams import Observation, Writer
from remanence.text.write.documents import Documents
from remanence.text.write.turns import Turns
from remanence.types import Add


@dataclass(frozen=True, slots=True, kw_only=True)
class Awake:
    """Chooses by what the caller says that an observation is: role or kind `document`, or anything else."""

    turns: Writer = field(default_factory=Turns)
    documents: Writer = field(default_factory=Documents)

    def write(self, observation: Observation) -> Sequence[Add]:
        page = "document" in (observation.role, observation.kind)
        return (self.documents if page else self.turns).write(observation)
