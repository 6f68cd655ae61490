"""What a run under load gives. Plain data: figures, and what they depend on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Milliseconds of one kind of request, and how many were timed."""

    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    n: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One server with so many clients. Rates are answers a second, searches and adds together; a server that failed has `error`."""

    system: str
    clients: int
    version: str = ""
    error: str = ""
    per_s: float = 0.0
    ratio: float = 0.0
    """Its rate over the first system's."""
    search: Times = field(default_factory=Times)
    add: Times = field(default_factory=Times)
    found: float = 0.0
    """Share of searches whose own record is among the ten; synthetic words, so no measure of quality."""
    errors: Mapping[str, int] = field(default_factory=dict)
    """How many requests were not answered well, by status or by what failed."""
    cores: float = 0.0
    """Processor seconds a second of the server, its database included; 0 where the system does not tell."""
    client_cores: float = 0.0
    """The same of the process of all clients: near 1, it holds the server up."""
    trivial_per_s: float = 0.0
    """Answers a second of these clients to a path that costs the server next to nothing: no more can be measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What became of the acknowledged adds of one server. `killed`: by SIGKILL amid the load; `back`: seconds until it answered again.

    `unanswered`: adds that were sent and never answered; `of them there`: how many are there all the same. `problems`: what the server's
    own examination found; None: it offers none."""

    system: str
    killed: bool
    acknowledged: int
    lost: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unanswered: int = 0
    unanswered_there: int = 0
    problems: tuple[str, ...] | None = None
    back: float = 0.0

    @property
    def ok(self) -> bool:
        """All that was acknowledged is there, as it was sent, and nothing is wrong."""
        return not (self.lost or self.changed or self.problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """A run: points by system, then by number of clients."""

    points: tuple[Point, ...]
    accounts: tuple[Account, ...]
    records: int
    users: int
    seconds: float
    mix: str
    seed: int
    version: str
    commit: str
    machine: Mapping[str, str]
    load_average: float
    """Of the machine, over a minute, before the run."""
    command: str
    started: str
    benchmark: str = "load"
    schema: int = 1

    @property
    def ok(self) -> bool:
        """Whether no server lost anything."""
        return all(account.ok for account in self.accounts)

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    def write(self, path: Path) -> None:
        """Write it, readable."""
        path.write_text(json.dumps(self.as_json(), indent=1) + "\n", encoding="utf-8")
