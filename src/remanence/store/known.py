"""What a change stands on: the versions of a record that are known now, and the checks before it is touched."""

from __future__ import annotations

from typing import NamedTuple

from remanence.errors import Conflict, InvalidInput
from remanence.store.content import Body, content_digest, decode, encode
from remanence.store.engine import Database
from remanence.store.ledger import Space, Transaction
from remanence.store.rows import Fixed, unpack_row
from remanence.store.scopes import check_name, inside, tail_of
from remanence.types import Scope


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


def known_versions(db: Database, space: int, id: str) -> list[Version]:
    """The versions of a record that are known now, in the order of their valid time: the last one is the newest. Where nothing was
    undone that is the order of their numbers too."""
    rows = db.execute(
        "SELECT e.seq, e.version, d.base, d.fixed FROM events e JOIN docs d ON d.space = e.space AND d.seq = e.seq "
        "WHERE e.space = ? AND e.rid = ? AND e.op <= 3 AND d.closed IS NULL ORDER BY e.version",
        (space, id),
    )
    known = [Version(seq, version, base, unpack_row(fixed)) for seq, version, base, fixed in rows]
    return sorted(known, key=lambda one: one.fixed.valid_from)


def body_at(db: Database, base: int) -> Body:
    """The body of a content event that was not erased."""
    return decode(db.execute("SELECT body FROM events WHERE seq = ?", (base,)).fetchone()[0])


def find(
    tx: Transaction, scope: Scope, id: object, expect: int | str | None = None
) -> tuple[Space, list[Version], Body]:
    """A record's space, its known versions, and the body of the newest.

    Raises: Conflict, or InvalidInput where there is no such record."""
    id = check_name(id, "an id")
    space = tx.existing(scope)
    known = known_versions(tx.db, space.id, id) if space else []
    body: Body = body_at(tx.db, known[-1].base) if known else {}
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


def is_forgotten(db: Database, space: int, id: str) -> bool:
    """Whether a record of this id was erased."""
    return (
        db.execute("SELECT 1 FROM tombstones WHERE space = ? AND rid = ?", (space, id)).fetchone()
        is not None
    )


def last_version(db: Database, space: int, id: str) -> int:
    """The highest version that an event of this record ever had: what was taken back keeps its number."""
    row = db.execute(
        "SELECT max(version) FROM events WHERE space = ? AND rid = ? AND op <= 3", (space, id)
    ).fetchone()
    number: int = row[0]
    return number
