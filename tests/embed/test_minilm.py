"""MiniLM: the contract with small random weights everywhere, and with the real ones where they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from remanence.embed import weights
from remanence.embed.minilm import DIM, HEADS, LAYERS, MiniLM
from remanence.errors import ModelMissing
from tests.embed import small
from tests.embed.contract import ODD, EmbedderContract, bytes_of
from tests.embed.reference import states

CHAT = [
    "My sister moved from Lisbon to Porto in May.",
    'Ann said, "I sold the blue bicycle, the chain kept slipping."',
    "Can you remind me which tea I liked?",
    "ok",
    "The meeting with the landlord is on 3 March 2024 at 9.",
    "She is allergic to peanuts, so we baked the cake with hazelnuts instead. " * 6,
]


class TestSmall(EmbedderContract):
    @pytest.fixture
    def encoder(self) -> MiniLM:
        return small.encoder()


class TestReal(EmbedderContract):
    @pytest.fixture
    def encoder(self, minilm: MiniLM) -> MiniLM:
        return minilm


def test_threads_do_not_change_a_byte() -> None:
    one, four = small.encoder(), small.encoder(threads=4)
    texts = [*ODD, *CHAT] * 3
    a, b = one.encode(texts), four.encode(texts)
    assert all(bytes_of(a, i) == bytes_of(b, i) for i in range(len(texts)))


def test_a_text_without_pieces_has_a_zero_vector_and_no_tokens() -> None:
    dense, tokens = small.encoder().encode(["", "?!", "my ?!"])
    assert not dense[:2].any()
    assert [len(packed) for packed in tokens] == [0, 0, small.P // 2]


def original(encoder: MiniLM, text: str) -> np.ndarray:
    """The vector of the original fp32 weights, by numpy."""
    try:
        tensors = load_file(weights.find() / weights.WEIGHTS)
    except ModelMissing as error:
        pytest.skip(f"the graph is converted already, and the original is gone: {error}")
    rows = states(tensors, encoder.cutter.cut(text).ids, layers=LAYERS, heads=HEADS)
    mean: np.ndarray = rows.mean(axis=0)
    return mean / np.linalg.norm(mean)


def test_published_vector(minilm: MiniLM) -> None:
    """The first components of the example on the model's page at the hub."""
    text = "This is an example sentence"
    published = [0.0676569, 0.0634959, 0.0487131, 0.0793049, 0.0374480]
    assert original(minilm, text)[:5] == pytest.approx(published, abs=1e-6)
    assert minilm.encode([text]).dense[0, :5] == pytest.approx(published, abs=0.02)


def test_int8_stays_near_the_original(minilm: MiniLM) -> None:
    got = minilm.encode(CHAT).dense
    cosines = [float(row @ original(minilm, text)) for row, text in zip(got, CHAT, strict=True)]
    assert min(cosines) > 0.98
    assert np.mean(cosines) > 0.99


def test_meaning(minilm: MiniLM) -> None:
    dense = minilm.encode([*CHAT, "Which city does my sister live in now?"]).dense
    assert (dense[:-1] @ dense[-1]).argmax() == 0


def test_query_states_find_the_same_words(minilm: MiniLM) -> None:
    text = "Which tea did I like?"
    asked = minilm.query(text)
    assert [text[a:b] for a, b in asked.spans] == ["Which", "tea", "did", "I", "like"]
    assert asked.states.shape == (5, minilm.token_dim)
    encoded = minilm.encode(CHAT[:3])
    best = []
    for packed in encoded.tokens:
        stored = minilm.unpack(np.frombuffer(packed, np.uint8).reshape(-1, minilm.token_bytes))
        best.append((asked.states @ stored.T).max(axis=1).sum())
    assert int(np.argmax(best)) == 2


def test_converted_once_and_read_from_the_cache_after(
    minilm: MiniLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        source = weights.find()
    except ModelMissing as error:
        pytest.skip(str(error))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = MiniLM.open(source)
    (folder,) = weights.cache_folder().glob("minilm-*")
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    monkeypatch.setattr(weights, "PACKAGE", "no-such-package-of-weights")
    monkeypatch.delenv("REMANENCE_MODELS", raising=False)
    second = MiniLM.open()  # without the original weights
    assert before == {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert first.id == second.id == minilm.id
    wanted = minilm.encode(CHAT)
    for encoder in (first, second):
        got = encoder.encode(CHAT)
        assert all(bytes_of(got, i) == bytes_of(wanted, i) for i in range(len(CHAT)))


def test_a_cache_that_cannot_be_written_costs_time_only(
    minilm: MiniLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        source = weights.find()
    except ModelMissing as error:
        pytest.skip(str(error))
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="can't be kept"):
        encoder = MiniLM.open(source)
    assert bytes_of(encoder.encode(CHAT[:1]), 0) == bytes_of(minilm.encode(CHAT[:1]), 0)


def test_dimensions(minilm: MiniLM) -> None:
    assert (minilm.dim, minilm.token_dim, minilm.token_bytes) == (DIM, 64, 32)
