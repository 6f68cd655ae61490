"""Our own recipe: what `Memory` does unless told otherwise."""

from __future__ import annotations

from remanence.recipes.recipe import Recipe
from remanence.seams import Embedder
from remanence.text.guard.consensus import Consensus
from remanence.text.guard.integrity import ContextualIntegrity
from remanence.text.guard.policy import Policy
from remanence.text.guard.privacy import Privacy
from remanence.text.guard.steering import Steering
from remanence.text.guard.trust import Trust
from remanence.text.keep.activation import BaseLevel
from remanence.text.keep.adjudicate import Adjudicate
from remanence.text.keep.fade import Fade
from remanence.text.keep.merge import Merge
from remanence.text.keep.summaries import SessionSummaries
from remanence.text.read.current import Current
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
from remanence.text.read.strength import Strength
from remanence.text.read.temporal import Temporal
from remanence.text.read.window import Window
from remanence.text.write.awake import Awake
from remanence.text.write.facts import Facts
from remanence.text.write.settle import Settle


def default(
    encoder: Embedder | None = None,
    *,
    weights: Weights | None = None,
    policy: Policy | None = None,
) -> Recipe:
    """One configuration for chats, long messages and passages, with an encoder or without.

    Candidates get signals (words, vectors, token matches, people, time, form), `weights` make one score of them (default: those
    that come with the package), and where passages share phrases, a walk over these follows. What
    has nothing to do with the question is left out, what was used often comes a little earlier, and what holds now before
    what held once. `policy` (default: the one that comes with the package) says whom to trust, what to mask and what may go where."""
    policy = policy or Policy.shipped()
    pool = Pool(Lexical(), Dense()) if encoder is not None else Pool(Lexical())
    signals = pool >> Window() >> Dense() >> LateInteraction() >> People() >> Temporal() >> Shape()
    scored = signals >> Linear(weights=weights or shipped()) >> PhraseGraph() >> Related()
    keeper = BaseLevel()
    return Recipe(
        name="default",
        writer=Awake(),
        retriever=scored >> Strength(keeper=keeper) >> Current(),
        packer=Fit(),
        guards=(
            Privacy.parse(policy.section("privacy")),
            Trust.parse(policy.section("trust")),
            Steering(),
        ),
        facts=Facts(),
        settler=Settle(),
        gates=(Consensus(), ContextualIntegrity(policy=policy)),
        keeper=keeper,
        sleepers=(
            Adjudicate(),
            SessionSummaries(),
            Merge(),
            Fade(keeper=keeper),
        ),
    )
