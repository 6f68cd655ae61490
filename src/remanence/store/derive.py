"""From events to state: the one place that says what a committed change means.

Writing, `rebuild` and `import` all come through `Deriver.derive`, so the derived tables can't drift from the ledger. It reads nothing
but the event, its body and what earlier events left behind; an event whose body was erased leaves nothing.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Final, NamedTuple

from remanence.seams import Analyzer
from remanence.store.content import Body, same_hash, slot_hash
from remanence.store.engine import Database
from remanence.store.rows import ROLES, Fixed, close_row, pack_row, unpack_row
from remanence.types import FOREVER

UNDO, ADD, REVISE, RETRACT, LINK, TOUCH, FORGET, MARK = range(8)
OPS: Final = ("undo", "add", "revise", "retract", "link", "touch", "forget", "mark")
"""By number. Up to 3 they make or close versions: an `undo` does both as the others do, hence its place. One that brings no version back
has a version below 0, so that (id, version) stays unique among them."""
READ: Final = "read:"
"""How a `Touch` begins that read auditing made; behind it stands who read."""
ID_LENGTH: Final = 26
"""Characters of an id that the store chose."""
_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_DERIVED: Final = (
    "DELETE FROM docs",
    "DELETE FROM links",
    "DELETE FROM lineage",
    "DELETE FROM touches",
    "DELETE FROM marks",
    "DELETE FROM tombstones",
    "DELETE FROM erased",
)


class Entry(NamedTuple):
    """A row of `events`."""

    seq: int
    at: int
    space: int
    op: int
    rid: str
    version: int
    actor: str
    digest: bytes
    hash: bytes
    salt: bytes | None
    body: bytes | None


EVENTS: Final = f"SELECT {', '.join(Entry._fields)} FROM events"  # noqa: S608 - names of ours
"""What rows of `Entry` are made of."""


def new_id(at: int, seq: int) -> str:
    """The id of a record that came without one: 26 characters of Crockford's base 32, in the order of commits.

    50 bits of milliseconds, 40 of the sequence number, 40 of a hash of both. Nothing of the content nor of whose it is: an id
    outlives what is forgotten, and must not let anybody test a guess at it."""
    mark = int.from_bytes(blake2b(f"{at}\x1f{seq}".encode(), digest_size=5).digest())
    number = (max(at, 0) // 1000 & (1 << 50) - 1) << 80 | (seq & (1 << 40) - 1) << 40 | mark
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def is_ours(id: str, at: int, seq: int) -> bool:
    """Whether the store chose this id for what event `seq` added. The hash is not looked at: it was another one once."""
    return len(id) == ID_LENGTH and id[:18] == new_id(at, seq)[:18]


def short_fold(fold: int) -> int | None:
    """31 bits of a fold for the index of near duplicates, None where there is none. Half the room; a match is checked in full."""
    return fold & 0x7FFFFFFF or None


class Deriver:
    """Applies events, in their order, to the derived tables of one database inside the caller's transaction."""

    def __init__(self, db: Database, analyze: Analyzer) -> None:
        self.db = db
        self.analyze = analyze
        self._codes: dict[tuple[int, str], int] = {}

    def clear(self) -> None:
        """Drop what `derive` makes, names excepted: codes that followers have read keep their meaning."""
        for statement in _DERIVED:
            self.db.execute(statement)

    def derive(self, entry: Entry, body: Body | None) -> int:
        """Take in one event. Returns the fold of its words, 0 where it brings none."""
        if entry.op == FORGET:
            self._forget(entry, body or {})
            return 0
        if body is None:
            return 0
        match entry.op:
            case 1 | 2:
                return self._content(entry, body)
            case 3:
                self._retract(entry, body)
            case 4:
                self.db.execute(
                    "INSERT INTO links VALUES (?, ?, ?, ?, ?, NULL)",
                    (entry.space, entry.rid, body["relation"], body["dst"], entry.seq),
                )
            case 5:
                first = self._first(entry.space, entry.rid)
                # Being shown is not being used: what read auditing notes counts at no moment.
                until = entry.at if body["how"].startswith(READ) else FOREVER
                self.db.execute(
                    "INSERT INTO touches VALUES (?, ?, ?, ?, ?, ?, NULL)",
                    (entry.space, entry.seq, entry.rid, first, entry.at, until),
                )
            case 7:
                self._mark(entry, body)
            case 0:
                self._undo(entry, body)
        return 0

    def code(self, space: int, text: str) -> int:
        """The number of a name in its space, new where it is new; 0 for the empty one."""
        if not text:
            return 0
        known = self._codes.get((space, text))
        if known is not None:
            return known
        raw = text.encode("utf-8", "surrogatepass")
        row = self.db.execute(
            "SELECT code FROM names WHERE space = ? AND text = ?", (space, raw)
        ).fetchone()
        if row is None:
            row = self.db.execute(
                "SELECT coalesce(max(code), 0) + 1 FROM names WHERE space = ?", (space,)
            ).fetchone()
            self.db.execute("INSERT INTO names VALUES (?, ?, ?)", (space, row[0], raw))
        code: int = row[0]
        self._codes[space, text] = code
        return code

    def blank(self, space: int, codes: set[int]) -> None:
        """Erase names that nothing uses any more; their codes are never given out again."""
        for code in codes:
            self.db.execute(
                "UPDATE names SET text = NULL WHERE space = ? AND code = ?", (space, code)
            )
        self._codes = {name: code for name, code in self._codes.items() if code not in codes}

    def _content(self, entry: Entry, body: Body) -> int:
        seq, space = entry.seq, entry.space
        text: str = body["text"]
        fields: dict[str, str] = body.get("fields", {})
        found = self.analyze(text, fields, body.get("meta", {}))
        same = None
        if entry.op == ADD:
            first = seq
            if is_ours(entry.rid, entry.at, seq):
                same = same_hash(body)
        else:
            first = self._first(space, entry.rid)
            self._close(entry, body)
        fixed = Fixed(
            seq=seq,
            first=first,
            valid_from=body.get("valid_from", entry.at),
            valid_to=body.get("valid_to", FOREVER),
            known_from=entry.at,
            known_to=FOREVER,
            fold=found.fold,
            session=self.code(space, body.get("session", "")),
            speaker=self.code(space, body.get("speaker", "")),
            tail=self.code(space, body.get("scope", "")),
            kind=self.code(space, body.get("kind", "episode")),
            chars=len(text),
            length=min(found.length, 0xFFFF),
            role=ROLES.index(body.get("role", "")),
            titled=int("title" in fields),
            slot=slot_hash(body),
            source=self._source(entry, body),
        )
        # A fact repeats words of its source: it is nobody's near duplicate.
        fold = None if fixed.slot else short_fold(found.fold)
        self._insert(space, seq, same, fold, fixed, found.terms)
        for parent in {source[0] for source in body.get("sources", ())}:
            self.db.execute(
                "INSERT INTO lineage VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (space, parent, entry.rid),
            )
        return 0 if fixed.slot else found.fold

    def _source(self, entry: Entry, body: Body) -> int:
        sources = body.get("sources")
        if not sources:
            return 0
        # What came later is not there yet in a replay.
        row = self.db.execute(
            "SELECT seq FROM events WHERE space = ? AND rid = ? AND version = 1 AND op <= 3 AND seq < ?",
            (entry.space, sources[0][0], entry.seq),
        ).fetchone()
        return row[0] if row else 0

    def _insert(
        self,
        space: int,
        base: int,
        same: int | None,
        fold: int | None,
        fixed: Fixed,
        terms: bytes,
    ) -> None:
        slot, until = (fixed.slot, fixed.valid_to) if fixed.slot else (None, None)
        self.db.execute(
            "INSERT INTO docs VALUES (?, ?, ?, NULL, ?, ?, ?, ?, ?, ?)",
            (space, fixed.seq, base, same, fold, pack_row(fixed), terms, slot, until),
        )

    def _retract(self, entry: Entry, body: Body) -> None:
        # The same words with less valid time; `of` is the version that is cut.
        base, fixed, terms = self.db.execute(
            "SELECT base, fixed, terms FROM docs WHERE space = ? AND seq = ?",
            (entry.space, body["of"]),
        ).fetchone()
        self._close(entry, body)
        cut = unpack_row(fixed)._replace(
            seq=entry.seq,
            valid_from=body["valid_from"],
            valid_to=body["valid_to"],
            known_from=entry.at,
            known_to=FOREVER,
        )
        self._insert(entry.space, base, None, None, cut, terms)

    def _mark(self, entry: Entry, body: Body) -> None:
        mark = self.code(entry.space, body["mark"])
        if body["on"]:
            first = self._first(entry.space, entry.rid)
            self.db.execute(
                "INSERT INTO marks VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
                (entry.space, entry.rid, first, mark, entry.at, FOREVER, entry.seq),
            )
        else:
            self.db.execute(
                "UPDATE marks INDEXED BY marks_rid SET until = ?, seq_off = ? "
                "WHERE space = ? AND rid = ? AND mark = ? AND seq_off IS NULL",
                (entry.at, entry.seq, entry.space, entry.rid, mark),
            )

    def _undo(self, entry: Entry, body: Body) -> None:
        # What the body names says what is taken back; it must be read without the event that it undoes.
        undone = body["undoes"]
        if "mark" in body:
            self._mark(entry, body)
        elif "use" in body:
            self.db.execute(
                "UPDATE touches SET until = ?, off = ? WHERE space = ? AND seq = ?",
                (entry.at, entry.seq, entry.space, undone),
            )
        elif "link" in body:
            self.db.execute(
                "UPDATE links SET off = ? WHERE space = ? AND src = ? AND seq = ?",
                (entry.seq, entry.space, entry.rid, undone),
            )
        else:
            self._close(entry, body)
            if "of" in body:
                self._reinstate(entry, body)

    def _reinstate(self, entry: Entry, body: Body) -> None:
        base, fixed, terms = self.db.execute(
            "SELECT base, fixed, terms FROM docs WHERE space = ? AND seq = ?",
            (entry.space, body["of"]),
        ).fetchone()
        row = unpack_row(fixed)._replace(seq=entry.seq, known_from=entry.at, known_to=FOREVER)
        fold = short_fold(row.fold) if "whole" in body and not row.slot else None
        self._insert(entry.space, base, body.get("same"), fold, row, terms)

    def _close(self, entry: Entry, body: Body) -> None:
        for seq in body["closes"]:
            fixed = self.db.execute(
                "SELECT fixed FROM docs WHERE space = ? AND seq = ?", (entry.space, seq)
            ).fetchone()[0]
            self.db.execute(
                "UPDATE docs SET closed = ?, same = NULL, fold = NULL, slot = NULL, until = NULL, fixed = ? "
                "WHERE space = ? AND seq = ?",
                (entry.seq, close_row(fixed, entry.at), entry.space, seq),
            )

    def _first(self, space: int, rid: str) -> int:
        row = self.db.execute(
            "SELECT seq FROM events WHERE space = ? AND rid = ? AND version = 1 AND op <= 3",
            (space, rid),
        ).fetchone()
        first: int = row[0]
        return first

    def _forget(self, entry: Entry, body: Body) -> None:
        space, rid = entry.space, entry.rid
        execute = self.db.execute
        execute(_BURY, (space, rid, entry.seq))
        for seq in body.get("seqs", ()):
            execute(
                "INSERT INTO erased VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (space, entry.seq, seq),
            )
            execute("DELETE FROM docs WHERE space = ? AND seq = ?", (space, seq))
        # One statement a column: with OR SQLite would go through the whole space.
        execute("DELETE FROM links WHERE space = ? AND src = ?", (space, rid))
        execute("DELETE FROM links INDEXED BY links_dst WHERE space = ? AND dst = ?", (space, rid))
        execute("DELETE FROM lineage WHERE space = ? AND parent = ?", (space, rid))
        execute("DELETE FROM lineage WHERE space = ? AND child = ?", (space, rid))
        execute(
            "DELETE FROM touches INDEXED BY touches_rid WHERE space = ? AND rid = ?", (space, rid)
        )
        execute("DELETE FROM marks INDEXED BY marks_rid WHERE space = ? AND rid = ?", (space, rid))


_BURY: Final = "INSERT INTO tombstones VALUES (?, ?, ?) ON CONFLICT (space, rid) DO UPDATE SET seq = excluded.seq"


def entry_of(row: tuple[Any, ...]) -> Entry:
    """A row of `EVENTS`."""
    return Entry._make(row)
