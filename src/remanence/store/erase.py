"""Forgetting: which records go together, and the erasure of all that the store holds of them.

The events stay, with their headers, so that the chain verifies; their salts and bodies go, and with them every derived row, vector and
name that nothing else uses. A `forget` event per record says what was erased. Ids stay known as forgotten: an import that runs again
can't bring a forgotten record back.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from remanence.store.derive import FORGET
from remanence.store.ledger import Space, Transaction
from remanence.store.rows import ROW

SLOTS: Final = 16
"""Encoders that one store can hold vectors of; the row id of a vector is `seq * SLOTS + slot`."""
_NAMED: Final = ("session", "speaker", "tail", "kind")


def closure(db: sqlite3.Connection, space: int, ids: Iterable[str]) -> list[str]:
    """These records and all that was derived from them, at any remove: children before their parents' other kin, each once."""
    found: dict[str, None] = {}
    waiting = list(ids)
    while waiting:
        id = waiting.pop(0)
        if id in found:
            continue
        found[id] = None
        rows = db.execute(
            "SELECT child FROM lineage WHERE space = ? AND parent = ? ORDER BY child", (space, id)
        )
        waiting.extend(row[0] for row in rows)
    return list(found)


def forget_records(tx: Transaction, space: Space, ids: Sequence[str]) -> dict[str, int]:
    """Erase these records in the transaction. Returns how many rows went, by table; `versions` counts content events."""
    gone: dict[str, int] = {}
    codes: set[int] = set()
    for id in ids:
        rows = tx.db.execute(
            "SELECT e.seq, e.version, d.fixed FROM events e JOIN docs d ON d.space = e.space AND d.seq = e.seq "
            "WHERE e.space = ? AND e.rid = ? AND e.op <= 3 ORDER BY e.version",
            (space.id, id),
        ).fetchall()
        if not rows:  # forgotten before, as part of another record's kin
            continue
        seqs = [row[0] for row in rows]
        fixed = np.frombuffer(b"".join(row[2] for row in rows), ROW)
        codes.update(int(code) for name in _NAMED for code in fixed[name])
        links = _seqs(tx.db, _LINKS, (space.id, id))
        touches = _seqs(tx.db, _TOUCHES, (space.id, id))
        for seq in (*seqs, *links, *touches):
            tx.db.execute("UPDATE events SET salt = NULL, body = NULL WHERE seq = ?", (seq,))
        _count(gone, "versions", len(seqs))
        _count(gone, "docs", len(seqs))
        _count(gone, "links", len(links))
        _count(gone, "lineage", len(_seqs(tx.db, _LINEAGE, (space.id, id))))
        _count(gone, "touches", len(touches))
        for seq in seqs:
            span = (seq * SLOTS, seq * SLOTS + SLOTS - 1)
            _count(
                gone,
                "dense",
                tx.db.execute("DELETE FROM dense WHERE id BETWEEN ? AND ?", span).rowcount,
            )
            _count(
                gone,
                "tokens",
                tx.db.execute("DELETE FROM tokens WHERE id BETWEEN ? AND ?", span).rowcount,
            )
        tx.append(space, FORGET, id, rows[-1][1], {"seqs": seqs, "beside": [*links, *touches]})
    unused = _unused(tx.db, space.id, codes)
    tx.deriver.blank(space.id, unused)
    _count(gone, "names", len(unused))
    _count(gone, "keys", _drop_digests(tx.db, space.id, set(ids)))
    return gone


_LINKS: Final = (
    "SELECT seq FROM links WHERE space = ?1 AND src = ?2 "
    "UNION SELECT seq FROM links WHERE space = ?1 AND dst = ?2 ORDER BY seq"
)
_LINEAGE: Final = (
    "SELECT 1 FROM lineage WHERE space = ?1 AND parent = ?2 "
    "UNION ALL SELECT 1 FROM lineage WHERE space = ?1 AND child = ?2"
)
_TOUCHES: Final = "SELECT seq FROM touches WHERE space = ? AND rid = ? ORDER BY seq"


def _seqs(db: sqlite3.Connection, query: str, values: tuple[int, str]) -> list[int]:
    return [row[0] for row in db.execute(query, values)]


def _unused(db: sqlite3.Connection, space: int, codes: set[int]) -> set[int]:
    """Those of some names' codes that no remaining row has."""
    codes = codes - {0}
    for chunk in _chunks(db, space):
        if not codes:
            break
        for name in _NAMED:
            codes -= set(np.unique(chunk[name]).tolist())
    return codes


def _chunks(db: sqlite3.Connection, space: int) -> Iterator[NDArray[Any]]:
    rows = db.execute("SELECT fixed FROM docs WHERE space = ?", (space,))
    while part := rows.fetchmany(10_000):
        yield np.frombuffer(b"".join(row[0] for row in part), ROW)


def _drop_digests(db: sqlite3.Connection, space: int, ids: set[str]) -> int:
    """Idempotency keys keep their acknowledgements, which hold ids only, but not the digest of what was said."""
    rows = db.execute(
        "SELECT key, acks FROM keys WHERE space = ? AND digest IS NOT NULL", (space,)
    ).fetchall()
    named = [key for key, acks in rows if any(ack[1] in ids for ack in json.loads(acks))]
    for key in named:
        db.execute("UPDATE keys SET digest = NULL WHERE space = ? AND key = ?", (space, key))
    return len(named)


def _count(gone: dict[str, int], table: str, rows: int) -> None:
    gone[table] = gone.get(table, 0) + rows
