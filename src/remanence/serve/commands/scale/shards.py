"""`rmem shards`: many PostgreSQL servers as one store, and moving tenants between them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from remanence.errors import InvalidInput
from remanence.serve.ops.wire import plain
from remanence.serve.options import DryRun, Json, Store, Yes
from remanence.serve.output import console, emit, table, visible
from remanence.serve.shell import NOTHING_FOUND
from remanence.serve.sure import make_sure, refuse_unasked
from remanence.store.postgres.pool import release, shared
from remanence.store.shards.directory import tenants_on
from remanence.store.shards.file import Server, Shards, file_of, is_shards, read, write
from remanence.store.shards.move import Move, astray, unfinished
from remanence.store.shards.move import drop as drop_everywhere
from remanence.store.shards.move import move as move_tenant

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    help="Many PostgreSQL servers as one store: each tenant on one of them, and moved while in use.",
)
Patience = Annotated[
    float, typer.Option("--patience", metavar="S", help="Seconds to wait for a writer.")
]


@app.command("list")
def list_(
    store: Store = "",
    tenants: Annotated[bool, typer.Option("--tenants", help="Name every tenant.")] = False,
    json_: Json = False,
) -> int:
    """The servers, how many tenants each has, and the moves that are unfinished.

    rmem shards list --store shards:///shards.toml
    """
    shards = read(_file(store))
    rows = []
    for server in shards.servers:
        names = tenants_on(server.place)
        rows.append((server.id, server.place.name, server.weight, len(names)))
        if json_:
            found = dict(zip(("server", "url", "weight", "tenants"), rows[-1], strict=True))
            emit(
                {
                    **found,
                    "directory": server.id == shards.directory,
                    **({"names": names} if tenants else {}),
                }
            )
        elif tenants:
            for name in names:
                console().print(visible(f"{server.id}  {name}"))
    if not json_ and not tenants:
        table(("server", "url", "weight", "tenants"), rows)
    for one in unfinished(shards):
        if json_:
            emit({"unfinished": plain(one)})
        else:
            told = f"unfinished: {one.tenant} from {one.source} to {one.target}; rmem shards move goes on with it"
            console(errors=True).print(visible(told), style="yellow")
    return 0


@app.command()
def add(
    id: Annotated[str, typer.Argument(help="A name for the server; it never changes.")],
    url: Annotated[str, typer.Argument(help="postgresql://user@host/database")],
    weight: Annotated[
        float, typer.Option("--weight", metavar="W", help="Its share of tenants beside others'.")
    ] = 1.0,
    store: Store = "",
) -> int:
    """Add a server to the file, made where there is none; the first one keeps the list of tenants. Nothing moves by itself.

    rmem shards add b postgresql://remanence@db2/memories --store shards:///shards.toml
    """
    path, server = _file(store), Server(id, url, weight)
    if path.exists():
        shards = read(path)
        if any(one.id == id for one in shards.servers):
            raise InvalidInput(f"there is a server {id!r} already", hint="give another name")
        shards = replace(shards, servers=(*shards.servers, server))
    else:
        shards = Shards(path, (server,), id)
    release(shared(server.place, read_only=False))  # what is wrong with it is said now
    write(shards)
    away = sum(1 for _, _, home in astray(shards) if home == id)
    console().print(visible(f"added {id}: {server.place.name}"))
    if away:
        console().print(f"{away:,} tenants would be there if they were new: rmem shards balance")
    return 0


@app.command()
def move(
    tenant: Annotated[str, typer.Argument(help="Whose ledger.")],
    to: Annotated[str, typer.Argument(help="The server it shall be on.")],
    patience: Patience = 30.0,
    store: Store = "",
    json_: Json = False,
) -> int:
    """Move a tenant while it is in use, or go on with a move that was cut short. Writers wait for the last part of it.

    rmem shards move acme b --store shards:///shards.toml
    """
    tell = _quiet if json_ else _say
    _report(move_tenant(read(_file(store)), tenant, to, patience=patience, tell=tell), json_)
    return 0


@app.command()
def balance(
    dry_run: DryRun = False,
    patience: Patience = 30.0,
    most: Annotated[
        int, typer.Option("--most", metavar="N", help="At most so many moves; 0: all.")
    ] = 0,
    store: Store = "",
    json_: Json = False,
) -> int:
    """End the moves that were cut short, then move to its own server each tenant that would be elsewhere if it was new.

    rmem shards balance --dry-run --store shards:///shards.toml
    """
    shards = read(_file(store))
    wanted = [(one.tenant, one.source or one.server, str(one.target)) for one in unfinished(shards)]
    begun = {tenant for tenant, _, _ in wanted}
    wanted += sorted(one for one in astray(shards) if one[0] not in begun)
    for tenant, source, target in wanted[: most or None]:
        if not dry_run:
            _report(move_tenant(shards, tenant, target, patience=patience), json_)
        elif json_:
            emit({"tenant": tenant, "source": source, "target": target})
        else:
            console().print(visible(f"{tenant}: {source} -> {target}"))
    if not wanted and not json_:
        console(errors=True).print("every tenant is where it would be if it was new")
    return 0 if wanted else NOTHING_FOUND


@app.command()
def drop(
    tenant: Annotated[str, typer.Argument(help="Whose memories.")],
    yes: Yes = False,
    store: Store = "",
) -> int:
    """Erase a tenant on all servers, for good.

    rmem shards drop acme --store shards:///shards.toml
    """
    shards = read(_file(store))
    if not yes:
        refuse_unasked("dropping a tenant")
        make_sure(f"Erase all memories of {tenant!r} for good?")
    console().print(visible(f"erased {drop_everywhere(shards, tenant):,} rows of {tenant}"))
    return 0


def _file(store: str) -> Path:
    if is_shards(store):
        return file_of(store)
    if store.endswith(".toml"):
        return Path(store).expanduser()
    raise InvalidInput(
        f"{store or 'no store'} is no file of shards", hint="--store shards:///shards.toml"
    )


def _say(line: str) -> None:
    console(errors=True).print(line, style="dim")


def _quiet(_: str) -> None:
    """Programs read the result."""


def _report(done: Move, json_: bool) -> None:
    if json_:
        emit(plain(done))
        return
    told = (
        f"{done.tenant}: {done.source} -> {done.target}, {done.rows:,} rows in {done.seconds:.1f} s; "
        f"writers waited {done.stopped:.2f} s; {done.erased:,} rows of the old copy erased"
    )
    console().print(
        visible(told + ("" if done.anew else ", its pages not written anew: ask as the owner"))
    )
