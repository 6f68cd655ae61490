# ruff: noqa: S608 - what is put into statements here are names and numbers of ours
"""Making one ledger the same, row by row, as another on another server.

Every table is cut into buckets of neighbouring rows; each server says the SHA-256 of each of its buckets, and those that differ are copied
whole, by the server's own binary COPY, and said again. So the first round copies everything, the next one what was written, changed or
erased since, and each ends with both the same in every row. A round that is cut short leaves nothing to clean up.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from remanence.errors import StoreError
from remanence.store.postgres.pool import Pool
from remanence.store.postgres.schema import TABLES

_NEAR: Final = 256
"""Neighbours in a bucket."""
BUCKETS: Final = {
    "spaces": f"id / {_NEAR}",
    "events": f"seq / {_NEAR}",
    "names": f"space * 65536 + code / {_NEAR}",
    "docs": f"seq / {_NEAR}",
    "links": f"seq / {_NEAR}",
    "lineage": "('x' || substr(md5(parent), 1, 3))::bit(12)::bigint",
    "touches": f"seq / {_NEAR}",
    "marks": f"seq_on / {_NEAR}",
    "tombstones": f"seq / {_NEAR}",
    "erased": f'"by" / {_NEAR}',
    "keys": "('x' || substr(md5(key), 1, 3))::bit(12)::bigint",
    "cursors": "space",
    "encoders": "0::bigint",
    "dense": f"id / {16 * _NEAR}",
    "tokens": f"id / {16 * _NEAR}",
    "segments": "segment",
    "pages": "segment * 64 + bucket / 64",
}
"""Into which bucket a row falls: numbers that servers of every version agree on."""
Sums = dict[int, tuple[int, bytes]]


@dataclass(slots=True)
class Round:
    """What a round did: rows copied, rows compared."""

    copied: int = 0
    looked: int = 0


@contextmanager
def session(pool: Pool, ledger: int, *, begin: str = "BEGIN") -> Iterator[Any]:
    """A transaction on a ledger, live or not."""
    start = f"{begin}; SET LOCAL remanence.ledger = '{int(ledger)}'; SET LOCAL bytea_output = hex"
    # sql: names of our tables and columns, whole numbers
    with pool.lent(30.0, lambda db: db.execute(start)) as db:
        try:
            yield db
            db.execute("COMMIT")
        except BaseException:
            if not db.closed:
                db.execute("ROLLBACK")
            raise


def sync(source: Any, pool: Pool, ledger: int) -> Round:
    """Make the ledger of this number in `pool` what the transaction `source` sees, a transaction a table.

    Raises: StoreError where a table is not the same afterwards; then that table was left as it was."""
    done = Round()
    with ThreadPoolExecutor(1) as beside:
        for table in TABLES:
            columns = _columns(source, table)
            asked = beside.submit(_sums, source, table, columns)
            with session(pool, ledger) as db:
                same = _columns(db, table) == columns
                has = _sums(db, table, columns) if same else {}
                wanted = asked.result()
                if not same:
                    raise StoreError(f"the table {table} is another one there", hint="migrate both")
                done.looked += sum(count for count, _ in wanted.values())
                done.copied += _alike(source, db, table, columns, wanted, has)
    return done


def _alike(source: Any, db: Any, table: str, columns: str, wanted: Sums, has: Sums) -> int:
    stale = [bucket for bucket in has if has[bucket] != wanted.get(bucket)]
    absent = [bucket for bucket in wanted if has.get(bucket) != wanted[bucket]]
    if stale:
        # sql: names of our tables and columns, whole numbers
        db.execute(f"DELETE FROM {table} WHERE {BUCKETS[table]} = ANY($1)", (stale,))
    if absent:
        # COPY takes no parameters: what is put in is whole numbers
        these = f" WHERE {BUCKETS[table]} IN ({', '.join(map(str, absent))})" if has else ""
        # sql: names of our tables and columns, whole numbers
        db.execute(
            f"CREATE TEMP TABLE arriving ON COMMIT DROP AS SELECT {columns} FROM {table} LIMIT 0"
        )
        with (
            source.cursor().copy(
                f"COPY (SELECT {columns} FROM {table}{these}) TO STDOUT (FORMAT binary)"
            ) as leaving,
            db.cursor().copy("COPY pg_temp.arriving FROM STDIN (FORMAT binary)") as arriving,
        ):
            for block in leaving:
                arriving.write(block)
        # sql: names of our tables and columns, whole numbers
        db.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM pg_temp.arriving")
    if changed := sorted({*stale, *absent}):
        arrived = _sums(db, table, columns, changed if has else None)
        if arrived != {bucket: wanted[bucket] for bucket in changed if bucket in wanted}:
            raise StoreError(f"the table {table} did not arrive as it was sent", hint="try again")
    return sum(wanted[bucket][0] for bucket in absent)


def _columns(db: Any, table: str) -> str:
    """All but the ledger's number, which differs from server to server."""
    rows = db.execute(
        "SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped "
        "AND attname != 'ledger' ORDER BY attnum",
        (table,),
    ).fetchall()
    return ", ".join(name for (name,) in rows)


def _sums(db: Any, table: str, columns: str, only: list[int] | None = None) -> Sums:
    these = f" WHERE {BUCKETS[table]} = ANY($1)" if only is not None else ""
    # sql: names of our tables and columns, whole numbers
    rows = db.execute(
        f"SELECT bucket, count(*), sha256(string_agg(sum, ''::bytea ORDER BY sum)) FROM (SELECT {BUCKETS[table]} AS bucket, "
        f"sha256(convert_to(ROW({columns})::text, 'UTF8')) AS sum FROM {table}{these}) rows GROUP BY bucket",
        (only,) if only is not None else None,
        binary=True,
    ).fetchall()
    return {bucket: (count, digest) for bucket, count, digest in rows}
