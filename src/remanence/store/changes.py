"""What each kind of change does to a record, as events.

A record is a function of valid time that changes with known time. Adding paints its text on `[valid_from, valid_to)`. Revising paints a
new text over what was known: without `valid_from` over the newest version's whole interval (it was wrong), with it from there on (it
became different), so that the old text stays true before. Retracting paints nothing, from a moment on. What is cut or painted
over keeps its row, with its known time closed; so one change of a record can take two events, a cut and the new text.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import NamedTuple

from remanence.errors import Conflict, InvalidInput
from remanence.store.content import (
    Body,
    body_of,
    check_fields,
    check_meta,
    check_micros,
    check_text,
    content_digest,
    decode,
    encode,
    same_hash,
)
from remanence.store.derive import ADD, LINK, RETRACT, REVISE, TOUCH, new_id, short_fold
from remanence.store.erase import closure, forget_records
from remanence.store.ledger import Space, Transaction, find_space
from remanence.store.rows import Fixed, unpack_row
from remanence.store.scopes import check_name, inside, tail_of
from remanence.types import (
    FOREVER,
    Ack,
    Add,
    Change,
    Forget,
    Link,
    Micros,
    Retract,
    Revise,
    Scope,
    Touch,
)


class Version(NamedTuple):
    """A version of a record that is currently known."""

    seq: int
    version: int
    base: int
    fixed: Fixed

    @property
    def empty(self) -> bool:
        """True of no moment: what retracting before its beginning leaves."""
        return self.fixed.valid_from >= self.fixed.valid_to


def write(tx: Transaction, change: Change) -> Ack:
    """Commit one change to the transaction.

    Raises: Conflict where `expect` does not match; what can't be stored is acknowledged `rejected` instead."""
    try:
        match change:
            case Add():
                return _add(tx, change)
            case Revise():
                return _revise(tx, change)
            case Retract():
                return _retract(tx, change)
            case Link():
                return _link(tx, change)
            case Touch():
                return _touch(tx, change)
            case Forget():
                return _forget(tx, change)
    except InvalidInput as error:
        given = getattr(change, "id", "") or getattr(change, "src", "")
        return Ack("rejected", given if isinstance(given, str) else "", reason=str(error))
    raise InvalidInput(
        f"{type(change).__name__} is not a change",
        hint="give Add, Revise, Retract, Link, Touch or Forget",
    )


def _add(tx: Transaction, add: Add) -> Ack:
    id = check_name(add.id, "an id")
    body = body_of(add)
    raw = encode(body)
    if add.valid_from is None and add.valid_to <= tx.at:
        raise InvalidInput(
            "valid_to is in the past and valid_from is now", hint="give valid_from too"
        )
    space = tx.space(add.scope)
    found = _already(tx.db, space, id, raw) if id else _same(tx.db, space, body)
    if found is not None:
        return found
    for source in add.sources:
        if is_forgotten(tx.db, space.id, source.id):
            raise InvalidInput(
                f"its source {source.id!r} was forgotten", hint="derive it from what remains"
            )
    id = id or new_id(tx.at, tx.seq + 1, space.names)
    fold = tx.append(space, ADD, id, 1, body, raw)
    return Ack("stored", id, 1, tx.seq, near=_near(tx, space, fold) if fold else "")


def _already(db: sqlite3.Connection, space: Space, id: str, raw: bytes) -> Ack | None:
    row = db.execute(
        "SELECT seq, body FROM events WHERE space = ? AND rid = ? AND version = 1 AND op <= 3",
        (space.id, id),
    ).fetchone()
    if row is None:
        return None
    if row[1] is None:
        return Ack(
            "rejected",
            id,
            reason="a record of this id was forgotten - remember it anew under another id",
        )
    if row[1] == raw:
        return Ack("duplicate", id, 1, row[0])
    return Ack("rejected", id, reason="the id exists with other content - use update")


