"""Schema 2: slots of facts, marks, uses that a follower can ask for by time, and how far asleep work is.

Rows of `docs` grow by two numbers: `slot`, 0 in old files; `source`, the first event of the record that the first source names.
Links and uses that were taken back stay, with the event that did it, so that a forget reaches them.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Final

TABLES: Final = (
    # Facts among the currently known versions, by what they are about; `until`: the end of their valid time.
    "ALTER TABLE docs ADD COLUMN slot INTEGER",
    "ALTER TABLE docs ADD COLUMN until INTEGER",
    "CREATE INDEX docs_slot ON docs (space, slot, until) WHERE slot IS NOT NULL",
    # `off`: the event that took it back; NULL while it stands.
    """CREATE TABLE links_2 (
        space INTEGER NOT NULL, src TEXT NOT NULL, relation TEXT NOT NULL, dst TEXT NOT NULL, seq INTEGER NOT NULL,
        off INTEGER, PRIMARY KEY (space, src, relation, dst, seq)) WITHOUT ROWID""",
    "INSERT INTO links_2 SELECT space, src, relation, dst, seq, NULL FROM links",
    "DROP TABLE links",
    "ALTER TABLE links_2 RENAME TO links",
    "CREATE INDEX links_dst ON links (space, dst)",
    "CREATE INDEX links_relation ON links (space, relation, seq)",
    # One row per use. `first`: the event that made version 1 of the record; `until`: known time at which it was taken back.
    """CREATE TABLE touches_2 (
        space INTEGER NOT NULL, seq INTEGER NOT NULL, rid TEXT NOT NULL, first INTEGER NOT NULL, at INTEGER NOT NULL,
        until INTEGER NOT NULL, off INTEGER, PRIMARY KEY (space, seq)) WITHOUT ROWID""",
    """INSERT INTO touches_2 SELECT t.space, t.seq, t.rid, a.seq, e.at, 4611686018427387904, NULL FROM touches t
        JOIN events e ON e.seq = t.seq
        JOIN events a ON a.space = t.space AND a.rid = t.rid AND a.version = 1 AND a.op <= 3""",
    "DROP TABLE touches",
    "ALTER TABLE touches_2 RENAME TO touches",
    "CREATE INDEX touches_rid ON touches (space, rid)",
    "CREATE INDEX touches_off ON touches (space, off) WHERE off IS NOT NULL",
    # One row per stretch of known time during which a record bore a mark. `mark`: code in `names`; `seq_on`, `seq_off`: the events.
    """CREATE TABLE marks (
        space INTEGER NOT NULL, rid TEXT NOT NULL, first INTEGER NOT NULL, mark INTEGER NOT NULL, since INTEGER NOT NULL,
        until INTEGER NOT NULL, seq_on INTEGER NOT NULL, seq_off INTEGER, PRIMARY KEY (space, seq_on)) WITHOUT ROWID""",
    "CREATE INDEX marks_rid ON marks (space, rid, mark)",
    "CREATE INDEX marks_off ON marks (space, seq_off) WHERE seq_off IS NOT NULL",
    "CREATE INDEX marks_now ON marks (space, mark) WHERE seq_off IS NULL",
    # How far a sleeper is, by name.
    """CREATE TABLE cursors (
        space INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (space, name)) WITHOUT ROWID""",
)


def migrate(db: sqlite3.Connection) -> None:
    """Bring a file of schema 1 up to date, inside the caller's transaction."""
    for statement in TABLES:
        db.execute(statement)
    # Joining blobs gives text, even of blobs.
    db.execute("UPDATE docs SET fixed = CAST(fixed || zeroblob(16) AS BLOB)")
    for space, seq, source in _sources(db):
        db.execute(
            "UPDATE docs SET fixed = CAST(substr(fixed, 1, length(fixed) - 8) || ? AS BLOB) WHERE space = ? AND seq = ?",
            (source.to_bytes(8, "little"), space, seq),
        )
    db.execute("PRAGMA user_version = 2")


def _sources(db: sqlite3.Connection) -> list[tuple[int, int, int]]:
    """(space, seq, first event of the first source) of every version whose content names one that was there before it."""
    rows = db.execute(
        "SELECT d.space, d.seq, d.base, c.body FROM docs d JOIN events e ON e.seq = d.seq JOIN events c ON c.seq = d.base "
        "WHERE EXISTS (SELECT 1 FROM lineage l WHERE l.space = d.space AND l.child = e.rid)"
    )
    found = []
    for space, seq, base, raw in rows.fetchall():
        sources = json.loads(raw.decode("utf-8", "surrogatepass")).get("sources", ())
        row = (
            sources
            and db.execute(
                "SELECT seq FROM events WHERE space = ? AND rid = ? AND version = 1 AND op <= 3 AND seq < ?",
                (space, sources[0][0], base),
            ).fetchone()
        )
        if row:
            found.append((space, seq, row[0]))
    return found
