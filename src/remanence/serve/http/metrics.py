"""What a Prometheus server reads: calls by operation and status, how long they took, and how much the open stores hold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from remanence.memory.core import Status

KIND: Final = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS: Final = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
)  # fmt: skip


class Metrics:
    """The figures of one server, apart from those of others in this process. No label holds a name of a user's or a tenant's."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._calls = Counter(
            "remanence_requests",
            "Requests by operation and status",
            ["op", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "remanence_request_seconds",
            "Seconds until the answer was sent",
            ["op"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._gauges = {
            name: Gauge(f"remanence_{name}", words, registry=self._registry)
            for name, words in (
                ("stores", "Open stores"),
                ("records", "Memories in open stores"),
                ("pending", "Memories that wait for their vectors"),
                ("bytes", "Bytes of open stores"),
            )
        }

    def called(self, op: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._calls.labels(op, str(status)).inc()
        self._seconds.labels(op).observe(seconds)

    def text(self, stores: Iterable[Status]) -> bytes:
        """All figures, in Prometheus' text format."""
        found = list(stores)
        self._gauges["stores"].set(len(found))
        for name in ("records", "pending", "bytes"):
            self._gauges[name].set(sum(getattr(one, name) for one in found))
        return generate_latest(self._registry)
