# ruff: noqa: S608 - what is put into statements here are checked names of ours
"""The tables in a PostgreSQL schema: as SQLite's after its last migration, with the ledger in front of every key, and the walls.

A ledger is what a file is elsewhere: one tenant's numbers, chain and spaces. Every table is divided by a hash of it, holds it as its
last column (so that one INSERT serves both engines), and shows a row only to a session that says which ledger it works for.

Migrations are appended to `STEPS` and never edited. Each runs in a transaction of its own, while older processes go on reading: so it adds
tables, nullable columns and functions; an index on a table with rows is made `CONCURRENTLY`, partition by partition, in a step of its
own; what is dropped is dropped a release after the last code that used it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple

from remanence.errors import AccessDenied, InvalidInput, NewerSchema, NotAStore, NotFound
from remanence.store.postgres import sharing
from remanence.store.postgres.place import driver

PARTITIONS: Final = 8
ROLE: Final = "remanence_app"
"""Whom a session works as: may log in nowhere, owns nothing, and no wall lets it through."""
OLDEST: Final = 150_000
"""PostgreSQL 15."""
_LOCK: Final = 0x524D454D
"""`RMEM`: the advisory lock under which a schema is made or migrated."""
MINE: Final = "nullif(current_setting('remanence.ledger', true), '')::bigint"
"""The ledger that the transaction says it works for; NULL where it says none."""


class Table(NamedTuple):
    """`columns`: as SQLite's, in its order; `key`: what follows the ledger in the primary key; `hidden`: columns of content, which are kept
    as they are (never compressed, so that a search of the pages sees them) and never sampled for statistics."""

    columns: str
    key: str
    indexes: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()


TABLES: Final = {
    "spaces": Table(
        'id BIGINT NOT NULL, tenant TEXT NOT NULL, "user" TEXT NOT NULL, salt BYTEA NOT NULL, key BYTEA NOT NULL',
        "id",
        # The names of a forgotten space are made up, and may be somebody's: hence the third part.
        ("UNIQUE INDEX spaces_names ON {} (ledger, \"user\", (tenant = ''))",),
        ("tenant", '"user"', "salt", "key"),
    ),
    "events": Table(
        "seq BIGINT NOT NULL, at BIGINT NOT NULL, space BIGINT NOT NULL, op SMALLINT NOT NULL, rid TEXT NOT NULL, version BIGINT NOT NULL, "
        "actor TEXT NOT NULL, digest BYTEA NOT NULL, hash BYTEA NOT NULL, salt BYTEA, body BYTEA",
        "seq",
        ("UNIQUE INDEX events_rid ON {} (ledger, space, rid, version) WHERE op <= 3",),
        ("digest", "hash", "salt", "body"),
    ),
    "names": Table(
        "space BIGINT NOT NULL, code BIGINT NOT NULL, text BYTEA",
        "space, code",
        ("UNIQUE INDEX names_text ON {} (ledger, space, text)",),
        ("text",),
    ),
    "docs": Table(
        "space BIGINT NOT NULL, seq BIGINT NOT NULL, base BIGINT NOT NULL, closed BIGINT, same BIGINT, fold BIGINT, fixed BYTEA NOT NULL, "
        "terms BYTEA NOT NULL, slot BIGINT, until BIGINT",
        "space, seq",
        (
            "INDEX docs_closed ON {} (ledger, space, closed) WHERE closed IS NOT NULL",
            "INDEX docs_same ON {} (ledger, space, same) WHERE same IS NOT NULL",
            "INDEX docs_fold ON {} (ledger, space, fold) WHERE fold IS NOT NULL",
            "INDEX docs_slot ON {} (ledger, space, slot, until) WHERE slot IS NOT NULL",
        ),
        ("fixed", "terms"),
    ),
    # Three names of 512 characters would not fit into one entry of an index.
    "links": Table(
        "space BIGINT NOT NULL, src TEXT NOT NULL, relation TEXT NOT NULL, dst TEXT NOT NULL, seq BIGINT NOT NULL, off BIGINT",
        "space, seq",
        (
            "INDEX links_src ON {} (ledger, space, src)",
            "INDEX links_dst ON {} (ledger, space, dst)",
            "INDEX links_relation ON {} (ledger, space, relation, seq)",
        ),
    ),
    "lineage": Table(
        "space BIGINT NOT NULL, parent TEXT NOT NULL, child TEXT NOT NULL",
        "",
        (
            "UNIQUE INDEX lineage_pair ON {} (ledger, space, {schema}.pair(parent, child))",
            "INDEX lineage_parent ON {} (ledger, space, parent)",
            "INDEX lineage_child ON {} (ledger, space, child)",
        ),
    ),
    "touches": Table(
        "space BIGINT NOT NULL, seq BIGINT NOT NULL, rid TEXT NOT NULL, first BIGINT NOT NULL, at BIGINT NOT NULL, until BIGINT NOT NULL, "
        "off BIGINT",
        "space, seq",
        (
            "INDEX touches_rid ON {} (ledger, space, rid)",
            "INDEX touches_off ON {} (ledger, space, off) WHERE off IS NOT NULL",
        ),
    ),
    "marks": Table(
        "space BIGINT NOT NULL, rid TEXT NOT NULL, first BIGINT NOT NULL, mark BIGINT NOT NULL, since BIGINT NOT NULL, "
        "until BIGINT NOT NULL, seq_on BIGINT NOT NULL, seq_off BIGINT",
        "space, seq_on",
        (
            "INDEX marks_rid ON {} (ledger, space, rid, mark)",
            "INDEX marks_off ON {} (ledger, space, seq_off) WHERE seq_off IS NOT NULL",
            "INDEX marks_now ON {} (ledger, space, mark) WHERE seq_off IS NULL",
        ),
    ),
    "tombstones": Table(
        "space BIGINT NOT NULL, rid TEXT NOT NULL, seq BIGINT NOT NULL", "space, rid"
    ),
    "erased": Table(
        "space BIGINT NOT NULL, by BIGINT NOT NULL, seq BIGINT NOT NULL", "space, by, seq"
    ),
    "keys": Table(
        "space BIGINT NOT NULL, key TEXT NOT NULL, digest BYTEA, acks TEXT NOT NULL",
        "space, key",
        hidden=("digest", "acks"),
    ),
    "cursors": Table(
        "space BIGINT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL",
        "space, name",
        hidden=("name", "value"),
    ),
    "encoders": Table(
        "slot BIGINT NOT NULL, id TEXT NOT NULL, dim BIGINT NOT NULL, cursor BIGINT NOT NULL",
        "slot",
        ("UNIQUE INDEX encoders_id ON {} (ledger, id)",),
    ),
    "dense": Table(
        "id BIGINT NOT NULL, vector BYTEA NOT NULL, sum BIGINT", "id", hidden=("vector",)
    ),
    "tokens": Table(
        "id BIGINT NOT NULL, states BYTEA NOT NULL, sum BIGINT", "id", hidden=("states",)
    ),
    # See `shelf`.
    "segments": Table(
        "space BIGINT NOT NULL, segment BIGINT NOT NULL, until BIGINT NOT NULL", "space, segment"
    ),
    "pages": Table(
        "space BIGINT NOT NULL, bucket BIGINT NOT NULL, segment BIGINT NOT NULL, part BIGINT NOT NULL, "
        "low BIGINT NOT NULL, high BIGINT NOT NULL, entries BYTEA NOT NULL",
        "space, bucket, segment, part",
        ("INDEX pages_segment ON {} (ledger, space, segment)",),
        ("entries",),
    ),
}
_OF_STEP_3: Final = ("segments", "pages")


def _first(schema: str) -> list[str]:
    """Step 1: ledgers, all tables with their walls, and what the translated statements call."""
    made = [
        # The catalogue of ledgers; `pulse` counts commits.
        f"CREATE TABLE {schema}.ledgers (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
        'tenant TEXT COLLATE "C" NOT NULL UNIQUE, pulse BIGINT NOT NULL DEFAULT 0) WITH (fillfactor = 50)',
        f"ALTER TABLE {schema}.ledgers ALTER tenant SET STATISTICS 0",
        *_walled(
            schema, "ledgers", f"id = {MINE} OR tenant = current_setting('remanence.tenant', true)"
        ),
        # Whose memories there are, without any of them: the operator's, who made the schema.
        f"CREATE POLICY catalogue ON {schema}.ledgers FOR SELECT TO CURRENT_USER USING (true)",
        # Volatile, so that they stay calls: a cast inside would keep the server from using an index.
        f"CREATE FUNCTION {schema}.json_texts(list TEXT) RETURNS TABLE (key BIGINT, value TEXT) LANGUAGE sql VOLATILE ROWS 10 AS "
        "'SELECT number - 1, item FROM pg_catalog.json_array_elements_text($1::json) WITH ORDINALITY AS t(item, number)'",
        f"CREATE FUNCTION {schema}.json_numbers(list TEXT) RETURNS TABLE (key BIGINT, value BIGINT) LANGUAGE sql VOLATILE ROWS 10 AS "
        "'SELECT number - 1, item::numeric::bigint FROM pg_catalog.json_array_elements_text($1::json) WITH ORDINALITY AS t(item, number) "
        "WHERE item::numeric BETWEEN -9223372036854775808 AND 9223372036854775807'",
        # What makes two ids of any length one short key. The database's encoding never changes, so it is immutable.
        f"CREATE FUNCTION {schema}.pair(one TEXT, other TEXT) RETURNS BYTEA LANGUAGE sql IMMUTABLE PARALLEL SAFE AS "
        "'SELECT pg_catalog.sha256(pg_catalog.convert_to(one || pg_catalog.chr(31) || other, ''UTF8''))'",
        # One call of one transaction, for followers.
        f"CREATE FUNCTION {schema}.pulse_of(which BIGINT) RETURNS BIGINT LANGUAGE plpgsql VOLATILE AS $$ BEGIN "
        "PERFORM pg_catalog.set_config('remanence.ledger', which::text, true); "
        f"RETURN (SELECT pulse FROM {schema}.ledgers WHERE id = which); END $$",
    ]
    for name, table in TABLES.items():
        if name not in _OF_STEP_3:
            made += _table(schema, name, table)
    return made


def _table(schema: str, name: str, table: Table) -> list[str]:
    whole = f"{schema}.{name}"
    columns = table.columns.replace(" TEXT", ' TEXT COLLATE "C"')
    key = f", PRIMARY KEY (ledger, {table.key})" if table.key else ""
    made = [
        f"CREATE TABLE {whole} ({columns}, ledger BIGINT NOT NULL DEFAULT {MINE}{key}) PARTITION BY HASH (ledger)"
    ]
    for number in range(PARTITIONS):
        part = f"{whole}_{number}"
        made.append(
            f"CREATE TABLE {part} PARTITION OF {whole} FOR VALUES WITH (modulus {PARTITIONS}, remainder {number})"
        )
        # Nobody works on a partition by its name: without a policy it shows nothing.
        made.append(f"ALTER TABLE {part} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    # After the partitions: older servers give them no such setting when they are made.
    made += [
        f"ALTER TABLE {whole} ALTER {column} SET STORAGE EXTERNAL, ALTER {column} SET STATISTICS 0"
        for column in table.hidden
    ]
    made += [f"CREATE {index.format(whole, schema=schema)}" for index in table.indexes]
    return made + _walled(schema, name, f"ledger = {MINE}")


def _walled(schema: str, name: str, mine: str) -> list[str]:
    return [
        f"ALTER TABLE {schema}.{name} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY wall ON {schema}.{name} USING ({mine}) WITH CHECK ({mine})",
    ]


def _second(schema: str) -> list[str]:
    return sharing.second(schema, MINE)


def _third(schema: str) -> list[str]:
    """Step 3: where the words of large spaces stand."""
    return [made for name in _OF_STEP_3 for made in _table(schema, name, TABLES[name])]


STEPS: Final[tuple[Callable[[str], list[str]], ...]] = (_first, _second, _third)
"""Append only. Step n brings a schema from version n to n + 1: statements, in one transaction."""


def ready(db: Any, schema: str) -> int:
    """The version of a schema, 0 where there is none.

    Raises: NotAStore, NewerSchema."""
    there = db.execute("SELECT 1 FROM pg_namespace WHERE nspname = $1", (schema,)).fetchone()
    if there is None:
        return 0
    ours = db.execute("SELECT to_regclass($1)", (f"{schema}.remanence_schema",)).fetchone()[0]
    if ours is None:
        taken = db.execute(
            "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 LIMIT 1",
            (schema,),
        ).fetchone()
        if taken:
            raise NotAStore(
                f"schema {schema} is another program's", hint="name another one: ?schema=…"
            )
        return 0
    # sql: a checked name of ours
    version: int = db.execute(f"SELECT version FROM {schema}.remanence_schema").fetchone()[0]
    if version > len(STEPS):
        raise NewerSchema(
            f"schema {schema} has version {version}, this Remanence knows {len(STEPS)}",
            hint="it was left alone; install a newer Remanence",
        )
    return version


def upgrade(db: Any, schema: str) -> None:
    """Make or migrate a schema, a transaction a step; several processes may try at once. `db`: a connection in autocommit mode, as
    whoever may make tables.

    Raises: NotAStore, NewerSchema, InvalidInput where the server is too old or does not store UTF-8."""
    if db.info.server_version < OLDEST:
        raise InvalidInput(
            f"PostgreSQL {db.info.server_version // 10_000}", hint="15 or later is needed"
        )
    encoding = db.execute("SHOW server_encoding").fetchone()[0]
    if encoding != "UTF8":
        raise InvalidInput(f"a database in {encoding}", hint="make one with ENCODING 'UTF8'")
    if ready(db, schema) == len(STEPS) and _role_exists(db):
        return
    db.execute("SELECT pg_advisory_lock($1)", (_LOCK,))
    try:
        _make_role(db)
        while (version := ready(db, schema)) < len(STEPS):
            with db.transaction():
                if not version:
                    # sql: a checked name of ours
                    db.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
                    # sql: a checked name of ours
                    db.execute(f"CREATE TABLE {schema}.remanence_schema (version BIGINT NOT NULL)")
                    # sql: a checked name of ours
                    db.execute(f"INSERT INTO {schema}.remanence_schema VALUES (0)")
                for statement in STEPS[version](schema):
                    db.execute(statement)
                # sql: a checked name of ours
                db.execute(f"UPDATE {schema}.remanence_schema SET version = version + 1")
        _grant(db, schema)
    finally:
        db.execute("SELECT pg_advisory_unlock($1)", (_LOCK,))


def _role_exists(db: Any, role: str = ROLE) -> bool:
    return db.execute("SELECT 1 FROM pg_roles WHERE rolname = $1", (role,)).fetchone() is not None


def _make_role(db: Any) -> None:
    """Make the roles that sessions work as, where this user may. Who may not works as himself: the walls hold for owners too."""
    makes, is_super = db.execute(
        "SELECT rolcreaterole OR rolsuper, rolsuper FROM pg_roles WHERE rolname = current_user"
    ).fetchone()
    if not makes:
        return
    for role in (ROLE, sharing.WORKER):
        if not _role_exists(db, role):
            # Roles belong to the whole server: another database's making may come first.
            db.execute(
                f"DO $$ BEGIN CREATE ROLE {role} NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
            )
        if not is_super and not member(db, role):
            with suppress(
                driver().errors.InsufficientPrivilege
            ):  # who made it gives it to whom he likes
                db.execute(f"GRANT {role} TO CURRENT_USER")


def member(db: Any, role: str = ROLE) -> bool:
    """Whether there is such a role, and the user of this connection may work as it."""
    if not _role_exists(db, role):
        return False
    how = "SET" if db.info.server_version >= 160_000 else "MEMBER"
    found: bool = db.execute("SELECT pg_has_role(current_user, $1, $2)", (role, how)).fetchone()[0]
    return found


def _grant(db: Any, schema: str) -> None:
    if not _role_exists(db):
        return
    tables = ", ".join(f"{schema}.{name}" for name in ("ledgers", *TABLES))
    # sql: a checked name of ours
    db.execute(f"GRANT USAGE ON SCHEMA {schema} TO {ROLE}")
    # sql: a checked name of ours
    db.execute(f"GRANT SELECT ON {schema}.remanence_schema TO {ROLE}")
    # sql: a checked name of ours
    db.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO {ROLE}")
    for grant in sharing.grants(schema, ROLE, worker=_role_exists(db, sharing.WORKER)):
        db.execute(grant)


def work_as(db: Any, schema: str) -> str:
    """Whom the sessions of this user can work as: `ROLE`, or himself.

    Raises: NotFound where there is no store; AccessDenied where the walls would not hold for him, or he may not read the tables."""
    role = ROLE if member(db) else None
    if role is None:
        role, free = db.execute(
            "SELECT current_user, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    else:
        (free,) = db.execute(
            "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = $1", (role,)
        ).fetchone()
    if free:
        raise AccessDenied(
            f"{role} could read every tenant's memories",
            hint=f"take SUPERUSER and BYPASSRLS from it, or let this user work as {ROLE}",
        )
    if ready(db, schema) == 0:
        raise NotFound(f"no store in schema {schema}", hint="check the URL, or open it for writing")
    may = db.execute(
        "SELECT has_schema_privilege($1, $2, 'USAGE') AND has_table_privilege($1, $2 || '.events', 'SELECT')",
        (role, schema),
    ).fetchone()[0]
    if not may:
        raise AccessDenied(
            f"{role} may not read schema {schema}", hint=f"its owner can GRANT {ROLE} TO this user"
        )
    return str(role)
