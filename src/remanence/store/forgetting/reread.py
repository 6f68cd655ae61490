"""What follows a forget: empty the log, read every surface again, compact where a byte is left, and write the receipt.

The surfaces are the query paths (`get`, `history`, records by number, events), every derived table, the vectors, the forms outside
the ledger, and the raw bytes of all files. What a remaining record says too is no finding: it is counted as shared. Copies in
the gaps of pages are no row of any table: the table of names is written anew first, which costs little, and then the whole file
(`VACUUM`). Readers go on meanwhile.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from remanence.errors import NotFound, StoreBusy, StoreFull
from remanence.seams import Form
from remanence.store import reading
from remanence.store.connections import Connections, log_of
from remanence.store.forgetting import scan
from remanence.store.forgetting.erase import Erased, rewrite_names, unused_names
from remanence.store.forgetting.receipts import Signer
from remanence.types import Check, Micros, Receipt, Scope, to_datetime

PATIENCE: Final = 5.0
"""Seconds that a forget waits for readers to let go of the log."""
SPARE: Final = 0.25
"""Share of free pages above which the file is written anew, whatever was found."""
LEAST_PAGES: Final = 256
"""Free pages below which that is not worth it: 1 MB."""
PROBES: Final = 1_000
"""Ids that are asked for one by one; of more, every so many-th. The tables are asked for all of them."""
_SWEEP: Final = "sweep "
_NOBODY: Final = "nobody"
NOWHERE: Final = 0
"""The number of no space: what belongs to the file as a whole lies under it."""


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


# --- forgets that were cut short --------------------------------------------------------------------------------


def _started(pid: int) -> str:
    """When a process began, where the system says; numbers of processes come again, in a restarted container always."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[19]  # fmt: skip
    except (OSError, IndexError):
        return ""


def _token() -> str:
    """A name for this process that no other one has."""
    return f"{os.getpid()}.{os.urandom(6).hex()}.{_started(os.getpid())}"


class _Me:
    """This process; a fork of it is another one."""

    token = _token()


def _forked() -> None:
    _Me.token = _token()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def begin(db: sqlite3.Connection, seq: int) -> None:
    """Note in the transaction of a forget, whose last event is `seq`, that its bytes are not looked after yet."""
    db.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?, '')", (NOWHERE, _note(seq)))


def end(connections: Connections, seq: int, *, left: bool) -> None:
    """They are; or, where something is `left`, whoever opens the store next shall write it anew."""
    with suppress(StoreBusy, StoreFull), connections.writing() as db:  # then the note stays
        for note in (_note(seq), f"{_SWEEP}{_NOBODY} {seq}"):
            db.execute("DELETE FROM cursors WHERE space = ? AND name = ?", (NOWHERE, note))
        if left:
            db.execute("INSERT INTO cursors VALUES (?, ?, '')", (NOWHERE, note))


def _note(seq: int) -> str:
    return f"{_SWEEP}{_Me.token} {seq}"


def resume(connections: Connections) -> None:
    """On opening for writing: empty a log that a killed process left, and finish its forget. Cheap where there is none."""
    log = log_of(connections.path)
    if log.exists() and log.stat().st_size:
        empty_log(connections, 0.0)
    with connections.reading() as db:
        cut = _cut_short(db)
    if not cut:
        return
    scan.drop_parts(connections.path)
    try:
        compact(connections)  # what to look for is no longer known
    except (StoreBusy, StoreFull):
        return  # the next opening tries again
    if empty_log(connections, PATIENCE):
        with connections.writing() as db:
            db.executemany(
                "DELETE FROM cursors WHERE space = ? AND name = ?", [(NOWHERE, n) for n in cut]
            )


def _cut_short(db: sqlite3.Connection) -> list[str]:
    rows = db.execute("SELECT name FROM cursors WHERE space = ?", (NOWHERE,)).fetchall()
    names = [name for (name,) in rows if name.startswith(_SWEEP)]
    return [name for name in names if not _working(name.removeprefix(_SWEEP))]


