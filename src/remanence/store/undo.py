"""Taking an event back: what it made is no longer known, what it closed is known again, and the ledger keeps both.

An undo is an event of its own. One that takes back a version closes it, and brings the versions back that it had closed, each as a new row
with the same content and valid time; so an undo of several versions takes several events, and an undo can be undone by the same rule. What
was known before is not touched: `known_at` an earlier moment reads as it did.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from remanence.errors import InvalidInput
from remanence.store.content import Body, decode, same_hash
from remanence.store.derive import (
    ADD,
    FORGET,
    LINK,
    MARK,
    REVISE,
    TOUCH,
    UNDO,
    is_ours,
)
from remanence.store.engine import Database
from remanence.store.known import body_at, known_versions, last_version
from remanence.store.ledger import Space, Transaction
from remanence.store.rows import Fixed, unpack_row
from remanence.store.scopes import inside, tail_of
from remanence.types import Ack, Scope, Undo

_ROWS: Final = (
    "SELECT e.seq, e.op, d.base, d.closed, d.fixed FROM events e JOIN docs d ON d.space = e.space AND d.seq = e.seq "
    "WHERE e.space = ? AND e.rid = ? AND e.op <= 3 ORDER BY e.version"
)
_UNDOS: Final = (
    "SELECT seq, body FROM events WHERE space = ? AND rid = ? AND op <= 3 AND op = 0 ORDER BY seq"
)


class _Row(NamedTuple):
    """A version of a record, known or not."""

    seq: int
    op: int
    base: int
    closed: int | None
    fixed: Fixed


class _Event(NamedTuple):
    """What is to be taken back."""

    seq: int
    op: int
    rid: str
    body: Body


def undo(tx: Transaction, change: Undo) -> Ack:
    """Take back one event; `duplicate` of the event that did so before.

    Raises: InvalidInput where there is no such event in the scope, or another one has to be undone first."""
    space, event = _find(tx, change.scope, change.seq)
    body = event.body
    if event.op == UNDO and ("link" in body or "use" in body or "mark" in body):
        raise InvalidInput(
            f"event {event.seq} took back a link, a use or a mark", hint="make that anew instead"
        )
    match event.op:
        case 4:
            return _undo_link(tx, space, event)
        case 5:
            return _undo_touch(tx, space, event)
        case 7:
            return _undo_mark(tx, space, event)
    return _undo_versions(tx, space, event)


assert (LINK, TOUCH, MARK) == (4, 5, 7)


def _find(tx: Transaction, scope: Scope, seq: object) -> tuple[Space, _Event]:
    space = tx.existing(scope)
    row = None
    if space is not None and isinstance(seq, int) and 0 < seq < 2**63:
        row = tx.db.execute(
            "SELECT op, rid, body FROM events WHERE seq = ? AND space = ?", (seq, space.id)
        ).fetchone()
    if space is None or row is None or not _visible(tx.db, space.id, row[1], tail_of(scope)):
        raise InvalidInput(f"no event {seq!r}", hint="check the number and the scope")
    op, rid, raw = row
    if op == FORGET or raw is None:
        raise InvalidInput(
            f"event {seq} is of {rid!r}, which was forgotten", hint="that can't be taken back"
        )
    return space, _Event(int(str(seq)), op, rid, decode(raw))


def _visible(db: Database, space: int, rid: str, tail: str) -> bool:
    if not tail:
        return True
    row = db.execute(
        "SELECT c.body FROM events e JOIN docs d ON d.space = e.space AND d.seq = e.seq JOIN events c ON c.seq = d.base "
        "WHERE e.space = ? AND e.rid = ? AND e.op <= 3 LIMIT 1",
        (space, rid),
    ).fetchone()
    return row is not None and inside(decode(row[0]).get("scope", ""), tail)


def _undo_link(tx: Transaction, space: Space, event: _Event) -> Ack:
    (off,) = tx.db.execute(
        "SELECT off FROM links WHERE space = ? AND src = ? AND seq = ?",
        (space.id, event.rid, event.seq),
    ).fetchone()
    if off is not None:
        return Ack("duplicate", event.rid, seq=off)
    return _aside(tx, space, event, {"link": True})


def _undo_touch(tx: Transaction, space: Space, event: _Event) -> Ack:
    (off,) = tx.db.execute(
        "SELECT off FROM touches WHERE space = ? AND seq = ?", (space.id, event.seq)
    ).fetchone()
    if off is not None:
        return Ack("duplicate", event.rid, seq=off)
    return _aside(tx, space, event, {"use": True})


def _undo_mark(tx: Transaction, space: Space, event: _Event) -> Ack:
    mark = event.body["mark"]
    rows = tx.db.execute(
        "SELECT e.seq, e.op, e.body FROM marks m INDEXED BY marks_rid JOIN names n ON n.space = m.space AND n.code = m.mark "
        "JOIN events e ON e.seq = m.seq_on OR e.seq = m.seq_off "
        "WHERE m.space = ? AND m.rid = ? AND n.text = ? ORDER BY e.seq",
        (space.id, event.rid, mark.encode()),
    ).fetchall()
    standing: list[_Event] = []
    for seq, op, raw in rows:
        body = decode(raw)
        if op != UNDO:
            standing.append(_Event(seq, op, event.rid, body))
            continue
        standing.pop()  # only the last one can be taken back
        if body["undoes"] == event.seq:
            return Ack("duplicate", event.rid, seq=seq)
    if standing[-1].seq != event.seq:
        raise _after(event.seq, standing[-1].seq)
    back: Body = {"mark": mark, "on": not event.body["on"]}
    if back["on"]:
        back["why"] = standing[-2].body["why"]
    return _aside(tx, space, event, back)


def _aside(tx: Transaction, space: Space, event: _Event, body: Body) -> Ack:
    """An undo that brings no version back."""
    version = _unversioned(tx.db, space.id, event.rid)
    tx.append(space, UNDO, event.rid, version, {"undoes": event.seq, **body})
    return Ack("stored", event.rid, seq=tx.seq)


def _unversioned(db: Database, space: int, rid: str) -> int:
    row = db.execute(
        "SELECT min(version) FROM events WHERE space = ? AND rid = ? AND op <= 3", (space, rid)
    ).fetchone()
    lowest: int = row[0]
    return min(lowest, 0) - 1


def _undo_versions(tx: Transaction, space: Space, event: _Event) -> Ack:
    versions = _Versions(tx.db, space, event.rid)
    by = versions.taken_back(event.seq)
    if by:
        return Ack("duplicate", event.rid, seq=by)
    made = versions.made(event.seq)
    for row in made:
        if row.closed is not None:
            raise _after(event.seq, row.closed)
    taken = versions.closed(event.seq)
    standing = [row for row in versions.known() if row not in made]
    for row in reversed(standing):
        later = versions.root(row).seq > event.seq
        if later or any(_overlap(row.fixed, other.fixed) for other in taken):
            raise _after(event.seq, row.seq)
    if not standing and not taken:
        _refuse_followed(tx.db, space.id, event, min(versions.rows))
    closes = [row.seq for row in made]
    if not taken:
        return _aside(tx, space, event, {"closes": closes})
    version = last_version(tx.db, space.id, event.rid)
    for row in taken:
        version += 1
        body: Body = {"undoes": event.seq, "closes": closes, "of": row.seq}
        root = versions.root(row)
        if root.op in (ADD, REVISE):
            body["whole"] = True
        if root.op == ADD and _unnamed(event.rid, root):
            body["same"] = same_hash(body_at(tx.db, root.base))
        tx.append(space, UNDO, event.rid, version, body)
        closes = []
    return Ack("stored", event.rid, version, tx.seq)


def _overlap(one: Fixed, other: Fixed) -> bool:
    return one.valid_from < other.valid_to and other.valid_from < one.valid_to


def _unnamed(rid: str, root: _Row) -> bool:
    """Whether the store chose the id: then the record is found by what it says."""
    return is_ours(rid, root.fixed.known_from, root.seq)


class _Versions:
    """All versions of a record, and which of them was brought back as which."""

    def __init__(self, db: Database, space: Space, rid: str) -> None:
        self.rows = {
            seq: _Row(seq, op, base, closed, unpack_row(fixed))
            for seq, op, base, closed, fixed in db.execute(_ROWS, (space.id, rid))
        }
        self._undos: dict[int, list[int]] = {}
        self._origins: dict[int, int] = {}
        self._heirs: dict[int, int] = {}
        for seq, raw in db.execute(_UNDOS, (space.id, rid)):
            body = decode(raw)
            self._undos.setdefault(body["undoes"], []).append(seq)
            if "of" in body:
                self._origins[seq] = body["of"]
                self._heirs[body["of"]] = seq

    def taken_back(self, seq: int) -> int:
        """The event by which this one is undone at present, 0 where it stands."""
        return next((by for by in self._undos.get(seq, ()) if not self.taken_back(by)), 0)

    def known(self) -> Sequence[_Row]:
        """Those that are known now, oldest first."""
        return [row for row in self.rows.values() if row.closed is None]

    def made(self, seq: int) -> Sequence[_Row]:
        """What this event made, as it last was: one version or none."""
        while seq in self._heirs:
            seq = self._heirs[seq]
        return [self.rows[seq]] if seq in self.rows else []

    def closed(self, seq: int) -> Sequence[_Row]:
        """What this event closed."""
        return [row for row in self.rows.values() if row.closed == seq]

    def root(self, row: _Row) -> _Row:
        """The version that this one, brought back however often, first was."""
        seq = row.seq
        while seq in self._origins:
            seq = self._origins[seq]
        return self.rows[seq]


def _refuse_followed(db: Database, space: int, event: _Event, first: int) -> None:
    """Raises: InvalidInput where other records stand on the one that would no longer be known. `first`: the event that brought it:
    what named it as a source before that did without it."""
    later: list[Any] = db.execute(
        "SELECT seq FROM links WHERE space = ?1 AND src = ?2 AND off IS NULL "
        "UNION SELECT seq FROM links INDEXED BY links_dst WHERE space = ?1 AND dst = ?2 AND off IS NULL",
        (space, event.rid),
    ).fetchall()
    children = db.execute(
        "SELECT child FROM lineage WHERE space = ? AND parent = ?", (space, event.rid)
    )
    seqs = [seq for (seq,) in later]
    for (child,) in children:
        known = known_versions(db, space, child)
        if known and known[-1].fixed.first > first:
            seqs.append(known[-1].seq)
    if seqs:
        raise _after(event.seq, max(seqs))


def _after(seq: int, later: int) -> InvalidInput:
    return InvalidInput(f"event {later} stands on event {seq}", hint=f"undo event {later} first")
