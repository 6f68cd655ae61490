"""What each kind of change does to a record, as events.

A record is a function of valid time that changes with known time. Adding paints its text on `[valid_from, valid_to)`. Revising paints a
new text over what was known: without `valid_from` over the newest version's whole interval (it was wrong), with it from there on (it
became different), so that the old text stays true before. Retracting paints nothing, from a moment on. What is cut or painted
over keeps its row, with its known time closed; so one change of a record can take two events, a cut and the new text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b

from remanence.errors import InvalidInput
from remanence.seams import Settler
from remanence.store.content import (
    Body,
    body_of,
    check_fields,
    check_meta,
    check_micros,
    check_text,
    decode,
    encode,
    plain_content,
    same_hash,
)
from remanence.store.derive import ADD, LINK, MARK, RETRACT, REVISE, TOUCH, new_id, short_fold
from remanence.store.engine import Database
from remanence.store.forgetting.erase import closure, forget_records
from remanence.store.held import held
from remanence.store.known import (
    Version,
    body_at,
    find,
    is_forgotten,
    known_versions,
    last_version,
)
from remanence.store.ledger import Space, Transaction
from remanence.store.reading import history
from remanence.store.rows import unpack_row
from remanence.store.scopes import LONGEST_NAME, check_name
from remanence.store.undo import undo
from remanence.types import (
    ABOVE,
    FOREVER,
    Ack,
    Add,
    Change,
    Forget,
    Link,
    Mark,
    Micros,
    Retract,
    Revise,
    Touch,
    Undo,
)


def write(tx: Transaction, change: Change, settler: Settler | None = None) -> Ack:
    """Commit one change to the transaction, and what the settler makes of it.

    Raises: Conflict where `expect` does not match; InvalidInput where a change of the settler's can't be made. What of
    the caller's can't be stored is acknowledged `rejected` instead."""
    follows = False
    try:
        if isinstance(change, Add):
            follows = any(source.id == ABOVE for source in change.sources)
            change = _sourced(tx, change) if follows else change
        ack = _write(tx, change)
    except InvalidInput as error:
        if isinstance(change, Add) and not follows:
            tx.last = ""
        given = getattr(change, "id", "") or getattr(change, "src", "")
        return Ack("rejected", given if isinstance(given, str) else "", reason=str(error))
    if ack is None:
        raise InvalidInput(
            f"{type(change).__name__} is not a change",
            hint="give Add, Revise, Retract, Link, Touch, Mark, Undo or Forget",
        )
    if isinstance(change, Add) and not follows:
        tx.last = ack.id if ack.status != "rejected" else ""
    if settler is not None and isinstance(change, Add) and change.slot and ack.status == "stored":
        at = tx.at if change.valid_from is None else change.valid_from
        others = held(tx, change.scope, ack.seq, at)
        for settled in settler.settle(_limited(tx, change), ack.id, at, others) if others else ():
            answer = write(tx, settled)
            if answer.status == "rejected":
                raise InvalidInput(
                    f"settling {ack.id!r}: {answer.reason}", hint="the settler is broken"
                )
    return ack


def _sourced(tx: Transaction, add: Add) -> Add:
    """The same with `ABOVE` among its sources become the record that the last Add of this commit stored, or found stored."""
    if not tx.last:
        raise InvalidInput("what it comes from was not stored", hint="mend that first")
    sources = tuple(s._replace(id=tx.last) if s.id == ABOVE else s for s in add.sources)
    return replace(add, sources=sources)


def _write(tx: Transaction, change: Change) -> Ack | None:
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
        case Mark():
            return _mark(tx, change)
        case Undo():
            return undo(tx, change)
        case Forget():
            return _forget(tx, change)
    return None


def _add(tx: Transaction, add: Add) -> Ack:
    id = check_name(add.id, "an id")
    body = body_of(add)
    marks = _checked_marks(add.marks) if add.marks else ()
    if add.valid_from is None and add.valid_to <= tx.at:
        raise InvalidInput(
            "valid_to is in the past and valid_from is now", hint="give valid_from too"
        )
    known = tx.existing(add.scope)
    if add.sources and known is not None:
        _limit_trust(tx.db, known, add, body)
    raw = encode(body)
    if known is not None:
        found = _already(tx.db, known, id, raw) if id else _same(tx.db, known, body)
        if found is not None:
            return found
        for source in add.sources:
            if is_forgotten(tx.db, known.id, source.id):
                raise InvalidInput(
                    f"its source {source.id!r} was forgotten", hint="derive it from what remains"
                )
    older = list(dict.fromkeys(add.supersedes))
    for old in older:
        find(tx, add.scope, old)
    space = known or tx.space(add.scope)
    id = id or new_id(tx.at, tx.seq + 1)
    fold = tx.append(space, ADD, id, 1, body, raw)
    seq = tx.seq
    near = _near(tx, space, fold) if fold else ""
    for old in older:
        _retract(tx, Retract(scope=add.scope, id=old, at=body.get("valid_from", tx.at)))
        tx.append(space, LINK, id, 0, {"relation": "supersedes", "dst": old})
    for mark, why in marks:
        tx.append(space, MARK, id, 1, {"mark": mark, "on": True, "why": why})
    return Ack("stored", id, 1, seq, near=near)


def _limited(tx: Transaction, add: Add) -> Add:
    """The fact with the trust that it was stored with."""
    body: Body = {"trust": add.trust}
    _limit_trust(tx.db, tx.space(add.scope), add, body)
    return replace(add, trust=body.get("trust", 1.0))


def _limit_trust(db: Database, space: Space, add: Add, body: Body) -> None:
    """Nothing is worth more trust than what it was made of."""
    trust = body.get("trust", 1.0)
    for source in dict.fromkeys(source.id for source in add.sources):
        known = known_versions(db, space.id, source)
        if known:
            trust = min(trust, body_at(db, known[-1].base).get("trust", 1.0))
    if trust != 1.0:
        body["trust"] = trust


def _already(db: Database, space: Space, id: str, raw: bytes) -> Ack | None:
    row = db.execute(
        "SELECT seq, body FROM events WHERE space = ? AND rid = ? AND version = 1 AND op <= 3",
        (space.id, id),
    ).fetchone()
    if row is None:
        return None
    if row[1] is not None and not known_versions(db, space.id, id):
        return Ack(
            "rejected", id, reason="a record of this id was taken back - undo that, or use another"
        )
    if row[1] is None:
        return Ack(
            "rejected",
            id,
            reason="a record of this id was forgotten - remember it anew under another id",
        )
    if row[1] == raw:
        return Ack("duplicate", id, 1, row[0])
    return Ack("rejected", id, reason="the id exists with other content - use update")


def _same(db: Database, space: Space, body: Body) -> Ack | None:
    row = db.execute(
        "SELECT e.rid, e.version, e.seq, c.body FROM docs d INDEXED BY docs_same "
        "JOIN events e ON e.seq = d.seq JOIN events c ON c.seq = d.base "
        "WHERE d.space = ? AND d.same = ? ORDER BY d.seq LIMIT 1",
        (space.id, same_hash(body)),
    ).fetchone()
    if row is None or decode(row[3])["text"] != body["text"]:
        return None
    return Ack("duplicate", row[0], row[1], row[2])


def _near(tx: Transaction, space: Space, fold: int) -> str:
    # Left alone, newer SQLites go through the whole space for it.
    rows = tx.db.execute(
        "SELECT e.rid, d.fixed FROM docs d INDEXED BY docs_fold JOIN events e ON e.seq = d.seq "
        "WHERE d.space = ? AND d.fold = ? AND d.seq < ? ORDER BY d.seq",
        (space.id, short_fold(fold), tx.seq),
    )
    return next((rid for rid, fixed in rows if unpack_row(fixed).fold == fold), "")


def _revise(tx: Transaction, change: Revise) -> Ack:
    text = check_text(change.text)
    space, known, body = find(tx, change.scope, change.id, change.expect)
    newest = known[-1]
    now = (newest.fixed.valid_from, newest.fixed.valid_to)
    start, end = now
    if change.valid_from is not None:
        start = check_micros(change.valid_from, "valid_from")
        end = end if start < end else FOREVER
    fresh: Body = {**plain_content(body), "text": text}
    if change.fields is not None:
        fresh["fields"] = check_fields(change.fields)
    if change.meta is not None:
        fresh["meta"] = check_meta(change.meta)
    fresh = {name: value for name, value in fresh.items() if value or name == "text"}
    if fresh == plain_content(body) and (start, end) == now:
        return Ack("duplicate", change.id, newest.version, newest.seq)
    fresh["valid_from"] = start
    if end != FOREVER:
        fresh["valid_to"] = end
    version, closes = last_version(tx.db, space.id, change.id), list[int]()
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
    space, known, _ = find(tx, change.scope, change.id, change.expect)
    at = tx.at if change.at is None else check_micros(change.at, "at")
    newest = known[-1]
    if newest.fixed.valid_to <= at:
        return Ack("duplicate", change.id, newest.version, newest.seq)
    # What remains true before `at` becomes the newest version; where nothing does, the newest stays, true of no moment.
    earlier = [old for old in known if old.fixed.valid_from < min(at, old.fixed.valid_to)]
    last = max(earlier, key=lambda old: old.fixed.valid_from, default=newest)
    valid = (last.fixed.valid_from, min(at, last.fixed.valid_to)) if earlier else (at, at)
    closes = [old.seq for old in known if old is last or old.empty or old.fixed.valid_to > at]
    version = last_version(tx.db, space.id, change.id) + 1
    _cut(tx, space, change.id, version, last, valid, closes)
    return Ack("stored", change.id, version, tx.seq)


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
    space, _, _ = find(tx, link.scope, link.src)
    find(tx, link.scope, link.dst)
    row = tx.db.execute(
        "SELECT seq FROM links WHERE space = ? AND src = ? AND relation = ? AND dst = ? AND off IS NULL",
        (space.id, link.src, link.relation, link.dst),
    ).fetchone()
    if row:
        return Ack("duplicate", link.src, seq=row[0])
    tx.append(space, LINK, link.src, 0, {"relation": link.relation, "dst": link.dst})
    return Ack("stored", link.src, seq=tx.seq)


def _touch(tx: Transaction, touch: Touch) -> Ack:
    how = check_name(touch.how, "how")
    space, known, _ = find(tx, touch.scope, touch.id)
    tx.append(space, TOUCH, touch.id, known[-1].version, {"how": how})
    return Ack("stored", touch.id, known[-1].version, tx.seq)


def _mark(tx: Transaction, change: Mark) -> Ack:
    ((mark, why),) = _checked_marks({change.mark: change.why})
    space, known, _ = find(tx, change.scope, change.id)
    newest = known[-1].version
    row = tx.db.execute(
        "SELECT m.seq_on, m.seq_off FROM marks m INDEXED BY marks_rid JOIN names n ON n.space = m.space AND n.code = m.mark "
        "WHERE m.space = ? AND m.rid = ? AND n.text = ? ORDER BY m.seq_on DESC LIMIT 1",
        (space.id, change.id, mark.encode()),
    ).fetchone()
    on = row is not None and row[1] is None
    if on == change.on:
        return Ack("duplicate", change.id, newest, max(row[0], row[1] or 0) if row else 0)
    tx.append(space, MARK, change.id, newest, {"mark": mark, "on": not on, "why": why})
    return Ack("stored", change.id, newest, tx.seq)


def _checked_marks(marks: Mapping[str, str]) -> list[tuple[str, str]]:
    checked = []
    for mark, why in marks.items():
        if not check_name(mark, "a mark"):
            raise InvalidInput("a mark without a name", hint="name the mark")
        if not isinstance(why, str) or len(why) > LONGEST_NAME:
            raise InvalidInput(
                f"why of mark {mark!r}", hint=f"give a string of at most {LONGEST_NAME} characters"
            )
        checked.append((mark, why))
    return checked


def _forget(tx: Transaction, change: Forget) -> Ack:
    id = check_name(change.id, "an id")
    space = tx.existing(change.scope)
    gone = space is not None and is_forgotten(tx.db, space.id, id)
    # Also what was taken back: it is no longer known, and still there.
    versions = history(tx.db, space, change.scope, id) if space and not gone else []
    if space is None or not versions:
        what = f"record {id!r} was forgotten" if gone else f"no record {id!r}"
        raise InvalidInput(what, hint="check the id and the scope")
    forget_records(tx, space, closure(tx.db, space.id, [id]))
    return Ack("stored", id, versions[-1].version, tx.seq)


def fingerprint(changes: Sequence[Change]) -> bytes:
    """16 bytes that tell whether two calls with one idempotency key ask for the same."""
    # Fields are what writers add; "yesterday", seen from the day of the retry, may have become another date.
    asked = [
        replace(change, fields={}) if isinstance(change, Add) else change for change in changes
    ]
    return blake2b(repr(asked).encode("utf-8", "backslashreplace"), digest_size=16).digest()