def _working(token: str) -> bool:
    if token.startswith(f"{_NOBODY} "):
        return False
    number, _, rest = token.partition(" ")[0].partition(".")
    pid, since = int(number), rest.partition(".")[2]
    if token.startswith(f"{_Me.token} "):
        return True
    return pid != os.getpid() and scan.running(pid) and since in ("", _started(pid))


# --- bytes --------------------------------------------------------------------------------------------------------


def empty_log(connections: Connections, patience: float) -> bool:
    """Fold the write-ahead log into the file and empty it. False where readers still needed it after so many seconds.

    It asks again and again instead of waiting inside SQLite, which would keep every writer out meanwhile."""
    deadline = time.monotonic() + patience
    pause = 0.002
    while True:
        with connections.alone() as db:
            usual = db.execute("PRAGMA busy_timeout").fetchone()[0]
            db.execute("PRAGMA busy_timeout = 10")
            try:
                busy: int = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            finally:
                # sql: a pragma takes no parameters; what is put in is a whole number
                db.execute(f"PRAGMA busy_timeout = {int(usual)}")
        if not busy or time.monotonic() >= deadline:
            return not busy
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


def compact(connections: Connections) -> None:
    """Write the file anew, without free pages and without what gaps between rows held.

    Raises: StoreBusy, StoreFull: then the file is as it was."""
    with connections.alone() as db:
        db.execute("VACUUM")


def spare(db: sqlite3.Connection) -> bool:
    """Whether so much of the file is free that writing it anew pays."""
    free: int = db.execute("PRAGMA freelist_count").fetchone()[0]
    pages: int = db.execute("PRAGMA page_count").fetchone()[0]
    return free >= LEAST_PAGES and free > SPARE * pages


def search(connections: Connections, needles: scan.Needles, *, mend: bool) -> tuple[Check, bool]:
    """Look for what was erased in every byte of the store's files, compacting where something is left and `mend`. Returns what
    was found in the end, and whether the file was written anew."""
    path = connections.path
    patterns = needles.patterns()
    left, looked, files = _unshared(connections, patterns)
    shared = left.shared
    compacted = False
    if left.found and mend:
        with suppress(
            StoreBusy, StoreFull
        ):  # the forget is committed: what can't be done now is told
            with connections.writing() as db:
                rewrite_names(db)
            empty_log(connections, PATIENCE)
        left, looked, files = _unshared(connections, _only(patterns, left))
    note = ""
    if left.found and mend:
        try:
            compact(connections)
            compacted = empty_log(connections, PATIENCE)
        except (StoreBusy, StoreFull) as error:
            note = f"; it could not be compacted: {error.message}"
        left, looked, files = _unshared(connections, _only(patterns, left))
    fragments = len(needles.texts) + len(needles.blobs)
    said = f"{fragments} fragments in {len(patterns)} spellings, {files} files"
    if shared:
        said += f"; {shared} spellings are also in what remains"
    if needles.left_out:
        said += f"; {needles.left_out} fragments were not looked for: too many"
    if scan.head(path)[:16] != b"SQLite format 3\0":
        said += "; the file is encrypted: this says that nothing of it lies there plain"
    where = sorted({place for place, _ in left.found.values()})
    if where:
        said += f"; in {', '.join(where)}"
    return Check("files", looked, len(left.found), said + note), compacted


@dataclass(frozen=True, slots=True)
class _Left:
    """Patterns that are somewhere: those that nothing remaining has, with their places, and how many something has."""

    found: dict[bytes, tuple[str, int]]
    shared: int


def _only(patterns: dict[bytes, bool], left: _Left) -> dict[bytes, bool]:
    return {pattern: patterns[pattern] for pattern in left.found}


def _unshared(connections: Connections, patterns: dict[bytes, bool]) -> tuple[_Left, int, int]:
    scanner = scan.Scanner(list(patterns))
    looked = files = 0
    for file in scan.own_files(connections.path):
        looked += scanner.file(file)
        files += 1
    by_pattern = {scanner.patterns[id]: place for id, place in scanner.found.items()}
    held = _held(connections, {pattern: patterns[pattern] for pattern in by_pattern})
    left = {pattern: place for pattern, place in by_pattern.items() if pattern not in held}
    return _Left(left, len(held)), looked, files


