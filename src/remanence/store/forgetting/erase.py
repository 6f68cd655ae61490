"""Forgetting: which records go together, and the erasure of all that the store holds of them.

The events stay, with their headers, so that the chain verifies; their salts and bodies go, and with them every derived row, vector and
name that nothing else uses. A `forget` event per record says what was erased. Ids and actors stay known, as the chain covers them: an
import that runs again can't bring a forgotten record back. So an id must not say anything that is to be forgotten.

SQLite zeroes what a deleted row occupied (`secure_delete`), but not the copies that splits and merges of pages left in the gaps of
others; `reread` looks for those.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from remanence.store.content import Body, decode
from remanence.store.derive import FORGET
from remanence.store.engine import Database
from remanence.store.forgetting.scan import Needles
from remanence.store.ledger import Space, Transaction
from remanence.store.rows import ROW, unpack_row
from remanence.store.scopes import SEPARATOR, inside
from remanence.types import ForgetPlan

SLOTS: Final = 16
"""Encoders that one store can hold vectors of; the row id of a vector is `seq * SLOTS + slot`."""
ANONYMOUS: Final = ""
"""The tenant of a space whose names were forgotten: no caller can name it."""
NOTHING: Final = ForgetPlan(asked=(), kin=(), forms={}, bytes=0)
_NAMED: Final = ("session", "speaker", "tail", "kind")
_NO_CONTENT: Final = frozenset(
    "session speaker kind scope role valid_from valid_to trust sources closes of undoes relation dst same".split()
)
"""Members of a body that are ids, numbers and words of ours; and names, which are looked for only where nothing else has them."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What the ledger and its tables have of one record. `seqs`: its versions; `beside`: events that hold no version."""

    id: str
    version: int
    seqs: tuple[int, ...]
    beside: tuple[int, ...]
    codes: frozenset[int]
    links: int
    lineage: int
    touches: int
    marks: int


@dataclass(slots=True)
class Erased:
    """What one forget took, for its receipt and for whoever reads everything again."""

    space: Space
    ids: list[str] = field(default_factory=list)
    seqs: list[int] = field(default_factory=list)
    beside: list[int] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    gone: dict[str, int] = field(default_factory=dict)
    names: list[bytes] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    needles: Needles = field(default_factory=Needles)

    def count(self, table: str, rows: int) -> None:
        """So many rows of a table are gone."""
        self.gone[table] = self.gone.get(table, 0) + rows


def closure(db: Database, space: int, ids: Iterable[str]) -> list[str]:
    """These records and all that was derived from them, at any remove: children before their parents' other kin, each once."""
    found: dict[str, None] = {}
    waiting = list(ids)
    for id in waiting:
        if id in found:
            continue
        found[id] = None
        rows = db.execute(
            "SELECT child FROM lineage WHERE space = ? AND parent = ? ORDER BY child", (space, id)
        )
        waiting.extend(row[0] for row in rows)
    return list(found)


def inhabitants(db: Database, space: Space, tail: str) -> list[str]:
    """Ids of all records of a space that lie inside `tail`, whatever their state, oldest first."""
    codes = {
        code
        for code, text in db.execute(
            "SELECT code, text FROM names WHERE space = ? AND text IS NOT NULL", (space.id,)
        )
        if inside(text.decode("utf-8", "surrogatepass"), tail)
    }
    rows = db.execute(
        "SELECT e.rid, d.fixed FROM docs d JOIN events e ON e.seq = d.seq WHERE d.space = ? ORDER BY d.seq",
        (space.id,),
    )
    return list(
        dict.fromkeys(rid for rid, fixed in rows if not tail or unpack_row(fixed).tail in codes)
    )


def traces(db: Database, space: int, ids: Iterable[str]) -> Iterator[Trace]:
    """What there is of each record; those forgotten before, as part of another one's kin, are left out."""
    for id in ids:
        key = (space, id)
        rows = db.execute(
            "SELECT e.seq, e.version, d.fixed FROM events e JOIN docs d ON d.space = e.space AND d.seq = e.seq "
            "WHERE e.space = ? AND e.rid = ? AND e.op <= 3 ORDER BY e.version",
            key,
        ).fetchall()
        if not rows:
            continue
        links, touches, marks = (_column(db, q, key) for q in (_LINKS, _TOUCHES, _MARKS))
        fixed = [unpack_row(row[2]) for row in rows]
        codes = {code for row in fixed for code in (row.session, row.speaker, row.tail, row.kind)}
        codes.update(
            _column(
                db, "SELECT mark FROM marks INDEXED BY marks_rid WHERE space = ? AND rid = ?", key
            )
        )
        yield Trace(
            id=id,
            version=rows[-1][1],
            seqs=tuple(row[0] for row in rows),
            beside=tuple(sorted({*links, *touches, *marks, *_column(db, _UNDOS, key)})),
            codes=frozenset(codes - {0}),
            links=len(links),
            lineage=len(_column(db, _LINEAGE, key)),
            touches=len(touches),
            marks=len(marks),
        )


