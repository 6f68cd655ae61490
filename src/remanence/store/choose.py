"""Stores by path or URL."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from remanence.errors import InvalidInput
from remanence.seams import Analyzer
from remanence.store.folder import TenantStore, open_tenant
from remanence.store.folder import tenants as tenants_in
from remanence.store.keys import Key, KeyFolder, key_for
from remanence.store.postgres.place import is_url
from remanence.store.shards.file import file_of, is_shards
from remanence.store.shards.file import read as read_shards
from remanence.store.sqlite import SQLiteStore
from remanence.store.verbs import LedgerStore
from remanence.types import Micros

LOCAL: Final = "default"
"""The tenant of who names none."""


def open_store(
    location: str,
    *,
    analyze: Analyzer,
    tenant: str = "",
    key: Key | None = None,
    clock: Callable[[], Micros] | None = None,
    read_only: bool = False,
) -> LedgerStore:
    """The store at a path, or at `sqlite:///path`; a tenant's in the folder at a path that ends in `/` or is one, or at `folder:///path`;
    a tenant's (default: `LOCAL`) in the PostgreSQL database at `postgresql://user@host/name`, or on one of the servers that a file lists:
    `shards:///shards.toml`.

    With `tenant` the store refuses the scopes of all others, in a file of many tenants too. `key` (see `store.keys`) encrypts the whole
    file; a `KeyFolder` or another provider is asked for the tenant's, or in a file without `tenant` for the one by the file's name.

    Raises: InvalidInput for another kind of URL, for what is no path, for a folder without a tenant, and where a key is given and the file
    is not encrypted; AccessDenied where it is encrypted and the key is missing or another; what `SQLiteStore.open` raises."""
    if is_url(location) or is_shards(location):
        return _on_server(location, tenant or LOCAL, analyze, key, clock, read_only)
    path, is_folder = _place(location)
    if is_folder:
        if not tenant:
            raise InvalidInput(
                f"{location} is a folder with a store for each tenant",
                hint='say whose: tenant="acme", or name a file',
            )
        return open_tenant(path, tenant, analyze=analyze, key=key, clock=clock, read_only=read_only)
    opened = None
    if key is not None:
        fresh = not path.exists() or not path.stat().st_size
        # Where nothing may be made, a missing store is said to be missing, not its key.
        making = fresh and not (read_only and isinstance(key, KeyFolder))
        opened = key_for(key, tenant or path.name, fresh=making) if making or not fresh else None
    kind = TenantStore if tenant else SQLiteStore
    store = kind.open(path, analyze=analyze, key=opened, clock=clock, read_only=read_only)
    if isinstance(store, TenantStore):
        store.tenant = tenant
    return store


def _on_server(
    url: str,
    tenant: str,
    analyze: Analyzer,
    key: Key | None,
    clock: Callable[[], Micros] | None,
    read_only: bool,
) -> LedgerStore:
    from remanence.store.postgres.store import PostgresStore
    from remanence.store.shards.routed import open_routed

    if key is not None:
        raise InvalidInput(
            "a PostgreSQL store takes no key",
            hint="encrypt the server's disk, and the connection with sslmode=verify-full",
        )
    if is_shards(url):
        shards = read_shards(file_of(url))
        return open_routed(shards, analyze=analyze, tenant=tenant, clock=clock, read_only=read_only)
    return PostgresStore.open(url, analyze=analyze, tenant=tenant, clock=clock, read_only=read_only)


def has_tenants(location: str) -> bool:
    """Whether each tenant has a store of its own there: in a folder, a database, or on the servers of a file of shards; not in a file.

    Raises: InvalidInput for what is no place."""
    return is_url(location) or is_shards(location) or _place(location)[1]


def tenants_at(location: str) -> list[str]:
    """The tenants that have a store of their own there, in the order of their names. In a database only its owner may ask: who works as a
    tenant learns of no other one.

    Raises: NotFound where there is no such place, InvalidInput where it holds one store, AccessDenied."""
    if is_url(location) or is_shards(location):
        from remanence.store.postgres.place import place
        from remanence.store.shards.directory import tenants_on

        if is_url(location):
            return tenants_on(place(location))
        servers = read_shards(file_of(location)).servers
        return sorted({tenant for one in servers for tenant in tenants_on(one.place)})
    path, is_folder = _place(location)
    if not is_folder:
        raise InvalidInput(f"{location} is one store", hint="name a folder of stores: FOLDER/")
    return tenants_in(path)


def _place(location: str) -> tuple[Path, bool]:
    """The path, and whether it is a folder of tenants."""
    if not isinstance(location, str):
        raise InvalidInput(
            f"the store's path is a {type(location).__name__}", hint="give a string or a Path"
        )
    kind, separator, rest = location.partition("://")
    if separator and kind not in ("sqlite", "folder"):
        raise InvalidInput(
            f"no store for {kind}:// URLs",
            hint="give a file's path, sqlite:///path, folder:///path, postgresql://host/name or shards:///file.toml",
        )
    name = rest.removeprefix("/") if separator else location  # x:///relative, x:////absolute
    if not name.strip():
        raise InvalidInput(
            "the store's path is empty", hint="give a file's path, such as memory.rmem"
        )
    try:
        usable = b"\0" not in os.fsencode(name)
    except UnicodeEncodeError:
        usable = False
    if not usable:
        raise InvalidInput(
            f"the store's path {name!r} can't name a file", hint="name it without such characters"
        )
    path = Path(name).expanduser()
    if separator:
        return path, kind == "folder"
    return path, name.endswith(("/", os.sep)) or path.is_dir()
