"""A connection inside a transaction, as `store.engine.Database`."""

from __future__ import annotations

import selectors
from collections.abc import Iterable, Sequence
from typing import Any

from remanence.store.engine import Rows
from remanence.store.postgres.dialect import translate


class Session:
    """Runs translated statements, each prepared once a connection. Inside a pipeline what returns nothing is sent with what comes next."""

    __slots__ = ("_db", "struck", "told", "wrote")

    def __init__(self, db: Any) -> None:
        self._db = db
        self.wrote = 0
        """Statements that change something."""
        self.told = False
        """Whether events were written."""
        self.struck: list[tuple[int, ...]] = []
        """(space, seq) of the versions whose rows were deleted; empty for all of them."""

    def taken(self) -> list[tuple[int, ...]]:
        """`struck`, which is empty afterwards."""
        struck, self.struck = self.struck, []
        return struck

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Rows:
        """See `Database`."""
        text, writes = translate(sql)
        self.wrote += writes
        self.told = self.told or text.startswith("INSERT INTO events")
        if writes and sql.startswith("DELETE FROM docs"):
            self.struck.append(tuple(parameters))
        rows: Rows = self._db.execute(text, parameters, prepare=True, binary=True)
        # In a pipeline the driver may go on to wait for answers with the question half sent: then both sides wait for ever.
        while self._db.pgconn.flush():
            with selectors.DefaultSelector() as sending:
                sending.register(self._db.pgconn.socket, selectors.EVENT_WRITE)
                sending.select()
        return rows

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> None:
        """See `Database`."""
        for row in parameters:
            self.execute(sql, row)
