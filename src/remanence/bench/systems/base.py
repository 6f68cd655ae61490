"""What `run` measures, and the one way it does: a child process that speaks `peers.wire`, ours no less than the others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from remanence.bench.envs import (
    ONE_THREAD,
    PEERS,
    QUIET,
    SCRIPTS,
    find_peer,
    interpreter,
    surroundings,
)
from remanence.bench.tasks.base import Example, Turn, shown
from remanence.errors import RemanenceError

OURS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "remanence": {"embedder": "auto"},
        "remanence-lexical": {"embedder": "none"},
        "remanence-static": {"embedder": "static"},
    }
)
"""Settings of our own system by name; `NAME@RECIPE` runs it with another recipe."""


@dataclass(frozen=True, slots=True)
class Ingested:
    """Seconds until every turn was acknowledged, until nothing was left to do, and inside an encoder."""

    added: float
    ready: float
    embedding: float


@dataclass(frozen=True, slots=True)
class Answer:
    """Ids, best first; seconds of the call, and the seconds of it that went into encoding the query."""

    ids: tuple[str, ...]
    seconds: float
    embedding: float


@dataclass(frozen=True, slots=True)
class Closed:
    """Bytes of its files after a clean end, and the most bytes of memory that its process held."""

    bytes: int
    peak: int


class System(Protocol):
    """A memory that can be filled and asked. `context` packs for a budget of tokens; None: it only ranks."""

    name: str
    version: str

    def ingest(self, example: Example) -> Ingested: ...

    def query(self, example: str, text: str, k: int, at: datetime | None = None) -> Answer: ...

    def context(self, example: str, text: str, budget: int) -> tuple[str, ...] | None: ...

    def close(self) -> Closed: ...


class SystemFailed(RemanenceError):
    """A system under measurement stopped or answered with an error. The others of the run are not touched by it."""


def names() -> list[str]:
    """Every system that can be measured."""
    return [*OURS, *PEERS]


def wants_vectors(name: str) -> bool:
    """Whether the parent has to compute vectors for it: peers that search them; ours encodes by itself."""
    return not is_ours(name) and find_peer(name).vectors


def is_ours(name: str) -> bool:
    """Whether it is a configuration of Remanence."""
    return name.partition("@")[0] in OURS


def start(
    name: str,
    folder: Path,
    vectors: Path | None,
    *,
    dim: int,
    say: Callable[[str], None],
    extra: Mapping[str, Any] = MappingProxyType({}),
) -> Child:
    """Start a system; its files go into `folder`. `vectors`: where `wire` finds vectors; `dim`: their dimensions; `extra`:
    settings besides its own.

    Raises: InvalidInput (no such system), MissingExtra (its environment can't be made), SystemFailed.
    """
    data, home = folder / "data", folder / "home"
    data.mkdir(parents=True)
    home.mkdir()
    if is_ours(name):
        base, _, recipe = name.partition("@")
        settings = dict(OURS[base]) | ({"recipe": recipe} if recipe else {}) | dict(extra)
        command = [sys.executable, "-m", "remanence.bench.systems.remanence"]
        sources = str(Path(__file__).parents[3])
        path = os.pathsep.join(filter(None, (sources, os.environ.get("PYTHONPATH", ""))))
        environment = dict(os.environ) | QUIET | ONE_THREAD | {"PYTHONPATH": path}
        vectors = None
    else:
        peer = find_peer(name)
        settings = dict(peer.settings) | {"dim": dim} | dict(extra)
        command = [str(interpreter(peer, say)), str(SCRIPTS / peer.script)]
        environment = surroundings(home)
        vectors = vectors if peer.vectors else None
    return Child(name, command, environment, data, vectors, settings)


class Child:
    """A system in a process of its own."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        vectors: Path | None,
        settings: Mapping[str, Any],
    ) -> None:
        self.name = name
        self.errors = folder.parent / "stderr.txt"
        with self.errors.open("w") as stderr:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=dict(environment),
                cwd=folder,
                text=True,
                encoding="utf-8",
            )
        try:
            opened = self.ask(
                do="open", folder=str(folder), vectors=str(vectors or ""), settings=dict(settings)
            )
        except SystemFailed:
            self.kill()
            raise
        self.version = str(opened["version"])

    def ask(self, **request: Any) -> dict[str, Any]:
        """One request, one answer. Raises: SystemFailed, with what the child said last."""
        process = self.process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            process.wait()
            said = self.errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise SystemFailed(
                f"{self.name} ended with exit code {process.returncode} while asked to {request['do']}",
                hint=said[-1] if said else "it said nothing",
            )
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise SystemFailed(f"{self.name} failed to {request['do']}: {answer['error']}")
        return answer

    def ingest(self, example: Example) -> Ingested:
        return self.extend(example.id, example.turns)

    def extend(self, example: str, turns: Sequence[Turn], *, more: bool = False) -> Ingested:
        """Add turns to a memory; with `more` to come, `ready` is no later than `added`."""
        answer = self.ask(
            do="ingest", example=example, turns=[as_json(turn) for turn in turns], more=more
        )
        return Ingested(answer["added"], answer["ready"], answer["embedding"])

    def query(self, example: str, text: str, k: int, at: datetime | None = None) -> Answer:
        moment = at.isoformat() if at else None
        answer = self.ask(do="query", example=example, text=text, k=k, at=moment)
        return Answer(tuple(answer["ids"]), answer["seconds"], answer["embedding"])

    def context(self, example: str, text: str, budget: int) -> tuple[str, ...] | None:
        ids = self.ask(do="context", example=example, text=text, budget=budget)["ids"]
        return None if ids is None else tuple(ids)

    def close(self) -> Closed:
        answer = self.ask(do="close")
        self.process.wait(timeout=60)
        return Closed(answer["bytes"], answer["peak"])

    def kill(self) -> None:
        """End it whatever it is doing; harmless after `close`."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


def as_json(turn: Turn) -> dict[str, Any]:
    """A turn for the wire: `text` is everything as one text, `content` the words alone, and its other fields."""
    return {
        "id": turn.id,
        "text": shown(turn),
        "content": turn.text,
        "speaker": turn.speaker,
        "role": turn.role,
        "session": turn.session,
        "at": turn.at.isoformat() if turn.at else None,
        "caption": turn.caption,
        "title": turn.title,
    }
