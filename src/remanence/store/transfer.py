r"""Out of the store and into another: an open file of JSON lines, and online backups.

The export holds everything: the first line says what it is and how much follows, then come lines for spaces, events in their order
(with salts and content, or `null` where it was erased), idempotency keys, cursors of sleepers, encoders and vectors. A body that is not
valid Unicode is given as `body64`, base64 of its bytes. Importing replays the events and checks every hash, so the result has the same
chain and the same digests, or nothing at all.

    {"remanence": "ledger", "format": 2, "events": 2, "vectors": 1, "head": "9f…"}
    {"space": 1, "tenant": "local", "user": "ana", "salt": "…", "key": "…"}
    {"seq": 1, "at": 1736586000000000, "space": 1, "op": "add", "id": "s01:1", "version": 1, "actor": "", "digest": "…",
     "hash": "…", "salt": "…", "body": {"text": "I moved to Porto"}}
    {"key": "call-7", "space": 1, "digest": "…", "acks": […]}
    {"cursor": "archive", "space": 1, "value": "…"}
    {"encoder": "minilm-…", "dim": 384}
    {"vector": 1, "encoder": "minilm-…", "dense": "base64", "tokens": "base64"}
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final
from zlib import crc32

from remanence.errors import BadImport, InvalidInput, StoreFull
from remanence.seams import Analyzer
from remanence.store import cipher
from remanence.store.connections import holder, translated
from remanence.store.content import decode, encode
from remanence.store.derive import FORGET, OPS, Deriver, Entry
from remanence.store.engine import UNFIT, Database, errors
from remanence.store.forgetting.erase import ANONYMOUS, SLOTS
from remanence.store.ledger import GENESIS, chain, content_seal, last_event, space_key
from remanence.store.verify import entries

FORMAT: Final = 2
"""1 was without marks, undone events and cursors, and reads the same."""
Line = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What an import brought."""

    events: int
    vectors: int


def export_jsonl(db: Database, path: Path) -> int:
    """Write one snapshot of the store; the file appears whole or not at all. Returns the number of lines.

    Raises: InvalidInput where the path can't be written, StoreFull."""
    number = 0
    with appearing(path) as part, part.open("wb") as file:
        for line in _lines(db):
            file.write(line + b"\n")
            number += 1
    return number


def import_jsonl(db: Database, analyze: Analyzer, path: Path, *, only: str = "") -> Loaded:
    """Read an export into an empty store, inside the caller's transaction. `only`: the tenant that it must be of.

    Raises: BadImport with the line; InvalidInput where the store is not empty. Then the transaction must be rolled back."""
    if last_event(db)[0]:
        raise InvalidInput("this store is not empty", hint="import into a new one")
    if (
        holder(path) is not None
    ):  # reading it plainly would drop the locks that this process has on it
        raise BadImport(
            "this is a store that is open here",
            path=str(path),
            hint="give a file that export wrote",
        )
    try:
        with path.open("rb") as file:
            return _Import(db, analyze, path, only).run(file)
    except OSError as error:
        raise BadImport(
            f"can't be read: {error.strerror}", path=str(path), hint="check the path"
        ) from error


def backup(db: sqlite3.Connection, path: Path, *, key: bytes | None = None) -> None:
    """Copy the store while it is in use, page by page; the copy is one file and appears whole or not at all.
    `key`: what the store is encrypted with; the copy is too.

    Raises: InvalidInput where the path can't be written or is the store, StoreFull."""
    refuse_own(Path(db.execute("PRAGMA database_list").fetchone()[2]), path)
    with appearing(path) as part, translated(path):
        part.touch()
        copy = cipher.connect(part, key, isolation_level=None)
        try:
            db.backup(copy, pages=2048)
            copy.execute("PRAGMA journal_mode = DELETE")
        finally:
            copy.close()


def refuse_own(store: Path, path: Path) -> None:
    """Raises: InvalidInput where `path` is the store's file or one of its journals."""
    own = store.resolve()
    for taken in (own, own.with_name(f"{own.name}-wal"), own.with_name(f"{own.name}-shm")):
        if path.resolve() == taken or (path.exists() and taken.exists() and path.samefile(taken)):
            raise InvalidInput(f"{path} is the store itself", hint="name another file")


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its name when the block ends well, and is gone otherwise.

    Raises: InvalidInput where it can't be written, StoreFull."""
    if not path.name:
        raise InvalidInput(f"{str(path)!r} names no file", hint="name the file to write")
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise StoreFull(f"no space left for {path}", hint="free some and try again") from error
        raise InvalidInput(
            f"{path} can't be written: {error.strerror}", hint="name another file"
        ) from error
    finally:
        part.unlink(missing_ok=True)


