"""Where workers find something to do: in the queue of a database, or by looking through a folder of stores."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol

from remanence.bulk.place import Place
from remanence.errors import InvalidInput, NotFound, StoreError
from remanence.store.choose import has_tenants, tenants_at
from remanence.store.derive import ADD, OPS, REVISE
from remanence.store.folder import tenant_file
from remanence.store.postgres.jobs import AGAIN, SLEEPY, Job, Queue
from remanence.store.postgres.place import is_url, place, with_setting
from remanence.store.postgres.store import PostgresStore
from remanence.store.shards.file import file_of, is_shards, read
from remanence.store.verbs import LedgerStore
from remanence.text.keep.sleep import ACTOR
from remanence.types import Scope, to_micros

try:
    import fcntl
except ImportError:  # Windows: two workers may encode the same text there, to the same bytes
    fcntl = None  # type: ignore[assignment]

DAY: Final = 86_400_000_000
"""Micros after which a memory sleeps that has little new in it."""
SLEPT: Final = "worker slept"
"""The cursor that says up to which event a person's memory has slept, in a folder."""
_BACK_OFF: Final = 3600.0
"""Seconds between two tries at the most."""


class Source(Protocol):
    """Gives out jobs, each to one worker at a time. Safe to use from several threads."""

    def take(self, kinds: Sequence[str], *, ahead: float = 0.0) -> Job | None:
        """Something that is due within so many seconds, this worker's until it is done, given back or failed; or the worker dies."""
        ...

    def place(self, job: Job) -> Place:
        """Where the store is."""
        ...

    def user(self, job: Job, store: LedgerStore) -> str | None:
        """Whose memory may sleep; None where it is gone."""
        ...

    def renew(self) -> object:
        """Hold on to what is in hand."""
        ...

    def done(self, job: Job) -> None:
        """It is done."""
        ...

    def give_back(self, job: Job) -> None:
        """Others may go on with it."""
        ...

    def failed(self, job: Job, error: str) -> None:
        """It failed: to be tried later."""
        ...

    def close(self) -> None:
        """Let go."""
        ...


def sources(
    where: Place, worker: str, *, encoder: str, lease: float, every: float = 1.0
) -> list[Source]:
    """The queues of the servers that `where` names, or the folder or file it names. `encoder`: the id of the one that texts wait for.

    Raises: what opening them raises."""
    if is_shards(where.store):
        servers = [server.url for server in read(file_of(where.store)).servers]
    elif is_url(where.store):
        servers = [where.store]
    else:
        return [FolderQueue(where, encoder, every=every)]
    return [
        ServerQueue(replace(where, store=with_setting(url, "embed", "later")), worker, lease)
        for url in servers
    ]


class ServerQueue(Queue):
    """The queue of a database, of all its tenants."""

    def __init__(self, where: Place, worker: str, lease: float) -> None:
        super().__init__(place(where.store), worker, lease=lease)
        self._where = where

    def place(self, job: Job) -> Place:
        return self._where

    def user(self, job: Job, store: LedgerStore) -> str | None:
        assert isinstance(store, PostgresStore)
        return store.user_of(job.space)


@dataclass(frozen=True, slots=True)
class Found(Job):
    """A job in a folder."""

    user: str = ""


class Locks:
    """Bytes of a file, each held by one of all who ask, in this process or in others. A process that dies lets go of its own.

    One for each file in a process: the system would let go of all locks as soon as one of several was closed."""

    _every: ClassVar[dict[tuple[int, int], Locks]] = {}
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, file: int, key: tuple[int, int]) -> None:
        self._file, self._key = file, key
        self._users = 0
        self._held: set[int] = set()

    @classmethod
    def of(cls, path: Path) -> Locks:
        """Those of a file, made where there is none; to be closed as often as it was asked for."""
        with cls._lock:
            path.touch(0o600)
            there = path.stat()
            key = there.st_dev, there.st_ino
            if key not in cls._every:
                cls._every[key] = cls(os.open(path, os.O_RDWR), key)
            found = cls._every[key]
            found._users += 1
            return found

    def hold(self, place: int) -> bool:
        """Take one, unless somebody has it."""
        with self._lock:
            if place in self._held:
                return False
            if fcntl is not None:
                try:
                    fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
                except OSError:
                    return False
            self._held.add(place)
            return True

    def free(self, place: int) -> None:
        """Let go of one."""
        with self._lock:
            if fcntl is not None:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)
            self._held.discard(place)

    def close(self) -> None:
        """One user less; with the last one all is let go of."""
        with self._lock:
            self._users -= 1
            if not self._users:
                del self._every[self._key]
                os.close(self._file)


