"""Appending to the ledger: sequence numbers, known time, salted digests and the hash chain.

The chain is `hash = sha256(previous hash || header)`, the header canonical JSON of everything but the content; of the content it holds
`digest = blake2b-128(body, key=salt)`. The salt is drawn after the content is fixed, so nobody can prepare two contents with one digest,
and it is erased with the content, so nobody can test guesses at what is gone; the chain still verifies.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from hashlib import blake2b, sha256
from typing import Any, Final, NamedTuple

from remanence.seams import Analyzer
from remanence.store.content import decode, encode
from remanence.store.derive import Deriver, Entry
from remanence.store.engine import Database
from remanence.store.scopes import space_of
from remanence.types import Micros, Scope

GENESIS: Final = bytes(32)
"""What stands before the first event's hash."""
NOWHERE: Final = 0
"""The number of no space: what belongs to the ledger as a whole lies under it."""
KEEP_CURSOR: Final = "INSERT INTO cursors VALUES (?, ?, ?) ON CONFLICT (space, name) DO UPDATE SET value = excluded.value"
_HEADER: Final = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"))


class Space(NamedTuple):
    """The unit of isolation: its number in this file, its two names, and the salted digest that the chain covers."""

    id: int
    names: tuple[str, str]
    key: bytes


def space_key(names: tuple[str, str], salt: bytes) -> bytes:
    """Salted digest of (tenant, user), 16 bytes."""
    return blake2b(_HEADER.encode(names).encode(), key=salt, digest_size=16).digest()


def content_seal(raw: bytes, salt: bytes) -> bytes:
    """Salted digest of a body, 16 bytes."""
    return blake2b(raw, key=salt, digest_size=16).digest()


def chain(previous: bytes, key: bytes, entry: Entry) -> bytes:
    """The hash of an event, 32 bytes, from the hash before it and its header; `entry.hash` is not looked at."""
    header = [
        entry.seq, entry.at, key.hex(), entry.op, entry.rid, entry.version, entry.actor, entry.digest.hex()
    ]  # fmt: skip
    return sha256(previous + _HEADER.encode(header).encode()).digest()


def find_space(db: Database, scope: Scope) -> Space | None:
    """The space of a scope, None where nothing was ever written to it.

    Raises: InvalidInput."""
    names = space_of(scope)
    row = db.execute('SELECT id, key FROM spaces WHERE tenant = ? AND "user" = ?', names).fetchone()
    return Space(row[0], names, row[1]) if row else None


def last_event(db: Database) -> tuple[int, Micros, bytes]:
    """(seq, at, hash) of the ledger's head."""
    row = db.execute("SELECT seq, at, hash FROM events ORDER BY seq DESC LIMIT 1").fetchone()
    return row if row else (0, -(2**62), GENESIS)


_MAKE_SPACE: Final = 'INSERT INTO spaces (id, tenant, "user", salt, key) VALUES (?, ?, ?, ?, ?)'


class Transaction:
    """One write to the ledger, at one moment of known time; lives inside a database transaction."""

    def __init__(self, db: Database, analyze: Analyzer, now: Micros, actor: str) -> None:
        self.db = db
        self.actor = actor
        self.seq, last, self.hash = last_event(db)
        self.at = max(now, last + 1)
        self.deriver = Deriver(db, analyze)
        self._spaces: dict[tuple[str, str], Space] = {}
        self.last = ""
        """Id of the last Add of this commit that did not come from another of it; empty where it was rejected."""

    def space(self, scope: Scope) -> Space:
        """The space of a scope, made where it is new.

        Raises: InvalidInput."""
        names = space_of(scope)
        known = self.existing(scope)
        if known is None:
            salt = os.urandom(16)
            key = space_key(names, salt)
            (id,) = self.db.execute("SELECT coalesce(max(id), 0) + 1 FROM spaces").fetchone()
            self.db.execute(_MAKE_SPACE, (id, *names, salt, key))
            known = Space(id, names, key)
        self._spaces[names] = known
        return known

    def existing(self, scope: Scope) -> Space | None:
        """The space of a scope, None where nothing was ever written to it.

        Raises: InvalidInput."""
        names = space_of(scope)
        known = self._spaces.get(names) or find_space(self.db, scope)
        if known is not None:
            self._spaces[names] = known
        return known

    def append(
        self,
        space: Space,
        op: int,
        rid: str,
        version: int,
        body: Mapping[str, Any],
        raw: bytes | None = None,
    ) -> int:
        """Write one event and what follows from it. `raw`: `encode(body)` where the caller has it. Returns the body's fold."""
        raw = encode(body) if raw is None else raw
        salt = os.urandom(16)
        self.seq += 1
        entry = Entry(
            self.seq,
            self.at,
            space.id,
            op,
            rid,
            version,
            self.actor,
            content_seal(raw, salt),
            b"",
            salt,
            raw,
        )
        self.hash = chain(self.hash, space.key, entry)
        self.db.execute(
            "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            entry._replace(hash=self.hash),
        )
        # From the bytes, as a replay would: what was given may be of a finer type than JSON keeps.
        return self.deriver.derive(entry, decode(raw))
