"""A BERT encoder's safetensors to an ONNX graph with int8 weights, without torch.

Every linear layer has int8 weights, one scale per output channel, and quantises its input by **one scale per token**: a
dynamic scale per tensor (ONNX Runtime's default) would let a token change the vectors of all others in its batch.
Weights use 7 of the 8 bits: two products of an unsigned byte (255) and a weight (63) fit the 16-bit sums of processors without
VNNI, which saturate silently otherwise, so the integer part is exact on every x86 and ARM machine.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from remanence.embed.onnxfile import CONTRIB, Graph

Floats = NDArray[np.float32]

LARGEST_WEIGHT = 63
EPSILON = 1e-12
"""BERT's layer norm epsilon."""


def bert_graph(
    weights: Mapping[str, Floats], projection: Floats, *, layers: int, heads: int
) -> bytes:
    """Serialised ONNX model: `ids` (n, t) int64 -> `dense` (n, d) mean of the last states, `states` (n, t, d), and
    `tokens` (n, t, p) = states @ projection; none of them normalised. There is no mask: the n strings are of one length.

    `weights`: tensors of a Hugging Face `BertModel` by name; `projection`: (d, p).
    """
    g = Graph()
    d = projection.shape[0]
    width = d // heads
    last = g.constant(np.array([-1], np.int64))
    tiny = g.constant(np.array(EPSILON, np.float32))
    steps = g.constant(np.array(127.0, np.float32))
    middle = g.constant(np.array(128.5, np.float32))
    one = g.constant(np.array(1.0, np.float32))
    zero_point = g.constant(np.array(128, np.uint8))
    split = g.constant(np.array([d, d, d], np.int64))
    to_heads = g.constant(np.array([0, 0, heads, width], np.int64))
    to_states = g.constant(np.array([0, 0, d], np.int64))

    def linear(x: str, weight: Floats, bias: Floats) -> tuple[str, str]:
        """x @ weight.T without its bias, and the bias. Rounds half up: Cast truncates, and all is positive at + 128.5."""
        largest = g.op("Max", g.op("ReduceMax", g.op("Abs", x), last, keepdims=1), tiny)
        scaled = g.op("Mul", x, g.op("Div", steps, largest))
        quantised = g.op("Cast", g.op("Add", scaled, middle), to=2)
        channel = np.maximum(np.abs(weight).max(axis=1), EPSILON) / LARGEST_WEIGHT
        rounded = np.rint(weight / channel[:, None]).astype(np.int8)
        product = g.op(
            "MatMulIntegerToFloat",
            quantised,
            g.constant(rounded.T),
            one,
            g.constant((channel / 127).astype(np.float32)),
            zero_point,
            domain=CONTRIB,
        )
        return g.op("Mul", product, largest), g.constant(bias)

    # SkipLayerNormalization would be one operator, and takes ten times as long as these three (ONNX Runtime 1.31).
    def normalise(x: str, name: str, *, skip: str = "", bias: str = "") -> str:
        scale, shift = g.constant(weights[f"{name}.weight"]), g.constant(weights[f"{name}.bias"])
        if not skip:
            return g.op("LayerNormalization", x, scale, shift, axis=-1, epsilon=EPSILON)
        total = g.op("Add", g.op("Add", x, bias), skip)
        return g.op("LayerNormalization", total, scale, shift, axis=-1, epsilon=EPSILON)

    def attend(query: str, key: str, value: str) -> str:
        """Softmax(query @ key.T) @ value per head; the query comes scaled by 1 / sqrt(width)."""

        def split_heads(x: str, order: tuple[int, ...]) -> str:
            return g.op("Transpose", g.op("Reshape", x, to_heads), perm=order)

        scores = g.op("MatMul", split_heads(query, (0, 2, 1, 3)), split_heads(key, (0, 2, 3, 1)))
        mixed = g.op("MatMul", g.op("Softmax", scores, axis=-1), split_heads(value, (0, 2, 1, 3)))
        return g.op("Reshape", g.op("Transpose", mixed, perm=(0, 2, 1, 3)), to_states)

    def pair(name: str) -> tuple[Floats, Floats]:
        return weights[f"{name}.weight"], weights[f"{name}.bias"]

    pieces = g.constant(weights["embeddings.word_embeddings.weight"].astype(np.float16))
    places = weights["embeddings.position_embeddings.weight"]
    kind = weights["embeddings.token_type_embeddings.weight"][0]
    start, end = g.constant(np.array([0], np.int64)), g.op("Shape", "ids", start=1, end=2)
    words = g.op("Cast", g.op("Gather", pieces, "ids"), to=1)
    x = g.op("Add", words, g.op("Slice", g.constant(places + kind), start, end))
    x = normalise(x, "embeddings.LayerNorm")

    for layer in range(layers):
        name = f"encoder.layer.{layer}"
        query, key, value = (
            pair(f"{name}.attention.self.{part}") for part in ("query", "key", "value")
        )
        shrink = np.float32(width**-0.5)
        weight = np.concatenate([query[0] * shrink, key[0], value[0]])
        bias = np.concatenate([query[1] * shrink, key[1], value[1]])
        parts = g.ops("Split", g.op("Add", *linear(x, weight, bias)), split, outputs=3, axis=2)
        mixed, bias_name = linear(attend(*parts), *pair(f"{name}.attention.output.dense"))
        x = normalise(mixed, f"{name}.attention.output.LayerNorm", skip=x, bias=bias_name)
        inner = g.op("BiasGelu", *linear(x, *pair(f"{name}.intermediate.dense")), domain=CONTRIB)
        outer, bias_name = linear(inner, *pair(f"{name}.output.dense"))
        x = normalise(outer, f"{name}.output.LayerNorm", skip=x, bias=bias_name)

    middle_axis = g.constant(np.array([1], np.int64))
    g.name(x, "states")
    g.name(g.op("ReduceMean", x, middle_axis, keepdims=0), "dense")
    g.name(g.op("MatMul", x, g.constant(projection)), "tokens")
    p = projection.shape[1]
    outputs = [("states", "float32", ("n", "t", d)), ("dense", "float32", ("n", d))]
    outputs.append(("tokens", "float32", ("n", "t", p)))
    return g.file([("ids", "int64", ("n", "t"))], outputs)
