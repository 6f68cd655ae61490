"""`rmem keys` and `rmem tenants`: the keys of encrypted stores, and the stores of a folder."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from remanence.errors import InvalidInput
from remanence.serve.commands.keep import size_of
from remanence.serve.opening import Place
from remanence.serve.ops.wire import plain
from remanence.serve.options import Json, Keys, Store, Yes
from remanence.serve.output import console, emit, visible
from remanence.serve.shell import NOTHING_FOUND
from remanence.serve.sure import make_sure, refuse_unasked
from remanence.store.folder import drop_tenant, tenant_file
from remanence.store.folder import tenants as tenants_in
from remanence.store.keys import KeyFolder


class Turning(StrEnum):
    """What can be done with a key."""

    new = "new"
    destroy = "destroy"


class Dropping(StrEnum):
    """What can be done with a tenant."""

    drop = "drop"


def keys(
    action: Annotated[
        Turning,
        typer.Argument(help="new: make a key; destroy: what it encrypts can't be read again."),
    ],
    name: Annotated[
        str, typer.Argument(help="The tenant's name, or that of the store's file: memory.rmem.")
    ],
    keys: Keys = "",
    yes: Yes = False,
    json_: Json = False,
) -> int:
    """Make or destroy the key of an encrypted store, in the folder that --keys names. Keep that folder apart from the stores.

    rmem keys new acme --keys ~/keys/

    rmem add "hello" --store stores/ --tenant acme --keys ~/keys/

    rmem keys destroy acme --keys ~/keys/
    """
    folder = _folder(keys)
    if action is Turning.new:
        folder.create(name)
        told = f"made a key for {name} in {folder.path}: without it what it encrypts can't be read"
    else:
        folder.get(name)  # a wrong name is said before anybody is asked
        if not yes:
            refuse_unasked("destroying a key")
            make_sure(
                f"Destroy the key of {name!r}? Its store and all backups of it can't be read again."
            )
        folder.destroy(name)
        told = f"destroyed the key of {name}"
    if json_:
        emit({"key": name, "folder": str(folder.path), "done": action.value})
    else:
        console().print(visible(told))
    return 0


def tenants(
    action: Annotated[
        Dropping | None,
        typer.Argument(help="drop: erase a tenant's whole store, and its key. Without it: list."),
    ] = None,
    name: Annotated[str, typer.Argument(help="The tenant to drop.")] = "",
    store: Store = "",
    keys: Keys = "",
    yes: Yes = False,
    json_: Json = False,
) -> int:
    """The tenants that have a store in the folder that --store names.

    rmem tenants --store stores/

    rmem tenants drop acme --store stores/ --keys ~/keys/
    """
    folder = Place(store=store).path
    if folder is None or not folder.is_dir():
        raise InvalidInput(
            f"{folder or store} is no folder of stores", hint="--store FOLDER/ names one"
        )
    if action is None:
        found = tenants_in(folder)
        for tenant in found:
            if json_:
                emit({"tenant": tenant, "file": str(tenant_file(folder, tenant))})
            else:
                console().print(visible(tenant))
        if not found and not json_:
            console(errors=True).print("no tenant has a store here")
        return 0 if found else NOTHING_FOUND
    if not name:
        raise InvalidInput("no tenant is named", hint="say which: rmem tenants drop NAME")
    if name in tenants_in(folder) and not yes:
        refuse_unasked("dropping a tenant")
        make_sure(f"Erase the store of {name!r}{' and its key' if keys else ''} for good?")
    dropped = drop_tenant(folder, name, keys=_folder(keys) if keys else None)
    if json_:
        emit(plain(dropped))
    else:
        with_key = " and its key" if dropped.key else ""
        told = f"erased {', '.join(dropped.files)}: {size_of(dropped.bytes)} overwritten{with_key}"
        console().print(visible(told))
    return 0


def _folder(given: str) -> KeyFolder:
    if not given:
        raise InvalidInput(
            "no folder of keys is named", hint="--keys FOLDER/ or $REMANENCE_KEYS names it"
        )
    path = Path(given).expanduser()
    if path.exists() and not path.is_dir():
        raise InvalidInput(
            f"{path} is a file", hint=f"name a folder of keys, such as {path.parent}{os.sep}"
        )
    return KeyFolder(path)
