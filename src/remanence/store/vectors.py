"""Vectors of the content events, by encoder; several encoders may have vectors at once.

What is pending is not a list but a fact: content without a vector of that encoder. A cursor per encoder says up to where there is none
such, so that asking is cheap.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final
from zlib import crc32

import numpy as np

from remanence.errors import InvalidInput, StoreError, WrongDimension
from remanence.seams import Encoded, Waiting
from remanence.store.content import Body, decode
from remanence.store.engine import Database
from remanence.store.forgetting.erase import SLOTS
from remanence.store.rows import pack_unit


def pending(db: Database, encoder: str, limit: int) -> list[Waiting]:
    """Content that has no vector of this encoder, oldest first."""
    slot, cursor = _slot(db, encoder)
    rows = db.execute(
        "SELECT e.seq, e.body FROM events e LEFT JOIN dense v ON v.id = e.seq * 16 + ? "
        "WHERE e.seq > ? AND e.op BETWEEN 1 AND 2 AND e.body IS NOT NULL AND v.id IS NULL ORDER BY e.seq LIMIT ?",
        (slot, cursor, limit),
    )
    return [_waiting(seq, decode(raw)) for seq, raw in rows]


def _waiting(seq: int, body: Body) -> Waiting:
    return Waiting(seq, body["text"], body.get("speaker", ""), body.get("fields", {}))


def waiting(db: Database, encoder: str) -> int:
    """How many texts wait for this encoder."""
    slot, cursor = _slot(db, encoder)
    row = db.execute(
        "SELECT count(*) FROM events e LEFT JOIN dense v ON v.id = e.seq * 16 + ? "
        "WHERE e.seq > ? AND e.op BETWEEN 1 AND 2 AND e.body IS NOT NULL AND v.id IS NULL",
        (slot, cursor),
    ).fetchone()
    number: int = row[0]
    return number


def put(db: Database, encoder: str, seqs: Sequence[int], encoded: Encoded) -> None:
    """Store vectors of content events; what was forgotten meanwhile is left out.

    Raises: InvalidInput, WrongDimension."""
    dense = np.asarray(encoded.dense, np.float32)
    if dense.ndim != 2 or len(dense) != len(seqs) or len(encoded.tokens) not in (0, len(seqs)):
        raise WrongDimension(
            f"{len(seqs)} texts, vectors of shape {dense.shape}, tokens of {len(encoded.tokens)}",
            hint="give one row a text",
        )
    if not np.isfinite(dense).all():
        raise InvalidInput(f"vectors of {encoder} are not finite", hint="the encoder is broken")
    slot = _register(db, encoder, dense.shape[1])
    live = _live(db, seqs)
    packed = [row.tobytes() for row in pack_unit(dense)]
    ids = [int(seq) * SLOTS + slot for seq in seqs]
    db.executemany(
        _PUT_DENSE,
        [
            (id, row, crc32(row))
            for id, row, seq in zip(ids, packed, seqs, strict=True)
            if seq in live
        ],
    )
    if encoded.tokens:
        db.executemany(
            _PUT_TOKENS,
            [
                (id, t, crc32(t))
                for id, t, seq in zip(ids, encoded.tokens, seqs, strict=True)
                if t and seq in live
            ],
        )
    _advance(db, encoder, slot)


_PUT_DENSE: Final = "INSERT INTO dense VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET vector = excluded.vector, sum = excluded.sum"
_PUT_TOKENS: Final = "INSERT INTO tokens VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET states = excluded.states, sum = excluded.sum"


def dense_of(db: Database, space: int, encoder: str, after: int) -> list[tuple[int, bytes]]:
    """(seq, packed vector) of the versions of a space after a sequence number, ascending."""
    slot, _ = _slot(db, encoder)
    return db.execute(
        "SELECT d.seq, v.vector FROM docs d JOIN dense v ON v.id = d.base * 16 + ? "
        "WHERE d.space = ? AND d.seq > ? ORDER BY d.seq",
        (slot, space, after),
    ).fetchall()


def tokens_of(db: Database, space: int, encoder: str, seqs: Sequence[int]) -> list[bytes]:
    """Packed token states of these versions of a space, empty where there are none."""
    slot, _ = _slot(db, encoder)
    rows = db.execute(
        "SELECT d.seq, t.states FROM json_each(?) j CROSS JOIN docs d ON d.space = ? AND d.seq = CAST(j.value AS BIGINT) "
        "CROSS JOIN tokens t ON t.id = d.base * 16 + ?",
        (json.dumps([int(seq) for seq in seqs]), space, slot),
    )
    known: dict[int, bytes] = dict(rows.fetchall())
    return [known.get(int(seq), b"") for seq in seqs]


def encoders(db: Database) -> dict[str, int]:
    """Encoders that have vectors here, and how many each."""
    rows = db.execute(
        "SELECT n.id, count(v.id) FROM encoders n LEFT JOIN dense v ON v.id % 16 = n.slot GROUP BY n.slot, n.id ORDER BY n.slot"
    )
    return dict(rows.fetchall())


def drop(db: Database, encoder: str) -> None:
    """Delete the vectors of an encoder that is no longer used."""
    slot, _ = _slot(db, encoder)
    db.execute("DELETE FROM dense WHERE id % 16 = ?", (slot,))
    db.execute("DELETE FROM tokens WHERE id % 16 = ?", (slot,))
    db.execute("DELETE FROM encoders WHERE slot = ?", (slot,))


def _slot(db: Database, encoder: str) -> tuple[int, int]:
    row = db.execute("SELECT slot, cursor FROM encoders WHERE id = ?", (encoder,)).fetchone()
    return row if row else (-1, 0)  # no row of any table has an id of another slot's rest


def _register(db: Database, encoder: str, dim: int) -> int:
    row = db.execute("SELECT slot, dim FROM encoders WHERE id = ?", (encoder,)).fetchone()
    if row is not None:
        if row[1] != dim:
            raise WrongDimension(
                f"{encoder} gave vectors of {dim} dimensions, the store holds {row[1]}",
                hint="an encoder that changes its dimensions needs another id",
            )
        return int(row[0])
    used = {slot for (slot,) in db.execute("SELECT slot FROM encoders")}
    free = [slot for slot in range(SLOTS) if slot not in used]
    if not free:
        raise StoreError(
            f"{SLOTS} encoders have vectors here", hint="drop one that is no longer used"
        )
    db.execute("INSERT INTO encoders VALUES (?, ?, ?, 0)", (free[0], encoder, dim))
    return free[0]


def _live(db: Database, seqs: Sequence[int]) -> set[int]:
    rows = db.execute(
        "SELECT e.seq FROM json_each(?) j CROSS JOIN events e ON e.seq = CAST(j.value AS BIGINT) "
        "WHERE e.op BETWEEN 1 AND 2 AND e.body IS NOT NULL",
        (json.dumps([int(seq) for seq in seqs]),),
    )
    return {row[0] for row in rows}


def _advance(db: Database, encoder: str, slot: int) -> None:
    # The cursor moves to just before the first text that still waits, or to the head.
    db.execute(
        "UPDATE encoders SET cursor = coalesce((SELECT e.seq - 1 FROM events e LEFT JOIN dense v ON v.id = e.seq * 16 + ?1 "
        "WHERE e.seq > encoders.cursor AND e.op BETWEEN 1 AND 2 AND e.body IS NOT NULL AND v.id IS NULL ORDER BY e.seq LIMIT 1), "
        "(SELECT max(seq) FROM events)) WHERE id = ?2",
        (slot, encoder),
    )