def _same(db: sqlite3.Connection, space: Space, body: Body) -> Ack | None:
    row = db.execute(
        "SELECT e.rid, e.version, e.seq, e.body FROM docs d JOIN events e ON e.seq = d.seq "
        "WHERE d.space = ? AND d.same = ? ORDER BY d.seq LIMIT 1",
        (space.id, same_hash(body)),
    ).fetchone()
    if row is None or decode(row[3])["text"] != body["text"]:
        return None
    return Ack("duplicate", row[0], row[1], row[2])


def _near(tx: Transaction, space: Space, fold: int) -> str:
    rows = tx.db.execute(
        "SELECT e.rid, d.fixed FROM docs d JOIN events e ON e.seq = d.seq "
        "WHERE d.space = ? AND d.fold = ? AND d.seq < ? ORDER BY d.seq",
        (space.id, short_fold(fold), tx.seq),
    )
    return next((rid for rid, fixed in rows if unpack_row(fixed).fold == fold), "")


def _revise(tx: Transaction, change: Revise) -> Ack:
    text = check_text(change.text)
    space, known, body = _find(tx, change.scope, change.id, change.expect)
    newest = known[-1]
    now = (newest.fixed.valid_from, newest.fixed.valid_to)
    start, end = now
    if change.valid_from is not None:
        start = check_micros(change.valid_from, "valid_from")
        end = end if start < end else FOREVER
    fresh: Body = {**_content(body), "text": text}
    if change.fields is not None:
        fresh["fields"] = check_fields(change.fields)
    if change.meta is not None:
        fresh["meta"] = check_meta(change.meta)
    fresh = {name: value for name, value in fresh.items() if value or name == "text"}
    if fresh == _content(body) and (start, end) == now:
        return Ack("duplicate", change.id, newest.version, newest.seq)
    fresh["valid_from"] = start
    if end != FOREVER:
        fresh["valid_to"] = end
    version, closes = newest.version, list[int]()
    fresh["closes"] = closes
    encode(fresh)  # rejects before the cut is written
    for old in known:
        if old.empty or (old.fixed.valid_from < end and start < old.fixed.valid_to):
            if not old.empty and old.fixed.valid_from < start:
                version += 1
                _cut(tx, space, change.id, version, old, (old.fixed.valid_from, start), [old.seq])
            else:
                closes.append(old.seq)
    tx.append(space, REVISE, change.id, version + 1, fresh)
    return Ack("stored", change.id, version + 1, tx.seq)


def _retract(tx: Transaction, change: Retract) -> Ack:
    space, known, _ = _find(tx, change.scope, change.id, change.expect)
    at = tx.at if change.at is None else check_micros(change.at, "at")
    newest = known[-1]
    if newest.fixed.valid_to <= at:
        return Ack("duplicate", change.id, newest.version, newest.seq)
    # What remains true before `at` becomes the newest version; where nothing does, the newest stays, true of no moment.
    earlier = [old for old in known if old.fixed.valid_from < min(at, old.fixed.valid_to)]
    last = max(earlier, key=lambda old: old.fixed.valid_from, default=newest)
    valid = (last.fixed.valid_from, min(at, last.fixed.valid_to)) if earlier else (at, at)
    closes = [old.seq for old in known if old is last or old.empty or old.fixed.valid_to > at]
    _cut(tx, space, change.id, newest.version + 1, last, valid, closes)
    return Ack("stored", change.id, newest.version + 1, tx.seq)


def _cut(
    tx: Transaction,
    space: Space,
    id: str,
    version: int,
    old: Version,
    valid: tuple[Micros, Micros],
    closes: list[int],
) -> None:
    body = {"of": old.seq, "closes": closes, "valid_from": valid[0], "valid_to": valid[1]}
    tx.append(space, RETRACT, id, version, body)


