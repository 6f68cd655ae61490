"""Reads of the ledger on one snapshot: records, their history, listings, events, and what followers need."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from remanence.errors import Corrupt, NotFound
from remanence.seams import Delta, Marked
from remanence.store.content import Body, decode, record_of
from remanence.store.derive import FORGET, OPS
from remanence.store.engine import Database
from remanence.store.ledger import Space, last_event
from remanence.store.rows import MARK, ROLES, ROW, USE, Fixed, unpack_row
from remanence.store.scopes import inside, tail_of
from remanence.store.vectors import waiting
from remanence.types import FOREVER, Event, Micros, Record, Scope, to_datetime

CHUNK: Final = 4096
"""Rows of a listing whose columns are looked at together."""
FEW: Final = 128
"""Records that are read together: a listing often ends after the first page."""
Row = tuple[str, int, bytes, bytes]
"""(id, version, fixed, body) of one version."""


class Size(NamedTuple):
    """What the engine says of itself: the version of its schema, and how many bytes it takes."""

    schema: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How much a store holds, forgotten things not counted. `path`: of the file, or the URL without a password; `bytes`: of the file and
    its log, or of the whole database; `pending`: texts that wait for a vector of the encoder asked about; `embedded`: versions that
    do not."""

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
    db: Database,
    space: Space,
    scope: Scope,
    id: str,
    as_of: Micros | None,
    known_at: Micros | None,
) -> Record | None:
    """The newest version known at `known_at` (None: now) among those valid at `as_of` (None: whenever).

    Raises: NotFound where the record was forgotten."""
    newest: tuple[Row, Fixed] | None = None
    for row in _versions(db, space, scope, id):
        fixed = unpack_row(row[2])
        known = (
            fixed.known_to == FOREVER
            if known_at is None
            else fixed.known_from <= known_at < fixed.known_to
        )
        if not known or not (as_of is None or fixed.valid_from <= as_of < fixed.valid_to):
            continue
        # What an undo brought back has a late number and its old place in time.
        if newest is None or newest[1].valid_from <= fixed.valid_from:
            newest = row, fixed
    if newest is None:
        refuse_forgotten(db, space, id)
        return None
    return _record(space, *newest, marks_of(db, space, [id], known_at))


def history(db: Database, space: Space, scope: Scope, id: str) -> list[Record]:
    """All versions of a record, oldest first; empty where there is none.

    Raises: NotFound where the record was forgotten."""
    rows = _versions(db, space, scope, id)
    if not rows:
        refuse_forgotten(db, space, id)
    marks = marks_of(db, space, [id], None)
    return [_record(space, row, unpack_row(row[2]), marks) for row in rows]


def refuse_forgotten(db: Database, space: Space, id: str) -> None:
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
    db: Database,
    space: Space,
    scope: Scope,
    seqs: Sequence[int],
    known_at: Micros | None = None,
) -> dict[int, Record]:
    """The versions committed under these numbers, in this order, with the marks of `known_at` (None: now); what is erased or
    outside the scope is absent."""
    rows = db.execute(
        "SELECT d.seq, e.rid, e.version, d.fixed, c.body FROM json_each(?) j "
        "CROSS JOIN docs d ON d.space = ? AND d.seq = CAST(j.value AS BIGINT) "
        "JOIN events e ON e.seq = d.seq JOIN events c ON c.seq = d.base ORDER BY j.key",
        (json.dumps([int(seq) for seq in seqs]), space.id),
    ).fetchall()
    marks = marks_of(db, space, {row[1] for row in rows}, known_at)
    tail, records = tail_of(scope), {}
    for seq, *row in rows:
        record = _record(space, tuple(row), unpack_row(row[2]), marks)
        if not tail or inside(tail_of(record.scope), tail):
            records[seq] = record
    return records


def listing(
    db: Database,
    space: Space,
    scope: Scope,
    kinds: Sequence[str],
    filters: Mapping[str, object],
    as_of: Micros,
    known_at: Micros | None,
    unseen: Sequence[str] = (),
    apart: Sequence[str] = (),
) -> Iterator[Record]:
    """Records visible at both moments (`known_at` None: now), in the order of their versions' commits, without those that bore
    one of the marks `unseen`, and, where no kind is asked for, those of the kinds `apart`."""
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
    asked = kinds or "kind" in filters
    left_out = [] if asked else [c for c, text in enumerate(texts) if c and text in apart]
    marked = _firsts(db, space, unseen, known_at)
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
        if left_out:
            seen &= ~np.isin(fixed["kind"], left_out)
        if len(marked):
            seen &= ~np.isin(fixed["first"], marked)
        seqs = fixed["seq"][seen].tolist()
        for start in range(0, len(seqs), FEW):
            known = found(db, space, scope, seqs[start : start + FEW], known_at)
            yield from (record for record in known.values() if matches(record, kinds, filters))


