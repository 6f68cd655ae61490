"""What file is this? Recognise a store before touching it, make a new one, bring an old one up to date."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from remanence.errors import NewerSchema, NotAStore
from remanence.store.forgetting import scan
from remanence.store.migrations import m0001_ledger, m0002_lifecycle, m0003_sums

APPLICATION_ID: Final = 0x524D454D
"""`RMEM`, in the SQLite header's field for it (big-endian, offset 68)."""
MIGRATIONS: Final[tuple[Callable[[sqlite3.Connection], None], ...]] = (
    m0001_ledger.migrate,
    m0002_lifecycle.migrate,
    m0003_sums.migrate,
)
"""Append only. Step n brings a file from `user_version` n to n + 1."""
PAGE_SIZE: Final = 4096
MAGIC: Final = b"SQLite format 3\0"


def inspect(path: Path) -> bool:
    """Look at a file's header by plain reading. True: nothing there yet (absent or empty).

    Raises: NotAStore, NewerSchema."""
    try:
        header = scan.head(path)
    except FileNotFoundError:
        return True
    except IsADirectoryError as error:
        raise NotAStore(f"{path} is a folder", hint="name a file inside it") from error
    if not header:
        return True
    if not header.startswith(MAGIC) or len(header) < 100:
        raise NotAStore(
            f"{path} is not a Remanence store", hint="it was left alone; name another file"
        )
    # In a store in the making both numbers are still 0 here; `ready` looks again through SQLite.
    application, version = int.from_bytes(header[68:72]), int.from_bytes(header[60:64])
    if application not in (0, APPLICATION_ID):
        raise _foreign(path)
    if application == APPLICATION_ID:
        _refuse_newer(path, version)
    return False


def ready(db: sqlite3.Connection, path: Path) -> int:
    """Schema version of an open file: 0 for an empty one.

    Raises: NotAStore, NewerSchema."""
    alone = not db.in_transaction
    if alone:
        db.execute("BEGIN")  # one snapshot: somebody may be making the store between two looks
    try:
        application = db.execute("PRAGMA application_id").fetchone()[0]
        version: int = db.execute("PRAGMA user_version").fetchone()[0]
        tables = db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    finally:
        if alone and db.in_transaction:
            db.execute("ROLLBACK")
    if application == APPLICATION_ID:
        _refuse_newer(path, version)
        return version
    if application or version or tables:
        raise _foreign(path)
    return 0


def upgrade(db: sqlite3.Connection, path: Path) -> None:
    """Make or migrate the schema, whole or not at all; several processes may try at once."""
    if ready(db, path) == len(MIGRATIONS):
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        for step in MIGRATIONS[ready(db, path) :]:
            step(db)
        db.execute("PRAGMA application_id = 0x524D454D")
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


def _foreign(path: Path) -> NotAStore:
    return NotAStore(
        f"{path} is another program's SQLite database", hint="it was left alone; name another file"
    )


def _refuse_newer(path: Path, version: int) -> None:
    if version > len(MIGRATIONS):
        raise NewerSchema(
            f"{path} has schema {version}, this Remanence knows {len(MIGRATIONS)}",
            hint="it was left alone; install a newer Remanence",
        )
