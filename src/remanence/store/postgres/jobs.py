# ruff: noqa: S608 - what is put into statements here are names and numbers of ours
"""The queue of a database: which tenants have texts to encode, and whose memory may sleep.

Jobs come about in the transaction of the write (`ask`). A worker takes one by a lease, which it renews while it works; where it dies, the
lease runs out and another worker takes the job. What fails is tried again later and later, and after `ATTEMPTS` times it is parked, with
the error, until somebody looks at it. Doing a job twice does no harm: the same text has the same vectors, and who slept has nothing left.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from remanence.errors import AccessDenied
from remanence.store.postgres.place import Place
from remanence.store.postgres.pool import Pool, release, shared
from remanence.store.postgres.schema import member
from remanence.store.postgres.sharing import ALL, WORKER

Kind = Literal["embed", "sleep"]
KINDS: Final[tuple[Kind, ...]] = ("embed", "sleep")
ATTEMPTS: Final = 10
"""How often a job is begun before it is parked."""
SLEEPY: Final = 200
"""New records after which a memory sleeps at once; fewer wait for a day."""
GRACE: Final = 30
"""Seconds that the process that wrote has to encode by itself, where it does."""
AGAIN: Final = 60.0
"""Seconds after which what slept for its time goes on."""
_WAIT: Final = "make_interval(secs => least(power(2, attempts), 3600))"
_DAY: Final = "interval '1 day'"

# One statement beside every write: what came since the last one, by person. A sleeper's own changes make nobody sleep again. The order
# keeps the planner from going through the whole ledger by person, as it would before it has statistics.
_ASK: Final = f"""
WITH fresh AS (
  SELECT space, count(*) AS texts, count(*) FILTER (WHERE actor NOT LIKE 'sleep/%') AS said FROM (
    SELECT space, actor, op FROM events WHERE seq > (SELECT queued FROM ledgers WHERE id = $1) ORDER BY seq OFFSET 0
  ) new WHERE op BETWEEN 1 AND 2 GROUP BY space
)
INSERT INTO jobs (kind, space, tenant, fresh, due)
SELECT 'embed', 0, $2, sum(texts), clock_timestamp() + make_interval(secs => $3) FROM fresh HAVING sum(texts) > 0
UNION ALL
SELECT 'sleep', space, $2, said, clock_timestamp() + CASE WHEN said >= {SLEEPY} THEN interval '0' ELSE {_DAY} END FROM fresh WHERE said > 0
ON CONFLICT (ledger, kind, space) DO UPDATE SET fresh = jobs.fresh + excluded.fresh, due = CASE
  WHEN jobs.due IS NULL THEN NULL
  WHEN jobs.kind = 'sleep' AND jobs.fresh + excluded.fresh >= {SLEEPY} THEN least(jobs.due, clock_timestamp())
  ELSE least(jobs.due, excluded.due) END
"""
ASKED: Final = "UPDATE ledgers SET pulse = pulse + 1, queued = (SELECT seq FROM events ORDER BY seq DESC LIMIT 1) WHERE id = $1"
"""What follows `ask`, once all is written: the pulse of the commit, and that the queue knows of it."""
_TAKE: Final = f"""
WITH chosen AS (
  SELECT ledger, kind, space FROM jobs
  WHERE kind = ANY($1) AND due <= clock_timestamp() + make_interval(secs => $4) AND (attempts = 0 OR due <= clock_timestamp())
    AND (until IS NULL OR until < clock_timestamp())
  ORDER BY due LIMIT 1 FOR UPDATE SKIP LOCKED
)
UPDATE jobs j SET worker = $2, until = clock_timestamp() + make_interval(secs => $3), attempts = attempts + 1,
  due = CASE WHEN attempts >= {ATTEMPTS} THEN NULL ELSE due END,
  error = CASE WHEN attempts >= {ATTEMPTS} AND error = '' THEN 'its workers died, one after the other' ELSE error END