def _link(tx: Transaction, link: Link) -> Ack:
    if not check_name(link.relation, "a relation"):
        raise InvalidInput("a link without a relation", hint="name the relation")
    space, _, _ = _find(tx, link.scope, link.src, None)
    _find(tx, link.scope, link.dst, None)
    row = tx.db.execute(
        "SELECT seq FROM links WHERE space = ? AND src = ? AND relation = ? AND dst = ?",
        (space.id, link.src, link.relation, link.dst),
    ).fetchone()
    if row:
        return Ack("duplicate", link.src, seq=row[0])
    tx.append(space, LINK, link.src, 0, {"relation": link.relation, "dst": link.dst})
    return Ack("stored", link.src, seq=tx.seq)


def _touch(tx: Transaction, touch: Touch) -> Ack:
    how = check_name(touch.how, "how")
    space, known, _ = _find(tx, touch.scope, touch.id, None)
    tx.append(space, TOUCH, touch.id, known[-1].version, {"how": how})
    return Ack("stored", touch.id, known[-1].version, tx.seq)


def _forget(tx: Transaction, change: Forget) -> Ack:
    space, known, _ = _find(tx, change.scope, change.id, None)
    forget_records(tx, space, closure(tx.db, space.id, [change.id]))
    return Ack("stored", change.id, known[-1].version, tx.seq)


def is_forgotten(db: sqlite3.Connection, space: int, id: str) -> bool:
    """Whether a record of this id was erased."""
    return (
        db.execute("SELECT 1 FROM tombstones WHERE space = ? AND rid = ?", (space, id)).fetchone()
        is not None
    )


def known_versions(db: sqlite3.Connection, space: int, id: str) -> list[Version]:
    """The versions of a record that are known now, oldest first; the last one is the newest, in known and in valid time."""
    rows = db.execute(
        "SELECT e.seq, e.version, d.base, d.fixed FROM events e JOIN docs d ON d.space = e.space AND d.seq = e.seq "
        "WHERE e.space = ? AND e.rid = ? AND e.op <= 3 AND d.closed IS NULL ORDER BY e.version",
        (space, id),
    )
    return [Version(seq, version, base, unpack_row(fixed)) for seq, version, base, fixed in rows]


def _find(
    tx: Transaction, scope: Scope, id: object, expect: int | str | None
) -> tuple[Space, list[Version], Body]:
    """A record's space, its known versions, and the body of the newest.

    Raises: Conflict, or InvalidInput where there is no such record."""
    id = check_name(id, "an id")
    space = find_space(tx.db, scope)
    known = known_versions(tx.db, space.id, id) if space else []
    body: Body = {}
    if known:
        raw = tx.db.execute("SELECT body FROM events WHERE seq = ?", (known[-1].base,)).fetchone()[
            0
        ]
        body = decode(raw)
    if space is None or not known or not inside(body.get("scope", ""), tail_of(scope)):
        gone = space is not None and is_forgotten(tx.db, space.id, id)
        what = f"record {id!r} was forgotten" if gone else f"no record {id!r}"
        if expect is not None:
            raise Conflict(f"{what}, expected version {expect!r}", hint="read again, then retry")
        raise InvalidInput(what, hint="check the id and the scope")
    newest = known[-1]
    if expect is not None:
        raw = encode({name: value for name, value in body.items() if name != "closes"})
        digest = content_digest(raw, newest.fixed.valid_from, newest.fixed.valid_to)
        if expect not in (newest.version, digest) or isinstance(expect, bool):
            raise Conflict(
                f"record {id!r} is at version {newest.version} ({digest}), not {expect!r}",
                hint="read again, then retry",
            )
    return space, known, body


def _content(body: Body) -> Body:
    """A body without the times and bookkeeping of its version."""
    return {
        name: value
        for name, value in body.items()
        if name not in ("valid_from", "valid_to", "closes")
    }


def fingerprint(changes: Sequence[Change]) -> bytes:
    """16 bytes that tell whether two calls with one idempotency key ask for the same."""
    # Fields are what writers add; "yesterday", seen from the day of the retry, may have become another date.
    asked = [
        replace(change, fields={}) if isinstance(change, Add) else change for change in changes
    ]
    return blake2b(repr(asked).encode("utf-8", "backslashreplace"), digest_size=16).digest()
