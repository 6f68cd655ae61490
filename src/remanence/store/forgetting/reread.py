"""What follows a forget in an SQLite file: empty the log, read everything again, and compact where a byte is left.

Beside the surfaces of any store these are the raw bytes of all files. What a remaining record says too is no finding: it is counted as
shared. Copies in the gaps of pages are no row of any table: the table of names is written anew first, which costs little, and then the
whole file (`VACUUM`). Readers go on meanwhile.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from remanence.errors import StoreBusy, StoreFull
from remanence.seams import Form
from remanence.store.connections import Connections, log_of
from remanence.store.engine import Database
from remanence.store.forgetting import scan
from remanence.store.forgetting.erase import rewrite_names
from remanence.store.forgetting.surfaces import Forgotten, check_forms, held, surfaces
from remanence.store.ledger import KEEP_CURSOR, NOWHERE
from remanence.types import Check

PATIENCE: Final = 5.0
"""Seconds that a forget waits for readers to let go of the log."""
SPARE: Final = 0.25
"""Share of free pages above which the file is written anew, whatever was found."""
LEAST_PAGES: Final = 256
"""Free pages below which that is not worth it: 1 MB."""
_SWEEP: Final = "sweep "
_NOBODY: Final = "nobody"


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


def begin(db: Database, seq: int) -> None:
    """Note in the transaction of a forget, whose last event is `seq`, that its bytes are not looked after yet."""
    db.execute(KEEP_CURSOR, (NOWHERE, _note(seq), ""))


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


def _cut_short(db: Database) -> list[str]:
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


def spare(db: Database) -> bool:
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
    theirs = held(connections.reading, {pattern: patterns[pattern] for pattern in by_pattern})
    theirs.update(_of_schema(connections, by_pattern))
    left = {pattern: place for pattern, place in by_pattern.items() if pattern not in theirs}
    return _Left(left, len(theirs)), looked, files


def _of_schema(connections: Connections, patterns: Iterable[bytes]) -> set[bytes]:
    """Those that the statements which made the tables hold."""
    with connections.reading() as db:
        schema = "\n".join(row[0] or "" for row in db.execute("SELECT sql FROM sqlite_master"))
    return {pattern for pattern in patterns if pattern in schema.encode()}


# --- all of it ----------------------------------------------------------------------------------------------------


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
    return [*checks, *check_forms(connections, needles.raw(), forms)]


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