def _lines(db: Database) -> Iterator[bytes]:
    number, _, head = last_event(db)
    vectors = db.execute("SELECT count(*) FROM dense").fetchone()[0]
    yield _line(
        {
            "remanence": "ledger",
            "format": FORMAT,
            "events": number,
            "vectors": vectors,
            "head": head.hex(),
        }
    )
    for id, tenant, user, salt, key in db.execute(
        'SELECT id, tenant, "user", salt, key FROM spaces ORDER BY id'
    ):
        yield _line(
            {"space": id, "tenant": tenant, "user": user, "salt": salt.hex(), "key": key.hex()}
        )
    for entry in entries(db):
        yield _event_line(entry)
    for space, key, digest, acks in db.execute(
        "SELECT space, key, digest, acks FROM keys ORDER BY space, key"
    ):
        sealed = None if digest is None else digest.hex()
        yield _line({"key": key, "space": space, "digest": sealed, "acks": json.loads(acks)})
    for space, name, value in db.execute(
        "SELECT space, name, value FROM cursors ORDER BY space, name"
    ):
        yield _line({"cursor": name, "space": space, "value": value})
    for id, dim in db.execute("SELECT id, dim FROM encoders ORDER BY slot"):
        yield _line({"encoder": id, "dim": dim})
    rows = db.execute(
        "SELECT v.id / 16, n.id, v.vector, t.states FROM dense v JOIN encoders n ON n.slot = v.id % 16 "
        "LEFT JOIN tokens t ON t.id = v.id ORDER BY v.id"
    )
    for seq, encoder, dense, tokens in rows:
        line: Line = {"vector": seq, "encoder": encoder, "dense": b64encode(dense).decode()}
        if tokens:
            line["tokens"] = b64encode(tokens).decode()
        yield _line(line)


def _event_line(entry: Entry) -> bytes:
    head = {
        "seq": entry.seq,
        "at": entry.at,
        "space": entry.space,
        "op": OPS[entry.op],
        "id": entry.rid,
        "version": entry.version,
        "actor": entry.actor,
        "digest": entry.digest.hex(),
        "hash": entry.hash.hex(),
        "salt": None if entry.salt is None else entry.salt.hex(),
    }
    if entry.body is None:
        return _line({**head, "body": None})
    try:
        entry.body.decode("utf-8")
    except UnicodeDecodeError:
        return _line({**head, "body64": b64encode(entry.body).decode()})
    return (
        _line(head)[:-1] + b',"body":' + entry.body + b"}"
    )  # the bytes as they are: already canonical JSON


def _line(values: Line) -> bytes:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()


