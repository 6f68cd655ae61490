"""Vectors to bytes and back."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from remanence.embed.pack import pack_states, unit, unpack_states
from remanence.store.rows import pack_unit, unpack_unit

ROWS = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=2, max_side=40).map(lambda s: (s[0], 2 * s[1])),
    elements=st.floats(-1, 1, width=32).filter(lambda x: x == 0 or abs(x) > 1e-6),
)


@given(ROWS)
def test_dense_keeps_direction_in_a_byte_a_dimension(rows: np.ndarray) -> None:
    packed = pack_unit(rows)
    assert (packed.dtype, packed.shape) == (np.int8, rows.shape)
    close(unpack_unit(packed), rows, step=0.5 / 127)


@given(ROWS)
def test_states_keep_direction_in_half_a_byte_a_dimension(rows: np.ndarray) -> None:
    packed = pack_states(rows)
    assert packed.shape == (len(rows), rows.shape[1] // 2)
    close(unpack_states(packed), rows, step=0.5 / 7)


def close(back: np.ndarray, rows: np.ndarray, *, step: float) -> None:
    """`back` are unit rows, and no component, at the scale of the row's largest, is off by more than half a step."""
    assert back.dtype == np.float32
    for got, row in zip(back, rows, strict=True):
        if not row.any():
            assert not got.any()
            continue
        assert abs(np.linalg.norm(got) - 1) < 1e-5
        largest = np.abs(row).max()
        scaled = got / np.abs(got).max()
        assert np.abs(scaled - row / largest).max() <= step * 1.001


def test_states_layout_is_fixed() -> None:
    rows = np.array([[7, -7, 1, 0], [0, 0, 0, 0]], np.float32)
    assert pack_states(rows).tobytes() == bytes([0xF1, 0x98, 0x88, 0x88])


def test_dense_cosine_to_its_round_trip() -> None:
    rows = unit(np.random.default_rng(0).normal(size=(50, 384)).astype(np.float32))
    back = unpack_unit(pack_unit(rows))
    assert (rows * back).sum(axis=1).min() > 0.9999


def test_unit_of_every_row_by_itself() -> None:
    rows = np.random.default_rng(1).normal(size=(9, 64)).astype(np.float32)
    together = unit(rows)
    assert all((unit(rows[i : i + 1])[0] == together[i]).all() for i in range(9))
    assert not unit(np.zeros((2, 3), np.float32)).any()
