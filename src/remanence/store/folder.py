"""A folder with a store for each tenant: what one tenant's file does not hold, no query on it can reach.

The file of a tenant is named by `names.file_name`, so that it can be no other's, and is readable by its owner only. A store that is
opened for a tenant also refuses every scope of another one, in a file of its own or in one that many share.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from remanence.errors import (
    AccessDenied,
    InvalidInput,
    NotAStore,
    NotFound,
    ReadOnly,
    StoreBusy,
    UsageError,
)
from remanence.seams import Analyzer, Shelf
from remanence.store.connections import holder
from remanence.store.engine import Database
from remanence.store.keys import Key, KeyFolder, key_for, sync_folder
from remanence.store.ledger import Space
from remanence.store.names import file_name, name_of
from remanence.store.scopes import space_of
from remanence.store.sqlite import SQLiteStore
from remanence.store.verbs import LedgerStore
from remanence.types import Ack, Change, Micros, Receipt, Scope

try:
    import fcntl
except ImportError:  # Windows refuses to delete what somebody has open
    fcntl = None  # type: ignore[assignment]

SUFFIX: Final = ".rmem"
_SPELLED: Final = ".tenant"
"""Beside the file of a tenant whose name is hashed: its name, in UTF-8."""
_BESIDE: Final = ("-wal", "-shm", "-journal")
_LOCKS: Final = (0x40000000, 512)
"""Offset and length of the bytes by which SQLite's processes lock a file."""
_BLOCK: Final = 1 << 20


class Tenanted(LedgerStore):
    """To be put before an engine's store among the bases: it refuses the scopes of all tenants but one."""

    tenant: str = ""

    def refuse_others(self, scopes: Iterable[Scope]) -> None:
        """Raises: AccessDenied where one of these is another tenant's, whether that tenant exists or not."""
        for scope in scopes:
            try:
                tenant, _ = space_of(scope)
            except InvalidInput:
                continue  # what is no scope at all is the call's to refuse
            if tenant != self.tenant:
                raise AccessDenied(
                    f"this store was opened for {self.tenant!r}, not for {tenant!r}",
                    hint="open it for that tenant",
                )

    @contextmanager
    def _space(self, scope: Scope) -> Iterator[tuple[Database, Space | None]]:
        self.refuse_others([scope])
        with super()._space(scope) as found:
            yield found

    def apply(self, changes: Sequence[Change], **more: Any) -> list[Ack]:
        """See `LedgerStore.apply`."""
        self.refuse_others(change.scope for change in changes if isinstance(change, Change))
        if (cursor := more.get("cursor")) is not None:
            self.refuse_others([cursor[0]])
        return super().apply(changes, **more)

    def forget(self, scope: Scope, ids: Sequence[str], **more: Any) -> Receipt:
        """See `LedgerStore.forget`."""
        self.refuse_others([scope])
        return super().forget(scope, ids, **more)

    def forget_space(self, scope: Scope, **more: Any) -> Receipt:
        """See `LedgerStore.forget_space`."""
        self.refuse_others([scope])
        return super().forget_space(scope, **more)

    def shelf(self, scope: Scope) -> Shelf | None:
        """See `LedgerStore.shelf`."""
        self.refuse_others([scope])
        return super().shelf(scope)

    def spaces(self) -> list[Scope]:
        """(tenant, user) of every space of this tenant."""
        return [space for space in super().spaces() if space[0] == self.tenant]


class TenantStore(Tenanted, SQLiteStore):
    """A store in a file that one tenant's scopes only can be read from and written to. Raises: AccessDenied for any other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """What `drop_tenant` erased: names of files, and bytes overwritten. `key`: whether its key was destroyed too."""

    tenant: str
    files: tuple[str, ...]
    bytes: int
    key: bool = False


def open_tenant(
    folder: Path,
    tenant: str,
    *,
    analyze: Analyzer,
    key: Key | None = None,
    clock: Callable[[], Micros] | None = None,
    read_only: bool = False,
) -> TenantStore:
    """The store of a tenant, made (0600, in a folder of 0700) where there is none, unless `read_only`.

    Raises: InvalidInput where the tenant can't be a name or its keys lie inside the folder; AccessDenied where the key does not fit; what
    `SQLiteStore.open` raises."""
    path = tenant_file(folder, tenant)
    if isinstance(key, (KeyFolder, str, Path)):
        _refuse_inside(key.path if isinstance(key, KeyFolder) else Path(key).expanduser(), folder)
    if path.is_symlink():
        raise NotAStore(f"{path} is a link", hint="a tenant's file lies in the folder itself")
    fresh = not path.exists() or not path.stat().st_size
    if fresh and read_only:
        raise NotFound(f"no store of {tenant!r} in {folder}", hint="tenants() lists what there is")
    opened = key_for(key, tenant, fresh=fresh)
    if fresh:
        _make(path, tenant)
    store = TenantStore.open(path, analyze=analyze, key=opened, clock=clock, read_only=read_only)
    store.tenant = tenant
    return store


def tenant_file(folder: Path, tenant: str) -> Path:
    """Where a tenant's store is, or would be. Raises: InvalidInput."""
    return folder / f"{file_name(tenant)}{SUFFIX}"


