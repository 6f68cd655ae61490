"""What a server of the HTTP door is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from remanence.errors import InvalidInput
from remanence.seams import Embedder
from remanence.serve.http.tokens import TokenFile
from remanence.serve.opening import Place
from remanence.serve.options import default_store

MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How `create_app` serves a store.

    `store`, `tenant`, `keys`, `policy`, `embedder`, `audit_reads`: as `Memory.open` takes them; `tenant` is that of tokens that name none.
    `tokens`: who may call; `open_to_all`: anybody may do anything (for a loopback address only: `run` sees to it).
    `origins`: web pages of other origins that may call. `rate`: calls a second of each token, 0 without limit, with bursts of
    twice that. `body`: bytes of a request, or of a line of an import. `most`: the largest `limit` and `k`. `threads`: calls
    worked on at once (more of them take turns at the interpreter and get in each other's way); `long`: of those that take long beside
    them. `patience`: seconds that a request may wait for its turn, or its sender take between two parts of it."""

    store: str | Path
    tenant: str = ""
    keys: str = ""
    policy: str = ""
    embedder: str | Embedder | None = "auto"
    audit_reads: bool = False
    tokens: TokenFile = field(default_factory=TokenFile)
    open_to_all: bool = False
    open_metrics: bool = False
    origins: tuple[str, ...] = ()
    rate: float = 0.0
    body: int = 8 * MIB
    most: int = 1_000
    threads: int = 2
    long: int = 8
    streams: int = 64
    tenants: int = 64
    patience: float = 30.0

    def __post_init__(self) -> None:
        if self.threads < 1 or self.long < 1:
            raise InvalidInput(f"threads={self.threads}", hint="give 1 or more")


def settings_of(
    here: Place, tokens: str, *, policy: str, embedder: str, audit_reads: bool, **more: Any
) -> Settings:
    """Settings for the store that a command line names; `tokens`: the file of tokens, "" the usual one; `more`: further fields."""
    return Settings(
        store=here.store or default_store(),
        tenant=here.tenant,
        keys=here.keys,
        policy=policy,
        embedder=embedder,
        audit_reads=audit_reads,
        tokens=TokenFile(Path(tokens).expanduser() if tokens else None),
        **more,
    )
