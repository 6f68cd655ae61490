"""The store in a PostgreSQL database: a ledger for each tenant."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from remanence.errors import InvalidInput, StoreError, UsageError
from remanence.seams import Analyzer, Form
from remanence.store.engine import Database
from remanence.store.folder import Tenanted
from remanence.store.forgetting.surfaces import Forgotten, check_forms, surfaces
from remanence.store.ledger import KEEP_CURSOR, NOWHERE, last_event
from remanence.store.postgres import residue
from remanence.store.postgres.connections import Connections, Serving
from remanence.store.postgres.place import place
from remanence.store.postgres.schema import STEPS
from remanence.store.postgres.session import Session
from remanence.store.postgres.shelf import BIG, SEGMENT, PostgresShelf, take_out
from remanence.store.reading import Size
from remanence.store.scopes import check_name
from remanence.store.verbs import UNCHECKED, Clock, LedgerStore, system_clock
from remanence.store.verify import Pages
from remanence.types import Check, Scope

_PAST: Final = "SELECT 1 FROM docs WHERE space = ? OFFSET ? LIMIT 1"
_SWEEP: Final = "sweep "
_NOTES: Final = "SELECT name FROM cursors WHERE space = ?"
_DONE: Final = "DELETE FROM cursors WHERE space = ? AND name = ?"


class PostgresStore(Tenanted, LedgerStore):
    """See `LedgerStore` and `Tenanted`. Safe to use from several threads, several processes and machines, and after a fork."""

    _connections: Serving
    segment: int = SEGMENT
    """Records of a large space that are put away together."""
    _entries: dict[int, list[bytes]]
    """What forgets took out of the pages of words, by event, until it was looked for."""

    @classmethod
    def open(
        cls,
        url: str,
        *,
        analyze: Analyzer,
        tenant: str,
        clock: Clock | None = None,
        create: bool = True,
        read_only: bool = False,
        busy_timeout: float = 30.0,
    ) -> Self:
        """The ledger of a tenant at `postgresql://…` (see `place`), made if absent and `create`. `busy_timeout`: seconds that a write
        waits for another one of this tenant.

        Raises: InvalidInput, NotAStore, NewerSchema, ReadOnly, NotFound, AccessDenied, StoreBusy, StoreError; MissingExtra."""
        if not check_name(tenant, "a tenant"):
            raise InvalidInput("a tenant without a name", hint="name the tenant")
        connections = Connections(
            place(url), tenant, create=create, read_only=read_only, timeout=busy_timeout
        )
        return cls.over(connections, analyze=analyze, tenant=tenant, clock=clock)

    @classmethod
    def over(
        cls, connections: Serving, *, analyze: Analyzer, tenant: str, clock: Clock | None
    ) -> Self:
        """The store of a tenant whose ledger these lead to; it closes them."""
        store = cls(connections, analyze, clock or system_clock)
        store.tenant = store._only = tenant
        store.later = connections.place.later
        store._entries = {}
        big = connections.place.big
        store.most = BIG if big is None else big
        if not connections.read_only:
            try:
                store._resume()
            except BaseException:
                store.close()
                raise
        return store

    def backup(self, path: str | Path) -> None:
        """Raises: UsageError: a server's backups are made by its own tools."""
        raise UsageError(
            f"{self._connections.name} is no file to copy to {path}",
            hint="export the tenant to JSON lines, or back the server up with pg_dump or pg_basebackup",
        )

    def _erasing(self, db: Database, seq: int) -> None:
        db.execute(KEEP_CURSOR, (NOWHERE, f"{_SWEEP}{seq}", ""))
        if isinstance(db, Session) and (entries := take_out(db, db.taken())):
            self._entries[seq] = entries
            for old in sorted(list(self._entries))[:-UNCHECKED]:
                self._entries.pop(old, None)

    def _look_again(
        self, forgotten: Forgotten, forms: Sequence[Form], recheck: bool
    ) -> list[Check]:
        needles, connections = forgotten.erased.needles, self._here()
        entries = self._entries.get(forgotten.seq, ())
        checks = residue.look(connections, needles, entries, recheck=recheck)
        if recheck:
            with connections.reading() as db:
                checks += surfaces(db, forgotten)
            checks += check_forms(connections, needles.raw(), forms)
        return checks

    def _erased(self, seq: int, *, left: bool) -> None:
        if left:
            return
        self._entries.pop(seq, None)
        with suppress(StoreError), self._connections.writing() as db:  # else the note stays
            db.execute(_DONE, (NOWHERE, f"{_SWEEP}{seq}"))

    def _resume(self) -> None:
        """Finish forgets that were cut short between their commit and the look at their bytes."""
        with self._connections.reading() as db:
            names = [name for (name,) in db.execute(_NOTES, (NOWHERE,))]
        notes = [name for name in names if name.startswith(_SWEEP)]
        if notes and residue.sweep(self._here()):
            with self._connections.writing() as db:
                db.executemany(_DONE, [(NOWHERE, note) for note in notes])

    def shelf(self, scope: Scope) -> PostgresShelf | None:
        """See `LedgerStore.shelf`."""
        with self._space(scope) as (db, space):
            if space is None or last_event(db)[0] <= self.most:
                return None
            row = db.execute(_PAST, (space.id, self.most)).fetchone()
        return PostgresShelf(self._connections, scope[:2], self.segment) if row else None

    def user_of(self, space: int) -> str | None:
        """Whose the space of this number is; None where it was forgotten."""
        with self._connections.reading() as db:
            row = db.execute('SELECT tenant, "user" FROM spaces WHERE id = ?', (space,)).fetchone()
        return row[1] if row and row[0] == self.tenant else None

    def _here(self) -> Serving:
        """What stays on one server, whatever happens meanwhile."""
        return self._connections

    def _settle(self) -> None:
        pass

    def _size(self, db: Database) -> Size:
        (size,) = db.execute("SELECT pg_database_size(current_database())").fetchone()
        return Size(len(STEPS), size)

    def _pages(self, db: Database) -> Pages:
        return Pages((), ":memory:")

    def _refuse_own(self, path: Path) -> None:
        pass
