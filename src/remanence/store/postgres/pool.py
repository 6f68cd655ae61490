"""The connections of one process to one database, shared by the stores of all its tenants.

A connection is lent for one transaction and belongs to no tenant in between: whose rows it sees is said inside the transaction, and
ends with it. Idle connections are closed before a fork, as two processes can't speak on one.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from remanence.errors import (
    AccessDenied,
    Corrupt,
    InvalidInput,
    NotFound,
    ReadOnly,
    StoreBusy,
    StoreError,
    StoreFull,
)
from remanence.store.postgres import schema
from remanence.store.postgres.place import Place, driver

MOST: Final = 16
"""Transactions of one process at a time on one database; more wait."""
KEPT: Final = 8
"""Idle connections that are kept open."""
PREPARED: Final = 400
"""Statements that a connection keeps prepared: more than there are."""
FIRST_LOOK: Final = 256
"""Changes after which a process first looks whether statistics are out of date; then after four times as many, and so on."""
_GROWN: Final = (
    "SELECT schemaname, relname FROM pg_stat_user_tables WHERE schemaname = $1 "
    "AND n_mod_since_analyze > 100 AND n_mod_since_analyze > n_live_tup / 2"
)
_pools: dict[Place, Pool] = {}
_sharing = threading.Lock()
_every: weakref.WeakSet[Pool] = weakref.WeakSet()
# One plan a statement, made once. Every query is written to begin where its index is and to go on from row to row; with this the
# planner can't fall for the statistics of a table that was empty when they were made.
_PLANS: Final = (
    "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; "
    "SET join_collapse_limit = 1; SET from_collapse_limit = 1; SET jit = off; SET max_parallel_workers_per_gather = 0; "
)


class Pool:
    """See above. `shared` gives it out, `release` takes it back."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.users = 0
        self.role = ""
        self._start()
        _every.add(self)

    def _start(self) -> None:
        self.pid = os.getpid()
        self._idle: list[Any] = []
        self._slots = threading.BoundedSemaphore(MOST)
        self._written, self._due = 0, FIRST_LOOK

    def open(self, *, read_only: bool) -> None:
        """Make or migrate the schema where needed, and find out whom to work as.

        Raises: what `schema.upgrade` and `schema.work_as` raise; ReadOnly where an old schema would have to be migrated."""
        with self.owner() as db:
            if not read_only:
                schema.upgrade(db, self.place.schema)
            self.role = schema.work_as(db, self.place.schema)
            if schema.ready(db, self.place.schema) < len(schema.STEPS):
                raise ReadOnly(
                    f"schema {self.place.schema} is old",
                    hint="open it once for writing to migrate it",
                )
            if db.execute("SHOW fsync").fetchone()[0] == "off" and not self.place.unsafe:
                raise StoreError(
                    f"{self.place.name} runs with fsync = off: a power cut loses what it acknowledged",
                    hint="turn fsync on; for tests, add ?fsync=off to the URL",
                )

    @contextmanager
    def lent(self, patience: float, begin: Callable[[Any], object]) -> Iterator[Any]:
        """A connection on which `begin` was called: twice, where the first one was an idle connection that the server has closed since.
        What comes back broken, or inside a transaction, is closed.

        Raises: StoreBusy where all were in use for so many seconds."""
        if self.pid != os.getpid():
            self._start()
        slots = self._slots
        if not slots.acquire(timeout=patience):
            raise StoreBusy(
                f"{MOST} transactions on {self.place.name} for more than {patience:g} s",
                hint="try again",
            )
        try:
            with translated(self.place, patience):
                db = self._begun(begin)
                try:
                    yield db
                finally:
                    self._back(db)
        finally:
            slots.release()

    def _begun(self, begin: Callable[[Any], object]) -> Any:
        while True:
            try:
                db, idle = self._idle.pop(), True
            except IndexError:
                db, idle = self.connect(), False
            try:
                begin(db)
            except BaseException as error:
                lost = bool(db.closed)
                _close(db)
                if idle and lost and isinstance(error, driver().OperationalError):
                    self.rest()  # the others are as old
                    continue
                raise
            return db

    def _back(self, db: Any) -> None:
        idle = driver().pq.TransactionStatus.IDLE
        usable = (
            not db.closed and db.info.transaction_status == idle and not db.info.pipeline_status
        )
        if usable and self.users and len(self._idle) < KEPT and self.pid == os.getpid():
            self._idle.append(db)
        else:
            _close(db)

    def connect(self) -> Any:
        """A session that works as the role, not as the user."""
        db = self._connect()
        try:
            synchronous = db.execute("SHOW synchronous_commit").fetchone()[0]
            # What is acknowledged is on disk: the server's own setting may be stronger, never weaker.
            durable = "SET synchronous_commit = on; " if synchronous == "off" else ""
            # sql: checked names and constants; SET takes no parameters
            db.execute(
                f"{durable}{_PLANS}SET search_path = {self.place.schema}, pg_temp; SET ROLE {_quoted(self.role)}"
            )
        except BaseException:
            _close(db)
            raise
        db.prepared_max = PREPARED
        return db

    @contextmanager
    def owner(self) -> Iterator[Any]:
        """A session of the user himself, for what the role may not do: making tables, vacuuming, reading pages."""
        with translated(self.place):
            db = self._connect()
            try:
                yield db
            finally:
                _close(db)

    def _connect(self) -> Any:
        psycopg = driver()
        db = psycopg.connect(
            **dict(self.place.settings),
            autocommit=True,
            cursor_factory=psycopg.RawCursor,
            prepare_threshold=2**31,  # only what says so
        )
        # One type for all numbers: else each size of number would be another statement to prepare.
        db.adapters.register_dumper(int, psycopg.types.numeric.Int8BinaryDumper)
        db.adapters.register_dumper(str, psycopg.types.string.StrBinaryDumper)
        db.add_notice_handler(_quiet)
        return db

    def wrote(self, statements: int) -> None:
        """So many changes were committed. Now and then the statistics of tables that grew are made anew: the server does that by itself
        about once a minute, and a plan for a table that was empty can cost a bulk load that minute."""
        self._written += statements
        if self._written < self._due:
            return
        self._due = 4 * self._written
        with suppress(StoreError, AccessDenied), self.owner() as db:
            for schema_name, table in db.execute(_GROWN, (self.place.schema,)).fetchall():
                # sql: names out of the catalogue, quoted
                db.execute(f"ANALYZE {_quoted(schema_name)}.{_quoted(table)}")

    def rest(self) -> None:
        """Close the connections that nobody uses; they come back when needed."""
        if self.pid == os.getpid():
            while self._idle:
                with suppress(IndexError):
                    _close(self._idle.pop())