def _held(connections: Connections, patterns: dict[bytes, bool]) -> set[bytes]:
    """Those that a row which remains has a right to: they are somebody else's too."""
    held: set[bytes] = set()
    for textual, queries in ((True, _SAID), (False, _COMPUTED)):
        wanted = [pattern for pattern, is_text in patterns.items() if is_text == textual]
        if not wanted:
            continue
        scanner = scan.Scanner(wanted)
        with connections.reading() as db:
            for query in queries:
                for part in _batches(db.execute(query)):
                    scanner.blobs(part)
                    if len(scanner.found) == len(wanted):
                        break
        held.update(wanted[id] for id in scanner.found)
    return held


def _batches(rows: sqlite3.Cursor) -> Iterator[list[bytes]]:
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
    "SELECT sql FROM sqlite_master",
    "SELECT tenant, user FROM spaces",
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


def surfaces(db: sqlite3.Connection, forgotten: Forgotten) -> list[Check]:
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


def _asked(surface: str, db: sqlite3.Connection, forgotten: Forgotten) -> Check:
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


def _one(db: sqlite3.Connection, query: str, values: tuple[object, ...]) -> int:
    number: int = db.execute(query, values).fetchone()[0]
    return number


_EVENTS: Final = (
    "SELECT count(*) FROM json_each(?) j CROSS JOIN events e ON e.seq = j.value "
    "WHERE e.body IS NOT NULL OR e.salt IS NOT NULL"
)
_DOCS: Final = (
    "SELECT count(*) FROM json_each(?) j CROSS JOIN docs d ON d.space = ? AND d.seq = j.value"
)
_DENSE: Final = "SELECT count(*) FROM json_each(?) j CROSS JOIN dense v ON v.id BETWEEN j.value * 16 AND j.value * 16 + 15"
_TOKENS: Final = "SELECT count(*) FROM json_each(?) j CROSS JOIN tokens v ON v.id BETWEEN j.value * 16 AND j.value * 16 + 15"
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


# --- all of it ----------------------------------------------------------------------------------------------------


def erase_forms(forgotten: Forgotten, forms: Iterable[Form]) -> None:
    """Erase what was made of the records outside the ledger."""
    erased = forgotten.erased
    for form in forms:
        number = form.erase(forgotten.scope, erased.ids, erased.texts)
        forgotten.derived[form.name] = forgotten.derived.get(form.name, 0) + number


def check(
    connections: Connections, forgotten: Forgotten, forms: Sequence[Form], *, mend: bool
) -> list[Check]:
    """Read everything again, bytes included. `mend`: compact where something is left, which is no use while the log is held."""
    needles = forgotten.erased.needles
    found, compacted = search(connections, needles, mend=mend)
    checks = [found]
    if mend and not compacted:
        with connections.reading() as db:
            pays = spare(db)
        if pays:
            with suppress(StoreBusy, StoreFull):  # only room was to be won
                compact(connections)
                empty_log(connections, PATIENCE)
    with connections.reading() as db:
        checks += surfaces(db, forgotten)
    raw = needles.raw() if forms else []
    for form in forms:
        looked, hits = form.scan(raw)
        if hits:  # what a remaining record says too may be there
            held = _held(connections, dict.fromkeys(raw, True))
            looked, hits = form.scan([fragment for fragment in raw if fragment not in held])
        checks.append(Check(form.name, looked, hits, ""))
    return checks


def settle_log(connections: Connections) -> Check:
    """Empty the log and delete what killed exports left."""
    parts = scan.drop_parts(connections.path)
    note = f"a reader held it for more than {PATIENCE:g} s: checkpoint() later"
    try:
        empty = empty_log(connections, PATIENCE)
    except (StoreBusy, StoreFull) as error:
        empty, note = False, error.message
    note = "" if empty else note
    if parts:
        note = "; ".join(filter(None, (note, f"{parts} half-done files of ended exports deleted")))
    return Check("log", 1, int(not empty), note)
