"""Who holds a slot when a new fact arrives, and what is decided then is decided in the same transaction."""

from __future__ import annotations

from typing import Final

from remanence.seams import Holder
from remanence.store.content import slot_hash, slot_of
from remanence.store.known import Version, body_at
from remanence.store.ledger import Transaction
from remanence.store.rows import unpack_row
from remanence.store.scopes import tail_of
from remanence.types import Micros, Scope, Source

_HOLDING: Final = (
    "SELECT e.rid, d.seq, e.version, d.base, d.fixed FROM docs d INDEXED BY docs_slot JOIN events e ON e.seq = d.seq "
    "WHERE d.space = ? AND d.slot = ? AND d.until > ? ORDER BY d.seq"
)


def held(tx: Transaction, scope: Scope, seq: int, at: Micros) -> list[Holder]:
    """Other known facts in the slot of the fact that event `seq` stored, of its very scope, that are true of a moment after `at`.
    Oldest first, by when they began to be true."""
    space = tx.existing(scope)
    assert space is not None
    body = body_at(tx.db, seq)
    stated = slot_of(body)
    if stated is None:
        return []
    versions: dict[str, list[Version]] = {}
    rows = tx.db.execute(_HOLDING, (space.id, slot_hash(body), at)).fetchall()
    for rid, made, number, base, fixed in rows:
        version = Version(made, number, base, unpack_row(fixed))
        if version.seq != seq and not version.empty:
            versions.setdefault(rid, []).append(version)
    found = []
    for rid, known in versions.items():
        other = body_at(tx.db, known[-1].base)
        slot = slot_of(other)
        # Two slots may have one hash.
        if slot is None or slot[:2] != stated[:2] or other.get("scope", "") != tail_of(scope):
            continue
        found.append(
            Holder(
                id=rid,
                slot=slot,
                valid_from=min(version.fixed.valid_from for version in known),
                valid_to=max(version.fixed.valid_to for version in known),
                origin=other.get("origin", ""),
                trust=other.get("trust", 1.0),
                sources=tuple(Source(*source) for source in other.get("sources", ())),
                quarantined=_quarantined(tx, space.id, rid),
            )
        )
    return sorted(found, key=lambda holder: holder.valid_from)


def _quarantined(tx: Transaction, space: int, rid: str) -> bool:
    return (
        tx.db.execute(
            "SELECT 1 FROM marks m INDEXED BY marks_rid JOIN names n ON n.space = m.space AND n.code = m.mark "
            "WHERE m.space = ? AND m.rid = ? AND m.seq_off IS NULL AND n.text = ?",
            (space, rid, b"quarantined"),
        ).fetchone()
        is not None
    )