def _quiet(_: object) -> None:
    """Notices say that something is there already, or nobody's to vacuum: what matters of it is looked up."""


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _close(db: Any) -> None:
    with suppress(Exception):
        db.close()


def shared(place: Place, *, read_only: bool) -> Pool:
    """The pool of this process for a place, opened where it is new. Give it back to `release`."""
    with _sharing:
        pool = _pools.get(place)
        if pool is None:
            pool = Pool(place)
            pool.open(read_only=read_only)
            _pools[place] = pool
        pool.users += 1
        return pool


def release(pool: Pool) -> None:
    """One user less; with the last one its connections are closed."""
    with _sharing:
        pool.users -= 1
        if pool.users <= 0:
            _pools.pop(pool.place, None)
            pool.rest()


def _before_fork() -> None:
    for pool in list(_every):
        pool.rest()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork)


@contextmanager
def translated(place: Place, timeout: float = 0.0) -> Iterator[None]:
    """The driver's errors as ours. Their texts hold no password; what they say of values may be content, and is left out."""
    psycopg = driver()
    try:
        yield
    except psycopg.Error as error:
        raise typed(error, place, timeout) from error


def typed(error: Any, place: Place, timeout: float) -> Exception:
    """One of ours for one of the driver's."""
    code = error.sqlstate or ""
    said = (error.diag.message_primary if error.diag else None) or str(error).partition("\n")[0]
    match code[:2], code:
        case _, "55P03" | "40P01" | "40001" | "53300" | "57014":
            return StoreBusy(
                f"{place.name} was locked by another writer for more than {timeout:g} s: {said}",
                hint="try again",
            )
        case _, "53100" | "53200":
            return StoreFull(
                f"no space left for {place.name}: {said}",
                hint="free some and try again: this write was rolled back whole",
            )
        case _, "25006":
            return ReadOnly(f"{place.name} can't be written: {said}", hint="name the primary")
        case _, "42501":
            return AccessDenied(f"{place.name}: {said}", hint="check the user's privileges")
        case "28", _:
            return AccessDenied(f"{place.name}: {said}", hint="check user and password")
        case _, "3D000":
            return NotFound(f"{place.name}: {said}", hint="make the database first: createdb")
        case "XX", "XX001" | "XX002":
            return Corrupt(f"{place.name} is damaged: {said}", hint="restore a backup or an export")
        case "22" | "54", _:
            return InvalidInput(f"{place.name} has no form for it: {said}", hint="shorten it")
        case "42", "42P01" | "42883" | "3F000":
            return StoreError(f"{place.name} lost its tables: {said}", hint="open it again")
    if isinstance(error, driver().OperationalError) or code.startswith(("57", "08")):
        return StoreError(
            f"the connection to {place.name} failed: {said}",
            hint="a write that was not acknowledged may be written or not: try again with the same key",
        )
    if isinstance(error, driver().DataError):
        return InvalidInput(f"{place.name} has no form for it: {said}", hint="change the value")
    return StoreError(f"{place.name}: {said}", hint=f"PostgreSQL error {code}")
