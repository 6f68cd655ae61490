"""A worker: takes jobs, does them a piece at a time, and can be stopped or killed at any moment.

The same code for a database's queue and for a folder of stores. Threads share one encoder; each takes the next job after one is done.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from remanence.bulk.place import Place, encoder
from remanence.bulk.queues import Source, sources
from remanence.bulk.task import Sleep
from remanence.errors import InvalidInput, ModelMissing, NotFound, RemanenceError, WrongDimension
from remanence.seams import Embedder
from remanence.store.postgres.connections import Moved
from remanence.store.postgres.jobs import GRACE, KINDS, Job
from remanence.text.write.spoken import spoken

BATCH: Final = 64
"""Texts encoded between two looks at whether to stop."""
SLICE: Final = 30.0
"""Seconds after which a job that is not done is given back, so that others get their turn."""
Tell = Callable[[str], None]


class Worker:
    """Works through what waits at a place. `name`: unique among all workers; `lease`: seconds after which others take over what a dead one
    had in hand; `every`: seconds between two looks where nothing was due.

    Raises: ModelMissing where texts are to be encoded and there is no encoder; InvalidInput; what opening the queues raises."""

    def __init__(
        self,
        place: Place,
        name: str,
        *,
        kinds: Sequence[str] = KINDS,
        threads: int = 1,
        lease: float = 60.0,
        every: float = 1.0,
        tell: Tell = lambda _: None,
    ) -> None:
        if unknown := set(kinds) - set(KINDS) or (set() if kinds else {""}):
            raise InvalidInput(f"no kind of work {min(unknown)!r}", hint=f"{' or '.join(KINDS)}")
        if threads < 1 or lease <= 0 or every <= 0:
            raise InvalidInput(
                f"{threads} threads, {lease:g} s, {every:g} s", hint="give numbers above 0"
            )
        found = encoder(place.embedder) if "embed" in kinds else None
        if found is None and "embed" in kinds:
            raise ModelMissing(
                f"there is no encoder {place.embedder!r} here", hint="rmem models list shows them"
            )
        self.kinds = tuple(kinds)
        self.counts: Counter[str] = Counter()
        """Texts that were embedded, users that slept, jobs that failed."""
        self._encoder: Embedder | None = found
        self._threads = threads
        self._every = every
        self._lease = lease
        self._tell = tell
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._sources = sources(
            place, name, encoder=found.id if found else "", lease=lease, every=every
        )

    def run(self, *, once: bool = False) -> None:
        """Work until `stop`; with `once` until nothing is left to do. Then let go of everything."""
        threads = [
            threading.Thread(
                target=self._loop, args=(once, number), name=f"remanence-work-{number}"
            )
            for number in range(self._threads)
        ]
        renewing = threading.Thread(target=self._renew, name="remanence-renew", daemon=True)
        try:
            for thread in (*threads, renewing):
                thread.start()
            for thread in threads:
                while thread.is_alive():  # in pieces, so that signals are heard
                    thread.join(0.5)
        finally:
            self.stop()
            for thread in threads:
                thread.join()
            self._ended.set()
            renewing.join()
            for source in self._sources:
                source.close()

    def stop(self) -> None:
        """End after the batch in hand. What is left waits where it was."""
        self._stopping.set()

    def _loop(self, once: bool, number: int) -> None:
        turn = number
        while not self._stopping.is_set():
            worked = False
            for _ in self._sources:
                source = self._sources[turn % len(self._sources)]
                turn += 1
                try:
                    job = source.take(self.kinds, ahead=GRACE if once else 0.0)
                except RemanenceError as error:  # a server that is away comes back
                    self._say("no work can be had", error)
                    continue
                if job is not None:
                    worked = True
                    self._do(source, job)
            if not worked:
                if once:
                    return
                self._stopping.wait(self._every)

    def _do(self, source: Source, job: Job) -> None:
        try:
            try:
                finished = (
                    self._embed(source, job) if job.kind == "embed" else self._sleep(source, job)
                )
            except (Moved, NotFound):  # not here any more: neither is the job
                finished = True
            (source.done if finished else source.give_back)(job)
        except Exception as error:
            self.counts["failed"] += 1
            self._say(f"{job.kind} of {job.tenant!r} failed", error)
            try:
                source.failed(job, _told(error))
            except RemanenceError as gone:
                self._say("nobody could be told of it", gone)

    def _embed(self, source: Source, job: Job) -> bool:
        """Encode what waits; False where something is left."""
        model, until = self._encoder, time.monotonic() + SLICE
        assert model is not None
        with source.place(job).store_of(job.tenant) as store:
            while batch := store.pending(model.id, BATCH):
                if self._stopping.is_set() or time.monotonic() > until:
                    return False
                vectors = model.encode([spoken(waiting) for waiting in batch])
                if vectors.dense.shape != (len(batch), model.dim):
                    raise WrongDimension(
                        f"{len(batch)} texts, vectors of shape {vectors.dense.shape} from {model.id}",
                        hint=f"one row a text, each of {model.dim} numbers",
                    )
                store.put_vectors(model.id, [waiting.seq for waiting in batch], vectors)
                self.counts["embedded"] += len(batch)
        return True

    def _sleep(self, source: Source, job: Job) -> bool:
        """Let a person's memory do what is due; False where something is left."""
        place = source.place(job)
        with place.store_of(job.tenant) as store:
            user = source.user(job, store)
        if user is None:
            return True
        done = Sleep(place=place, tenant=job.tenant, user=user, seconds=SLICE).perform()
        self.counts["slept"] += 1
        return not done.counts.get("left")

    def _renew(self) -> None:
        while not self._ended.wait(self._lease / 3):
            for source in self._sources:
                try:
                    source.renew()
                except RemanenceError as error:
                    self._say("a lease could not be renewed", error)

    def _say(self, what: str, error: Exception) -> None:
        self._tell(f"{what}: {_told(error)}")


def _told(error: Exception) -> str:
    """What may be kept of an error where other tenants' operators read it: of errors that nobody foresaw only their kind."""
    return (
        f"{error.code}: {error.message}"
        if isinstance(error, RemanenceError)
        else type(error).__name__
    )
