"""Reads of the ledger on one snapshot: records, their history, listings, events, and what followers need."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from remanence.errors import NotFound
from remanence.seams import Delta
from remanence.store.content import Body, decode, record_of
from remanence.store.derive import OPS
from remanence.store.ledger import Space, last_event
from remanence.store.rows import MARK, ROW, USE, Fixed, unpack_row
from remanence.store.scopes import inside, tail_of
from remanence.store.vectors import waiting
from remanence.types import FOREVER, Event, Micros, Record, Scope, to_datetime

CHUNK: Final = 4096
"""Rows of a listing whose columns are looked at together."""
FEW: Final = 128
"""Records that are read together: a listing often ends after the first page."""
Row = tuple[str, int, bytes, bytes]
"""(id, version, fixed, body) of one version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How much a store holds, forgotten things not counted. `bytes`: of the file and its log; `pending`: texts that wait
    for a vector of the encoder asked about; `embedded`: versions that do not."""

    path: str
    schema: int
    records: int
    versions: int
    events: int
    spaces: int
    bytes: int
    embedded: int
    pending: int


def get(
    db: sqlite3.Connection,
    space: Space,
    scope: Scope,
    id: str,
    as_of: Micros | None,
    known_at: Micros | None,
) -> Record | None:
    """The newest version known at `known_at` (None: now) among those valid at `as_of` (None: whenever).

    Raises: NotFound where the record was forgotten."""
    for row in reversed(_versions(db, space, scope, id)):
        fixed = unpack_row(row[2])
        known = (
            fixed.known_to == FOREVER
            if known_at is None
            else fixed.known_from <= known_at < fixed.known_to
        )
        if known and (as_of is None or fixed.valid_from <= as_of < fixed.valid_to):
            return _record(space, row, fixed)
    refuse_forgotten(db, space, id)
    return None


def history(db: sqlite3.Connection, space: Space, scope: Scope, id: str) -> list[Record]:
    """All versions of a record, oldest first; empty where there is none.

    Raises: NotFound where the record was forgotten."""
    rows = _versions(db, space, scope, id)
    if not rows:
        refuse_forgotten(db, space, id)
    return [_record(space, row, unpack_row(row[2])) for row in rows]


def refuse_forgotten(db: sqlite3.Connection, space: Space, id: str) -> None:
    """Raises: NotFound, saying when, where the record was forgotten."""
    row = db.execute(
        "SELECT e.at FROM tombstones t JOIN events e ON e.seq = t.seq WHERE t.space = ? AND t.rid = ?",
        (space.id, id),
    ).fetchone()
    if row:
        raise NotFound(
            f"record {id!r} was forgotten at {to_datetime(row[0])}",
            hint="its content is gone for good",
        )


def found(
    db: sqlite3.Connection, space: Space, scope: Scope, seqs: Sequence[int]
) -> dict[int, Record]:
    """The versions committed under these numbers, in this order; what is erased or outside the scope is absent."""
    rows = db.execute(
        "SELECT d.seq, e.rid, e.version, d.fixed, c.body FROM json_each(?) j "
        "CROSS JOIN docs d ON d.space = ? AND d.seq = j.value "
        "JOIN events e ON e.seq = d.seq JOIN events c ON c.seq = d.base ORDER BY j.key",
        (json.dumps([int(seq) for seq in seqs]), space.id),
    )
    tail, records = tail_of(scope), {}
    for seq, *row in rows:
        record = _record(space, tuple(row), unpack_row(row[2]))
        if not tail or inside(tail_of(record.scope), tail):
            records[seq] = record
    return records


def listing(
    db: sqlite3.Connection,
    space: Space,
    scope: Scope,
    kinds: Sequence[str],
    filters: Mapping[str, object],
    as_of: Micros,
    known_at: Micros | None,
) -> Iterator[Record]:
    """Records visible at both moments (`known_at` None: now), in the order of their versions' commits."""
    wanted = [
        (name, _options(filters[name]))
        for name in ("session", "speaker", "kind")
        if name in filters
    ]
    if kinds:
        wanted.append(("kind", kinds))
    texts = names(db, space)
    codes = [
        (name, [c for c, text in enumerate(texts) if text in options]) for name, options in wanted
    ]
    rows = db.execute(
        "SELECT fixed FROM docs WHERE space = ? AND (closed IS NULL OR ?) ORDER BY seq",
        (space.id, known_at is not None),
    )
    while part := rows.fetchmany(CHUNK):
        fixed = np.frombuffer(b"".join([row[0] for row in part]), ROW)
        seen = (fixed["valid_from"] <= as_of) & (as_of < fixed["valid_to"])
        if known_at is not None:
            seen &= (fixed["known_from"] <= known_at) & (known_at < fixed["known_to"])
        for name, among in codes:
            seen &= np.isin(fixed[name], among)
        seqs = fixed["seq"][seen].tolist()
        for start in range(0, len(seqs), FEW):
            known = found(db, space, scope, seqs[start : start + FEW])
            yield from (record for record in known.values() if matches(record, kinds, filters))


def matches(record: Record, kinds: Sequence[str], filters: Mapping[str, object]) -> bool:
    """Whether a record is of one of the kinds (none given: any) and equals every filter; a list means any of its items."""
    if kinds and record.kind not in kinds:
        return False
    for name, wanted in filters.items():
        if name in ("session", "speaker", "role", "kind"):
            value: object = getattr(record, name)
        elif name in record.meta:
            value = record.meta[name]
        else:
            return False
        if not any(type(value) is type(option) and value == option for option in _options(wanted)):
            return False
    return True


def _options(wanted: object) -> Collection[object]:
    return wanted if isinstance(wanted, (list, tuple, set, frozenset)) else (wanted,)