class FolderQueue:
    """Looks through the stores of a folder, or at one file, for what waits. Who works at what is told by locks in a file beside them, which
    the system lets go of when a process dies."""

    def __init__(self, where: Place, encoder: str, *, every: float = 1.0) -> None:
        self._where = where
        self._encoder = encoder
        self._every = every
        self._many = has_tenants(where.store)
        _, _, rest = where.store.rpartition("://")
        base = Path(rest or where.store).expanduser()
        self._base = base
        if not base.exists():
            raise NotFound(f"there is no store at {base}", hint="check the path")
        lock = base / ".rmem-workers" if self._many else base.with_name(f"{base.name}.workers")
        self._locks = Locks.of(lock)
        self._lock = threading.Lock()
        self._waiting: list[str] = []
        self._looked = 0.0
        self._seen: dict[tuple[str, str], tuple[object, float]] = {}
        """How a store looked when nothing was to do in it, and until when that holds."""
        self._tries: dict[tuple[str, str], int] = {}

    def take(self, kinds: Sequence[str], *, ahead: float = 0.0) -> Job | None:
        with self._lock:
            if not self._waiting and (ahead or time.monotonic() >= self._looked + self._every):
                self._waiting = tenants_at(self._where.store) if self._many else [""]
                self._looked = time.monotonic()
            while self._waiting:
                tenant = self._waiting[0]
                for kind in kinds:
                    if (job := self._due(tenant, kind)) is not None:
                        return job
                self._waiting.pop(0)
        return None

    def place(self, job: Job) -> Place:
        return self._where

    def user(self, job: Job, store: LedgerStore) -> str | None:
        return job.user if isinstance(job, Found) else None

    def renew(self) -> object:
        return None

    def done(self, job: Job) -> None:
        if job.kind == "sleep" and isinstance(job, Found):
            with self._where.store_of(job.tenant) as store:
                store.apply([], cursor=(_scope(store, job.user), SLEPT, str(store.head())))
        self._tries.pop((job.tenant, job.kind), None)
        self._free(job)

    def give_back(self, job: Job) -> None:
        if job.kind == "sleep":
            self._rest(job, AGAIN)
        self._free(job)

    def failed(self, job: Job, error: str) -> None:
        key = job.tenant, job.kind
        self._tries[key] = self._tries.get(key, 0) + 1
        self._rest(job, min(2.0 ** self._tries[key], _BACK_OFF))
        self._free(job)

    def _rest(self, job: Job, seconds: float) -> None:
        self._seen[job.tenant, job.kind] = self._look_of(job.tenant), time.monotonic() + seconds

    def close(self) -> None:
        self._locks.close()

    def _due(self, tenant: str, kind: str) -> Job | None:
        key, look = (tenant, kind), self._look_of(tenant)
        seen = self._seen.get(key)
        if (
            seen is not None
            and time.monotonic() < seen[1]
            and (look == seen[0] or key in self._tries)
        ):
            return None
        place = _byte(tenant, kind)
        if not self._locks.hold(place):
            return None
        try:
            with self._where.store_of(tenant) as store:
                found = self._found(store, tenant, kind)
        except (StoreError, NotFound):  # busy, or dropped meanwhile: the next look sees
            found = None
        if found is None:
            self._seen[key] = look, time.monotonic() + AGAIN
            self._locks.free(place)
        return found

    def _found(self, store: LedgerStore, tenant: str, kind: str) -> Job | None:
        if kind == "embed":
            waits = store.waiting(self._encoder) if self._encoder else 0
            return Found(0, tenant, kind, 0, waits, 1) if waits else None
        for scope in store.spaces():
            fresh, oldest = _fresh(store, scope)
            if fresh >= SLEEPY or (fresh and store.now() - oldest >= DAY):
                return Found(0, scope[0], kind, 0, fresh, 1, user=scope[1])
        return None

    def _look_of(self, tenant: str) -> object:
        """What changes with every write to a store."""
        file = tenant_file(self._base, tenant) if self._many else self._base
        found = []
        for one in (file, file.with_name(f"{file.name}-wal")):
            with suppress(OSError):
                at = one.stat()
                found.append((at.st_mtime_ns, at.st_size, at.st_ino))
        return found

    def _free(self, job: Job) -> None:
        self._locks.free(_byte(job.tenant, job.kind))


def _byte(tenant: str, kind: str) -> int:
    """Which byte of the file of locks stands for this."""
    said = f"{kind} {tenant}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(said, digest_size=7).digest())


def _scope(store: LedgerStore, user: str) -> Scope:
    for scope in store.spaces():
        if scope[1] == user:
            return scope
    raise InvalidInput(f"no memory of {user!r}", hint="it was forgotten meanwhile")


def _fresh(store: LedgerStore, scope: Scope) -> tuple[int, int]:
    """How many records came since somebody's memory slept, up to `SLEEPY`, and when the first one did."""
    after, count, oldest = int(store.cursor(scope, SLEPT) or 0), 0, 0
    while count < SLEEPY:
        page: list[Any] = list(store.events(scope, after=after, limit=1000))
        if not page:
            break
        said = [
            event
            for event in page
            if event.op in (OPS[ADD], OPS[REVISE]) and not event.actor.startswith(f"{ACTOR}/")
        ]
        if said and not count:
            oldest = to_micros(said[0].at)
        count += len(said)
        after = page[-1].seq
    return count, oldest
