"""Beside each message, what it states that may change: one derived record for each slot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from remanence.catalogue.declare import mechanism
from remanence.seams import Observation, Writer
from remanence.text.write.awake import Awake
from remanence.text.write.slots import slots_of
from remanence.types import ABOVE, Add, Source

FACT = "fact"
"""The kind of a record that fills a slot."""


@mechanism(
    seam="Writer",
    source="Remanence",
    title="Statements that hold one value at a time, as records of their own",
    year=2026,
    fidelity="ours",
)
@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What `writer` writes, each message followed by a record of kind `fact` for every slot that it fills.

    A fact's text is the sentence, verbatim, its source the characters of it in the message, which is named as `ABOVE`: also
    where the store chooses the message's id. Speaker, session, origin, trust, audience, marks and moment are the message's; so is
    its fate, for a message that is rejected takes its facts along, and one that is a duplicate finds them stored.

    >>> said = Observation(text="Hello! I moved to Porto.", scope=("t", "u"), speaker="Ana")
    >>> [(add.kind, add.text, add.slot and add.slot.value) for add in Facts().write(said)]
    [('episode', 'Hello! I moved to Porto.', None), ('fact', 'I moved to Porto.', 'Porto')]
    """

    writer: Writer = field(default_factory=Awake)
    most: int = 16
    """Facts taken from one message."""
    kinds: tuple[str, ...] = ("episode",)
    """Kinds of records that are read."""

    def write(self, observation: Observation) -> Sequence[Add]:
        adds: list[Add] = []
        for add in self.writer.write(observation):
            adds.append(add)
            adds += self.of(add)
        return adds

    def of(self, add: Add) -> list[Add]:
        """The facts of one record, to be added right after it: for a guard that changed its text first."""
        if add.kind not in self.kinds or add.slot is not None:
            return []
        return [
            Add(
                scope=add.scope,
                text=add.text[start:end],
                kind=FACT,
                session=add.session,
                speaker=add.speaker,
                role=add.role,
                sources=(Source(ABOVE, start, end),),
                origin=add.origin,
                trust=add.trust,
                audience=add.audience,
                purpose=add.purpose,
                sensitivity=add.sensitivity,
                slot=slot,
                marks=add.marks,
                valid_from=add.valid_from,
                valid_to=add.valid_to,
            )
            for slot, start, end in slots_of(add.text, speaker=add.speaker, role=add.role)[
                : self.most
            ]
        ]
