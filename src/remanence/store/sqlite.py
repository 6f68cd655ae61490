"""The store in one SQLite file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from remanence.seams import Analyzer, Form
from remanence.store import transfer
from remanence.store.connections import Connections
from remanence.store.engine import Database
from remanence.store.forgetting import reread, scan
from remanence.store.forgetting.surfaces import Forgotten
from remanence.store.reading import Size
from remanence.store.verbs import Clock, LedgerStore, system_clock
from remanence.store.verify import Pages
from remanence.types import Check

__all__ = ["Clock", "SQLiteStore", "system_clock"]


class SQLiteStore(LedgerStore):
    """See `LedgerStore`. Safe to use from several threads, several processes, and after a fork."""

    _connections: Connections

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        analyze: Analyzer,
        clock: Clock | None = None,
        create: bool = True,
        read_only: bool = False,
        busy_timeout: float = 30.0,
        key: bytes | None = None,
    ) -> Self:
        """The store in a file, made if absent and `create`. `busy_timeout`: seconds that a write waits for another one.
        `key`: 32 bytes, for a file that is encrypted (`store.cipher`).

        Raises: NotAStore, NewerSchema, ReadOnly, NotFound, StoreBusy, StoreFull; AccessDenied where the key is not the file's;
        InvalidInput where the file is not encrypted and a key was given; MissingExtra."""
        scan.hold(Path(path))
        try:
            connections = Connections(
                Path(path), create=create, read_only=read_only, timeout=busy_timeout, key=key
            )
        except BaseException:
            scan.release(Path(path))
            raise
        store = cls(connections, analyze, clock or system_clock)
        if not read_only:
            try:
                reread.resume(connections)
            except BaseException:
                store.close()
                raise
        return store

    @property
    def path(self) -> Path:
        """The file."""
        return self._connections.path

    def checkpoint(self) -> bool:
        """Fold the write-ahead log into the file and empty it. False where a reader still needs it."""
        return reread.empty_log(self._connections, reread.PATIENCE)

    def backup(self, path: str | Path) -> None:
        """Copy the store to another file while it is in use."""
        with self._connections.alone() as db:
            transfer.backup(db, Path(path), key=self._connections.key)

    def close(self) -> None:
        """Close the file; using the store afterwards is an error."""
        open_still = not self._connections.closed
        super().close()
        if open_still:
            scan.release(self.path)

    def _erasing(self, db: Database, seq: int) -> None:
        reread.begin(db, seq)

    def _look_again(
        self, forgotten: Forgotten, forms: Sequence[Form], recheck: bool
    ) -> list[Check]:
        log = reread.settle_log(self._connections)
        if not recheck:
            return [log]
        return [log, *reread.check(self._connections, forgotten, forms, mend=not log.found)]

    def _erased(self, seq: int, *, left: bool) -> None:
        reread.end(self._connections, seq, left=left)

    def _settle(self) -> None:
        self.checkpoint()

    def _size(self, db: Database) -> Size:
        log = self.path.with_name(self.path.name + "-wal")
        size = self.path.stat().st_size + (log.stat().st_size if log.exists() else 0)
        return Size(db.execute("PRAGMA user_version").fetchone()[0], size)

    def _pages(self, db: Database) -> Pages:
        found = [message for (message,) in db.execute("PRAGMA integrity_check(20)")]
        # Beside a store that keeps what it puts aside in memory, as an encrypted one does, nothing goes to the disk in the clear.
        aside = ":memory:" if db.execute("PRAGMA temp_store").fetchone()[0] == 2 else ""
        return Pages([message for message in found if message != "ok"], aside)

    def _refuse_own(self, path: Path) -> None:
        transfer.refuse_own(self.path, path)
