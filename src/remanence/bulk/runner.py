"""Where tasks run: in this process, or in several; and going on when one of those is killed."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from typing import Any, Final, Protocol, TypeVar

from remanence.bulk.task import Task, perform
from remanence.errors import RemanenceError

ATTEMPTS: Final = 3
"""How often a task is begun where its worker dies."""
AHEAD: Final = 2
"""Tasks that wait for each worker, so that none is idle while results are taken in."""
THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""A worker is one thread's worth: otherwise each of them would use all cores."""

Tag = TypeVar("Tag")


class WorkerLost(RemanenceError):
    """Workers died on one task again and again; what was done before it stays."""


class Runner(Protocol):
    """Performs tasks, several at a time. Close it, or use it in a `with`."""

    @property
    def workers(self) -> int: ...

    def submit(self, task: Task) -> Future[Any]: ...

    def lost(self, error: BaseException) -> bool:
        """Whether an error says that the worker died, so that the task may be begun again; mends what has to be mended."""
        ...

    def close(self) -> None: ...


class Here:
    """In this process, one after the other."""

    workers = 1

    def submit(self, task: Task) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(perform(task))
        except Exception as error:
            done.set_exception(error)
        return done

    def lost(self, error: BaseException) -> bool:
        return False

    def close(self) -> None:
        """Nothing is held."""


class Processes:
    """In processes of this machine."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool = self._made()

    def submit(self, task: Task) -> Future[Any]:
        try:
            return self._pool.submit(perform, task)
        except BrokenProcessPool:  # one died while nothing was asked of it
            self._pool = self._made()
            return self._pool.submit(perform, task)

    def lost(self, error: BaseException) -> bool:
        # A pool that lost one process gives up all that it had in hand.
        return isinstance(error, BrokenProcessPool)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _made(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")  # no copies of locks and connections
        return ProcessPoolExecutor(self.workers, mp_context=context, initializer=alone)


def alone() -> None:
    """What a worker does first: keep to one thread."""
    for name in THREADS:
        os.environ[name] = "1"


def run(tasks: Iterable[tuple[Tag, Task] | None], runner: Runner) -> Iterator[tuple[Tag, Any]]:
    """Perform tasks as they come, and yield what each was for with its result, in the order in which they end.

    Only a few are asked for ahead, so that `tasks` may depend on what was yielded; where it gives None, it is asked again when something
    has ended. A task whose worker died is begun again.

    Raises: what a task raised; WorkerLost where its workers die again and again."""
    waiting: dict[Future[Any], tuple[Tag, Task, int]] = {}
    source = iter(tasks)
    more = True
    try:
        while more or waiting:
            while more and len(waiting) < AHEAD * runner.workers:
                try:
                    asked = next(source)
                except StopIteration:
                    more = False
                    break
                if asked is None:
                    assert waiting, "nothing is under way that could change it"
                    break
                waiting[runner.submit(asked[1])] = *asked, 1
            if not waiting:
                return
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                tag, task, attempt = waiting.pop(future)
                error = future.exception()
                if error is None:
                    yield tag, future.result()
                elif not runner.lost(error):
                    raise error
                elif attempt < ATTEMPTS:
                    waiting[runner.submit(task)] = tag, task, attempt + 1
                else:
                    raise WorkerLost(
                        f"{ATTEMPTS} workers died, one after the other, on the same {type(task).__name__.lower()} task",
                        hint="look at the memory that is left; what was done stays, and running it again goes on",
                    ) from error
    finally:
        for future in waiting:
            with suppress(Exception):
                future.cancel()
