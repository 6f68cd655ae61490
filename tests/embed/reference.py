"""BERT in plain float32 numpy, straight from its paper: what the graphs are held against."""

from __future__ import annotations

from collections.abc import Mapping
from math import erf

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_erf = np.vectorize(erf, otypes=[np.float32])


def states(
    weights: Mapping[str, Floats], ids: NDArray[np.int64], *, layers: int, heads: int
) -> Floats:
    """(t,) ids -> (t, d) last hidden states."""

    def linear(x: Floats, name: str) -> Floats:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def normalise(x: Floats, name: str) -> Floats:
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
        return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    x = weights["embeddings.word_embeddings.weight"][ids]
    x = x + weights["embeddings.position_embeddings.weight"][: len(ids)]
    x = normalise(x + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for layer in range(layers):
        name = f"encoder.layer.{layer}"
        query, key, value = (
            linear(x, f"{name}.attention.self.{part}").reshape(len(ids), heads, -1).swapaxes(0, 1)
            for part in ("query", "key", "value")
        )
        scores = query @ key.swapaxes(1, 2) / np.sqrt(query.shape[-1])
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        mixed = (shares @ value).swapaxes(0, 1).reshape(x.shape)
        x = normalise(
            x + linear(mixed, f"{name}.attention.output.dense"),
            f"{name}.attention.output.LayerNorm",
        )
        inner = linear(x, f"{name}.intermediate.dense")
        inner = inner * 0.5 * (1 + _erf(inner / np.sqrt(2)))
        x = normalise(x + linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")
    return x.astype(np.float32)


def tiny(
    *, d: int = 32, inner: int = 64, layers: int = 2, pieces: int = 50, seed: int = 0
) -> dict[str, Floats]:
    """Random weights of a small BERT, under Hugging Face's names."""
    draw = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (pieces, d),
        "embeddings.position_embeddings.weight": (256, d),
        "embeddings.token_type_embeddings.weight": (2, d),
    }
    blocks = {
        "attention.self.query": (d, d),
        "attention.self.key": (d, d),
        "attention.self.value": (d, d),
    }
    blocks |= {
        "attention.output.dense": (d, d),
        "intermediate.dense": (inner, d),
        "output.dense": (d, inner),
    }
    norms = ["embeddings.LayerNorm"]
    for layer in range(layers):
        for name, shape in blocks.items():
            shapes[f"encoder.layer.{layer}.{name}.weight"] = shape
            shapes[f"encoder.layer.{layer}.{name}.bias"] = shape[:1]
        norms += [
            f"encoder.layer.{layer}.{part}.LayerNorm" for part in ("attention.output", "output")
        ]
    made = {name: draw.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}
    for name in norms:
        made[f"{name}.weight"] = draw.uniform(0.5, 1.5, d).astype(np.float32)
        made[f"{name}.bias"] = draw.normal(0, 0.1, d).astype(np.float32)
    return made
