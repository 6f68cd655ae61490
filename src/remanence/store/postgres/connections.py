"""Transactions on one tenant's ledger: snapshots to read, and one writer at a time."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, Protocol

from remanence.errors import NotFound, ReadOnly, StoreBusy, StoreError, UsageError
from remanence.store.engine import Connecting, Database
from remanence.store.postgres import jobs, shelf
from remanence.store.postgres.place import Place, driver
from remanence.store.postgres.pool import Pool, release, shared
from remanence.store.postgres.session import Session

_HERE: Final = "PREPARE here (bigint) AS SELECT moved FROM ledgers WHERE id = $1"
"""Asked in one message with a reader's BEGIN: where a ledger lives that is no longer here."""
_LOCK: Final = "SELECT moved FROM ledgers WHERE id = $1 FOR UPDATE"
_BUMP: Final = "UPDATE ledgers SET pulse = pulse + 1 WHERE id = $1"
_MAKE: Final = "INSERT INTO ledgers (tenant) SELECT $1 WHERE NOT EXISTS (SELECT 1 FROM ledgers WHERE tenant = $1) ON CONFLICT DO NOTHING"


class Moved(StoreError):
    """The ledger of a tenant is on another server now: `to` is its name in the file of shards."""

    def __init__(self, tenant: str, here: str, to: str) -> None:
        super().__init__(
            f"{tenant!r} was moved from {here} to server {to!r}",
            hint="open it by the file of shards: shards:///…",
        )
        self.tenant = tenant
        self.to = to


class Serving(Connecting, Protocol):
    """Transactions on a ledger in a database, and what is known of the two."""

    timeout: float

    @property
    def place(self) -> Place:
        """Which database."""
        ...

    @property
    def pool(self) -> Pool:
        """Its connections."""
        ...

    @property
    def ledger(self) -> int:
        """The number of the ledger there."""
        ...


