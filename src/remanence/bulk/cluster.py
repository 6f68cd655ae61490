"""Tasks on Ray, on this machine or on a cluster."""

from __future__ import annotations

import logging
import os
from concurrent.futures import Future
from typing import Any

from remanence.bulk.runner import THREADS, alone
from remanence.bulk.task import Task, perform
from remanence.errors import MissingExtra


class OnRay:
    """`address`: that of a running cluster; without one Ray is started here, on loopback, with so many workers, and ended with `close`.

    Ray's reports home and its dashboard are off. Every machine of a cluster needs Remanence and must reach the store.

    Raises: MissingExtra."""

    def __init__(self, workers: int, address: str = "") -> None:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        try:
            import ray
        except ImportError as error:
            raise MissingExtra(
                "Ray is not installed", hint="pip install 'remanence[ray]'"
            ) from error
        self.workers = workers
        self._ray = ray
        self._started = not ray.is_initialized()
        if self._started:
            own = {"num_cpus": workers, "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
            ray.init(
                **({"address": address} if address else own),
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env={"env_vars": dict.fromkeys(THREADS, "1")},
            )
        # Ray begins a task again by itself where its worker died; ours then count from one.
        self._perform = ray.remote(num_cpus=1, max_retries=2)(_performed)

    def submit(self, task: Task) -> Future[Any]:
        found: Future[Any] = self._perform.remote(task).future()
        return found

    def lost(self, error: BaseException) -> bool:
        gone = (self._ray.exceptions.WorkerCrashedError, self._ray.exceptions.NodeDiedError)
        return isinstance(error, gone)

    def close(self) -> None:
        if self._started:
            self._ray.shutdown()


def _performed(task: Task) -> Any:
    alone()
    return perform(task)
