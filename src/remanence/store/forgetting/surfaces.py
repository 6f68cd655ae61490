"""What is looked at after a forget, whatever the store stands on: the query paths (`get`, `history`, records by number, events), every
derived table, the vectors, and the forms outside the ledger. The bytes below are the engine's: `reread` for SQLite.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final

from remanence.errors import NotFound
from remanence.seams import Form
from remanence.store import reading
from remanence.store.engine import Connecting, Database, Rows
from remanence.store.forgetting import scan
from remanence.store.forgetting.erase import Erased, unused_names
from remanence.store.forgetting.receipts import Signer
from remanence.types import Check, Micros, Receipt, Scope, to_datetime

PROBES: Final = 1_000
"""Ids that are asked for one by one; of more, every so many-th. The tables are asked for all of them."""


@dataclass(slots=True)
class Forgotten:
    """A committed forget whose receipt is being written."""

    scope: Scope
    actor: str
    at: Micros
    seq: int
    head: str
    erased: Erased
    derived: dict[str, int] = field(default_factory=dict)

    def receipt(self, checks: Sequence[Check], signer: Signer | None) -> Receipt:
        """All of it, signed where there is a signer."""
        moment = to_datetime(self.at)
        assert moment is not None
        derived = {name: count for name, count in self.derived.items() if name != "versions"}
        receipt = Receipt(
            ids=tuple(self.erased.ids), versions=len(self.erased.seqs), derived=derived, at=moment, seq=self.seq,
            scope=self.scope, actor=self.actor, digests=tuple(self.erased.digests), head=self.head, checks=tuple(checks),
        )  # fmt: skip
        return signer.sign(receipt) if signer else receipt


def erase_forms(forgotten: Forgotten, forms: Iterable[Form]) -> None:
    """Erase what was made of the records outside the ledger."""
    erased = forgotten.erased
    for form in forms:
        number = form.erase(forgotten.scope, erased.ids, erased.texts)
        forgotten.derived[form.name] = forgotten.derived.get(form.name, 0) + number


def check_forms(
    connections: Connecting, raw: Sequence[bytes], forms: Iterable[Form]
) -> Iterator[Check]:
    """Whether fragments of what was erased are still in the forms outside the ledger."""
    for form in forms:
        looked, hits = form.scan(raw)
        if hits:  # what a remaining record says too may be there
            theirs = held(connections.reading, dict.fromkeys(raw, True))
            looked, hits = form.scan([fragment for fragment in raw if fragment not in theirs])
        yield Check(form.name, looked, hits, "")


def held(
    reading: Callable[[], AbstractContextManager[Database]],
    patterns: dict[bytes, bool],
    more: Sequence[str] = (),
) -> set[bytes]:
    """Those that a row which remains has a right to: they are somebody else's too. `more`: where an engine has computed rows besides."""
    found: set[bytes] = set()
    for textual, queries in ((True, _SAID), (False, (*_COMPUTED, *more))):
        wanted = [pattern for pattern, is_text in patterns.items() if is_text == textual]
        if not wanted:
            continue
        scanner = scan.Scanner(wanted)
        with reading() as db:
            for query in queries:
                for part in _batches(db.execute(query)):
                    scanner.blobs(part)
                    if len(scanner.found) == len(wanted):
                        break
        found.update(wanted[id] for id in scanner.found)
    return found


def _batches(rows: Rows) -> Iterator[list[bytes]]:
    size = 64
    while part := rows.fetchmany(size):
        yield [
            value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
            for row in part
            for value in row
            if value is not None
        ]
        size = min(2 * size, 8192)


_SAID: Final = (
    'SELECT tenant, "user" FROM spaces',
    "SELECT text FROM names WHERE text IS NOT NULL",
    "SELECT id FROM encoders",
    "SELECT body FROM events WHERE body IS NOT NULL",
    "SELECT DISTINCT rid, actor FROM events",
    "SELECT key, acks FROM keys",
    "SELECT name, value FROM cursors",
)
_COMPUTED: Final = (
    "SELECT terms FROM docs",
    "SELECT vector FROM dense",
    "SELECT states FROM tokens",
    "SELECT salt FROM events WHERE salt IS NOT NULL",
)


# --- rows ---------------------------------------------------------------------------------------------------------


