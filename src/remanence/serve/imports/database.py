"""Other programs' SQLite files, read and never written: not even a log beside them is made that was not there."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Set
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from remanence.errors import BadImport
from remanence.store.schema import MAGIC

_PATIENCE: Final = 2.0
"""Seconds to wait for who has it locked."""
_COLUMNS: Final = "SELECT name FROM pragma_table_info(?)"


def is_database(path: Path) -> bool:
    """Whether it begins as every SQLite file does."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def has_columns(path: Path, table: str, columns: Set[str]) -> bool:
    """Whether it is a SQLite file with a table that has these columns. Raises: BadImport where it is one that can't be read."""
    if not is_database(path):
        return False
    with reading(path) as db:
        return columns <= {row[0] for row in db.execute(_COLUMNS, (table,))}


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that can only read, one snapshot long. What its program has in a log beside it (`-wal`) is read too.

    Raises: BadImport where it is locked, damaged, or no database."""
    try:
        with closing(sqlite3.connect(_uri(path), uri=True, timeout=_PATIENCE)) as db:
            db.text_factory = _text
            db.execute("PRAGMA query_only = 1")
            db.execute("PRAGMA trusted_schema = 0")
            db.execute("BEGIN")
            yield db
    except sqlite3.Error as error:
        locked = "locked" in str(error) or "busy" in str(error)
        raise BadImport(
            f"the database can't be read: {error}",
            path=str(path),
            hint="close the program that uses it" if locked else "restore a copy of it",
        ) from error


def _uri(path: Path) -> str:
    return f"{path.absolute().as_uri()}?mode=ro"


def _text(raw: bytes) -> str:
    """What is no UTF-8 comes through as lone surrogates, so that one bad row is no bad file."""
    return raw.decode("utf-8", "surrogateescape")
