"""The fixed part of a record version, as one packed row; and vectors as bytes.

Indexes read thousands of rows at once: a store keeps each row as the bytes of one `ROW`, so that a space is loaded by joining
blobs and looking at them as one array, without a Python object per column.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

ROW: Final = np.dtype(
    [
        ("seq", "<i8"),  # the event that made this version: its name inside the space
        ("first", "<i8"),  # the event that made version 1: the record's place in its conversation
        ("valid_from", "<i8"),
        ("valid_to", "<i8"),
        ("known_from", "<i8"),
        ("known_to", "<i8"),
        ("fold", "<u8"),
        ("session", "<u4"),  # codes of the space's names
        ("speaker", "<u4"),
        ("tail", "<u4"),  # scope below the space
        ("kind", "<u4"),
        ("chars", "<u4"),
        ("length", "<u2"),  # words of the body, saturated
        ("role", "u1"),  # index into ROLES
        ("titled", "u1"),  # 1 where the record has a title
        (
            "slot",
            "<i8",
        ),  # hash of what a fact is about: scope tail, subject, attribute; 0 for everything else
        (
            "source",
            "<i8",
        ),  # the event that made version 1 of the record that its first source names; 0: none
    ]
)
MARK: Final = np.dtype(
    [
        ("first", "<i8"),  # the event that made version 1 of the record
        ("mark", "<u4"),  # code of the space's names
        ("since", "<i8"),
        ("until", "<i8"),  # FOREVER while it is on
    ]
)
USE: Final = np.dtype(
    [
        ("first", "<i8"),
        ("at", "<i8"),
        ("until", "<i8"),  # FOREVER; when the use was taken back, where it was
    ]
)
ROLES: Final = ("", "user", "assistant", "system", "tool", "document")


def pack_unit(rows: NDArray[np.float32]) -> NDArray[np.int8]:
    """(n, d) float32 -> (n, d) int8: each row's direction, scaled so that its largest component is 127. Zero stays zero."""
    peak = np.abs(rows).max(axis=-1, keepdims=True, initial=0.0)
    return np.rint(rows / np.where(peak > 0, peak, 1.0) * 127.0).astype(np.int8)


def unpack_unit(rows: NDArray[np.int8]) -> NDArray[np.float32]:
    """(n, d) int8 -> (n, d) float32 unit rows; zero stays zero."""
    wide = rows.astype(np.float32)
    norm = np.sqrt(np.einsum("...d,...d->...", wide, wide))[..., None]
    return np.asarray(wide / np.where(norm > 0, norm, np.float32(1)), np.float32)


_STRUCT: Final = struct.Struct("<qqqqqqQIIIIIHBBqq")
assert _STRUCT.size == ROW.itemsize
_KNOWN_TO: Final = ROW.fields["known_to"][1] if ROW.fields else 0


class Fixed(NamedTuple):
    """One `ROW` as Python values, in its order."""

    seq: int
    first: int
    valid_from: int
    valid_to: int
    known_from: int
    known_to: int
    fold: int
    session: int
    speaker: int
    tail: int
    kind: int
    chars: int
    length: int
    role: int
    titled: int
    slot: int
    source: int


def pack_row(row: Fixed) -> bytes:
    """The bytes of one `ROW`; for single rows many times faster than numpy."""
    return _STRUCT.pack(*row)


def unpack_row(fixed: bytes) -> Fixed:
    """The inverse of `pack_row`."""
    return Fixed._make(_STRUCT.unpack(fixed))


def close_row(fixed: bytes, known_to: int) -> bytes:
    """The same row with its known time ended."""
    return fixed[:_KNOWN_TO] + known_to.to_bytes(8, "little", signed=True) + fixed[_KNOWN_TO + 8 :]
