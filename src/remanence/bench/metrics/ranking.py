"""How well a ranked list of ids finds the gold ids of one question. `got` is best first; an id that
repeats counts once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

import numpy as np


def top(got: Sequence[str], k: int) -> list[str]:
    """The first k distinct ids."""
    return list(islice(dict.fromkeys(got), k))


def recall(got: Sequence[str], gold: Sequence[str], k: int) -> float:
    """Evidence recall@k = |top_k(got) ∩ gold| / |gold|."""
    return len(set(top(got, k)) & set(gold)) / len(set(gold))


def all_evidence(got: Sequence[str], gold: Sequence[str], k: int) -> float:
    """All-evidence@k = 1 if gold ⊆ top_k(got), else 0: could the question be answered from these k
    alone?"""
    return float(set(gold) <= set(top(got, k)))


def session_recall(
    got: Sequence[str], gold: Sequence[str], sessions: Mapping[str, str], k: int
) -> float:
    """Session recall@k: `recall` over the sessions of the first k ids, s(x) being x's session:
    |s(top_k(got)) ∩ s(gold)| / |s(gold)|. Ids without a session count as a session each."""
    found = {sessions.get(id) or id for id in top(got, k)}
    wanted = {sessions.get(id) or id for id in gold}
    return len(found & wanted) / len(wanted)


def reciprocal_rank(got: Sequence[str], gold: Sequence[str]) -> float:
    """1 / rank of the first gold id, from 1; 0 where none was found. Its mean is MRR."""
    wanted = set(gold)
    return next(
        (1.0 / rank for rank, id in enumerate(top(got, len(got)), start=1) if id in wanted), 0.0
    )


def ndcg(got: Sequence[str], gains: Mapping[str, float], k: int) -> float:
    """nDCG@k = DCG(got) / DCG(ideal), DCG = Σ_{i=1..k} gain_i / log2(i + 1), with linear gains (as
    trec_eval has it)."""
    found = [gains.get(id, 0.0) for id in top(got, k)]
    ideal = sorted(gains.values(), reverse=True)[:k]
    best = discounted(ideal)
    return discounted(found) / best if best > 0 else 0.0


def discounted(gains: Sequence[float]) -> float:
    """Σ gain_i / log2(i + 1), i from 1."""
    return float(np.sum(np.asarray(gains, dtype=float) / np.log2(np.arange(2, len(gains) + 2))))
