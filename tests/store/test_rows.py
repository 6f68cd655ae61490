"""Rows and vectors as bytes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from remanence.store.rows import (
    ROW,
    Fixed,
    close_row,
    pack_row,
    pack_unit,
    unpack_row,
    unpack_unit,
)

LIMITS = {name: np.iinfo(ROW[name]) for name in ROW.names or ()}
rows = st.builds(
    Fixed, **{name: st.integers(int(limit.min), int(limit.max)) for name, limit in LIMITS.items()}
)


@given(rows)
def test_a_row_is_what_numpy_reads(row: Fixed) -> None:
    assert Fixed._fields == ROW.names
    packed = pack_row(row)
    assert np.frombuffer(packed, ROW)[0].item() == tuple(row)
    assert unpack_row(packed) == row


@given(rows, st.integers(-(2**63), 2**63 - 1))
def test_closing_changes_known_time_alone(row: Fixed, at: int) -> None:
    assert unpack_row(close_row(pack_row(row), at)) == row._replace(known_to=at)


@given(arrays(np.float32, (3, 24), elements=st.floats(-1e6, 1e6, width=32)))
def test_packing_keeps_the_direction(vectors: np.ndarray) -> None:
    packed = pack_unit(vectors)
    assert packed.dtype == np.int8
    unit = unpack_unit(packed)
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    for vector, length, got in zip(vectors, lengths, unit, strict=True):
        if np.abs(vector).max() < 1e-30:
            assert np.linalg.norm(got) < 1.001
            continue
        assert np.dot(vector / length, got) > 0.997
        assert abs(np.linalg.norm(got) - 1) < 1e-5


def test_packing_nothing_and_zero() -> None:
    assert pack_unit(np.zeros((0, 4), np.float32)).shape == (0, 4)
    assert unpack_unit(pack_unit(np.zeros((2, 4), np.float32))).tolist() == [[0.0] * 4] * 2
