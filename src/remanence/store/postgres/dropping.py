# ruff: noqa: S608 - what is put into statements here are names and numbers of ours
"""Erasing a whole ledger: a tenant's that is no longer wanted, or the copy that stayed behind when it was moved.

The rows are deleted, and the tables of its partition written anew, so that no page has them; the other tenants of the partition wait for
a table while it is written. What the write-ahead log, archives, replicas and backups keep is out of reach here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from remanence.errors import NotFound
from remanence.store.postgres.place import Place, place
from remanence.store.postgres.pool import Pool, release, shared
from remanence.store.postgres.schema import PARTITIONS, TABLES


@dataclass(frozen=True, slots=True, kw_only=True)
class Emptied:
    """What was erased. `anew`: whether the pages were written anew, which takes the owner's rights."""

    rows: int
    anew: bool


def drop_tenant(url: str, tenant: str) -> Emptied:
    """Erase a tenant's ledger, and that there ever was one. Raises: NotFound; what opening a store raises."""
    where = place(url)
    pool = shared(where, read_only=False)
    try:
        with pool.lent(30.0, lambda db: db.execute("BEGIN")) as db:
            db.execute("SELECT set_config('remanence.tenant', $1, true)", (tenant,))
            row = db.execute("SELECT id FROM ledgers WHERE tenant = $1", (tenant,)).fetchone()
            db.execute("COMMIT")
        if row is None:
            raise NotFound(
                f"no store of {tenant!r} in {where.name}", hint="rmem tenants lists them"
            )
        return empty(pool, where, row[0], drop=True)
    finally:
        release(pool)


def empty(pool: Pool, where: Place, ledger: int, *, drop: bool = False) -> Emptied:
    """Erase what a ledger holds, and where `drop` the ledger too. Again after whatever cut it short."""
    rows = 0
    start = f"BEGIN; SET LOCAL remanence.ledger = '{int(ledger)}'"
    # sql: names of our tables, a checked schema, whole numbers
    with pool.lent(30.0, lambda db: db.execute(start)) as db:
        try:
            db.execute("SELECT 1 FROM ledgers WHERE id = $1 FOR UPDATE", (ledger,))
            for table in ("jobs", *TABLES):
                # sql: names of our tables, a checked schema, whole numbers
                rows += db.execute(f"DELETE FROM {table} WHERE ledger = $1", (ledger,)).rowcount
            if drop:
                db.execute("DELETE FROM ledgers WHERE id = $1", (ledger,))
            db.execute("COMMIT")
        except BaseException:
            if not db.closed:
                db.execute("ROLLBACK")
            raise
    return Emptied(rows=rows, anew=write_anew(pool, where, ledger))


def write_anew(pool: Pool, where: Place, ledger: int) -> bool:
    """Write the tables of a ledger's partition anew. False where this user may not."""
    with pool.owner() as db:
        if not _may(db, where.schema):
            return False
        number = partition(db, where.schema, ledger)
        for table in TABLES:
            # sql: names of our tables, a checked schema, whole numbers
            db.execute(f"VACUUM FULL {where.schema}.{table}_{number}")
    return True


def partition(db: Any, schema: str, ledger: int) -> int:
    """The number of the partition that a ledger's rows are in."""
    (number,) = db.execute(
        "SELECT n FROM generate_series(0, $1 - 1) n WHERE satisfies_hash_partition(to_regclass($2), $1::int, n::int, $3::bigint)",
        (PARTITIONS, f"{schema}.events", ledger),
    ).fetchone()
    return int(number)


def _may(db: Any, schema: str) -> bool:
    row = db.execute(
        "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass($1)",
        (f"{schema}.events",),
    ).fetchone()
    return bool(row and row[0])