def children(db: Database, space: Space, id: str) -> list[str]:
    """Ids of the records that name this one as a source, in the order of ids."""
    rows = db.execute(
        "SELECT child FROM lineage WHERE space = ? AND parent = ? ORDER BY child", (space.id, id)
    )
    return [row[0] for row in rows]


def marks_of(
    db: Database, space: Space, ids: Iterable[str], known_at: Micros | None
) -> dict[str, tuple[str, ...]]:
    """Which marks these records bore at a known time (None: now), by id; those without any are absent."""
    moment = FOREVER - 1 if known_at is None else known_at
    rows = db.execute(
        "SELECT m.rid, n.text FROM json_each(?) j CROSS JOIN marks m INDEXED BY marks_rid "
        "ON m.space = ? AND m.rid = j.value "
        "JOIN names n ON n.space = m.space AND n.code = m.mark WHERE m.since <= ? AND ? < m.until ORDER BY n.text",
        (json.dumps(list(ids)), space.id, moment, moment),
    )
    marks: dict[str, tuple[str, ...]] = {}
    for rid, raw in rows:
        marks[rid] = (*marks.get(rid, ()), raw.decode())
    return marks


def marked(db: Database, space: Space, scope: Scope, mark: str) -> list[Marked]:
    """Records of the scope that bear this mark now, oldest mark first; not those that are no longer known at all."""
    rows = db.execute(
        "SELECT m.rid, m.since, e.body FROM names n JOIN marks m INDEXED BY marks_now ON m.space = n.space AND m.mark = n.code "
        "JOIN events e ON e.seq = m.seq_on WHERE n.space = ? AND n.text = ? AND m.seq_off IS NULL ORDER BY m.seq_on",
        (space.id, mark.encode()),
    ).fetchall()
    seen = _seen(db, space, scope, {row[0] for row in rows})
    return [Marked(rid, since, decode(raw)["why"]) for rid, since, raw in rows if rid in seen]


def linked(db: Database, space: Space, scope: Scope, relation: str) -> list[tuple[str, str, int]]:
    """(src, dst, event) of every link of this relation between records of the scope, oldest first."""
    rows = db.execute(
        "SELECT src, dst, seq FROM links INDEXED BY links_relation "
        "WHERE space = ? AND relation = ? AND off IS NULL ORDER BY seq",
        (space.id, relation),
    ).fetchall()
    if not tail_of(scope):
        return rows
    seen = _seen(db, space, scope, {id for row in rows for id in row[:2]})
    return [row for row in rows if row[0] in seen and row[1] in seen]


def _seen(db: Database, space: Space, scope: Scope, ids: Iterable[str]) -> set[str]:
    """Those of the records that are known now and inside the scope."""
    rows = db.execute(
        "SELECT e.rid, d.fixed FROM json_each(?) j CROSS JOIN events e ON e.space = ? AND e.rid = j.value AND e.op <= 3 "
        "CROSS JOIN docs d ON d.space = e.space AND d.seq = e.seq WHERE d.closed IS NULL",
        (json.dumps(list(ids)), space.id),
    ).fetchall()
    tail = tail_of(scope)
    if not tail:
        return {rid for rid, _ in rows}
    tails = {code for code, text in enumerate(names(db, space)) if inside(text, tail)}
    return {rid for rid, fixed in rows if unpack_row(fixed).tail in tails}


def cursor(db: Database, space: Space, name: str) -> str:
    """What was last kept under this name, "" where nothing was."""
    row = db.execute(
        "SELECT value FROM cursors WHERE space = ? AND name = ?", (space.id, name)
    ).fetchone()
    return row[0] if row else ""


def _firsts(db: Database, space: Space, marks: Sequence[str], known_at: Micros | None) -> list[int]:
    """First events of the records that bore one of these marks."""
    query = _FIRSTS_NOW if known_at is None else _FIRSTS
    moments = () if known_at is None else (known_at, known_at)
    return [
        first
        for mark in marks
        for (first,) in db.execute(query, (space.id, mark.encode(), *moments))
    ]