def tenants(path: str | Path) -> list[str]:
    """The tenants that have a store in a folder, in the order of their names. Other files are passed over.

    Raises: NotFound where there is no such folder."""
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise NotFound(f"no folder at {folder}", hint="check the path")
    found = []
    for file in folder.glob(f"*{SUFFIX}"):
        name = name_of(file.stem)
        spelled = file.with_suffix(_SPELLED)
        if name is None and spelled.is_file():
            name = spelled.read_bytes().decode("utf-8", "replace")
            name = name if f"{file_name(name)}{SUFFIX}" == file.name else None
        if name is not None:
            found.append(name)
    return sorted(found)


def drop_tenant(path: str | Path, tenant: str, *, keys: KeyFolder | None = None) -> Dropped:
    """Erase a whole tenant: destroy its key where `keys` has one, then overwrite and unlink its file, log and what lies beside them.

    Backups and exports elsewhere are not reached; encrypted ones can't be read without the key. What `KeyFolder` says of file systems
    that keep old bytes holds here too.

    Raises: NotFound, UsageError where the store is open in this process, StoreBusy where it is in another, ReadOnly."""
    folder = Path(path).expanduser()
    file = tenant_file(folder, tenant)
    if not file.is_file():
        raise NotFound(f"no store of {tenant!r} in {folder}", hint="tenants() lists what there is")
    if holder(file) is not None:
        raise UsageError(f"the store of {tenant!r} is open", hint="close it first")
    had = keys is not None and tenant in keys
    erased, size = [], 0
    try:
        with file.open("r+b") as main:
            _lock(main, tenant)
            if keys is not None and had:
                keys.destroy(tenant)
            for other in _beside(file):
                size += _erase(other)
                erased.append(other.name)
            size += _blank(main)
            file.unlink()
            erased.insert(0, file.name)
        sync_folder(folder)
    except OSError as error:
        raise ReadOnly(
            f"the store of {tenant!r} can't be erased: {error.strerror}",
            hint="check the permissions, then drop it again",
        ) from error
    return Dropped(tenant=tenant, files=tuple(erased), bytes=size, key=had)


def _make(path: Path, tenant: str) -> None:
    folder = path.parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if name_of(path.stem) is None:
            spelled = path.with_suffix(_SPELLED)
            part = spelled.with_name(f"{spelled.name}.{os.getpid()}.part")
            with open(os.open(part, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as out:
                out.write(tenant.encode())
                out.flush()
                os.fsync(out.fileno())
            os.replace(part, spelled)
        with suppress(
            FileExistsError
        ):  # whoever has it open would lose his locks if it was closed here
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        sync_folder(folder)
    except OSError as error:
        raise ReadOnly(
            f"no store can be made in {folder}: {error.strerror}",
            hint="check the path and its permissions",
        ) from error


def _refuse_inside(keys: Path, folder: Path) -> None:
    if keys.resolve().is_relative_to(folder.resolve()):
        raise InvalidInput(
            f"the keys in {keys} lie inside the folder of the stores",
            hint="keep them elsewhere: who copies the stores must not get the keys",
        )


def _beside(file: Path) -> Iterator[Path]:
    """What else holds bytes of a store: its journals, and copies that a killed process left half made."""
    journals = [file.with_name(file.name + suffix) for suffix in _BESIDE]
    for other in (*journals, file.with_suffix(_SPELLED)):
        if other.is_file() and (name_of(file.stem) is None or other.suffix != _SPELLED):
            yield other
    yield from sorted(file.parent.glob(f"{file.name}*.part"))


def _lock(main: IO[bytes], tenant: str) -> None:
    if fcntl is None:
        return
    try:
        fcntl.lockf(main, fcntl.LOCK_EX | fcntl.LOCK_NB, _LOCKS[1], _LOCKS[0])
    except OSError as error:
        raise StoreBusy(
            f"the store of {tenant!r} is open in another process", hint="close it there first"
        ) from error


def _erase(path: Path) -> int:
    with path.open("r+b") as file:
        size = _blank(file)
    path.unlink()
    return size


def _blank(file: IO[bytes]) -> int:
    size = os.fstat(file.fileno()).st_size
    file.seek(0)
    for start in range(0, size, _BLOCK):
        file.write(bytes(min(_BLOCK, size - start)))
    file.flush()
    os.fsync(file.fileno())
    return size
