# ruff: noqa: S608 - what is put into statements here are names and numbers of ours
"""Moving a tenant's ledger to another server while it is read and written.

1. The list notes that the move is under way; the target gets a ledger that says it is on the source.
2. Rounds of `sync` make the copy the same as a snapshot of the source; both are compared by their digests.
3. The source's row is locked: writers wait. A last round brings what came meanwhile, and compares every row of every table.
4. The source says that the ledger is on the target, and lets go: from here on nothing is live until
5. the target says that it is: the next commit, by the mover, or by whoever finds the two pointing at each other.
6. The list says so too, and what stayed on the source is erased.

So at no moment two copies are live, and a mover that is killed at any of these leaves one that is, or that the next reader makes so. Which
of two rows that point at each other belongs to the newer move is told by `turn`: n on the source, n + 1 on the copy that arrives, n + 2 on
the source from step 4 on. Each is given out once, so what was decided late can't be done late.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from remanence.errors import Conflict, InvalidInput, NotFound, StoreError
from remanence.store import verify
from remanence.store.derive import FORGET
from remanence.store.ledger import last_event
from remanence.store.postgres.dropping import empty, write_anew
from remanence.store.postgres.pool import Pool, release, shared
from remanence.store.postgres.session import Session
from remanence.store.shards.directory import Here, asking, finish_switch, here, locate, tenants_on
from remanence.store.shards.file import Server, Shards
from remanence.store.shards.sync import session, sync

ROUNDS: Final = 5
"""Rounds at most before writers are made to wait."""
FEW: Final = 1_000
"""Rows that a last round may have to bring."""
Tell = Callable[[str], None]
"""Told what is done, in a few words, before the next thing begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A move that is done. `rows`: copied; `stopped`: seconds that writers waited; `digest`: of the history, equal on both servers;
    `erased`: rows of the old copy; `anew`: whether its pages were written anew."""

    tenant: str
    source: str
    target: str
    rows: int = 0
    rounds: int = 0
    seconds: float = 0.0
    stopped: float = 0.0
    digest: str = ""
    erased: int = 0
    anew: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """A line of the list: where a tenant is, and from where to where it is being moved."""

    tenant: str
    server: str
    source: str | None
    target: str | None


def move(
    shards: Shards, tenant: str, to: str, *, patience: float = 30.0, tell: Tell = lambda _: None
) -> Move:
    """Move a tenant to the server of this name, or go on with it where it was cut short. `patience`: seconds to wait for a writer.

    Raises: NotFound for an unknown tenant or server; InvalidInput where it is there already; Conflict where somebody else moves it, or a
    move to another server is unfinished; StoreError where the copy is not the same: then it is not used."""
    target = shards[to]
    with _alone(shards, tenant):
        placed = _begun(shards, tenant, target)
        source = shards[placed.source or placed.server]
        tell("noted")
        with _pool(source) as old, _pool(target) as new:
            return _Mover(shards, tenant, source, target, old, new, patience, tell).run()


def unfinished(shards: Shards) -> list[Placed]:
    """Moves that were begun and not ended. Raises: AccessDenied for who is not the owner."""
    directory = shards[shards.directory].place
    with _pool(shards[shards.directory]) as pool, pool.owner() as db:
        # sql: a checked schema, whole numbers
        rows = db.execute(
            f"SELECT tenant, server, source, target FROM {directory.schema}.placements WHERE target IS NOT NULL ORDER BY tenant"
        ).fetchall()
    return [Placed(*row) for row in rows]


def astray(shards: Shards) -> Iterator[tuple[str, str, str]]:
    """(tenant, where it is, where it would go if it was new), of all for whom the two differ. Raises: AccessDenied."""
    for server in shards.servers:
        for tenant in tenants_on(server.place):
            home = shards.ranked(tenant)[0]
            if home.id != server.id:
                yield tenant, server.id, home.id


def drop(shards: Shards, tenant: str) -> int:
    """Erase a tenant on all servers, and that there ever was one; how many rows. Raises: NotFound."""
    if locate(shards, tenant, create=False) is None:
        raise NotFound(f"no store of {tenant!r}", hint="rmem shards list shows them")
    rows = 0
    with _alone(shards, tenant):
        for server in shards.servers:
            with asking(server.place, tenant) as db:
                state = here(db, tenant)
            if state is not None:
                with _pool(server) as pool:
                    rows += empty(pool, server.place, state.ledger, drop=True).rows
        with asking(shards[shards.directory].place, tenant) as db:
            db.execute("DELETE FROM placements WHERE tenant = $1", (tenant,))
    return rows


class _Mover:
    """One move under way."""

    def __init__(
        self,
        shards: Shards,
        tenant: str,
        source: Server,
        target: Server,
        old: Pool,
        new: Pool,
        patience: float,
        tell: Tell,
    ) -> None:
        self.shards, self.tenant = shards, tenant
        self.source, self.target = source, target
        self.old, self.new = old, new
        self.patience = patience
        self.tell = tell
        self.rows = self.rounds = self.first = 0
        self.stopped = 0.0
        self.digest = ""
        self.forgot = False
        """Whether content came to the target that was forgotten before the end."""

    def run(self) -> Move:
        began = time.perf_counter()
        leaving = self._state(self.source)
        if leaving is None:
            raise NotFound(f"{self.tenant!r} is not on {self.source.id}", hint="check the list")
        if leaving.moved is None:
            arriving = self._prepared(leaving)
            self.tell("prepared")
            self._copy(leaving, arriving)
            self._switch(leaving, arriving)
            self.tell("switched")
        elif leaving.moved != self.target.id:
            raise Conflict(f"{self.tenant!r} went on to {leaving.moved}", hint="look at the list")
        finish_switch(self.shards, self.tenant, self.target, self.source.id)
        self.tell("live")
        with asking(self.shards[self.shards.directory].place, self.tenant) as db:
            db.execute(
                "UPDATE placements SET server = $2 WHERE tenant = $1", (self.tenant, self.target.id)
            )
        self.tell("listed")
        emptied = empty(self.old, self.source.place, leaving.ledger)
        if self.forgot and (arrived := self._state(self.target)):
            write_anew(self.new, self.target.place, arrived.ledger)
        self.tell("erased")
        with asking(self.shards[self.shards.directory].place, self.tenant) as db:
            db.execute(
                "UPDATE placements SET source = NULL, target = NULL WHERE tenant = $1",
                (self.tenant,),
            )
        return Move(
            tenant=self.tenant, source=self.source.id, target=self.target.id, rows=self.rows, rounds=self.rounds,
            seconds=time.perf_counter() - began, stopped=self.stopped, digest=self.digest, erased=emptied.rows, anew=emptied.anew,
        )  # fmt: skip

    def _state(self, server: Server) -> Here | None:
        with asking(server.place, self.tenant) as db:
            return here(db, self.tenant)

    def _prepared(self, leaving: Here) -> Here:
        """The ledger on the target, which says that it is on the source."""
        with asking(self.target.place, self.tenant) as db:
            db.execute(
                "INSERT INTO ledgers (tenant, moved, turn) VALUES ($1, $2, $3) ON CONFLICT (tenant) DO NOTHING",
                (self.tenant, self.source.id, leaving.turn + 1),
            )
            db.execute(
                "UPDATE ledgers SET moved = $2, turn = $3 WHERE tenant = $1 AND moved IS NOT NULL",
                (self.tenant, self.source.id, leaving.turn + 1),
            )
            state = here(db, self.tenant)
        if state is None or state.moved != self.source.id or state.turn != leaving.turn + 1:
            raise Conflict(
                f"{self.tenant!r} has a live store on {self.target.id} as well",
                hint="look at both, and drop the one that nobody meant",
            )
        return state

    def _copy(self, leaving: Here, arriving: Here) -> None:
        """Rounds beside the writers, until little is left to bring."""
        snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        with session(self.new, arriving.ledger, begin=snapshot) as copy:
            self.forgot = last_event(Session(copy))[0] > 0  # of an earlier try, nobody knows when
        while self.rounds < ROUNDS:
            with session(self.old, leaving.ledger, begin=snapshot) as source:
                if not self.rounds:
                    self.first = last_event(Session(source))[0]
                done = sync(source, self.new, arriving.ledger)
                self.rounds += 1
                self.rows += done.copied
                self.tell(f"round {self.rounds}")
                if done.copied <= FEW:
                    with session(self.new, arriving.ledger, begin=snapshot) as copy:
                        self._compare(source, copy)
                    return

    def _compare(self, source: Any, copy: Any) -> None:
        for digest in (verify.state_digest, verify.history_digest):
            self.digest = digest(Session(source))
            if digest(Session(copy)) != self.digest:
                raise StoreError(
                    f"the copy of {self.tenant!r} on {self.target.id} is not the same",
                    hint="it is not used: rmem verify both, then move again",
                )

    def _switch(self, leaving: Here, arriving: Here) -> None:
        with session(self.old, leaving.ledger) as source:
            # sql: a checked schema, whole numbers
            source.execute(f"SET LOCAL lock_timeout = {max(int(self.patience * 1000), 1)}")
            state = source.execute(
                "SELECT moved, turn, pulse, queued FROM ledgers WHERE id = $1 FOR UPDATE",
                (leaving.ledger,),
            ).fetchone()
            if state is None or state[:2] != (None, leaving.turn):
                raise Conflict(f"{self.tenant!r} was moved by somebody else", hint="look again")
            began = time.perf_counter()
            self.tell("stopped")
            since = "SELECT 1 FROM events WHERE seq > $1 AND op = $2 LIMIT 1"
            self.forgot |= source.execute(since, (self.first, FORGET)).fetchone() is not None
            done = sync(source, self.new, arriving.ledger)
            self.rows += done.copied
            self.rounds += 1
            jobs = source.execute(
                "SELECT kind, space, tenant, fresh, due, attempts, error FROM jobs WHERE ledger = $1",
                (leaving.ledger,),
            ).fetchall()
            with session(self.new, arriving.ledger) as copy:
                if last_event(Session(source)) != last_event(Session(copy)):
                    raise StoreError(f"the chains of {self.tenant!r} differ", hint="move again")
                copy.execute("DELETE FROM jobs WHERE ledger = $1", (arriving.ledger,))
                for job in jobs:
                    copy.execute(
                        "INSERT INTO jobs (kind, space, tenant, fresh, due, attempts, error) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                        job,
                    )
                # Followers see that something happened, and go on from where they are.
                copy.execute(
                    "UPDATE ledgers SET pulse = $2, queued = $3 WHERE id = $1",
                    (arriving.ledger, state[2] + 1, state[3]),
                )
            self.tell("compared")
            source.execute("DELETE FROM jobs WHERE ledger = $1", (leaving.ledger,))
            source.execute(
                "UPDATE ledgers SET moved = $2, turn = turn + 2 WHERE id = $1",
                (leaving.ledger, self.target.id),
            )
        self.stopped = time.perf_counter() - began


def _begun(shards: Shards, tenant: str, target: Server) -> Placed:
    """The line of the list, with this move noted in it."""
    if locate(shards, tenant, create=False) is None:
        raise NotFound(f"no store of {tenant!r}", hint="rmem shards list shows them")
    with asking(shards[shards.directory].place, tenant) as db:
        server, source, to = db.execute(
            "SELECT server, source, target FROM placements WHERE tenant = $1 FOR UPDATE", (tenant,)
        ).fetchone()
        if to is not None and to != target.id:
            raise Conflict(
                f"a move of {tenant!r} from {source} to {to} is unfinished",
                hint=f"end it first: rmem shards move {tenant} {to}",
            )
        if to is None and server == target.id:
            raise InvalidInput(f"{tenant!r} is on {target.id} already", hint="nothing to do")
        db.execute(
            "UPDATE placements SET source = coalesce(source, server), target = $2 WHERE tenant = $1",
            (tenant, target.id),
        )
    return Placed(tenant, server, source or server, target.id)


@contextmanager
def _alone(shards: Shards, tenant: str) -> Iterator[None]:
    """Only one mover of a tenant at a time, on all machines; the server lets go of the lock where he dies."""
    key = int.from_bytes(blake2b(f"move {tenant}".encode(), digest_size=8).digest(), signed=True)
    with _pool(shards[shards.directory]) as pool, pool.owner() as db:
        (mine,) = db.execute("SELECT pg_try_advisory_lock($1)", (key,)).fetchone()
        if not mine:
            raise Conflict(f"somebody is moving {tenant!r}", hint="wait for it")
        yield


@contextmanager
def _pool(server: Server) -> Iterator[Pool]:
    pool = shared(server.place, read_only=False)
    try:
        yield pool
    finally:
        release(pool)