def plan(db: Database, space: Space, ids: Sequence[str]) -> ForgetPlan:
    """What forgetting these records would erase; nothing is changed."""
    asked = list(dict.fromkeys(ids))
    found = list(traces(db, space.id, closure(db, space.id, asked)))
    forms = {name: sum(getattr(trace, name) for trace in found) for name in _COUNTED}
    seqs = [seq for trace in found for seq in trace.seqs]
    forms["versions"] = forms["docs"] = len(seqs)
    size = 0
    every = json.dumps([*seqs, *(seq for trace in found for seq in trace.beside)])
    for table, query in _SIZES.items():
        values = (json.dumps(seqs), space.id) if table == "docs" else (every,)
        number, held = db.execute(query, values).fetchone()
        size += held or 0
        if table in ("dense", "tokens"):
            forms[table] = number
    named = {trace.id for trace in found}
    forms["keys"] = len(_keys_naming(db, space.id, named))
    forms["cursors"] = len(_cursors_naming(db, space.id, named))
    return ForgetPlan(
        asked=tuple(id for id in asked if id in named),
        kin=tuple(trace.id for trace in found if trace.id not in set(asked)),
        forms={name: count for name, count in forms.items() if count},
        bytes=size,
    )


def forget_records(tx: Transaction, space: Space, ids: Sequence[str]) -> Erased:
    """Erase these records in the transaction. `gone` counts rows by table; `versions` are content events."""
    erased = Erased(space)
    found = list(traces(tx.db, space.id, ids))
    for trace in found:
        erased.ids.append(trace.id)
        erased.seqs.extend(trace.seqs)
        erased.beside.extend(trace.beside)
        for name in _COUNTED:
            erased.count(name, getattr(trace, name))
    erased.count("versions", len(erased.seqs))
    erased.count("docs", len(erased.seqs))
    _gather(tx.db, erased)
    _blank(tx.db, erased)
    for trace in found:
        body = {"seqs": list(trace.seqs), "beside": list(trace.beside)}
        tx.append(space, FORGET, trace.id, trace.version, body)
    codes = {code for trace in found for code in trace.codes}
    unused = unused_names(tx.db, space.id, codes, erased.seqs)
    for code in unused:
        row = tx.db.execute(
            "SELECT text FROM names WHERE space = ? AND code = ?", (space.id, code)
        ).fetchone()
        erased.names.append(row[0])
        for part in row[0].decode("utf-8", "surrogatepass").split(SEPARATOR):
            erased.needles.add_text(part)
    tx.deriver.blank(space.id, unused)
    erased.count("names", len(unused))
    gone = set(erased.ids)
    erased.count("keys", _drop_digests(tx.db, space.id, gone))
    tails = {name.decode("utf-8", "surrogatepass") for name in erased.names}
    cursors = {*_cursors_naming(tx.db, space.id, gone), *_cursors_under(tx.db, space.id, tails)}
    for name in cursors:
        tx.db.execute("DELETE FROM cursors WHERE space = ? AND name = ?", (space.id, name))
    erased.count("cursors", len(cursors))
    return erased


def forget_names(tx: Transaction, space: Space, erased: Erased) -> None:
    """Erase who a space belonged to, once its records are gone: writing to the same names starts another space.

    The chain holds a salted digest of the names only, and goes on to verify; its salt goes too, so that nobody can test guesses."""
    db = tx.db
    for name in space.names:
        erased.needles.add_text(name)
    erased.names.extend(  # what a rebuild left unused
        text for (text,) in db.execute(
            "SELECT text FROM names WHERE space = ? AND text IS NOT NULL", (space.id,)
        )
    )  # fmt: skip
    erased.count("names", len(erased.names) - erased.gone.get("names", 0) + 1)
    (keys,) = db.execute("SELECT count(*) FROM keys WHERE space = ?", (space.id,)).fetchone()
    (cursors,) = db.execute("SELECT count(*) FROM cursors WHERE space = ?", (space.id,)).fetchone()
    erased.gone["keys"] = max(keys, erased.gone.get("keys", 0))
    erased.count("cursors", cursors)
    db.execute("DELETE FROM keys WHERE space = ?", (space.id,))
    db.execute("DELETE FROM cursors WHERE space = ?", (space.id,))
    db.execute("DELETE FROM names WHERE space = ?", (space.id,))
    db.execute(
        'UPDATE spaces SET tenant = ?, "user" = ?, salt = ? WHERE id = ?',
        (ANONYMOUS, f"forgotten-{space.id}", b"", space.id),
    )


