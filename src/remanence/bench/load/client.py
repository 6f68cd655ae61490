"""The clients, in a process of their own: each sends its next request when its last one was answered.

Reads one job as JSON from stdin and prints what came of it as JSON. It knows nothing of the systems: requests lie ready in two files,
so that preparing them takes nothing from the servers, and the answers to writes go back as they came. Needs aiohttp: of the clients
for Python it takes the least of a processor that it shares with what it measures.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from itertools import cycle
from pathlib import Path

import aiohttp

from remanence.bench.load.job import Done, Job

PAUSE = 0.02
"""Seconds that a client waits after a connection that failed."""


class Load:
    """One job under way."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.done = Done()
        self.searches = cycle(lines(job.searches))
        self.adds: Iterator[tuple[int, list[bytes]]] = enumerate(lines(job.adds))
        self.begin = self.end = 0.0

    async def run(self) -> Done:
        """All clients until the time is over."""
        job = self.job
        async with aiohttp.ClientSession(
            job.url,
            headers=job.headers,
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=60),
        ) as session:
            start, used = time.perf_counter(), cpu()
            self.begin, self.end = start + job.warm, start + job.seconds
            async with asyncio.TaskGroup() as group:
                for number in range(job.clients):
                    group.create_task(self.client(session, random.Random(job.seed + number)))
            self.done.seconds = time.perf_counter() - self.begin
            self.done.cpu = (cpu() - used) / (time.perf_counter() - start)
        return self.done

    async def client(self, session: aiohttp.ClientSession, rng: random.Random) -> None:
        """One client: a request at a time."""
        while time.perf_counter() < self.end:
            if self.job.trivial:
                await self.send(session, "trivial", "GET", self.job.trivial)
            elif rng.random() < self.job.share:
                path, expected, body = next(self.searches)
                answer = await self.send(session, "search", "POST", path.decode(), body)
                if answer is not None and expected in answer[0]:
                    self.done.found += answer[1]
            else:
                line, request = next(self.adds, (-1, None))
                if request is None:
                    self.done.dry = True
                    return
                path, _, body = request
                answer = await self.send(session, "add", "POST", path.decode(), body, line)
                if answer is not None:
                    self.done.acked.append((line, answer[0].decode()))

    async def send(
        self,
        session: aiohttp.ClientSession,
        kind: str,
        method: str,
        path: str,
        body: bytes | None = None,
        line: int = -1,
    ) -> tuple[bytes, bool] | None:
        """The answer, and whether its time counts; None where there was none, or not a good one."""
        start = time.perf_counter()
        try:
            async with session.request(method, path, data=body) as response:
                answer = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.done.errors[type(error).__name__] += 1
            if line >= 0 and not isinstance(error, aiohttp.ClientConnectorError):
                self.done.unanswered.append(line)  # it may have been taken
            await asyncio.sleep(PAUSE)
            return None
        now = time.perf_counter()
        if not 200 <= response.status < 300:
            self.done.errors[str(response.status)] += 1
            return None
        counts = start >= self.begin
        if counts:
            getattr(self.done, kind).append(now - start)
        return answer, counts


def lines(file: str) -> list[list[bytes]]:
    """Prepared requests, each taken apart."""
    if not file:
        return []
    return [line.split(b"\t", 2) for line in Path(file).read_bytes().splitlines()]


def cpu() -> float:
    """Seconds of processor that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Do the job."""
    done = asyncio.run(Load(Job(**json.load(sys.stdin))).run())
    done.errors = dict(done.errors)
    json.dump(asdict(done), sys.stdout)


if __name__ == "__main__":
    main()
