"""What follows a forget on a server: vacuum, then look for what was erased in the pages of the tables and in the write-ahead log.

`VACUUM` frees what a row occupied and does not overwrite it, so where bytes are left the table is written anew (`VACUUM FULL`), which
locks the tenants of one partition out of one table meanwhile. Files of the log are used again without being wiped: they are filled up
until all that were there have been written over. Both need rights that a hosted database rarely gives; what can't be looked at counts
as one finding, since nobody knows. Archives of the log, replicas, backups and the server's own text logs are out of reach, and no check
claims them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from remanence.errors import StoreError
from remanence.store.forgetting import scan
from remanence.store.forgetting.surfaces import held
from remanence.store.postgres.connections import Serving
from remanence.store.postgres.place import driver
from remanence.store.postgres.schema import TABLES
from remanence.types import Check

PIECE: Final = 8 << 20
"""Bytes that are fetched at once."""
PATIENCE: Final = 2.0
"""Seconds that writing a table anew waits for those who read it: whoever comes after waits behind it."""
SEGMENTS: Final = 128
"""Files of the log that are written over at most: 2 GB."""
_LOCK: Final = 0x524D4653
"""`RMFS`: with the ledger, the advisory lock of whoever looks after its forgets."""
OPEN: Final = "may not be looked at by this user"


@dataclass(frozen=True, slots=True)
class Rights:
    """What the login user may do: `pages`: read the server's files and have them written first; `log`: those of the log too, and fill it
    up; `vacuum`: as owner; `all`: see every tenant's rows."""

    pages: bool
    log: bool
    vacuum: bool
    all: bool


@dataclass(frozen=True, slots=True)
class _Left:
    """What was found that no remaining row has: pattern -> where; and how many something remaining has."""

    found: dict[bytes, str]
    shared: int
    looked: int


def look(
    connections: Serving, needles: scan.Needles, entries: Sequence[bytes] = (), *, recheck: bool
) -> list[Check]:
    """Vacuum the tables of the ledger's partition, and where `recheck` read their pages and the log, mending where something is left.
    `entries`: what was taken out of the pages of words."""
    with connections.pool.owner() as db:
        rights = _rights(db, connections.place.schema)
        with _alone(db, connections.ledger):
            number = partition(connections)
            leaves = [f"{connections.place.schema}.{table}_{number}" for table in TABLES]
            if rights.vacuum:
                _vacuum(db, "VACUUM", leaves)
            if not recheck:
                return []
            patterns = {**needles.patterns(), **dict.fromkeys(entries, False)}
            said = (
                f"{len(needles.texts) + len(needles.blobs)} fragments in {len(patterns)} spellings"
            )
            if needles.left_out:
                said += f"; {needles.left_out} fragments were not looked for: too many"
            seeker = _Seeker(db, connections, number, rights)
            return [seeker.pages(patterns, said), seeker.log(patterns, said)]


def sweep(connections: Serving) -> bool:
    """Write the tables of the ledger's partition anew: what a forget left to do that was cut short. False where somebody else is at it, or
    this user may not."""
    with connections.pool.owner() as db:
        if not _rights(db, connections.place.schema).vacuum:
            return False
        taken = db.execute("SELECT pg_try_advisory_lock($1)", (_key(connections.ledger),))
        if not taken.fetchone()[0]:
            return False
        number = partition(connections)
        leaves = [f"{connections.place.schema}.{table}_{number}" for table in TABLES]
        return not _vacuum(db, "VACUUM FULL", leaves)


def partition(connections: Serving) -> int:
    """The number that the names of the tables end in where this ledger's rows lie."""
    with connections.reading() as db:
        row = db.execute(
            "SELECT CAST(CAST(tableoid AS regclass) AS text) FROM events LIMIT 1"
        ).fetchone()
    return int(row[0].rpartition("_")[2])


def _vacuum(db: Any, how: str, tables: Sequence[str]) -> list[str]:
    """Vacuum tables; those that somebody holds for longer than `PATIENCE` are left out, and returned. Waiting keeps others waiting."""
    held_by_others = []
    # sql: names and texts of ours
    db.execute(f"SET lock_timeout = {int(PATIENCE * 1000)}")
    for table in tables:
        try:
            # sql: names and texts of ours
            db.execute(f"{how} {table}")
        except driver().errors.LockNotAvailable:
            held_by_others.append(table)
    db.execute("RESET lock_timeout")
    return held_by_others


