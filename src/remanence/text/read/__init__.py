"""Retrievers, rankers and packers: from a question to the memories that answer it."""

# Written by `make gen`: below this line by the catalogue, above it by hand.

from typing import TYPE_CHECKING

from remanence.catalogue.lazy import attach

if TYPE_CHECKING:
    from remanence.text.read.current import Current as Current
    from remanence.text.read.dense import Dense as Dense
    from remanence.text.read.feedback import Feedback as Feedback
    from remanence.text.read.fuse import Fuse as Fuse
    from remanence.text.read.graph import PhraseGraph as PhraseGraph
    from remanence.text.read.late import LateInteraction as LateInteraction
    from remanence.text.read.lexical import Lexical as Lexical
    from remanence.text.read.neighbours import Neighbours as Neighbours
    from remanence.text.read.neighbours import Sessions as Sessions
    from remanence.text.read.pack import Fit as Fit
    from remanence.text.read.people import People as People
    from remanence.text.read.pool import Pool as Pool
    from remanence.text.read.ranker import Linear as Linear
    from remanence.text.read.related import Related as Related
    from remanence.text.read.shape import Shape as Shape
    from remanence.text.read.strength import Strength as Strength
    from remanence.text.read.temporal import Temporal as Temporal
    from remanence.text.read.window import Window as Window
else:
    __getattr__, __dir__ = attach(
        __name__,
        {
            "Current": "remanence.text.read.current",
            "Dense": "remanence.text.read.dense",
            "Feedback": "remanence.text.read.feedback",
            "Fit": "remanence.text.read.pack",
            "Fuse": "remanence.text.read.fuse",
            "LateInteraction": "remanence.text.read.late",
            "Lexical": "remanence.text.read.lexical",
            "Linear": "remanence.text.read.ranker",
            "Neighbours": "remanence.text.read.neighbours",
            "People": "remanence.text.read.people",
            "PhraseGraph": "remanence.text.read.graph",
            "Pool": "remanence.text.read.pool",
            "Related": "remanence.text.read.related",
            "Sessions": "remanence.text.read.neighbours",
            "Shape": "remanence.text.read.shape",
            "Strength": "remanence.text.read.strength",
            "Temporal": "remanence.text.read.temporal",
            "Window": "remanence.text.read.window",
        },
    )

__all__ = [
    "Current",
    "Dense",
    "Feedback",
    "Fit",
    "Fuse",
    "LateInteraction",
    "Lexical",
    "Linear",
    "Neighbours",
    "People",
    "PhraseGraph",
    "Pool",
    "Related",
    "Sessions",
    "Shape",
    "Strength",
    "Temporal",
    "Window",
]
