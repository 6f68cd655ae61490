"""Schema 1: the ledger (`spaces`, `events`), what is derived from it, and the vectors.

`events` is the truth. `names`, `docs`, `links`, `lineage`, `touches`, `tombstones` and `erased` are what `derive.py` makes of it.
Vectors are a cache of an encoder's work. Text stands once, in the body of the event that brought it.
"""

from __future__ import annotations

import sqlite3
from typing import Final

TABLES: Final = (
    # A space is (tenant, user). `key` is a salted digest of the two names: the hash chain covers it instead of them.
    """CREATE TABLE spaces (
        id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, user TEXT NOT NULL, salt BLOB NOT NULL, key BLOB NOT NULL,
        UNIQUE (tenant, user))""",
    # `op`: 1 add, 2 revise, 3 retract, 4 link, 5 touch, 6 forget. `salt` and `body` are NULL once erased.
    """CREATE TABLE events (
        seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, space INTEGER NOT NULL, op INTEGER NOT NULL, rid TEXT NOT NULL,
        version INTEGER NOT NULL, actor TEXT NOT NULL, digest BLOB NOT NULL, hash BLOB NOT NULL, salt BLOB, body BLOB)""",
    "CREATE UNIQUE INDEX events_rid ON events (space, rid, version) WHERE op <= 3",
    # Sessions, speakers, kinds and scope tails, written once; text is UTF-8 with surrogates passed, NULL once erased.
    """CREATE TABLE names (
        space INTEGER NOT NULL, code INTEGER NOT NULL, text BLOB, PRIMARY KEY (space, code)) WITHOUT ROWID""",
    "CREATE UNIQUE INDEX names_text ON names (space, text)",
    # One row per record version. `base`: the event that holds its text. `closed`: the event that ended its known time.
    # `same` finds exact duplicates of records whose id the store chose, `fold` near ones; both only among current versions.
    """CREATE TABLE docs (
        space INTEGER NOT NULL, seq INTEGER NOT NULL, base INTEGER NOT NULL, closed INTEGER, same INTEGER, fold INTEGER,
        fixed BLOB NOT NULL, terms BLOB NOT NULL, PRIMARY KEY (space, seq)) WITHOUT ROWID""",
    "CREATE INDEX docs_closed ON docs (space, closed) WHERE closed IS NOT NULL",
    "CREATE INDEX docs_same ON docs (space, same) WHERE same IS NOT NULL",
    "CREATE INDEX docs_fold ON docs (space, fold) WHERE fold IS NOT NULL",
    """CREATE TABLE links (
        space INTEGER NOT NULL, src TEXT NOT NULL, relation TEXT NOT NULL, dst TEXT NOT NULL, seq INTEGER NOT NULL,
        PRIMARY KEY (space, src, relation, dst)) WITHOUT ROWID""",
    "CREATE INDEX links_dst ON links (space, dst)",
    """CREATE TABLE lineage (
        space INTEGER NOT NULL, parent TEXT NOT NULL, child TEXT NOT NULL,
        PRIMARY KEY (space, parent, child)) WITHOUT ROWID""",
    "CREATE INDEX lineage_child ON lineage (space, child)",
    """CREATE TABLE touches (
        space INTEGER NOT NULL, rid TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (space, rid, seq)) WITHOUT ROWID""",
    """CREATE TABLE tombstones (
        space INTEGER NOT NULL, rid TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (space, rid)) WITHOUT ROWID""",
    # Which versions (`seq`) a forget event (`by`) erased: followers drop them.
    """CREATE TABLE erased (
        space INTEGER NOT NULL, by INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (space, by, seq)) WITHOUT ROWID""",
    # Acknowledgements by idempotency key; `digest` of the call's changes is NULL once one of its records is forgotten.
    """CREATE TABLE keys (
        space INTEGER NOT NULL, key TEXT NOT NULL, digest BLOB, acks TEXT NOT NULL,
        PRIMARY KEY (space, key)) WITHOUT ROWID""",
    # Vectors of the content event `seq` under encoder `slot` have id = seq * 16 + slot. All content up to `cursor` has them.
    """CREATE TABLE encoders (
        slot INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, dim INTEGER NOT NULL, cursor INTEGER NOT NULL)""",
    "CREATE TABLE dense (id INTEGER PRIMARY KEY, vector BLOB NOT NULL)",
    "CREATE TABLE tokens (id INTEGER PRIMARY KEY, states BLOB NOT NULL)",
)


def migrate(db: sqlite3.Connection) -> None:
    """Make the tables in an empty file, inside the caller's transaction."""
    for statement in TABLES:
        db.execute(statement)
    db.execute("PRAGMA user_version = 1")