_FIRSTS_NOW: Final = (
    "SELECT m.first FROM names n JOIN marks m INDEXED BY marks_now ON m.space = n.space AND m.mark = n.code "
    "WHERE n.space = ? AND n.text = ? AND m.seq_off IS NULL"
)
_FIRSTS: Final = (
    "SELECT m.first FROM names n JOIN marks m ON m.space = n.space AND m.mark = n.code "
    "WHERE n.space = ? AND n.text = ? AND m.since <= ? AND ? < m.until"
)


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


def events(db: Database, space: Space, scope: Scope, after: int, limit: int) -> list[Event]:
    """Events of a space after a sequence number, oldest first; for a narrower scope, those of records inside it."""
    rows = db.execute(
        "SELECT seq, at, op, rid, version, actor, digest, hash, body IS NULL FROM events "
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


def delta(db: Database, space: Space | None, after: int, bare: int = 0) -> Delta:
    """What changed in a space after a sequence number; new versions up to `bare` come without their words."""
    head = last_event(db)[0]
    # A follower of a space whose names were forgotten asks by those names: what it may hold of it is gone. Where the space was there
    # at its last look, it is the one that it follows, and what became of others is not told.
    lost = list[int]()
    if after and (space is None or not db.execute(_THERE, (space.id, after)).fetchone()):
        lost = [row[0] for row in db.execute(_LOST, (after, after))]
    if space is None or head <= after:
        return Delta(head, np.empty(0, ROW), [], lost, np.empty(0, MARK), np.empty(0, USE))
    span = (space.id, after)
    fresh = db.execute(
        "SELECT fixed, terms FROM docs WHERE space = ? AND seq > ? ORDER BY seq",
        (space.id, max(after, bare)),
    ).fetchall()
    without = list(_bare(db, space, after, bare))
    if after:
        closed = (
            "SELECT fixed, terms FROM docs INDEXED BY docs_closed "
            "WHERE space = ? AND closed > ? AND seq <= ? ORDER BY seq"
        )
        fresh[:0] = db.execute(closed, (space.id, after, after)).fetchall()
    gone = db.execute(
        "SELECT seq FROM erased WHERE space = ? AND by > ? AND seq <= ?", (space.id, after, after)
    )
    count = sum(map(len, without)) // ROW.itemsize
    rows = np.frombuffer(b"".join([*without, *(row[0] for row in fresh)]), ROW)
    _check(db, space, rows)
    terms, erased = [b""] * count + [row[1] for row in fresh], [*lost, *(row[0] for row in gone)]
    # Each in two parts: OR would go through the whole space.
    marks = db.execute(_MARKS_ON, span).fetchall() + db.execute(_MARKS_OFF, span).fetchall()
    uses = db.execute(_USES, span).fetchall() + db.execute(_USES_OFF, span).fetchall()
    return Delta(head, rows, terms, erased, np.array(marks, MARK), np.array(uses, USE))


def _bare(db: Database, space: Space, after: int, until: int) -> Iterator[bytes]:
    """The rows of the versions between, a part at a time: a driver may hold all of an answer at once."""
    while after < until:
        part = db.execute(
            "SELECT seq, fixed FROM docs WHERE space = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
            (space.id, after, until, 8 * CHUNK),
        ).fetchall()
        if not part:
            return
        after = part[-1][0]
        yield b"".join([row[1] for row in part])


def _check(db: Database, space: Space, rows: NDArray[Any]) -> None:
    """Whether rows can be followed: a bit that flipped in one must not end in an index that is out of range.

    Raises: Corrupt."""
    if not len(rows):
        return
    named = max(int(rows[name].max()) for name in _CODES)
    known = not named or db.execute(_NAMED, (space.id, named)).fetchone()
    if not known or (rows["role"] >= len(ROLES)).any() or (rows["first"] > rows["seq"]).any():
        raise Corrupt("rows of the index are damaged", hint="run verify; rebuild mends it")


_CODES: Final = ("session", "speaker", "tail", "kind")
_NAMED: Final = "SELECT 1 FROM names WHERE space = ? AND code >= ? LIMIT 1"
_THERE: Final = (
    "SELECT 1 FROM docs WHERE space = ?1 AND seq <= ?2 "
    "UNION ALL SELECT 1 FROM erased WHERE space = ?1 AND by <= ?2 "
    "UNION ALL SELECT 1 FROM erased WHERE space = ?1 AND by > ?2 AND seq <= ?2 LIMIT 1"
)
_LOST: Final = "SELECT g.seq FROM spaces s JOIN erased g ON g.space = s.id WHERE s.tenant = '' AND g.by > ? AND g.seq <= ?"
_MARKS_ON: Final = (
    "SELECT first, mark, since, until FROM marks WHERE space = ? AND seq_on > ? ORDER BY seq_on"
)
_MARKS_OFF: Final = "SELECT first, mark, since, until FROM marks INDEXED BY marks_off WHERE space = ?1 AND seq_off > ?2 AND seq_on <= ?2"
_USES: Final = (
    "SELECT first, at, until FROM touches WHERE space = ? AND seq > ? AND until > at ORDER BY seq"
)
_USES_OFF: Final = "SELECT first, at, until FROM touches INDEXED BY touches_off WHERE space = ?1 AND off > ?2 AND seq <= ?2"


def counts(db: Database, name: str, size: Size, encoder: str) -> Counts:
    """How much there is, on one snapshot."""

    def one(query: str) -> int:
        number: int = db.execute(query).fetchone()[0]
        return number

    # Counted on the narrow index of ids: the tables themselves are wide.
    made = one("SELECT count(*) FROM events INDEXED BY events_rid WHERE op <= 3 AND version > 0")
    first = one("SELECT count(*) FROM events INDEXED BY events_rid WHERE op <= 3 AND version = 1")
    versions = made - one("SELECT count(*) FROM erased")
    pending = waiting(db, encoder) if encoder else 0
    return Counts(
        path=name,
        schema=size.schema,
        records=first - one("SELECT count(*) FROM tombstones") - one(_WITHDRAWN),
        versions=versions,
        events=last_event(db)[0],
        spaces=one("SELECT count(*) FROM spaces"),
        bytes=size.bytes,
        embedded=versions - pending if encoder else 0,
        pending=pending,
    )


_WITHDRAWN: Final = (
    "SELECT count(DISTINCT space || ' ' || rid) FROM events u INDEXED BY events_rid WHERE op <= 3 AND version < 0 "
    "AND NOT EXISTS (SELECT 1 FROM tombstones t WHERE t.space = u.space AND t.rid = u.rid) "
    "AND NOT EXISTS (SELECT 1 FROM events e JOIN docs d ON d.space = e.space AND d.seq = e.seq "
    "WHERE e.space = u.space AND e.rid = u.rid AND e.op <= 3 AND d.closed IS NULL)"
)
"""Records of which nothing is known any more, since the event that brought them was undone."""


def names(db: Database, space: Space | None) -> list[str]:
    """Code -> text; 0 and what was erased are ""."""
    if space is None:
        return [""]
    known = db.execute("SELECT code, text FROM names WHERE space = ?", (space.id,)).fetchall()
    texts = [""] * (1 + max((code for code, _ in known), default=0))
    for code, text in known:
        texts[code] = (text or b"").decode("utf-8", "surrogatepass")
    return texts


def links(db: Database, space: Space, scope: Scope, id: str) -> list[tuple[str, str, str]]:
    """(src, relation, dst) of every link from or to a record; in a narrowed scope, between records inside it."""
    rows: list[tuple[str, str, str]] = db.execute(
        "SELECT src, relation, dst FROM links WHERE space = ?1 AND src = ?2 AND off IS NULL "
        "UNION SELECT src, relation, dst FROM links INDEXED BY links_dst WHERE space = ?1 AND dst = ?2 AND off IS NULL ORDER BY 1, 2, 3",
        (space.id, id),
    ).fetchall()
    if not tail_of(scope):
        return rows
    ends = {end for row in rows for end in (row[0], row[2])}
    within = {end for end in ends if _versions(db, space, scope, end)}
    return [row for row in rows if row[0] in within and row[2] in within]


def touches(db: Database, space: Space, scope: Scope, id: str) -> list[Micros]:
    """When a record was used, ascending."""
    if tail_of(scope) and not _versions(db, space, scope, id):
        return []
    rows = db.execute(
        "SELECT at FROM touches INDEXED BY touches_rid WHERE space = ? AND rid = ? AND off IS NULL AND until > at ORDER BY seq",
        (space.id, id),
    )
    return [row[0] for row in rows]


def _versions(db: Database, space: Space, scope: Scope, id: str) -> list[Row]:
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


def _record(space: Space, row: Any, fixed: Fixed, marks: Mapping[str, tuple[str, ...]]) -> Record:
    id, version, _, raw = row
    return record_of(
        decode(raw),
        raw,
        id=id,
        space=space.names,
        version=version,
        valid=(fixed.valid_from, fixed.valid_to),
        known=(fixed.known_from, fixed.known_to),
        marks=marks.get(id, ()),
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
        max(version, 0),
        actor,
        digest.hex(),
        hash.hex(),
        bool(erased) and op != FORGET,
    )