def events(
    db: sqlite3.Connection, space: Space, scope: Scope, after: int, limit: int
) -> list[Event]:
    """Events of a space after a sequence number, oldest first; for a narrower scope, those of records inside it."""
    rows = db.execute(
        "SELECT seq, at, op, rid, version, actor, hex(digest), hex(hash), body IS NULL FROM events "
        "WHERE seq > ? AND space = ? ORDER BY seq",
        (after, space.id),
    )
    tail, visible = tail_of(scope), dict[str, bool]()
    chosen: list[Event] = []
    for row in rows:
        if tail and row[3] not in visible:
            versions = _versions(db, space, scope, row[3])
            visible[row[3]] = bool(versions)
        if not tail or visible[row[3]]:
            chosen.append(_event(space, row))
            if len(chosen) >= limit:
                break
    return chosen


def delta(db: sqlite3.Connection, space: Space | None, after: int) -> Delta:
    """What changed in a space after a sequence number."""
    head = last_event(db)[0]
    if space is None or head <= after:
        return Delta(head, np.empty(0, ROW), [], [], np.empty(0, MARK), np.empty(0, USE))
    fresh = db.execute(
        "SELECT fixed, terms FROM docs WHERE space = ? AND seq > ? ORDER BY seq", (space.id, after)
    ).fetchall()
    if after:
        closed = (
            "SELECT fixed, terms FROM docs INDEXED BY docs_closed "
            "WHERE space = ? AND closed > ? AND seq <= ? ORDER BY seq"
        )
        fresh[:0] = db.execute(closed, (space.id, after, after)).fetchall()
    gone = db.execute(
        "SELECT seq FROM erased WHERE space = ? AND by > ? AND seq <= ?", (space.id, after, after)
    )
    rows = np.frombuffer(b"".join([row[0] for row in fresh]), ROW)
    terms, erased = [row[1] for row in fresh], [row[0] for row in gone]
    return Delta(head, rows, terms, erased, np.empty(0, MARK), np.empty(0, USE))


def counts(db: sqlite3.Connection, path: Path, encoder: str) -> Counts:
    """How much there is, on one snapshot."""

    def one(query: str) -> int:
        number: int = db.execute(query).fetchone()[0]
        return number

    log = path.with_name(path.name + "-wal")
    # Counted on the narrow index of ids: the tables themselves are wide.
    made = one("SELECT count(*) FROM events INDEXED BY events_rid WHERE op <= 3")
    first = one("SELECT count(*) FROM events INDEXED BY events_rid WHERE op <= 3 AND version = 1")
    versions = made - one("SELECT count(*) FROM erased")
    pending = waiting(db, encoder) if encoder else 0
    return Counts(
        path=str(path),
        schema=one("PRAGMA user_version"),
        records=first - one("SELECT count(*) FROM tombstones"),
        versions=versions,
        events=last_event(db)[0],
        spaces=one("SELECT count(*) FROM spaces"),
        bytes=path.stat().st_size + (log.stat().st_size if log.exists() else 0),
        embedded=versions - pending if encoder else 0,
        pending=pending,
    )


def names(db: sqlite3.Connection, space: Space | None) -> list[str]:
    """Code -> text; 0 and what was erased are ""."""
    if space is None:
        return [""]
    known = db.execute("SELECT code, text FROM names WHERE space = ?", (space.id,)).fetchall()
    texts = [""] * (1 + max((code for code, _ in known), default=0))
    for code, text in known:
        texts[code] = (text or b"").decode("utf-8", "surrogatepass")
    return texts


def links(db: sqlite3.Connection, space: Space, id: str) -> list[tuple[str, str, str]]:
    """(src, relation, dst) of every link from or to a record."""
    rows = db.execute(
        "SELECT src, relation, dst FROM links WHERE space = ?1 AND src = ?2 "
        "UNION SELECT src, relation, dst FROM links WHERE space = ?1 AND dst = ?2 ORDER BY 1, 2, 3",
        (space.id, id),
    )
    return rows.fetchall()


def touches(db: sqlite3.Connection, space: Space, id: str) -> list[Micros]:
    """When a record was used, ascending."""
    rows = db.execute(
        "SELECT e.at FROM touches t JOIN events e ON e.seq = t.seq WHERE t.space = ? AND t.rid = ? ORDER BY t.seq",
        (space.id, id),
    )
    return [row[0] for row in rows]


def _versions(db: sqlite3.Connection, space: Space, scope: Scope, id: str) -> list[Row]:
    rows: list[Row] = db.execute(
        "SELECT e.rid, e.version, d.fixed, c.body FROM events e JOIN docs d ON d.space = e.space AND d.seq = e.seq "
        "JOIN events c ON c.seq = d.base WHERE e.space = ? AND e.rid = ? AND e.op <= 3 ORDER BY e.version",
        (space.id, id),
    ).fetchall()
    tail = tail_of(scope)
    if rows and tail:
        body: Body = decode(rows[0][3])
        if not inside(body.get("scope", ""), tail):
            return []
    return rows


def _record(space: Space, row: Any, fixed: Fixed) -> Record:
    id, version, _, raw = row
    return record_of(
        decode(raw),
        raw,
        id=id,
        space=space.names,
        version=version,
        valid=(fixed.valid_from, fixed.valid_to),
        known=(fixed.known_from, fixed.known_to),
    )


def _event(space: Space, row: Any) -> Event:
    seq, at, op, rid, version, actor, digest, hash, erased = row
    moment = to_datetime(at)
    assert moment is not None
    return Event(
        seq,
        moment,
        OPS[op],
        space.names,
        rid,
        version,
        actor,
        digest.lower(),
        hash.lower(),
        bool(erased) and op < 6,
    )
