"""One server in a run: filled, put under each load, and held to account."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from remanence.bench.load.accounts import account, answers
from remanence.bench.load.job import Done, Job, at_work, done_by, generate, prepared
from remanence.bench.load.plan import Plan
from remanence.bench.load.process import cpu
from remanence.bench.load.result import Account, Point, Times
from remanence.bench.load.systems import Server
from remanence.bench.tasks.base import Turn

TRIVIAL = 2.0
"""Seconds, at most, in which the clients' own limit is taken."""


@dataclass(kw_only=True)
class Trial:
    """`pids`: processes besides the server's own that work for it; `failed`: it is left out from then on."""

    server: Server
    pids: list[int]
    plan: Plan
    say: Callable[[str], None]
    acked: dict[str, Turn] = field(default_factory=dict)
    unanswered: list[Turn] = field(default_factory=list)
    failed: bool = False

    def fill(self) -> None:
        """Start the server, and give it what is there before the load."""
        self.server.start()
        began = time.perf_counter()
        of_user: dict[str, list[Turn]] = defaultdict(list)
        for turn in self.plan.turns(0, self.plan.records):
            of_user[self.plan.user(turn.id)].append(turn)
        for user, turns in of_user.items():
            self.server.fill(user, turns)
        self.server.settle()
        took = time.perf_counter() - began
        self.say(f"{self.server.name}: {self.plan.records:,} records after {took:.0f} s")

    def load(self, load: int, clients: int, points: list[Point]) -> None:
        """One load, then what these clients can do at most. The first system's point is what the others are compared with."""
        server, adds = self.server, self.plan.adds(load)
        job = self.job(clients, load, adds)
        done, cores = put_under(server, self.pids, job)
        acked, silent = answers(server, adds, done)
        self.acked |= acked
        self.unanswered += silent
        limit = generate(replace(job, trivial=server.trivial, seconds=min(TRIVIAL, job.seconds)))
        base = next((p.per_s for p in points if p.clients == clients and not p.error), 0.0)
        one = point(server, clients, done, cores, limit, base)
        points.append(one)
        told = f"{one.per_s:,.0f}/s, p95 of search {one.search.p95:.1f} ms, of add {one.add.p95:.1f} ms"
        self.say(f"{server.name}, {clients} clients: {told}{', ran out of adds' * done.dry}")

    def settle(self, accounts: list[Account]) -> None:
        """Settle its account; where it is to be killed, once more after that."""
        found = account(self.server, self.plan, self.acked, self.unanswered)
        accounts.append(found)
        self.say(f"{self.server.name}: {found.acknowledged:,} acknowledged, {len(found.lost)} lost")
        if self.plan.kill:
            found = self.killed()
            accounts.append(found)
            told = f"{found.acknowledged:,} acknowledged, {len(found.lost)} lost"
            self.say(f"{self.server.name}, killed: {told}")

    def killed(self) -> Account:
        """Kill it halfway through a load, start it again under the clients that go on, and settle the account of all loads."""
        plan, load = self.plan, len(self.plan.clients)
        adds = plan.adds(load)
        process = at_work(self.job(max(plan.clients), load, adds))
        time.sleep(max(plan.seconds / 2, 1.0))
        self.server.kill()
        start = time.perf_counter()
        self.server.start()
        back = time.perf_counter() - start
        acked, silent = answers(self.server, adds, done_by(process))
        return account(self.server, plan, {**self.acked, **acked}, silent, back=back)

    def job(self, clients: int, load: int, turns: Sequence[Turn]) -> Job:
        """What the clients are told."""
        plan, server = self.plan, self.server
        adds, searches = server.folder / "adds", server.folder / "searches"
        with adds.open("wb") as out:
            out.writelines(prepared(*server.add(plan.user(turn.id), turn)) for turn in turns)
        with searches.open("wb") as out:
            for question in plan.questions(load):
                (evidence,) = question.evidence
                request = server.search(plan.user(evidence), question)
                out.write(prepared(*request, expected=f'"{evidence}"'))
        return Job(
            url=server.url,
            headers=dict(server.headers),
            clients=clients,
            seconds=plan.seconds,
            warm=min(1.0, plan.seconds / 10),
            share=plan.share,
            seed=plan.seed,
            searches=str(searches),
            adds=str(adds),
        )


def put_under(server: Server, pids: Sequence[int], job: Job) -> tuple[Done, float]:
    """One load, and the processor seconds a second that the server used."""
    roots = [server.pid, *pids]
    process = at_work(job)
    time.sleep(min(0.5, job.seconds / 2))  # the clients are still being loaded
    used, start = cpu(roots), time.perf_counter()
    time.sleep(max(0.1, job.seconds - 0.5))
    cores = (cpu(roots) - used) / (time.perf_counter() - start)
    return done_by(process), cores


def point(
    server: Server, clients: int, done: Done, cores: float, limit: Done, base: float
) -> Point:
    """The figures of one load."""
    rate = (len(done.search) + len(done.add)) / done.seconds
    return Point(
        system=server.name,
        clients=clients,
        version=server.version,
        per_s=rate,
        ratio=rate / base if base else 1.0,
        search=times(done.search),
        add=times(done.add),
        found=done.found / len(done.search) if done.search else 0.0,
        errors=dict(done.errors),
        cores=cores,
        client_cores=done.cpu,
        trivial_per_s=len(limit.trivial) / limit.seconds,
    )


def times(seconds: Sequence[float]) -> Times:
    """Milliseconds at the middle and near the end."""
    if not seconds:
        return Times()
    p50, p95, p99 = np.percentile(1e3 * np.array(seconds), [50, 95, 99])
    return Times(p50=float(p50), p95=float(p95), p99=float(p99), n=len(seconds))
