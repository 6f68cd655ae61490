"""The open stores of a server: one for each tenant that calls, those unused for longest closed when there are too many."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition, Lock

from remanence.embed.choose import open_embedder
from remanence.errors import AccessDenied, StoreBusy
from remanence.memory import Memory
from remanence.seams import Embedder
from remanence.serve.http.settings import Settings
from remanence.serve.opening import Place, key_place
from remanence.text.guard.policy import Policy


@dataclass(eq=False)
class _Held:
    """A tenant's store. `users`: calls that are working on it."""

    lock: Lock = field(default_factory=Lock)
    memory: Memory | None = None
    users: int = 0


class Memories:
    """Opens stores as they are asked for, with one encoder and one policy for all. Safe to use from many threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._location = str(settings.store)
        self._changed = Condition()
        self._loading = Lock()
        self._held: dict[str, _Held] = {}
        self._loaded: tuple[Embedder | None, Policy | None] | None = None
        self._closed = False
        path = Place(store=self._location).path
        kind, url, _ = self._location.partition("://")
        folder = kind == "folder" if url else path is not None and path.is_dir()
        self.in_folder = folder or self._location.endswith("/")
        """Whether each tenant has a file of its own."""
        self.in_file = path is not None and not self.in_folder
        """Whether all tenants lie in one file, which whatever is about a whole store would show all of."""
        self._folder = path.parent if path is not None and self.in_file else path

    def warm(self) -> None:
        """Load the encoder and open the server's own store, so that what is wrong with them is known at the start.

        Raises: what `Memory.open` raises."""
        self._closed = False
        self._load()
        if self._settings.tenant or not self.in_folder:
            with self.using(""):
                pass

    @contextmanager
    def using(self, tenant: str) -> Iterator[Memory]:
        """The memory of a tenant ("": the server's own), open until the block ends.

        Raises: AccessDenied where nobody says whose and each has a store of its own; what `Memory.open` raises."""
        tenant = tenant or self._settings.tenant
        if not tenant and self.in_folder:
            raise AccessDenied(
                "this token names no tenant, and each has a store of its own",
                hint="make one for a tenant: rmem token new NAME --tenant TENANT",
            )
        with self._changed:
            if self._closed:
                raise StoreBusy("the server is closing", hint="try again when it is back")
            held = self._held.pop(tenant, None) or _Held()
            self._held[tenant] = held  # used last: behind all others
            held.users += 1
            leaving = self._leaving()
        try:
            for other in leaving:
                _close(other)
            with held.lock:
                if held.memory is None:
                    held.memory = self._open(tenant)
            yield held.memory
        finally:
            with self._changed:
                held.users -= 1
                self._changed.notify_all()

    def opened(self) -> list[str]:
        """Tenants whose stores are open now."""
        with self._changed:
            return [tenant for tenant, held in self._held.items() if held.memory is not None]

    def close(self, patience: float = 10.0) -> None:
        """Close all stores, after the calls that work on them or `patience` seconds. Nothing can be opened until the next `warm`."""
        with self._changed:
            self._closed = True
            self._changed.wait_for(
                lambda: not any(one.users for one in self._held.values()), patience
            )
            held = list(self._held.values())
            self._held.clear()
        for one in held:
            _close(one)

    def _leaving(self) -> list[_Held]:
        spare = max(len(self._held) - self._settings.tenants, 0)
        idle = [tenant for tenant, held in self._held.items() if not held.users]
        return [self._held.pop(tenant) for tenant in idle[:spare]]

    def _load(self) -> tuple[Embedder | None, Policy | None]:
        with self._loading:
            if self._loaded is None:
                policy = self._settings.policy
                self._loaded = (
                    open_embedder(self._settings.embedder),
                    Policy.load(policy) if policy else None,
                )
            return self._loaded

    def _open(self, tenant: str) -> Memory:
        encoder, policy = self._load()
        if self._folder is not None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Memory.open(
            self._location,
            embedder=encoder,
            tenant=tenant,
            key=key_place(self._settings.keys),
            policy=policy,
            audit_reads=self._settings.audit_reads,
        )


def _close(held: _Held) -> None:
    with held.lock:
        if held.memory is not None:
            held.memory.close()
            held.memory = None
