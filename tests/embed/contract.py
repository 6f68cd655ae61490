"""What every encoder promises, whatever it is made of."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remanence.seams import Embedder, Encoded

ODD = [
    "",
    " \n\t",
    "\u200b\u200d\ufeff",
    "\ud800",
    "\udfff\ud800 dog \ud83d",
    "\x00\x01 tea",
    "'; DROP TABLE records; --",
    "مرحبا بالعالم",
    "\u202eevitrun\u202c",
    "木" * 700,
    "🙂🙂",
    "?!… — ...",
    "x" * 5000,
    "e\u0301" * 90,
]
TEXTS = st.text(st.characters(exclude_categories=()), max_size=60) | st.sampled_from(
    [
        *ODD,
        "my dog loves milk",
        "My dog loves tea.",
        "Ann moved from Lisbon to Paris in May 2023, she said.",
    ]
)


SHARED = [
    HealthCheck.differing_executors,
    HealthCheck.function_scoped_fixture,
    HealthCheck.too_slow,
]
"""Encoders keep no state, so the examples of a test may share one."""


def bytes_of(encoded: Encoded, i: int) -> bytes:
    return encoded.dense[i].tobytes() + encoded.tokens[i]


class EmbedderContract:
    """Subclasses give `encoder`, a fixture."""

    @given(texts=st.lists(TEXTS, min_size=1, max_size=8), data=st.data())
    @settings(suppress_health_check=SHARED)
    def test_same_text_same_bytes_alone_in_any_batch_at_any_place(
        self, encoder: Embedder, texts: list[str], data: st.DataObject
    ) -> None:
        together = encoder.encode(texts)
        order = data.draw(st.permutations(range(len(texts))))
        moved = encoder.encode([texts[i] for i in order] + texts[:1])
        for i, text in enumerate(texts):
            alone = encoder.encode([text])
            assert bytes_of(alone, 0) == bytes_of(together, i) == bytes_of(moved, order.index(i))
        assert bytes_of(moved, len(texts)) == bytes_of(together, 0)

    @given(text=TEXTS)
    @settings(suppress_health_check=SHARED)
    def test_shapes_units_and_spans(self, encoder: Embedder, text: str) -> None:
        dense, (packed,) = encoder.encode([text])
        asked = encoder.query(text)
        assert dense.shape == (1, encoder.dim)
        assert dense.dtype == asked.dense.dtype == np.float32
        assert asked.dense.tobytes() == dense[0].tobytes()
        length = np.linalg.norm(dense[0])
        assert length == 0 or abs(length - 1) < 1e-5
        if not encoder.token_dim:
            assert packed == b""
            return
        rows = np.frombuffer(packed, np.uint8).reshape(-1, encoder.token_bytes)
        states = encoder.unpack(rows)
        assert states.shape == asked.states.shape == (len(rows), encoder.token_dim)
        assert states.dtype == asked.states.dtype == np.float32
        assert np.allclose(np.linalg.norm(states, axis=1), 1, atol=1e-5)
        assert np.allclose(np.linalg.norm(asked.states, axis=1), 1, atol=1e-5)
        assert len(asked.spans) == len(rows)
        assert all(0 <= start < end <= len(text) for start, end in asked.spans)
        assert (length > 0) == (len(rows) > 0)
        assert ((states * asked.states).sum(axis=1) > 0.95).all()

    def test_no_texts(self, encoder: Embedder) -> None:
        dense, tokens = encoder.encode([])
        assert dense.shape == (0, encoder.dim)
        assert list(tokens) == []

    def test_ten_megabytes(self, encoder: Embedder) -> None:
        (row,), (packed,) = encoder.encode(["my dog went to paris " * 500_000])
        assert np.isfinite(row).all()
        assert row.any()
        assert len(packed) < 100_000

    def test_fulfils_the_seam(self, encoder: Embedder) -> None:
        assert isinstance(encoder, Embedder)
        assert encoder.id
        assert encoder.id.isprintable()