class Connections:
    """See `store.engine.Connecting`. Writers of one ledger wait for each other at its row; those of different ledgers never do."""

    def __init__(
        self, place: Place, tenant: str, *, create: bool, read_only: bool, timeout: float
    ) -> None:
        self.place = place
        self.name = place.name
        self.tenant = tenant
        self.read_only = read_only
        self.timeout = timeout
        """Seconds that a write waits for another writer."""
        self.closed = False
        self._start()
        self.pool: Pool = shared(place, read_only=read_only or not create)
        try:
            self.ledger = self._find(make=create and not read_only)
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        self._pid = os.getpid()
        # One writer of this process at the row, so that those who wait take no connection from other tenants.
        self._lock = threading.RLock()

    def _find(self, *, make: bool) -> int:
        with self.pool.lent(self.timeout, lambda db: db.execute("BEGIN")) as db, _ended(db):
            db.execute("SELECT set_config('remanence.tenant', $1, true)", (self.tenant,))
            row = db.execute(_FIND, (self.tenant,)).fetchone()
            if row is None and make:
                db.execute(_MAKE, (self.tenant,))
                row = db.execute(_FIND, (self.tenant,)).fetchone()
            if row is not None and row[1] is not None:
                raise Moved(self.tenant, self.name, row[1])
        if row is None:
            raise NotFound(
                f"no store of {self.tenant!r} in {self.name}",
                hint="check the tenant, or open it for writing",
            )
        return int(row[0])

    @contextmanager
    def reading(self) -> Iterator[Database]:
        """One snapshot, that may write nothing."""
        self._check()
        # sql: SET takes no parameters; what is put in is a whole number
        begin = (
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; "
            f"SET LOCAL remanence.ledger = '{int(self.ledger)}'; EXECUTE here({int(self.ledger)})"
        )

        def begun(db: Any) -> None:
            try:
                # sql: SET takes no parameters; what is put in are whole numbers
                answer = db.execute(begin)
            except (
                driver().errors.InvalidSqlStatementName
            ):  # lost with a rollback, as all that is prepared
                db.execute("ROLLBACK")
                db.execute(_HERE)
                # sql: SET takes no parameters; what is put in are whole numbers
                answer = db.execute(begin)
            while answer.nextset():
                pass
            self._refuse_gone(answer.fetchone())

        with self.pool.lent(self.timeout, begun) as db, _ended(db):
            yield Session(db)

    @contextmanager
    def writing(self, *, apart: bool = False) -> Iterator[Database]:
        """The one writer of the ledger: committed on the way out, rolled back by any exception. `apart`: every statement is answered
        before the next one, so that an error is raised where it belongs.

        Raises: StoreBusy, StoreFull, ReadOnly, StoreError where the connection was lost: then nobody knows whether it was written."""
        self._check()
        if self.read_only:
            raise ReadOnly(
                f"{self.name} was opened read-only", hint="open it again without read_only=True"
            )
        if not self._lock.acquire(timeout=self.timeout):
            raise StoreBusy(
                f"{self.name} was locked by another writer for more than {self.timeout:g} s",
                hint="try again",
            )
        wrote = 0
        try:
            begin = (
                f"BEGIN; SET LOCAL remanence.ledger = '{int(self.ledger)}'; "
                f"SET LOCAL lock_timeout = {max(int(self.timeout * 1000), 1)}"
            )
            # sql: SET takes no parameters; what is put in are whole numbers
            with self.pool.lent(self.timeout, lambda db: db.execute(begin)) as db:
                if apart:
                    with _ended(db):
                        wrote = yield from self._written(db)
                else:
                    wrote = yield from self._piped(db)
        finally:
            self._lock.release()
        self.pool.wrote(wrote)

    def _piped(self, db: Any) -> Generator[Database, None, int]:
        try:
            with db.pipeline() as pipe:
                try:
                    wrote = yield from self._written(db)
                    done = db.execute("COMMIT")
                    pipe.sync()
                except BaseException:
                    with suppress(Exception):
                        pipe.sync()
                    raise
            if done.statusmessage != "COMMIT":
                raise StoreError(f"{self.name} did not commit", hint="try again")
            return wrote
        except BaseException:
            _rolled_back(db)
            raise

    def _written(self, db: Any) -> Generator[Database, None, int]:
        self._refuse_gone(db.execute(_LOCK, (self.ledger,), prepare=True).fetchone())
        session = Session(db)
        yield session
        if session.struck:
            shelf.take_out(session, session.taken())
        if session.told:
            jobs.ask(db, self.ledger, self.tenant, later=self.place.later)
        if session.wrote:
            db.execute(jobs.ASKED if session.told else _BUMP, (self.ledger,), prepare=True)
        return session.wrote

    def pulse(self) -> int:
        """How many commits this ledger has seen, vectors included. One round trip."""
        self._check()
        found = 0

        def ask(db: Any) -> None:
            nonlocal found
            row = db.execute("SELECT pulse_of($1)", (self.ledger,), prepare=True).fetchone()
            found = -1 if row[0] is None else row[0]

        with self.pool.lent(self.timeout, ask):
            pass
        if found < 0:
            with self.reading():  # it lives here no more, and this says so
                pass
        return found

    def _refuse_gone(self, row: tuple[str | None] | None) -> None:
        if row is None:
            raise NotFound(f"{self.tenant!r} was dropped from {self.name}", hint="open it again")
        if row[0] is not None:
            raise Moved(self.tenant, self.name, row[0])

    def close(self) -> None:
        """Give the pool back."""
        if not self.closed:
            self.closed = True
            release(self.pool)

    def _check(self) -> None:
        if self.closed:
            raise UsageError(f"{self.name} is closed", hint="open it again")
        if self._pid != os.getpid():
            self._start()


_FIND: Final = "SELECT id, moved FROM ledgers WHERE tenant = $1"


@contextmanager
def _ended(db: Any) -> Iterator[None]:
    """Commit what was begun, or roll it back."""
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        _rolled_back(db)
        raise


def _rolled_back(db: Any) -> None:
    """End a transaction that failed; where that fails too, the connection is closed, and the server does it."""
    try:
        if not db.closed and db.info.transaction_status != driver().pq.TransactionStatus.IDLE:
            # Past the driver, which would have every prepared statement deallocated.
            answer = db.pgconn.exec_(b"ROLLBACK")
            if answer.status != driver().pq.ExecStatus.COMMAND_OK:
                db.close()
    except Exception:
        with suppress(Exception):
            db.close()