def _key(ledger: int) -> int:
    return _LOCK << 31 | ledger & 0x7FFFFFFF


@contextmanager
def _alone(db: Any, ledger: int) -> Iterator[None]:
    db.execute("SELECT pg_advisory_lock($1)", (_key(ledger),))
    try:
        yield
    finally:
        db.execute("SELECT pg_advisory_unlock($1)", (_key(ledger),))


def _rights(db: Any, schema: str) -> Rights:
    checkpoint, reading, listing, switching, owner, every = db.execute(
        "SELECT r.rolsuper OR pg_has_role('pg_checkpoint', 'USAGE'), "
        "has_function_privilege('pg_read_binary_file(text, bigint, bigint, boolean)', 'EXECUTE') "
        "AND has_function_privilege('pg_stat_file(text, boolean)', 'EXECUTE'), "
        "has_function_privilege('pg_ls_waldir()', 'EXECUTE'), has_function_privilege('pg_switch_wal()', 'EXECUTE'), "
        "pg_has_role(c.relowner, 'USAGE'), r.rolsuper OR r.rolbypassrls "
        "FROM pg_roles r, pg_class c WHERE r.rolname = current_user AND c.oid = to_regclass($1)",
        (f"{schema}.events",),
    ).fetchone()
    pages = checkpoint and reading
    return Rights(pages, pages and listing and switching, owner, every)


class _Seeker:
    """One look after one forget."""

    def __init__(self, db: Any, connections: Serving, number: int, rights: Rights) -> None:
        self.db = db
        self.connections = connections
        self.schema = connections.place.schema
        self.number = number
        self.rights = rights

    def pages(self, patterns: dict[bytes, bool], said: str) -> Check:
        """In every table of the partition, its indexes and what it keeps aside, and in what the server samples of them."""
        if not self.rights.pages:
            return Check("pages", 0, 1, f"the pages of the tables {OPEN}")
        left = self._in_pages(patterns)
        looked, shared, note = left.looked, left.shared, ""
        done: set[str] = set()
        # A pattern is found in one table at a time: the next look may find it in another.
        while self.rights.vacuum and (where := set(left.found.values()) & set(TABLES) - done):
            leaves = [f"{self.schema}.{table}_{self.number}" for table in sorted(where)]
            done |= where
            if busy := _vacuum(self.db, "VACUUM FULL", leaves):
                note += f"; {len(busy)} tables are held by others"
            left = self._in_pages({pattern: patterns[pattern] for pattern in left.found})
        if done:
            note += f"; {len(done)} tables were written anew"
        if left.found:
            places = sorted(set(left.found.values()))
            note += f"; in {', '.join(places)}: a transaction that began before needs it yet"
        if shared:
            note += f"; {shared} spellings are also in what remains"
        return Check("pages", looked, len(left.found), said + note)

    def log(self, patterns: dict[bytes, bool], said: str) -> Check:
        """In every file of the write-ahead log."""
        if not self.rights.log:
            return Check("log", 0, 1, f"the write-ahead log {OPEN}")
        # The file that is written to now holds it: another one is begun, so that this one is put behind those that wait to be used again.
        self._next_file()
        self.db.execute("CHECKPOINT")
        for _ in range(min(len(self._wal()) + 1, SEGMENTS)):
            self._next_file()
        self.db.execute("CHECKPOINT")
        scanner, looked = scan.Scanner(list(patterns)), 0
        names = self._wal()
        for name in names:
            looked += self._file(scanner, f"pg_wal/{name}", "log")
        left = self._unshared(scanner, patterns, looked, None)
        note = f"; {len(names)} files"
        if left.found:
            note += "; the server keeps older ones, for a replica, an archive or a slot"
        archive, slots = self.db.execute(
            "SELECT current_setting('archive_mode') != 'off', (SELECT count(*) FROM pg_replication_slots)"
        ).fetchone()
        if archive or slots:
            note += "; copies in archives and replicas were not looked at"
        return Check("log", looked, len(left.found), said + note)

    def _next_file(self) -> None:
        """Go on in the next file of the log; the rest of this one is filled with zeros."""
        self.db.execute("SELECT pg_logical_emit_message(false, 'remanence', '')")
        self.db.execute("SELECT pg_switch_wal()")

    def _wal(self) -> list[str]:
        return [name for (name,) in self.db.execute("SELECT name FROM pg_ls_waldir()")]

    def _in_pages(self, patterns: dict[bytes, bool]) -> _Left:
        self.db.execute("CHECKPOINT")  # what is in memory only would not be seen
        scanner, looked = scan.Scanner(list(patterns)), 0
        leaves = [f"{table}_{self.number}" for table in TABLES]
        for leaf, path in self.db.execute(_FILES, (self.schema, leaves)).fetchall():
            table = leaf.rpartition("_")[0] if leaf in leaves else leaf
            segment = 0
            while size := self._file(scanner, f"{path}.{segment}" if segment else path, table):
                looked += size
                segment += 1
        return self._unshared(scanner, patterns, looked, self.number)

    def _file(self, scanner: scan.Scanner, path: str, name: str) -> int:
        """Look through a file of the server. Returns its bytes, 0 where it is empty or gone."""
        offset, overlap = 0, 512
        while True:
            (piece,) = self.db.execute(
                "SELECT pg_read_binary_file($1, $2, $3, true)", (path, offset, PIECE), binary=True
            ).fetchone()
            if not piece:
                return offset
            data = np.frombuffer(piece, np.uint8)
            for start in range(0, len(data), scan.CHUNK):
                scanner.look(data[start : start + scan.CHUNK + overlap], name, offset + start)
            if len(piece) < PIECE:
                return offset + len(piece)
            offset += PIECE - overlap

    def _unshared(
        self, scanner: scan.Scanner, patterns: dict[bytes, bool], looked: int, number: int | None
    ) -> _Left:
        where = {scanner.patterns[id]: place for id, (place, _) in scanner.found.items()}
        theirs = held(
            lambda: self._reading(number),
            {pattern: patterns[pattern] for pattern in where},
            ("SELECT entries FROM pages",),
        )
        found = {pattern: place for pattern, place in where.items() if pattern not in theirs}
        return _Left(found, len(theirs), looked)

    @contextmanager
    def _reading(self, number: int | None) -> Iterator[Any]:
        """What remains, of every tenant where this user may see that: pages and log are shared."""
        if self.rights.all:
            with self.db.transaction(), ExitStack() as cursors:
                yield _Everyone(self.db, self.schema, number, cursors)
        else:
            with self.connections.reading() as db:
                yield db


