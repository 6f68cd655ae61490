"""Awake writers: observations to records, by rules, with spans, speakers, dates and phrases."""

# Written by `make gen`: below this line by the catalogue, above it by hand.

from typing import TYPE_CHECKING

from remanence.catalogue.lazy import attach

if TYPE_CHECKING:
    from remanence.text.write.documents import Documents as Documents
    from remanence.text.write.facts import Facts as Facts
    from remanence.text.write.settle import Settle as Settle
    from remanence.text.write.turns import Turns as Turns
else:
    __getattr__, __dir__ = attach(
        __name__,
        {
            "Documents": "remanence.text.write.documents",
            "Facts": "remanence.text.write.facts",
            "Settle": "remanence.text.write.settle",
            "Turns": "remanence.text.write.turns",
        },
    )

__all__ = [
    "Documents",
    "Facts",
    "Settle",
    "Turns",
]
