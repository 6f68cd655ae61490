"""Schema 3: a checksum beside each vector, so that `verify` finds bits that flipped in it.

Content has its digest and rows are compared with a replay, but vectors are the work of an encoder, which need not be there. Those of
older files have none until they are made anew.
"""

from __future__ import annotations

import sqlite3
from typing import Final

COLUMNS: Final = (
    # CRC-32 of the bytes beside it; NULL where it is not known.
    "ALTER TABLE dense ADD COLUMN sum INTEGER",
    "ALTER TABLE tokens ADD COLUMN sum INTEGER",
)


def migrate(db: sqlite3.Connection) -> None:
    """Bring a file of schema 2 up to date, inside the caller's transaction."""
    for statement in COLUMNS:
        db.execute(statement)
    db.execute("PRAGMA user_version = 3")