def rewrite_names(db: Database) -> None:
    """Write the table of names anew, into pages that were zeroed: the cheap place to look for copies in the gaps of pages."""
    rows = db.execute("SELECT space, code, text FROM names ORDER BY space, code").fetchall()
    db.execute("DELETE FROM names")
    db.executemany("INSERT INTO names VALUES (?, ?, ?)", rows)


_COUNTED: Final = ("links", "lineage", "touches", "marks")
_LINKS: Final = (
    "SELECT seq FROM links WHERE space = ?1 AND src = ?2 "
    "UNION SELECT seq FROM links INDEXED BY links_dst WHERE space = ?1 AND dst = ?2 ORDER BY seq"
)
_MARKS: Final = (
    "SELECT seq_on FROM marks INDEXED BY marks_rid WHERE space = ?1 AND rid = ?2 "
    "UNION SELECT seq_off FROM marks INDEXED BY marks_rid WHERE space = ?1 AND rid = ?2 AND seq_off IS NOT NULL ORDER BY 1"
)
_UNDOS: Final = (
    "SELECT seq FROM events WHERE space = ? AND rid = ? AND op <= 3 AND version < 0 ORDER BY seq"
)
_LINEAGE: Final = (
    "SELECT 1 FROM lineage WHERE space = ?1 AND parent = ?2 "
    "UNION ALL SELECT 1 FROM lineage WHERE space = ?1 AND child = ?2"
)
_TOUCHES: Final = (
    "SELECT seq FROM touches INDEXED BY touches_rid WHERE space = ? AND rid = ? ORDER BY seq"
)
assert SLOTS == 16
_SIZES: Final = {
    "events": "SELECT count(*), sum(length(e.body) + length(e.salt)) FROM json_each(?) j "
    "CROSS JOIN events e ON e.seq = CAST(j.value AS BIGINT)",
    "docs": "SELECT count(*), sum(length(fixed) + length(terms)) FROM json_each(?) j "
    "CROSS JOIN docs d ON d.space = ? AND d.seq = CAST(j.value AS BIGINT)",
    "dense": "SELECT count(*), sum(length(vector)) FROM json_each(?) j "
    "CROSS JOIN dense v ON v.id BETWEEN CAST(j.value AS BIGINT) * 16 AND CAST(j.value AS BIGINT) * 16 + 15",
    "tokens": "SELECT count(*), sum(length(states)) FROM json_each(?) j "
    "CROSS JOIN tokens v ON v.id BETWEEN CAST(j.value AS BIGINT) * 16 AND CAST(j.value AS BIGINT) * 16 + 15",
}
_IDS: Final = {
    "dense": "SELECT v.id, v.vector FROM json_each(?) j "
    "CROSS JOIN dense v ON v.id BETWEEN CAST(j.value AS BIGINT) * 16 AND CAST(j.value AS BIGINT) * 16 + 15",
    "tokens": "SELECT v.id, v.states FROM json_each(?) j "
    "CROSS JOIN tokens v ON v.id BETWEEN CAST(j.value AS BIGINT) * 16 AND CAST(j.value AS BIGINT) * 16 + 15",
}


def _column(db: Database, query: str, values: tuple[int, str]) -> list[int]:
    return [row[0] for row in db.execute(query, values)]


