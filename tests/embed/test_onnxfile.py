"""The file format, held against ONNX Runtime's own reader."""

from __future__ import annotations

import numpy as np
import pytest

from remanence.embed.onnxfile import CONTRIB, Graph
from tests.embed.small import session


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "uint8", "int32", "int64"])
def test_constants_of_every_kind_come_back(dtype: str) -> None:
    values = np.array([[1, 2, 3], [100, 0, 7]], dtype)
    graph = Graph()
    graph.name(graph.constant(values), "out")
    (got,) = session(graph.file([], [("out", dtype, (2, 3))])).run(None, {})
    assert got.dtype == values.dtype
    assert (got == values).all()


def test_attributes_several_outputs_and_negative_numbers() -> None:
    graph = Graph()
    sizes = graph.constant(np.array([1, 300], np.int64))
    first, second = graph.ops("Split", "x", sizes, outputs=2, axis=-1)
    graph.name(graph.op("Transpose", second, perm=(1, 0)), "second")
    graph.name(graph.op("LeakyRelu", first, alpha=0.25), "first")
    shapes = [("first", "float32", ("n", 1)), ("second", "float32", (300, "n"))]
    x = np.random.default_rng(0).normal(size=(4, 301)).astype(np.float32)
    model = graph.file([("x", "float32", ("n", 301))], shapes)
    first_got, second_got = session(model).run(None, {"x": x})
    assert (second_got == x[:, 1:].T).all()
    assert (first_got == np.where(x[:, :1] < 0, x[:, :1] * np.float32(0.25), x[:, :1])).all()


def test_operators_of_onnx_runtime_and_optional_inputs() -> None:
    graph = Graph()
    bias = graph.constant(np.array([1.0, -1.0], np.float32))
    clipped = graph.op("Clip", "x", "", graph.constant(np.array(0.5, np.float32)))
    graph.name(graph.op("BiasGelu", clipped, bias, domain=CONTRIB), "y")
    model = graph.file([("x", "float32", ("n", 2))], [("y", "float32", ("n", 2))])
    (got,) = session(model).run(None, {"x": np.array([[9, -30]], np.float32)})
    assert got[0] == pytest.approx([1.5 * 0.9331928, 0], abs=1e-5)
