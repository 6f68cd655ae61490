"""Coverage at a token budget: how much of the evidence would stand in the prompt.

Every system is counted with the same ruler, `tokens`, over the same text, whatever its own
tokenizer is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

PIECE = re.compile(r"[^\W_]+|[^\w\s]|_")
LETTERS_PER_PIECE = 10


def tokens(text: str) -> int:
    """About the word pieces of a text: each punctuation mark is one; each word one for every ten
    letters begun. Measured against MiniLM's word pieces: .99 of them on LoCoMo's turns, .97 on BEAM's messages."""
    return sum(-(-len(piece) // LETTERS_PER_PIECE) for piece in PIECE.findall(text))


def packed(got: Sequence[str], costs: Mapping[str, int], budget: int) -> list[str]:
    """The ids that fit, best first, until the first that does not: Σ cost ≤ budget (tokens)."""
    kept, used = [], 0
    for id in dict.fromkeys(got):
        used += costs[id]
        if used > budget:
            break
        kept.append(id)
    return kept


def coverage(
    got: Sequence[str], gold: Sequence[str], costs: Mapping[str, int], budget: int
) -> float:
    """Coverage@B = |packed(got, B) ∩ gold| / |gold|: share of the gold turns inside the first B
    tokens."""
    return len(set(packed(got, costs, budget)) & set(gold)) / len(set(gold))