def _gather(db: Database, erased: Erased) -> None:
    """Take from what is about to be erased what to look for afterwards."""
    needles = erased.needles
    events = db.execute(
        "SELECT e.op, e.salt, e.body, e.digest FROM json_each(?) j CROSS JOIN events e ON e.seq = CAST(j.value AS BIGINT)",
        (json.dumps([*erased.seqs, *erased.beside]),),
    )
    digests = []
    for op, salt, raw, digest in events:
        digests.append(digest.hex())
        if salt is not None:
            needles.add_blob(salt)
        if raw is not None:
            body = decode(raw)
            add_body(needles, body)
            if op in (1, 2):
                erased.texts.append(body["text"])
    erased.digests = digests[: len(erased.seqs)]
    terms = db.execute(
        "SELECT d.terms FROM json_each(?) j CROSS JOIN docs d ON d.space = ? AND d.seq = CAST(j.value AS BIGINT)",
        (json.dumps(erased.seqs), erased.space.id),
    )
    for (blob,) in terms:
        needles.add_blob(blob)
    for query in _IDS.values():
        for _, blob in db.execute(query, (json.dumps(erased.seqs),)):
            needles.add_blob(blob)


def add_body(needles: Needles, body: Body) -> None:
    """Every string of a body that says something."""
    for name, value in body.items():
        if name not in _NO_CONTENT:
            needles.add_value(value)


def _blank(db: Database, erased: Erased) -> None:
    """Take bodies, salts and vectors away."""
    both = [(seq,) for seq in (*erased.seqs, *erased.beside)]
    db.executemany("UPDATE events SET salt = NULL, body = NULL WHERE seq = ?", both)
    for table, query in _IDS.items():
        ids = [(id,) for id, _ in db.execute(query, (json.dumps(erased.seqs),))]
        db.executemany(_DELETES[table], ids)
        erased.count(table, len(ids))


_DELETES: Final = {
    "dense": "DELETE FROM dense WHERE id = ?",
    "tokens": "DELETE FROM tokens WHERE id = ?",
}


def unused_names(db: Database, space: int, codes: set[int], seqs: Sequence[int]) -> set[int]:
    """Those of some names' codes that no remaining row has. `seqs`: what had them."""
    if codes:
        marks = db.execute("SELECT mark FROM marks WHERE space = ?", (space,))
        codes = codes - {code for (code,) in marks}
    for chunk in _chunks(db, space, seqs):
        if not codes:
            break
        for name in _NAMED:
            codes = codes - set(np.unique(chunk[name]).tolist())
    return codes


def _chunks(db: Database, space: int, seqs: Sequence[int]) -> Iterator[NDArray[Any]]:
    """All rows of a space, first a few that stand beside the erased ones: they mostly share their names."""
    for seq in seqs[:: -(-len(seqs) // 32) or 1]:
        for query in (_BEFORE, _BEHIND):
            rows = db.execute(query, (space, seq)).fetchall()
            yield np.frombuffer(b"".join([row[0] for row in rows]), ROW)
    every = db.execute("SELECT fixed FROM docs WHERE space = ?", (space,))
    while part := every.fetchmany(10_000):
        yield np.frombuffer(b"".join([row[0] for row in part]), ROW)


_BEFORE: Final = "SELECT fixed FROM docs WHERE space = ? AND seq < ? ORDER BY seq DESC LIMIT 32"
_BEHIND: Final = "SELECT fixed FROM docs WHERE space = ? AND seq > ? ORDER BY seq LIMIT 32"


def _keys_naming(db: Database, space: int, ids: set[str]) -> list[str]:
    rows = db.execute(
        "SELECT key, acks FROM keys WHERE space = ? AND digest IS NOT NULL", (space,)
    ).fetchall()
    return [key for key, acks in rows if any(ack[1] in ids for ack in json.loads(acks))]


def _cursors_naming(db: Database, space: int, ids: set[str]) -> list[str]:
    """Cursors that mention one of these ids: their sleepers begin anew, and store nothing twice."""
    rows = db.execute("SELECT name, value FROM cursors WHERE space = ?", (space,)).fetchall()
    return [name for name, value in rows if any(id in value for id in ids)]


def _cursors_under(db: Database, space: int, tails: set[str]) -> list[str]:
    """Cursors of scopes that nothing lies in any more: they would keep the scope's name."""
    rows = db.execute("SELECT name FROM cursors WHERE space = ?", (space,)).fetchall()
    return [name for (name,) in rows if name.partition(SEPARATOR)[2] in tails]


def _drop_digests(db: Database, space: int, ids: set[str]) -> int:
    """Idempotency keys keep their acknowledgements, which hold ids only, but not the digest of what was said."""
    named = _keys_naming(db, space, ids)
    for key in named:
        db.execute("UPDATE keys SET digest = NULL WHERE space = ? AND key = ?", (space, key))
    return len(named)
