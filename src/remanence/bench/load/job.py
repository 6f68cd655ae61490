"""What the process of all clients is told, what it tells, and how it is run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from remanence.bench.systems.base import SystemFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """`searches`, `adds`: files of `prepared` lines. `share`: of searches among requests. `warm`: seconds whose times do not count.

    `trivial`: a path that every client asks for instead. `seed`: of the order of searches and adds."""

    url: str
    headers: dict[str, str]
    clients: int
    seconds: float
    warm: float = 0.0
    share: float = 0.8
    seed: int = 0
    searches: str = ""
    adds: str = ""
    trivial: str = ""


@dataclass(slots=True, kw_only=True)
class Done:
    """What came of a job: `search`, `add` (and `trivial`): seconds of each answer with a good status.

    `found`: how many of the searches brought the record that was asked for. `acked`: (line, answer) of each good `add`;
    `unanswered`: lines of adds that were sent and got no answer at all. `errors`: how often by status, or by what failed."""

    seconds: float = 0.0
    cpu: float = 0.0
    dry: bool = False
    found: int = 0
    search: list[float] = field(default_factory=list)
    add: list[float] = field(default_factory=list)
    trivial: list[float] = field(default_factory=list)
    acked: list[tuple[int, str]] = field(default_factory=list)
    unanswered: list[int] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def prepared(path: str, body: dict[str, Any], expected: str = "") -> bytes:
    """A request as a line: where it is posted to, what its answer has to hold ("": anything), and its body."""
    return b"\t".join((path.encode(), expected.encode(), json.dumps(body).encode())) + b"\n"


def at_work(job: Job) -> subprocess.Popen[str]:
    """The process of all clients, at work."""
    sources = str(Path(__file__).parents[3])
    path = os.pathsep.join(filter(None, (sources, os.environ.get("PYTHONPATH", ""))))
    process = subprocess.Popen(
        [sys.executable, "-m", "remanence.bench.load.client"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=dict(os.environ) | {"PYTHONPATH": path},
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(asdict(job)))
    process.stdin.close()
    process.stdin = None  # or `communicate` would flush it
    return process


def done_by(process: subprocess.Popen[str]) -> Done:
    """What the clients did. Raises: SystemFailed."""
    out, _ = process.communicate()
    if process.returncode:
        raise SystemFailed(
            f"the clients ended with exit code {process.returncode}", hint="see above why"
        )
    told: dict[str, Any] = json.loads(out)
    return Done(**told)


def generate(job: Job) -> Done:
    """Put a server under one load."""
    return done_by(at_work(job))
