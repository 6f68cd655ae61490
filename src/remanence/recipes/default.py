"""Our own recipe: what `Memory` does unless told otherwise."""

from __future__ import annotations

from remanence.recipes.recipe import Recipe
from remanence.seams import Embedder
from remanence.text.read.dense import Dense
from remanence.text.read.graph import PhraseGraph
from remanence.text.read.late import LateInteraction
from remanence.text.read.lexical import Lexical
from remanence.text.read.pack import Fit
from remanence.text.read.people import People
from remanence.text.read.pool import Pool
from remanence.text.read.ranker import Linear, Weights, shipped
from remanence.text.read.related import Related
from remanence.text.read.shape import Shape
from remanence.text.read.temporal import Temporal
from remanence.text.read.window import Window
from remanence.text.write.awake import Awake


def default(encoder: Embedder | None = None, *, weights: Weights | None = None) -> Recipe:
    """One configuration for chats, long messages and passages, with an encoder or without.

    Candidates get signals (words, vectors, token matches, people, time, form), `weights` make one score of them (default: those
    that come with the package), and where passages share phrases, a walk over these follows. What
    has nothing to do with the question is left out."""
    pool = Pool(Lexical(), Dense()) if encoder is not None else Pool(Lexical())
    signals = pool >> Window() >> Dense() >> LateInteraction() >> People() >> Temporal() >> Shape()
    scored = signals >> Linear(weights=weights or shipped()) >> PhraseGraph() >> Related()
    return Recipe(name="default", writer=Awake(), retriever=scored, packer=Fit())
