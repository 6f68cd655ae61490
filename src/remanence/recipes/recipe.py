"""What a recipe is: the mechanisms that one memory is run by, chosen together and named."""

from __future__ import annotations

from dataclasses import dataclass, field

from remanence.seams import Gate, Guard, Keeper, Packer, Retriever, Settler, Sleeper, Writer
from remanence.text.keep.activation import BaseLevel
from remanence.text.write.facts import Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A named composition: how observations become records, how questions find them, how hits are packed, and what becomes of all
    that. Guards, facts, settler, gates and sleepers may be left out."""

    name: str
    writer: Writer
    retriever: Retriever
    """The whole way from a question to ranked candidates, rankers included."""
    packer: Packer
    guards: tuple[Guard, ...] = ()
    """Asked in this order about everything that is about to be stored."""
    facts: Facts | None = None
    """Reads out of each message, as the guards let it through, what holds one value at a time."""
    settler: Settler | None = None
    gates: tuple[Gate, ...] = ()
    """Asked in this order which hits this reader may see."""
    keeper: Keeper = field(default_factory=BaseLevel)
    sleepers: tuple[Sleeper, ...] = ()
    """In the order in which they work."""
