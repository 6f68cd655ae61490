"""How strong each memory is by its age and its uses, and what of it moves to the archive."""

# Written by `make gen`: below this line by the catalogue, above it by hand.

from typing import TYPE_CHECKING

from remanence.catalogue.lazy import attach

if TYPE_CHECKING:
    from remanence.text.keep.activation import BaseLevel as BaseLevel
    from remanence.text.keep.adjudicate import Adjudicate as Adjudicate
    from remanence.text.keep.aged import AgeWeighted as AgeWeighted
    from remanence.text.keep.ebbinghaus import Ebbinghaus as Ebbinghaus
    from remanence.text.keep.fade import Fade as Fade
    from remanence.text.keep.merge import Merge as Merge
    from remanence.text.keep.summaries import SessionSummaries as SessionSummaries
    from remanence.text.keep.ttl import Expiry as Expiry
else:
    __getattr__, __dir__ = attach(
        __name__,
        {
            "Adjudicate": "remanence.text.keep.adjudicate",
            "AgeWeighted": "remanence.text.keep.aged",
            "BaseLevel": "remanence.text.keep.activation",
            "Ebbinghaus": "remanence.text.keep.ebbinghaus",
            "Expiry": "remanence.text.keep.ttl",
            "Fade": "remanence.text.keep.fade",
            "Merge": "remanence.text.keep.merge",
            "SessionSummaries": "remanence.text.keep.summaries",
        },
    )

__all__ = [
    "Adjudicate",
    "AgeWeighted",
    "BaseLevel",
    "Ebbinghaus",
    "Expiry",
    "Fade",
    "Merge",
    "SessionSummaries",
]
