"""The graph that we write against BERT in plain numpy."""

from __future__ import annotations

import numpy as np
import pytest

from remanence.embed.bert import bert_graph
from tests.embed import small
from tests.embed.reference import states

PROJECTION = np.eye(small.D, small.P, dtype=np.float32)


@pytest.fixture(scope="module")
def graph() -> bytes:
    return bert_graph(small.weights(), PROJECTION, layers=small.LAYERS, heads=small.HEADS)


@pytest.mark.parametrize("length", [2, 3, 17, 64, 256])
def test_states_are_those_of_bert_within_what_int8_costs(graph: bytes, length: int) -> None:
    ids = np.random.default_rng(length).integers(0, len(small.VOCABULARY), length)
    wanted = states(small.weights(), ids, layers=small.LAYERS, heads=small.HEADS)
    got, dense, tokens = small.session(graph).run(["states", "dense", "tokens"], {"ids": ids[None]})
    assert cosines(got[0], wanted).min() > 0.99
    assert np.abs(got[0] - wanted).mean() < 0.06 * np.abs(wanted).mean()
    assert np.allclose(dense[0], got[0].mean(0), atol=1e-5)
    assert np.allclose(tokens[0], got[0] @ PROJECTION, atol=1e-4)


def test_threads_do_not_change_a_bit(graph: bytes) -> None:
    one, four = small.session(graph), small.session(graph, threads=4)
    for length in (2, 5, 31, 200):
        ids = np.random.default_rng(length).integers(0, len(small.VOCABULARY), length)[None]
        for a, b in zip(one.run(None, {"ids": ids}), four.run(None, {"ids": ids}), strict=True):
            assert a.tobytes() == b.tobytes()


def test_same_weights_same_file(graph: bytes) -> None:
    assert graph == bert_graph(small.weights(), PROJECTION, layers=small.LAYERS, heads=small.HEADS)


def test_the_file_is_valid_onnx(graph: bytes) -> None:
    onnx = pytest.importorskip("onnx", reason="the onnx package checks the files that we write")
    model = onnx.load_from_string(graph)
    onnx.checker.check_model(model)
    assert [output.name for output in model.graph.output] == ["states", "dense", "tokens"]
    assert {node.domain for node in model.graph.node} == {"", "com.microsoft"}


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
