"""A store whose ledger may be moved to another server while it is open."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final, TypeVar

from remanence.errors import InvalidInput, NotFound, StoreBusy, UsageError
from remanence.seams import Analyzer, Form
from remanence.store.engine import Database
from remanence.store.forgetting.surfaces import Forgotten
from remanence.store.postgres.connections import Connections, Moved, Serving
from remanence.store.postgres.place import Place
from remanence.store.postgres.pool import Pool
from remanence.store.postgres.store import PostgresStore
from remanence.store.scopes import check_name
from remanence.store.shards.directory import finish_switch, locate
from remanence.store.shards.file import Server, Shards
from remanence.store.verbs import Clock
from remanence.types import Check

_AGAIN: Final = 0.02
"""Seconds between two looks where a ledger is in neither place, which lasts for one commit."""
T = TypeVar("T")


class Routed:
    """See `store.postgres.connections.Serving`: those of the server that has the ledger now. Whoever finds it gone is led on before he
    begins, so that nothing is done twice or in the old place."""

    def __init__(
        self, shards: Shards, tenant: str, *, create: bool, read_only: bool, timeout: float
    ) -> None:
        self.shards = shards
        self.tenant = tenant
        self.read_only = read_only
        self.timeout = timeout
        self.closed = False
        self._create = create and not read_only
        self._lock = threading.Lock()
        self._left: list[Connections] = []
        server = locate(shards, tenant, create=self._create)
        if server is None:
            raise NotFound(
                f"no store of {tenant!r} on the servers of {shards.path}",
                hint="check the tenant, or open it for writing",
            )
        self.here = self._led(server, create=self._create)
        self.name = self.here.name

    @property
    def place(self) -> Place:
        """Where the ledger is now."""
        return self.here.place

    @property
    def pool(self) -> Pool:
        """The connections to where it is now."""
        return self.here.pool

    @property
    def ledger(self) -> int:
        """Its number there."""
        return self.here.ledger

    @contextmanager
    def reading(self) -> Iterator[Database]:
        """One snapshot."""
        with ExitStack() as stack:
            yield self._on(lambda one: stack.enter_context(one.reading()))

    @contextmanager
    def writing(self, *, apart: bool = False) -> Iterator[Database]:
        """The one writer of the ledger, wherever it is."""
        with ExitStack() as stack:
            yield self._on(lambda one: stack.enter_context(one.writing(apart=apart)))

    def pulse(self) -> int:
        """See `Connections.pulse`. It grows when the ledger is moved, too."""
        return self._on(lambda one: one.pulse())

    def close(self) -> None:
        """Let go of everything."""
        with self._lock:
            if not self.closed:
                self.closed = True
                for one in (self.here, *self._left):
                    one.close()

    def _on(self, act: Callable[[Connections], T]) -> T:
        """Do it where the ledger is: what raises `Moved` has not begun."""
        while True:
            if self.closed:
                raise UsageError(f"{self.name} is closed", hint="open it again")
            here = self.here
            try:
                return act(here)
            except Moved as moved:
                self._follow(here, moved)

    def _follow(self, left: Connections, moved: Moved) -> None:
        with self._lock:
            if self.here is left and not self.closed:
                self.here = self._led(self.shards[moved.to], create=False)
                self.name = self.here.name
                self._left.append(left)  # another thread may be in the middle of a read there

    def _led(self, server: Server, *, create: bool) -> Connections:
        """The connections to where the ledger is, from a server that may know it."""
        deadline = time.monotonic() + self.timeout
        while True:
            try:
                return Connections(
                    server.place,
                    self.tenant,
                    create=create,
                    read_only=self.read_only,
                    timeout=self.timeout,
                )
            except Moved as moved:
                if finish_switch(self.shards, self.tenant, server, moved.to):
                    continue
                if time.monotonic() > deadline:
                    raise StoreBusy(
                        f"{self.tenant!r} is on its way from {server.id} to {moved.to}",
                        hint="try again",
                    ) from moved
                time.sleep(_AGAIN)
                server, create = self.shards[moved.to], False


class RoutedStore(PostgresStore):
    """A tenant's ledger on one of many servers, wherever it is moved. See `PostgresStore`."""

    _connections: Routed

    def _here(self) -> Serving:
        return self._connections.here

    def _look_again(
        self, forgotten: Forgotten, forms: Sequence[Form], recheck: bool
    ) -> list[Check]:
        while True:
            try:
                return super()._look_again(forgotten, forms, recheck)
            except Moved:  # the copy that took over is looked at; the old one is erased whole
                with self._connections.reading():
                    continue


def open_routed(
    shards: Shards,
    *,
    analyze: Analyzer,
    tenant: str,
    clock: Clock | None = None,
    create: bool = True,
    read_only: bool = False,
    busy_timeout: float = 30.0,
) -> RoutedStore:
    """The ledger of a tenant on whichever server has it, made where there is none and `create`.

    Raises: what `PostgresStore.open` raises; NotFound for a server that the file does not list."""
    if not check_name(tenant, "a tenant"):
        raise InvalidInput("a tenant without a name", hint="name the tenant")
    routed = Routed(shards, tenant, create=create, read_only=read_only, timeout=busy_timeout)
    return RoutedStore.over(routed, analyze=analyze, tenant=tenant, clock=clock)
