"""Stores by path or URL."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from remanence.errors import InvalidInput
from remanence.seams import Analyzer
from remanence.store.folder import TenantStore, open_tenant
from remanence.store.keys import Key, KeyFolder, key_for
from remanence.store.sqlite import SQLiteStore
from remanence.types import Micros


def open_store(
    location: str,
    *,
    analyze: Analyzer,
    tenant: str = "",
    key: Key | None = None,
    clock: Callable[[], Micros] | None = None,
    read_only: bool = False,
) -> SQLiteStore:
    """The store at a path, or at `sqlite:///path`; a tenant's in the folder at a path that ends in `/` or is one, or at `folder:///path`.

    With `tenant` the store refuses the scopes of all others, in a file of many tenants too. `key` (see `store.keys`) encrypts the whole
    file; a `KeyFolder` or another provider is asked for the tenant's, or in a file without `tenant` for the one by the file's name.

    Raises: InvalidInput for another kind of URL, for what is no path, for a folder without a tenant, and where a key is given and the file
    is not encrypted; AccessDenied where it is encrypted and the key is missing or another; what `SQLiteStore.open` raises."""
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
            hint="give a file's path, sqlite:///path or folder:///path",
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
