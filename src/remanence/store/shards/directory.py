# ruff: noqa: S608 - what is put into statements here are names and numbers of ours
"""Who is where: the list on the directory server, and what each server says of itself.

A server's own word counts: a ledger is live where its row says so, and a row that says where a ledger went leads there. Through the list
two processes that meet a new tenant at once agree on its server, and nobody has to ask around.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from remanence.errors import AccessDenied, StoreError
from remanence.store.postgres.place import Place
from remanence.store.postgres.pool import release, shared
from remanence.store.shards.file import Server, Shards

PATIENCE: Final = 30.0
_MAY_LIST: Final = (
    "SELECT r.rolsuper OR r.rolbypassrls OR pg_has_role(c.relowner, 'USAGE') FROM pg_roles r, pg_class c "
    "WHERE r.rolname = current_user AND c.oid = to_regclass($1)"
)


@dataclass(frozen=True, slots=True)
class Here:
    """What a server says of a tenant's ledger: its number there, the server that it is on (None: this one), and how often it was moved."""

    ledger: int
    moved: str | None
    turn: int


@contextmanager
def asking(place: Place, tenant: str) -> Iterator[Any]:
    """A transaction that sees the rows of a tenant's name, on a server of its own pool."""
    pool = shared(place, read_only=False)
    try:
        with pool.lent(PATIENCE, lambda db: db.execute("BEGIN")) as db:
            try:
                db.execute("SELECT set_config('remanence.tenant', $1, true)", (tenant,))
                yield db
                db.execute("COMMIT")
            except BaseException:
                if not db.closed:
                    db.execute("ROLLBACK")
                raise
    finally:
        release(pool)


def here(db: Any, tenant: str) -> Here | None:
    """What this server says of a tenant; None where it never had it."""
    row = db.execute("SELECT id, moved, turn FROM ledgers WHERE tenant = $1", (tenant,)).fetchone()
    return Here(*row) if row else None


def locate(shards: Shards, tenant: str, *, create: bool) -> Server | None:
    """The server of a tenant, as the list has it; a tenant that is new to it is looked for on every server, and, where `create`, given the
    server that wants it most. None where there is no such tenant."""
    listed = _listed(shards, tenant)
    if listed is not None:
        return shards[listed]
    found = None
    for server in shards.ranked(tenant):
        with asking(server.place, tenant) as db:
            state = here(db, tenant)
        if state is not None:
            found = server if state.moved is None else shards[state.moved]
            break
    if found is None and not create:
        return None
    with asking(shards[shards.directory].place, tenant) as db:
        db.execute(
            "INSERT INTO placements (tenant, server) VALUES ($1, $2) ON CONFLICT (tenant) DO NOTHING",
            (tenant, (found or shards.ranked(tenant)[0]).id),
        )
    listed = _listed(shards, tenant)
    if listed is None:
        raise StoreError(f"{tenant!r} was dropped meanwhile", hint="try again")
    return shards[listed]


def _listed(shards: Shards, tenant: str) -> str | None:
    with asking(shards[shards.directory].place, tenant) as db:
        row = db.execute("SELECT server FROM placements WHERE tenant = $1", (tenant,)).fetchone()
    return None if row is None else str(row[0])


def finish_switch(shards: Shards, tenant: str, server: Server, source: str) -> bool:
    """Make a ledger live that arrived whole, where whoever moved it died before he could say so: `source` has given it away for good.

    Anybody may do it: the row there says which copy took over, and it can take over once only."""
    with asking(shards[source].place, tenant) as db:
        left = here(db, tenant)
    if left is None or left.moved != server.id:
        return False
    with asking(server.place, tenant) as db:
        live = db.execute(
            "UPDATE ledgers SET moved = NULL WHERE tenant = $1 AND moved = $2 AND turn = $3",
            (tenant, source, left.turn - 1),
        ).rowcount
    return bool(live)


def tenants_on(place: Place) -> list[str]:
    """The tenants whose ledgers are on a server, in the order of their names.

    Raises: AccessDenied for who is not the schema's owner: a list of names is nobody else's."""
    pool = shared(place, read_only=True)
    try:
        with pool.owner() as db:
            may = db.execute(_MAY_LIST, (f"{place.schema}.ledgers",)).fetchone()
            if not (may and may[0]):
                raise AccessDenied(
                    f"only the owner of {place.name} may list its tenants", hint="ask as its owner"
                )
            return [
                tenant
                # sql: a checked schema
                for (tenant,) in db.execute(
                    f"SELECT tenant FROM {place.schema}.ledgers WHERE moved IS NULL ORDER BY tenant"
                )
            ]
    finally:
        release(pool)
