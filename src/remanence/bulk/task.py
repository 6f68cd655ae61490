"""What a worker is asked to do, and doing it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from remanence.bulk.place import Place, encoder
from remanence.errors import ModelError
from remanence.seams import Encoded, Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Remember these, in their order. Each has an id, so that doing it again stores nothing twice."""

    place: Place
    tenant: str = ""
    observations: Sequence[Observation]

    def perform(self) -> Done:
        """Counts by status, and why items were rejected."""
        with self.place.open(self.tenant, embedder="none") as memory:
            acks = list(memory.observe(self.observations))
        why = {ack.id: ack.reason for ack in acks if ack.status == "rejected"}
        return Done(counts=Counter(ack.status for ack in acks), rejected=why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleep:
    """Let a user's memory do what is due, within so many seconds. What was done before is not done again."""

    place: Place
    tenant: str = ""
    user: str
    seconds: float = math.inf

    def perform(self) -> Done:
        """Counts of the changes by kind; `left`: whether something is left for another night."""
        with self.place.open(self.tenant) as memory:
            night = memory.sleep(user_id=self.user or None, seconds=self.seconds)
        counts: Counter[str] = Counter(users=1, left=int(not night.done))
        for one in night.sleepers:
            counts.update(one.changes)
        return Done(counts=counts, run=night.run)


@dataclass(frozen=True, slots=True, kw_only=True)
class Encode:
    """Encode these texts. Writes nothing: who asked stores the vectors."""

    embedder: str
    texts: Sequence[str]

    def perform(self) -> Encoded:
        """Raises: ModelError."""
        found = encoder(self.embedder)
        if found is None:
            raise ModelError(
                f"there is no encoder {self.embedder!r} where this runs",
                hint="rmem models list says what is there",
            )
        return found.encode(self.texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of a task."""

    counts: Mapping[str, int] = field(default_factory=dict)
    rejected: Mapping[str, str] = field(default_factory=dict)
    run: str = ""


Task = Store | Sleep | Encode


def perform(task: Task) -> Done | Encoded:
    """Do it, in whatever process this is."""
    return task.perform()
