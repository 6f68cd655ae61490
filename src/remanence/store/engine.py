"""What the semantics ask of a database, so that one set of SQL serves SQLite and PostgreSQL.

The statements are SQLite's, written so that PostgreSQL can take them too; `store.postgres.dialect` rewrites what is left. So there is
no `RETURNING`, no `lastrowid` and no `SELECT *`; a number out of `json_each` is `CAST(j.value AS BIGINT)`, and an upsert names its
key. `INDEXED BY` is for SQLite alone; the order of joins holds in both.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

_DRIVERS: Final = ("sqlcipher3.dbapi2", "psycopg")
UNFIT: Final = ("IntegrityError", "InterfaceError", "ProgrammingError", "DataError")
"""Names of what drivers raise for a value that does not fit where it is put."""


class Rows(Protocol):
    """What a statement answered, row by row."""

    def fetchone(self) -> Any:
        """The next row as a tuple, None behind the last one."""
        ...

    def fetchmany(self, size: int, /) -> list[Any]:
        """The next rows, fewer than `size` only at the end."""
        ...

    def fetchall(self) -> list[Any]:
        """All that are left."""
        ...

    def __iter__(self) -> Iterator[Any]: ...


class Database(Protocol):
    """A connection inside a transaction. `sqlite3.Connection` is one."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Rows:
        """Run one statement of the dialect above."""
        ...

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> object:
        """Run it for each of many rows of values."""
        ...


class Connecting(Protocol):
    """Where a store gets its transactions from."""

    name: str
    """What errors and `status` call the store: a path, or a URL without its password."""
    read_only: bool
    closed: bool

    def reading(self) -> AbstractContextManager[Database]:
        """One snapshot."""
        ...

    def writing(self, *, apart: bool = False) -> AbstractContextManager[Database]:
        """The one writer of a ledger: committed on the way out, rolled back by any exception. `apart`: an error is raised where it
        belongs, and not by a later statement."""
        ...

    def pulse(self) -> int:
        """A number that changes with every commit."""
        ...

    def close(self) -> None:
        """Let go of everything; a second time does nothing."""
        ...


def errors(*names: str) -> tuple[type[Exception], ...]:
    """The exceptions of these names (default: `Error`, the base) of every driver that is loaded: they are no relatives."""
    modules = [sqlite3, *(sys.modules.get(name) for name in _DRIVERS)]
    return tuple(
        getattr(module, name)
        for name in names or ("Error",)
        for module in modules
        if module is not None
    )