FROM chosen c WHERE j.ledger = c.ledger AND j.kind = c.kind AND j.space = c.space
RETURNING j.ledger, j.tenant, j.kind, j.space, j.fresh, j.attempts
"""
_MINE: Final = "ledger = $1 AND kind = $2 AND space = $3 AND worker = $4"
_FREE: Final = "worker = '', until = NULL"


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do for a tenant. `space`: of whom, for sleep; `fresh`: records that it is about."""

    ledger: int
    tenant: str
    kind: str
    space: int
    fresh: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How a job stands. `due`: None where it is parked; `worker`: who has it in hand, until `until`."""

    tenant: str
    kind: str
    space: int
    fresh: int
    due: datetime | None
    attempts: int
    worker: str
    until: datetime | None
    error: str


def ask(db: Any, ledger: int, tenant: str, *, later: bool) -> None:
    """Put what this transaction wrote into the queue; `ASKED` is to follow. `later`: nobody else encodes it."""
    db.execute(_ASK, (ledger, tenant, 0 if later else GRACE), prepare=True)


class Queue:
    """The jobs of one database, for one worker. Safe to use from several threads. Close it.

    Raises: AccessDenied where this user may not work for all tenants; what opening a store raises."""

    def __init__(self, place: Place, worker: str = "", *, lease: float = 60.0) -> None:
        self.worker = worker
        self.lease = lease
        self.name = place.name
        self._pool: Pool = shared(place, read_only=False)
        try:
            with self._pool.owner() as db:
                self._as = _work_as(db, place)
        except BaseException:
            self.close()
            raise

    def take(self, kinds: Sequence[str] = KINDS, *, ahead: float = 0.0) -> Job | None:
        """The job that has waited longest, now this worker's until its lease ends; None where nothing is due. `ahead`: what was not tried
        yet counts as due so many seconds before."""
        while True:
            with self._working() as db:
                row = db.execute(_TAKE, (list(kinds), self.worker, self.lease, ahead)).fetchone()
            if row is None:
                return None
            job = Job(*row)
            if job.attempts <= ATTEMPTS:
                return job
            with self._working() as db:
                db.execute(f"UPDATE jobs SET {_FREE} WHERE {_MINE}", self._key(job))

    def renew(self) -> int:
        """Hold on to everything that this worker has in hand; how much that is."""
        with self._working() as db:
            held: int = db.execute(
                "UPDATE jobs SET until = clock_timestamp() + make_interval(secs => $2) WHERE worker = $1 AND until > clock_timestamp()",
                (self.worker, self.lease),
            ).rowcount
        return held

    def done(self, job: Job) -> None:
        """It is done; what was written since stays asked for."""
        key = self._key(job)
        with self._working() as db:
            gone = db.execute(f"DELETE FROM jobs WHERE {_MINE} AND fresh = $5", (*key, job.fresh))
            if not gone.rowcount:
                db.execute(
                    f"UPDATE jobs SET {_FREE}, attempts = 0, error = '', fresh = fresh - $5, due = clock_timestamp() + "
                    f"CASE WHEN kind = 'sleep' AND fresh - $5 < {SLEEPY} THEN {_DAY} ELSE interval '0' END WHERE {_MINE}",
                    (*key, job.fresh),
                )

    def give_back(self, job: Job) -> None:
        """It went well so far, and is not done: somebody may go on with it, with sleep after `AGAIN` seconds."""
        with self._working() as db:
            db.execute(
                f"UPDATE jobs SET {_FREE}, attempts = 0, error = '', due = clock_timestamp() + make_interval(secs => $5) WHERE {_MINE}",
                (*self._key(job), AGAIN if job.kind == "sleep" else 0.0),
            )

    def failed(self, job: Job, error: str) -> None:
        """It failed, for this reason: it is tried again later, or parked."""
        with self._working() as db:
            db.execute(
                f"UPDATE jobs SET {_FREE}, error = $5, due = CASE WHEN attempts >= {ATTEMPTS} THEN NULL "
                f"ELSE clock_timestamp() + {_WAIT} END WHERE {_MINE}",
                (*self._key(job), error[:1000]),
            )

    def retry(self) -> int:
        """Let what is parked be tried again; how many jobs that are."""
        with self._working() as db:
            found: int = db.execute(
                "UPDATE jobs SET due = clock_timestamp(), attempts = 0 WHERE due IS NULL"
            ).rowcount
        return found

    def standing(self) -> list[Standing]:
        """Every job: the parked ones first, then as they are due."""
        with self._working() as db:
            rows = db.execute(
                "SELECT tenant, kind, space, fresh, due, attempts, worker, until, error FROM jobs "
                "ORDER BY due NULLS FIRST, tenant, kind, space"
            ).fetchall()
        return [Standing(*row) for row in rows]

    def close(self) -> None:
        """Let go of the connections. What is in hand stays so until its lease ends."""
        release(self._pool)

    def _key(self, job: Job) -> tuple[int, str, int, str]:
        return job.ledger, job.kind, job.space, self.worker

    @contextmanager
    def _working(self) -> Iterator[Any]:
        """A connection that works as the worker's role; it is lent as any other afterwards."""
        # sql: a role or a setting of ours
        with self._pool.lent(30.0, lambda db: db.execute(f"BEGIN; {self._as}")) as db:
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if not db.closed:
                    db.execute("ROLLBACK")
                raise


def _work_as(db: Any, place: Place) -> str:
    """What makes a transaction see all jobs."""
    if member(db, WORKER):
        return f"SET LOCAL ROLE {WORKER}"
    owner = "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass($1)"
    row = db.execute(owner, (f"{place.schema}.jobs",)).fetchone()
    if row and row[0]:
        return f"SET LOCAL {ALL} = on"
    raise AccessDenied(
        f"this user may not see which tenants of {place.name} have work",
        hint=f"let an administrator GRANT {WORKER} TO this user",
    )