class _Everyone:
    """Rows of all tenants of a partition (None: of all), a part at a time."""

    def __init__(self, db: Any, schema: str, number: int | None, cursors: ExitStack) -> None:
        self.db = db
        self.schema = schema
        self.cursors = cursors
        self.suffix = "" if number is None else f"_{number}"
        self.count = 0

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Any:
        """See `Database`; for statements that read one table."""
        assert not parameters
        head, _, rest = sql.partition(" FROM ")
        table, _, more = rest.partition(" ")
        self.count += 1
        cursor = driver().RawServerCursor(self.db, f"remaining_{self.count}")
        self.cursors.enter_context(cursor)
        cursor.format = driver().pq.Format.BINARY
        # sql: names and texts of ours
        return cursor.execute(f"{head} FROM {self.schema}.{table}{self.suffix} {more}")

    def executemany(self, sql: str, parameters: Any, /) -> None:
        """Nothing is written here."""
        raise StoreError(f"not to be written: {sql}")


_FILES: Final = (
    "WITH leaves AS (SELECT c.oid, c.relname, c.reltoastrelid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = $1 AND c.relname = ANY($2) UNION ALL "
    "SELECT oid, relname, reltoastrelid FROM pg_class WHERE oid = 'pg_statistic'::regclass), "
    "heaps AS (SELECT oid, relname FROM leaves UNION ALL SELECT reltoastrelid, relname FROM leaves WHERE reltoastrelid != 0) "
    "SELECT relname, pg_relation_filepath(oid) FROM heaps UNION ALL "
    "SELECT h.relname, pg_relation_filepath(i.indexrelid) FROM heaps h JOIN pg_index i ON i.indrelid = h.oid"
)
