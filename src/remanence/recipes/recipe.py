"""What a recipe is: the mechanisms that one memory is run by, chosen together and named."""

from __future__ import annotations

from dataclasses import dataclass

from remanence.seams import Packer, Retriever, Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A named composition: how observations become records, how questions find them, how hits are packed."""

    name: str
    writer: Writer
    retriever: Retriever
    """The whole way from a question to ranked candidates, rankers included."""
    packer: Packer