class _Import:
    """One run over a file; keeps what later lines are checked against."""

    def __init__(self, db: Database, analyze: Analyzer, path: Path, only: str) -> None:
        self.db = db
        self.path = path
        self.only = only
        self.deriver = Deriver(db, analyze)
        self.number = 0
        self.keys: dict[int, bytes] = {}
        self.seq, self.at, self.hash = 0, 0, GENESIS
        self.blank: set[int] = set()
        self.slots: dict[str, tuple[int, int]] = {}
        self.vectors = 0

    def run(self, file: IO[bytes]) -> Loaded:
        """All lines, then the totals of the first one."""
        header = self._read(next(file, b""))
        if header.get("remanence") != "ledger":
            raise self._bad("this is not a Remanence export", "give a file that export wrote")
        if header.get("format") not in (1, FORMAT):
            raise self._bad(
                f"format {header.get('format')!r} is not known", "install a newer Remanence"
            )
        if missing := [name for name in ("events", "head", "vectors") if name not in header]:
            raise self._bad(f"{missing[0]!r} is missing", "the file was changed")
        kinds: dict[str, Callable[[Line], None]] = {
            "seq": self._event, "tenant": self._space, "acks": self._key, "cursor": self._cursor, "dim": self._encoder,
            "vector": self._vector,
        }  # fmt: skip
        unfit = errors(*UNFIT)
        unfit += (KeyError, TypeError, ValueError, IndexError, OverflowError)
        for raw in file:
            line = self._read(raw)
            handle = next((handle for mark, handle in kinds.items() if mark in line), None)
            if handle is None:
                raise self._bad(
                    "a line of unknown kind", "the file was edited or written by a newer version"
                )
            try:
                handle(line)
            except unfit as error:
                if isinstance(error, BadImport):
                    raise
                raise self._bad(
                    f"{type(error).__name__}: {error}", "the line was changed"
                ) from error
        self.number = 0
        if (self.seq, self.hash.hex(), self.vectors) != (
            header["events"],
            header["head"],
            header["vectors"],
        ):
            raise self._bad(
                f"{self.seq} of {header['events']} events are here",
                "the file was cut short: export again",
            )
        if self.blank:
            raise self._bad(
                f"event {min(self.blank)} lost its content without being forgotten", "export again"
            )
        if self.db.execute(_UNOWNED, (ANONYMOUS,)).fetchone():
            raise self._bad("records in a space whose names were forgotten", "the file was changed")
        # Vectors may be complete or not: the first look at what is pending finds out.
        return Loaded(events=self.seq, vectors=self.vectors)

    def _read(self, raw: bytes) -> Line:
        self.number += 1
        try:
            line = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise self._bad(f"not JSON: {error}", "the file was cut or changed") from error
        if not isinstance(line, dict):
            raise self._bad("not a JSON object", "the file was changed")
        return line

    def _bad(self, message: str, hint: str) -> BadImport:
        return BadImport(
            message, path=str(self.path), line=self.number, hint=hint + "; nothing was imported"
        )

    def _space(self, line: Line) -> None:
        names, salt, key = (
            (line["tenant"], line["user"]),
            bytes.fromhex(line["salt"]),
            bytes.fromhex(line["key"]),
        )
        forgotten = names[0] == ANONYMOUS and not salt
        if not forgotten and space_key(names, salt) != key:
            raise self._bad("the space's names do not match its key", "the line was changed")
        if self.only and not forgotten and names[0] != self.only:
            raise self._bad(
                f"it holds memories of {names[0]!r}", f"this store is {self.only!r}'s alone"
            )
        self.db.execute(
            "INSERT INTO spaces VALUES (?, ?, ?, ?, ?)", (line["space"], *names, salt, key)
        )
        self.keys[line["space"]] = key

    def _event(self, line: Line) -> None:
        salt = None if line["salt"] is None else bytes.fromhex(line["salt"])
        if "body64" in line:
            raw: bytes | None = b64decode(line["body64"], validate=True)
        else:
            raw = None if line["body"] is None else encode(line["body"])
        entry = Entry(
            line["seq"], line["at"], line["space"], OPS.index(line["op"]), line["id"], line["version"], line["actor"],
            bytes.fromhex(line["digest"]), bytes.fromhex(line["hash"]), salt, raw,
        )  # fmt: skip
        if entry.seq != self.seq + 1 or (self.seq and entry.at < self.at):
            raise self._bad(
                f"event {entry.seq} does not follow event {self.seq}", "a line is missing or moved"
            )
        if chain(self.hash, self.keys[entry.space], entry) != entry.hash:
            raise self._bad(f"event {entry.seq} breaks the hash chain", "the line was changed")
        self.seq, self.at, self.hash = entry.seq, entry.at, entry.hash
        if raw is None or salt is None:
            self.blank.add(entry.seq)
        elif content_seal(raw, salt) != entry.digest:
            raise self._bad(
                f"the content of event {entry.seq} does not match its digest",
                "the line was changed",
            )
        body = None if raw is None else decode(raw)
        if entry.op == FORGET and body is not None:
            self.blank.difference_update(body["seqs"], body["beside"])
        self.db.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", entry)
        self.deriver.derive(entry, body)

    def _key(self, line: Line) -> None:
        digest = None if line["digest"] is None else bytes.fromhex(line["digest"])
        acks = json.dumps(line["acks"])
        self.db.execute(
            "INSERT INTO keys VALUES (?, ?, ?, ?)", (line["space"], line["key"], digest, acks)
        )

    def _cursor(self, line: Line) -> None:
        self.db.execute(
            "INSERT INTO cursors VALUES (?, ?, ?)", (line["space"], line["cursor"], line["value"])
        )

    def _encoder(self, line: Line) -> None:
        slot = len(self.slots)
        if slot >= SLOTS:
            raise self._bad(f"more than {SLOTS} encoders", "the file was changed")
        self.slots[line["encoder"]] = (slot, int(line["dim"]))
        self.db.execute(
            "INSERT INTO encoders VALUES (?, ?, ?, 0)", (slot, line["encoder"], line["dim"])
        )

    def _vector(self, line: Line) -> None:
        slot, dim = self.slots[line["encoder"]]
        dense = b64decode(line["dense"], validate=True)
        if len(dense) != dim or not 1 <= line["vector"] <= self.seq:
            raise self._bad(f"vector {line['vector']} does not fit", "the line was changed")
        id = line["vector"] * SLOTS + slot
        self.db.execute("INSERT INTO dense VALUES (?, ?, ?)", (id, dense, crc32(dense)))
        if "tokens" in line:
            tokens = b64decode(line["tokens"], validate=True)
            self.db.execute("INSERT INTO tokens VALUES (?, ?, ?)", (id, tokens, crc32(tokens)))
        self.vectors += 1


_UNOWNED: Final = "SELECT 1 FROM docs d JOIN spaces s ON s.id = d.space WHERE s.tenant = ? LIMIT 1"
