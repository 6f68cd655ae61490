"""The connections of one process to one store file: one that writes, behind a lock, and a few that read.

Readers see a snapshot and never wait for a writer (WAL). Connections do not survive a fork: they are closed before it and made
again on either side when next needed, because SQLite's locks belong to a process.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from remanence.errors import (
    AccessDenied,
    Corrupt,
    NotAStore,
    NotFound,
    ReadOnly,
    StoreBusy,
    StoreError,
    StoreFull,
    UsageError,
)
from remanence.store import cipher, schema

READERS: Final = 8
"""Idle reading connections that are kept open."""
_open: weakref.WeakSet[Connections] = weakref.WeakSet()


class Connections:
    """Opens the file at once, so that what is wrong with it is known before the first call."""

    _writer: sqlite3.Connection | None
    _watcher: sqlite3.Connection | None
    _idle: list[sqlite3.Connection]
    _log: tuple[int, int] | None
    """Device and inode of the write-ahead log, while any connection has it open."""

    def __init__(
        self,
        path: Path,
        *,
        create: bool,
        read_only: bool,
        timeout: float,
        key: bytes | None = None,
    ) -> None:
        self.path = path
        self.name = str(path)
        self._log_name = os.fspath(log_of(path))
        self.key = key
        """32 bytes where the file is encrypted."""
        self.read_only = read_only
        self.timeout = timeout
        """Seconds that a write waits for another writer."""
        self.closed = False
        self.file: tuple[int, int] | None = None
        """Device and inode, once it is there."""
        self._start()
        empty = self._inspect()
        if empty and (read_only or not create):
            raise NotFound(f"no store at {path}", hint="check the path, or allow it to be created")
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise
        self.file = identity(path)
        if not read_only:
            self._log = identity(self._log_name)
        _open.add(self)
        if self.file is None:
            self.close()
            raise _gone(path)

    def _inspect(self) -> bool:
        # Closing a file drops the locks that this process holds on it, as POSIX has it: what SQLite has open here is not read.
        held = holder(self.path)
        if held is not None:
            if self.key is None and held.key is not None:
                raise cipher.no_key(self.path)
            if self.key is not None and held.key is None:
                raise cipher.not_encrypted(self.path)
            return False
        if self.key is not None:
            return cipher.inspect(self.path)
        try:
            return schema.inspect(self.path)
        except NotAStore:
            if self.path.is_file():
                cipher.refuse_encrypted(self.path)
            raise

    def _prepare(self) -> None:
        if self.read_only:
            with self.reading() as db:
                if schema.ready(db, self.path) != len(schema.MIGRATIONS):
                    raise ReadOnly(
                        f"{self.path} has an old schema",
                        hint="open it once for writing to migrate it",
                    )
        else:
            with self.alone() as db:
                schema.upgrade(db, self.path)
            if not os.access(self.path, os.W_OK):  # SQLite has opened it all the same, to read
                raise ReadOnly(
                    f"{self.path} can't be written",
                    hint="check the permissions of the file and its folder, or open it with read_only=True",
                )

    def _start(self) -> None:
        self.pid = os.getpid()
        self._lock = threading.RLock()
        self._watching = threading.Lock()
        self._writer = self._watcher = None
        self._idle = []
        self._log = None
        self._born = time.monotonic_ns() & 0x7FFFFFFF

    @contextmanager
    def writing(self, *, apart: bool = True) -> Iterator[sqlite3.Connection]:
        """The writing connection inside `BEGIN IMMEDIATE`: committed on the way out, rolled back by any exception. Errors are always
        raised where they belong.

        Raises: StoreBusy, StoreFull, ReadOnly, Corrupt."""
        self._check()
        if self.read_only:
            raise ReadOnly(
                f"{self.path} was opened read-only", hint="open it again without read_only=True"
            )
        if not self._lock.acquire(timeout=self.timeout):
            raise _busy(self.path, self.timeout)
        try:
            with self._translated():
                if self._writer is None:
                    self._writer = self._connect(writing=True)
                db = self._writer
                db.execute("BEGIN IMMEDIATE")
                try:
                    self._check_log()
                    yield db
                    db.execute("COMMIT")
                    self._check_log()
                except BaseException:
                    if db.in_transaction:  # a full disk may have rolled back by itself
                        db.execute("ROLLBACK")
                    raise
        finally:
            self._lock.release()

    @contextmanager
    def alone(self) -> Iterator[sqlite3.Connection]:
        """The writing connection outside a transaction, for checkpoints and backups."""
        self._check()
        with self._lock, self._translated():
            if self._writer is None:
                self._writer = self._connect(writing=True)
            yield self._writer

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection on one snapshot of the file."""
        self._check()
        with self._translated():
            try:
                db = self._idle.pop()
            except IndexError:
                db = self._connect()
            try:
                db.execute("BEGIN")
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
            finally:
                if len(self._idle) < READERS and not self.closed:
                    self._idle.append(db)
                else:
                    db.close()

    def pulse(self) -> int:
        """A number that changes whenever any connection, of any process, has committed something."""
        self._check()
        with self._watching, self._translated():
            if self._watcher is None:
                self._watcher = self._connect()
            version: int = self._watcher.execute("PRAGMA data_version").fetchone()[0]
        return self._born << 32 | version

    def close(self) -> None:
        """Close every connection; the last one of all processes folds the write-ahead log into the file."""
        if self.pid == os.getpid():
            with self._lock:
                self.closed = True
                self._close_idle()
        self.closed = True

    def rest(self) -> None:
        """Close the connections that nobody uses; they come back when needed."""
        if self.pid == os.getpid():
            with self._lock:
                self._close_idle()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()
        for db in (self._watcher, self._writer):
            if db is not None:
                db.close()
        self._watcher = self._writer = self._log = None

    def _check(self) -> None:
        if self.closed:
            raise UsageError(f"{self.path} is closed", hint="open it again")
        if self.file is not None and identity(self.path) != self.file:
            raise _gone(self.path)
        if self.pid != os.getpid():
            self._start()
        self._check_log()

    def _check_log(self) -> None:
        # Something in this process that opened and closed the file has dropped our locks, and the last other process to close the
        # store took its log away: what is committed to a file without a name is lost, and nothing new is seen.
        if self._log is not None and identity(self._log_name) != self._log:
            raise StoreError(
                f"the log of {self.path} was taken away while it was open",
                hint="what was not acknowledged is not written; open the store again, and copy its file by backup() only",
            )

    def _connect(self, *, writing: bool = False) -> sqlite3.Connection:
        mode = "ro" if self.read_only else "rwc"
        name = f"file:{quote(os.fsencode(self.path.resolve()))}?mode={mode}"
        if self.read_only and not os.access(self.path.resolve().parent, os.W_OK):
            wal = log_of(self.path)
            if not wal.exists() or not wal.stat().st_size:
                name += "&immutable=1"  # without a place for its shared memory SQLite could not open it at all
        db = cipher.connect(
            name,
            self.key,
            uri=True,
            timeout=self.timeout,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        try:
            if not self.read_only:
                # Against pages of 8192 bytes, measured: 24 bytes a record less, 27 instead of 48 kB of log for a
                # single record, 5 % more work in bulk.
                db.execute("PRAGMA page_size = 4096")
                self._use_wal(db)
            if writing:
                db.execute("PRAGMA synchronous = FULL")
                db.execute("PRAGMA secure_delete = ON")
                db.execute("PRAGMA wal_autocheckpoint = 2000")
                # KiB, so that bulk writes do not reread the indexes.
                db.execute("PRAGMA cache_size = -32768")
            else:
                db.execute("PRAGMA query_only = ON")
            db.execute("PRAGMA trusted_schema = OFF")
        except BaseException:
            db.close()
            raise
        if not self.read_only and self._log is None:
            self._log = identity(
                self._log_name
            )  # it is there from here on, as this connection has it open
        return db

    def _use_wal(self, db: sqlite3.Connection) -> None:
        # Turning WAL on needs the file for itself for a moment, and SQLite does not wait for that by its busy timeout.
        schema.ready(db, self.path)
        deadline = time.monotonic() + self.timeout
        while True:
            try:
                mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            except cipher.errors("OperationalError") as error:
                if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
                continue
            if mode != "wal":
                raise StoreError(
                    f"{self.path} can't use a write-ahead log here",
                    hint="move it to a local disk: network file systems and special files do not work",
                )
            return

    def _translated(self) -> AbstractContextManager[None]:
        return translated(self.path, self.timeout, encrypted=self.key is not None)


@contextmanager
def translated(path: Path, timeout: float = 0.0, *, encrypted: bool = False) -> Iterator[None]:
    """SQLite's errors about a file as ours."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise damaged(path, str(error)) from error
    except cipher.errors() as error:
        if encrypted and _code(error) == sqlite3.SQLITE_NOTADB:
            raise AccessDenied(
                f"the key does not open {path}",
                hint="give the key that it was made with; if it is the right one, the file is damaged or no store",
            ) from error
        raise _typed(error, path, timeout) from error


def holder(path: Path) -> Connections | None:
    """Who has this file open in this process, under whatever name."""
    file, pid = identity(path), os.getpid()
    mine = (held for held in list(_open) if not held.closed and held.pid == pid)
    return next((held for held in mine if file is not None and held.file == file), None)


def _gone(path: Path) -> StoreError:
    # SQLite would go on in a file without a name, and lose what it acknowledges.
    return StoreError(
        f"{path} was deleted, moved or replaced while it was open",
        hint="nothing was written; put it back or open it again",
    )


def _code(error: Exception) -> int:
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def identity(path: str | Path) -> tuple[int, int] | None:
    """Device and inode of a file, None where there is none."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def log_of(path: Path) -> Path:
    """The write-ahead log of a store; beside the file itself where `path` is a link to it."""
    whole = path.resolve()
    return whole.with_name(f"{whole.name}-wal")


def _typed(error: Exception, path: Path, timeout: float) -> StoreError:
    code = getattr(error, "sqlite_errorcode", None) or 0
    match _code(error):
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return _busy(path, timeout)
        case sqlite3.SQLITE_FULL:
            return _full(path)
        case sqlite3.SQLITE_IOERR if _out_of_space(path):
            return _full(path)
        case sqlite3.SQLITE_CANTOPEN if not path.resolve().parent.is_dir():
            return ReadOnly(
                f"{path} can't be made: {path.resolve().parent} is no folder",
                hint="make the folder, or name another file",
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return ReadOnly(
                f"{path} can't be written: {error}",
                hint="check the permissions of the file and its folder",
            )
        case sqlite3.SQLITE_NOTADB:
            return NotAStore(f"{path} is not a Remanence store", hint="name another file")
        case sqlite3.SQLITE_CORRUPT:
            return damaged(path, str(error))
        case sqlite3.SQLITE_IOERR:
            return StoreError(
                f"{path} can't be read or written: {error}",
                hint=f"check the disk, quotas and limits; a write was rolled back whole (SQLite error {code})",
            )
    if "decode to UTF-8" in str(error):  # text that a flipped bit made none
        return damaged(path, str(error))
    return StoreError(f"{path}: {error}", hint=f"SQLite error {code}")


def damaged(path: Path | str, what: str) -> Corrupt:
    """What was found wrong with a file."""
    return Corrupt(f"{path} is damaged: {what}", hint="run verify; restore a backup or an export")


def _busy(path: Path, timeout: float) -> StoreBusy:
    return StoreBusy(
        f"{path} was locked by another writer for more than {timeout:g} s", hint="try again"
    )


def _full(path: Path) -> StoreFull:
    return StoreFull(
        f"no space left for {path}",
        hint="free some and try again: this write was rolled back whole",
    )


def _out_of_space(path: Path) -> bool:
    return shutil.disk_usage(path.resolve().parent).free < 2**20


def _before_fork() -> None:
    for connections in list(_open):
        connections.rest()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork)
