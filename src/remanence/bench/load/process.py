"""A server in a process of its own: started, watched, killed, started again where it was, and ended."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from remanence.bench.systems.base import SystemFailed

PATIENCE = 90.0
"""Seconds that a server gets to start."""


class Process:
    """`command` with its output in files of `folder`. Raises: SystemFailed where it ends while somebody waits for it."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> None:
        self.name = name
        self.out, self.errors = folder / "stdout.txt", folder / "stderr.txt"
        with self.out.open("w") as stdout, self.errors.open("a") as stderr:
            self.process = subprocess.Popen(
                command, stdout=stdout, stderr=stderr, env=dict(environment), cwd=folder
            )

    def waiting(self, why: str) -> Iterator[None]:
        """Steps of a wait; ends with an error where the process ends, or takes too long."""
        until = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < until:
            yield
            time.sleep(0.02)
        said = self.errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        hint = said[-1] if said else "it said nothing"
        raise SystemFailed(f"{self.name} {why}: exit code {self.process.returncode}", hint=hint)

    def answers(self, url: str, path: str) -> None:
        """Wait until GET is answered with 200."""
        for _ in self.waiting("does not answer"):
            with suppress(OSError, HTTPException):
                status, _body = once(url, "GET", path)
                if status == 200:
                    return

    def kill(self) -> None:
        """SIGKILL: it gets no chance to tidy up."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Ask it to end; kill it where it does not."""
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.kill()


def once(
    url: str,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    """One request on a connection of its own: status and body."""
    with connected(url) as connection:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read()


@contextmanager
def connected(url: str) -> Iterator[HTTPConnection]:
    """A connection for many requests."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=600)
    try:
        yield connection
    finally:
        connection.close()


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def cpu(roots: Sequence[int]) -> float:
    """Seconds of processor that these processes and all below them have used; 0 where the system has no /proc."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError, ValueError):
            told = (entry / "stat").read_text().rpartition(")")[2].split()
            pid = int(entry.name)
            # Its own, and that of children which have ended.
            parents[pid], ticks[pid] = int(told[1]), sum(int(one) for one in told[11:15])
    mine = {pid for pid in ticks if set(_line(pid, parents)) & set(roots)}
    return float(sum(ticks[pid] for pid in mine) / os.sysconf("SC_CLK_TCK")) if mine else 0.0


def _line(pid: int, parents: Mapping[int, int]) -> Iterator[int]:
    while pid in parents:
        yield pid
        pid = parents[pid]
