"""The store in one SQLite file: every verb is one transaction over ledger and derived state."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

from remanence.errors import Conflict, InvalidInput, NotFound
from remanence.seams import Analyzer, Delta, Encoded, Waiting
from remanence.store import reading, transfer
from remanence.store import vectors as encoded
from remanence.store import verify as checks
from remanence.store.changes import fingerprint, write
from remanence.store.connections import Connections
from remanence.store.erase import closure, forget_records
from remanence.store.ledger import Space, Transaction, find_space, last_event
from remanence.store.reading import Counts
from remanence.store.scopes import check_name
from remanence.store.transfer import Loaded
from remanence.store.verify import Report
from remanence.types import (
    EMPTY,
    Ack,
    Change,
    Event,
    Forget,
    Micros,
    Receipt,
    Record,
    Scope,
    to_datetime,
)

Clock = Callable[[], Micros]


def system_clock() -> Micros:
    """Microseconds since 1970 UTC."""
    return time.time_ns() // 1000


class SQLiteStore:
    """See `remanence.seams.Store`. Safe to use from several threads, several processes, and after a fork."""

    def __init__(self, connections: Connections, analyze: Analyzer, clock: Clock) -> None:
        self._connections = connections
        self._analyze = analyze
        self._clock = clock

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        analyze: Analyzer,
        clock: Clock | None = None,
        create: bool = True,
        read_only: bool = False,
        busy_timeout: float = 30.0,
    ) -> Self:
        """The store in a file, made if absent and `create`. `busy_timeout`: seconds that a write waits for another one.

        Raises: NotAStore, NewerSchema, ReadOnly, NotFound, StoreBusy, StoreFull."""
        connections = Connections(
            Path(path), create=create, read_only=read_only, timeout=busy_timeout
        )
        return cls(connections, analyze, clock or system_clock)

    @property
    def path(self) -> Path:
        """The file."""
        return self._connections.path

    def now(self) -> Micros:
        """The clock, but never before what is committed: at this moment every acknowledged write is known."""
        with self._connections.reading() as db:
            return max(self._clock(), last_event(db)[1])

    def apply(self, changes: Sequence[Change], *, actor: str = "", key: str = "") -> list[Ack]:
        """Commit all changes at once, durably. Items that can't be stored are acknowledged `rejected` and the others stand.

        Raises: Conflict where an `expect` does not match, or a `key` returns with other changes: then nothing stands."""
        check_name(key, "a key")
        if not changes:
            return []
        with self._writing(actor) as tx:
            # An unusable scope here is the first item's fault, which `write` reports.
            space = _space_or_none(tx, changes[0]) if key else None
            seal = fingerprint(changes) if key else b""
            if space is not None:
                row = tx.db.execute(
                    "SELECT digest, acks FROM keys WHERE space = ? AND key = ?", (space.id, key)
                ).fetchone()
                if row is not None:
                    if row[0] not in (None, seal):
                        raise Conflict(
                            f"key {key!r} was used with other changes",
                            hint="take a new key for a new call",
                        )
                    return [Ack(*ack) for ack in json.loads(row[1])]
            acks = [write(tx, change) for change in changes]
            if key and (space := _space_or_none(tx, changes[0])) is not None:
                tx.db.execute(
                    "INSERT INTO keys VALUES (?, ?, ?, ?)", (space.id, key, seal, _acks_json(acks))
                )
        if any(isinstance(change, Forget) for change in changes):
            self.checkpoint()
        return acks

    def forget(self, scope: Scope, ids: Sequence[str], *, actor: str = "") -> Receipt:
        """Erase records in all their versions and all that was derived from them.

        The receipt's `derived` has `log: 1` where a long read kept the write-ahead log from being emptied: the next
        checkpoint does it.

        Raises: NotFound where an id is not in this scope; then nothing is erased."""
        with self._writing(actor) as tx:
            space = find_space(tx.db, scope)
            for id in ids:
                check_name(id, "an id")
                if space is None or not reading.history(tx.db, space, scope, id):
                    raise NotFound(f"no record {id!r}", hint="check the id and the scope")
            assert space is not None or not ids
            kin = closure(tx.db, space.id, ids) if space else []
            gone = forget_records(tx, space, kin) if space else {}
            at, seq = tx.at, tx.seq
        if not self.checkpoint():
            gone["log"] = 1
        moment = to_datetime(at)
        assert moment is not None
        return Receipt(
            ids=tuple(kin), versions=gone.pop("versions", 0), derived=gone, at=moment, seq=seq
        )

    def checkpoint(self) -> bool:
        """Fold the write-ahead log into the file and empty it. False where a reader still needs it."""
        with self._connections.alone() as db:
            busy: int = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        return not busy

    def get(
        self, scope: Scope, id: str, *, as_of: Micros | None = None, known_at: Micros | None = None
    ) -> Record | None:
        """The newest version known at `known_at` (None: now) that is valid at `as_of` (None: whenever).

        Raises: NotFound where the record was forgotten; one that never was is None."""
        check_name(id, "an id")
        with self._space(scope) as (db, space):
            return reading.get(db, space, scope, id, as_of, known_at) if space else None

    def records(self, scope: Scope, seqs: Sequence[int]) -> list[Record]:
        """The versions committed under these numbers, in this order; what is erased or not in the scope is left out."""
        known = self.found(scope, seqs)
        return [known[seq] for seq in seqs if seq in known]

    def found(self, scope: Scope, seqs: Sequence[int]) -> dict[int, Record]:
        """The same by number, so that one can see what is missing."""
        with self._space(scope) as (db, space):
            return reading.found(db, space, scope, seqs) if space else {}

    def history(self, scope: Scope, id: str) -> list[Record]:
        """All versions of a record, oldest first.

        Raises: NotFound where it was forgotten."""
        check_name(id, "an id")
        with self._space(scope) as (db, space):
            return reading.history(db, space, scope, id) if space else []

    def events(self, scope: Scope, *, after: int = 0, limit: int = 1000) -> Iterator[Event]:
        """What was committed in this space, oldest first, without content."""
        with self._space(scope) as (db, space):
            return iter(reading.events(db, space, scope, after, limit) if space else ())

    def links(self, scope: Scope, id: str) -> list[tuple[str, str, str]]:
        """(src, relation, dst) of every link from or to a record."""
        check_name(id, "an id")
        with self._space(scope) as (db, space):
            return reading.links(db, space, id) if space else []

    def touches(self, scope: Scope, id: str) -> list[Micros]:
        """When a record was used, ascending."""
        check_name(id, "an id")
        with self._space(scope) as (db, space):
            return reading.touches(db, space, id) if space else []

    def head(self) -> int:
        """The last sequence number."""
        with self._connections.reading() as db:
            return last_event(db)[0]

    def pulse(self) -> int:
        """Changes whenever anything was committed by anybody, vectors included. Costs microseconds."""
        return self._connections.pulse()

    def delta(self, scope: Scope, after: int) -> Delta:
        """What changed in this space after a sequence number: new versions, closed versions again, and erased ones."""
        with self._space(scope) as (db, space):
            return reading.delta(db, space, after)

    def names(self, scope: Scope) -> Sequence[str]:
        """Code -> text of sessions, speakers, kinds and scope tails; code 0 and what was erased are ""."""
        with self._space(scope) as (db, space):
            return reading.names(db, space)

    def spaces(self) -> list[Scope]:
        """(tenant, user) of every space that was ever written to."""
        with self._connections.reading() as db:
            return [
                (tenant, user)
                for tenant, user in db.execute("SELECT tenant, user FROM spaces ORDER BY id")
            ]

    def pending(self, encoder: str, limit: int) -> list[Waiting]:
        """Content that waits for this encoder, oldest first."""
        check_name(encoder, "an encoder's id")
        with self._connections.reading() as db:
            return encoded.pending(db, encoder, limit)

    def waiting(self, encoder: str) -> int:
        """How many texts wait for this encoder."""
        check_name(encoder, "an encoder's id")
        with self._connections.reading() as db:
            return encoded.waiting(db, encoder)

    def put_vectors(self, encoder: str, seqs: Sequence[int], vectors: Encoded) -> None:
        """Store what an encoder made of pending texts; what was forgotten meanwhile is left out.

        Raises: WrongDimension, InvalidInput."""
        check_name(encoder, "an encoder's id")
        with self._connections.writing() as db:
            encoded.put(db, encoder, seqs, vectors)

    def vectors(self, scope: Scope, encoder: str, after: int) -> list[tuple[int, bytes]]:
        """(seq, packed dense vector) of this space's versions after a sequence number, ascending."""
        check_name(encoder, "an encoder's id")
        with self._space(scope) as (db, space):
            return encoded.dense_of(db, space.id, encoder, after) if space else []

    def tokens(self, encoder: str, seqs: Sequence[int]) -> list[bytes]:
        """Packed token states of these versions, empty bytes where there are none (yet)."""
        check_name(encoder, "an encoder's id")
        with self._connections.reading() as db:
            return encoded.tokens_of(db, encoder, seqs)

    def encoders(self) -> dict[str, int]:
        """Encoders that have vectors here, and how many each."""
        with self._connections.reading() as db:
            return encoded.encoders(db)

    def drop_encoder(self, encoder: str) -> None:
        """Delete all vectors of an encoder."""
        with self._connections.writing() as db:
            encoded.drop(db, encoder)

    def counts(self, encoder: str = "") -> Counts:
        """How much there is; `embedded` and `pending` are for one encoder."""
        with self._connections.reading() as db:
            return reading.counts(db, self.path, encoder)

    def verify(self) -> Report:
        """Check the chain, every digest, derived state against the ledger, vectors, and the pages of the file."""
        with self._connections.reading() as db:
            return checks.verify(db, self._analyze)

    def rebuild(self) -> int:
        """Derive all state anew from the ledger. Returns the number of events."""
        with self._connections.writing() as db:
            events = checks.rebuild(db, self._analyze)
        self.checkpoint()
        return events

    def state_digest(self) -> str:
        """64 hex digits over everything that is remembered, its history included; equal for equal histories anywhere."""
        with self._connections.reading() as db:
            return checks.state_digest(db)

    def backup(self, path: str | Path) -> None:
        """Copy the store to another file while it is in use."""
        with self._connections.alone() as db:
            transfer.backup(db, Path(path))

    def export_jsonl(self, path: str | Path) -> int:
        """Write everything as JSON lines. Returns their number."""
        with self._connections.reading() as db:
            return transfer.export_jsonl(db, Path(path))

    def import_jsonl(self, path: str | Path) -> Loaded:
        """Read an export into this store, which must be empty.

        Raises: BadImport with the line; then nothing was imported."""
        with self._connections.writing() as db:
            loaded = transfer.import_jsonl(db, self._analyze, Path(path))
        self.checkpoint()
        return loaded

    def close(self) -> None:
        """Close the file; using the store afterwards is an error."""
        self._connections.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _writing(self, actor: str) -> Iterator[Transaction]:
        check_name(actor, "an actor")
        with self._connections.writing() as db:
            yield Transaction(db, self._analyze, self._clock(), actor)

    @contextmanager
    def _space(self, scope: Scope) -> Iterator[tuple[sqlite3.Connection, Space | None]]:
        with self._connections.reading() as db:
            yield db, find_space(db, scope)

    def list(
        self,
        scope: Scope,
        *,
        kinds: Sequence[str] = (),
        session: str = "",
        filters: Mapping[str, object] = EMPTY,
        as_of: Micros | None = None,
        known_at: Micros | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> list[Record]:
        """Records valid at `as_of` and known at `known_at` (None: now), in the order of commits, behind the first `after`.

        `filters`: equality on `session`, `speaker`, `role`, `kind` or a key of `meta`; a list means any of its items."""
        wanted = {**filters, "session": session} if session else filters
        with self._space(scope) as (db, space):
            if space is None:
                return []
            valid = max(self._clock(), last_event(db)[1]) if as_of is None else as_of
            visible = reading.listing(db, space, scope, kinds, wanted, valid, known_at)
            return [*islice(visible, max(after, 0), max(after, 0) + max(limit, 0))]


def _space_or_none(tx: Transaction, change: Change) -> Space | None:
    try:
        return find_space(tx.db, change.scope)
    except InvalidInput:
        return None


def _acks_json(acks: Sequence[Ack]) -> str:
    return json.dumps([[a.status, a.id, a.version, a.seq, a.reason, a.near] for a in acks])