def surfaces(db: Database, forgotten: Forgotten) -> list[Check]:
    """Every way to read the store, on one snapshot."""
    erased = forgotten.erased
    space = erased.space
    checks = [
        _asked("get", db, forgotten),
        _asked("history", db, forgotten),
        Check(
            "records",
            len(erased.seqs),
            len(reading.found(db, space, space.names, erased.seqs)),
            "versions by number, as searches and lists read them",
        ),
    ]
    seqs = json.dumps([*erased.seqs, *erased.beside])
    versions = json.dumps(erased.seqs)
    for surface, looked, query, values in (
        ("events", len(erased.seqs) + len(erased.beside), _EVENTS, (seqs,)),
        ("words", len(erased.seqs), _DOCS, (versions, space.id)),
        ("dense", len(erased.seqs), _DENSE, (versions,)),
        ("tokens", len(erased.seqs), _TOKENS, (versions,)),
    ):
        checks.append(Check(surface, looked, _one(db, query, values), _NOTES.get(surface, "")))
    ids = json.dumps(erased.ids)
    for table, query in _NAMING.items():
        checks.append(Check(table, len(erased.ids), _one(db, query, (ids, space.id)), ""))
    again = [
        db.execute(
            "SELECT code FROM names WHERE space = ? AND text = ?", (space.id, name)
        ).fetchone()
        for name in erased.names
    ]
    # Somebody may have used one anew since the commit: then it is that record's.
    names = unused_names(db, space.id, {row[0] for row in again if row}, ())
    checks.append(Check("names", len(erased.names), len(names), "that nothing else uses"))
    named = set(erased.ids)
    keys = db.execute(
        "SELECT acks FROM keys WHERE space = ? AND digest IS NOT NULL", (space.id,)
    ).fetchall()
    stale = sum(any(ack[1] in named for ack in json.loads(acks)) for (acks,) in keys)
    checks.append(Check("keys", len(keys), stale, "digests of calls that brought them"))
    return checks


def _asked(surface: str, db: Database, forgotten: Forgotten) -> Check:
    erased = forgotten.erased
    probes = erased.ids[:: -(-len(erased.ids) // PROBES) or 1]
    found = 0
    for id in probes:
        try:
            if surface == "get":
                found += (
                    reading.get(db, erased.space, erased.space.names, id, None, None) is not None
                )
            else:
                found += bool(reading.history(db, erased.space, erased.space.names, id))
        except NotFound:
            continue
    return Check(surface, len(probes), found, f"of {len(erased.ids)} ids")


def _one(db: Database, query: str, values: tuple[object, ...]) -> int:
    number: int = db.execute(query, values).fetchone()[0]
    return number


_EVENTS: Final = (
    "SELECT count(*) FROM json_each(?) j CROSS JOIN events e ON e.seq = CAST(j.value AS BIGINT) "
    "WHERE e.body IS NOT NULL OR e.salt IS NOT NULL"
)
_DOCS: Final = "SELECT count(*) FROM json_each(?) j CROSS JOIN docs d ON d.space = ? AND d.seq = CAST(j.value AS BIGINT)"
_DENSE: Final = (
    "SELECT count(*) FROM json_each(?) j CROSS JOIN dense v "
    "ON v.id BETWEEN CAST(j.value AS BIGINT) * 16 AND CAST(j.value AS BIGINT) * 16 + 15"
)
_TOKENS: Final = (
    "SELECT count(*) FROM json_each(?) j CROSS JOIN tokens v "
    "ON v.id BETWEEN CAST(j.value AS BIGINT) * 16 AND CAST(j.value AS BIGINT) * 16 + 15"
)
_NAMING: Final = {
    "links": "SELECT (SELECT count(*) FROM json_each(?1) j CROSS JOIN links l ON l.space = ?2 AND l.src = j.value) "
    "+ (SELECT count(*) FROM json_each(?1) j CROSS JOIN links l ON l.space = ?2 AND l.dst = j.value)",
    "lineage": "SELECT (SELECT count(*) FROM json_each(?1) j CROSS JOIN lineage l ON l.space = ?2 AND l.parent = j.value) "
    "+ (SELECT count(*) FROM json_each(?1) j CROSS JOIN lineage l ON l.space = ?2 AND l.child = j.value)",
    "touches": "SELECT count(*) FROM json_each(?1) j CROSS JOIN touches t ON t.space = ?2 AND t.rid = j.value",
    "marks": "SELECT count(*) FROM json_each(?1) j CROSS JOIN marks m ON m.space = ?2 AND m.rid = j.value",
}
_NOTES: Final = {
    "events": "bodies and salts",
    "words": "rows of the lexical index: a word that still occurs is another record's",
}
