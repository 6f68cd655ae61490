"""Much at once: lines of messages in, everything out. Neither is ever held whole in memory."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import IO, Any, Final

from anyio import to_thread
from fastapi import Request
from starlette.responses import Response, StreamingResponse

from remanence.errors import InvalidInput, RemanenceError, UsageError
from remanence.memory import Memory
from remanence.serve.http.answers import Refusal, refused
from remanence.serve.http.asking import parts
from remanence.serve.http.door import Door
from remanence.serve.http.sessions import Who
from remanence.serve.ops import wire
from remanence.serve.ops.op import WHOSE
from remanence.serve.ops.table import OPS
from remanence.text.write.messages import TENANT, USER, as_observations, empty
from remanence.types import Ack

KIND: Final = "application/x-ndjson"
KINDS: Final = (KIND, "application/jsonl", "application/json-lines", "application/jsonlines")
BATCH: Final = 500
"""Lines stored together."""
_BLOCK: Final = 1 << 16
_HELD: Final = 1 << 20
"""Bytes of an answer that are kept in memory; more go to a file."""


Whose = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of an import: what it says, or why it can't be used."""

    number: int
    message: Mapping[str, Any] = field(default_factory=dict)
    whose: Whose = field(default_factory=dict)
    reason: str = ""


async def imported(door: Door, request: Request) -> Response:
    """Remember many messages, a line each; answered with a line for each, once all have come.

    A batch of lines is durable before the next is read. Where the store fails, what was acknowledged stays, and the last line says
    what went wrong."""
    who, op = door.enter(request), OPS["add"]
    door.allow(who, op)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in KINDS:
        raise Refusal(
            415, "InvalidInput", "the body is not said to be lines of JSON", f"Content-Type: {KIND}"
        )
    defaults = {name: _once(request, name) for name in ("session_id", "origin", *WHOSE)}
    if strange := sorted(set(request.query_params) - set(defaults)):
        raise InvalidInput(
            f"import has no parameter {strange[0]!r}", hint=f"it takes {', '.join(defaults)}"
        )
    load = _Load(
        door,
        who,
        {name: value for name, value in defaults.items() if value},
        request.headers.get("idempotency-key", ""),
    )
    answer: IO[bytes] = tempfile.SpooledTemporaryFile(_HELD)  # noqa: SIM115  closed when it was sent
    try:
        async for line in _lines(request, door):
            if batch := load.take(line):
                answer.write(await load.store(batch))
        answer.write(await load.store(load.waiting))
        answer.write(wire.dumps({"done": True, **load.counts}) + b"\n")
    except RemanenceError as error:
        answer.write(bytes(refused(error).body) + b"\n")
    except BaseException:
        answer.close()
        raise
    answer.seek(0)
    return StreamingResponse(_sent(answer), media_type=KIND)


def _once(request: Request, name: str) -> str | None:
    values = request.query_params.getlist(name)
    if len(values) > 1:
        raise InvalidInput(f"{name} is given {len(values)} times", hint="give it once")
    return values[0] if values else None


async def _lines(request: Request, door: Door) -> AsyncIterator[bytes | None]:
    """The lines of a body; None for one that is longer than a line may be."""
    most = door.settings.body
    held, too_long = bytearray(), False
    async for part in parts(request, door.settings):
        *ended, rest = part.split(b"\n")
        for piece in ended:
            held += piece
            yield None if too_long or len(held) > most else bytes(held)
            held, too_long = bytearray(), False
        held += rest
        if len(held) > most:
            held, too_long = bytearray(), True
    if held or too_long:
        yield None if too_long else bytes(held)


class _Load:
    """An import under way."""

    def __init__(self, door: Door, who: Who, defaults: Mapping[str, str], key: str) -> None:
        self._door = door
        self._who = who
        self._caller = who.caller
        self._whose = {name: defaults.get(name) for name in WHOSE}
        self._more = {name: value for name, value in defaults.items() if name not in WHOSE}
        self._key = key
        self._number = self._bytes = 0
        self.waiting: list[tuple[int, bytes | None]] = []
        self.counts = {"stored": 0, "duplicate": 0, "rejected": 0}

    def take(self, raw: bytes | None) -> list[tuple[int, bytes | None]]:
        """One more line; the batch that it makes full. Where batches end depends on the lines alone, for the sake of retries."""
        self._number += 1
        if raw is not None and not raw.strip():
            return []
        self.waiting.append((self._number, raw))
        self._bytes += len(raw or b"")
        if len(self.waiting) < BATCH and self._bytes < self._door.settings.body:
            return []
        batch, self.waiting, self._bytes = self.waiting, [], 0
        return batch

    async def store(self, batch: list[tuple[int, bytes | None]]) -> bytes:
        """Store a batch, durably; what became of each line, as lines."""
        if not batch:
            return b""

        def work() -> bytes:
            lines = [self._read(number, raw) for number, raw in batch]
            with self._door.memories.using(self._who.tenant) as memory:
                acks = self._acks(memory, lines)
            return b"".join(self._told(line, ack) for line, ack in zip(lines, acks, strict=True))

        return await self._door.in_thread(work, long=True)

    def _read(self, number: int, raw: bytes | None) -> _Line:
        if raw is None:
            return _Line(number, reason="the line is too long")
        try:
            found = json.loads(raw)
        except (ValueError, RecursionError):
            return _Line(number, reason="this is no JSON")
        if not isinstance(found, dict):
            return _Line(number, reason="this is no JSON object")
        whose = dict(self._whose)
        for name in WHOSE:
            value = found.pop(name, None)
            if not isinstance(value, str | None):
                return _Line(number, reason=f"{name} is a {type(value).__name__}")
            whose[name] = value or whose[name]
        return _Line(number, found, whose, _refusal(found))

    def _acks(self, memory: Memory, batch: list[_Line]) -> list[Ack]:
        """What became of each line. One user's lines that follow each other are stored together, those that can be."""
        found: list[Ack] = []
        for whose, group in groupby(batch, key=lambda line: line.whose):
            lines = list(group)
            stored = iter(self._added(memory, whose, [line for line in lines if not line.reason]))
            found += [
                Ack("rejected", reason=line.reason) if line.reason else next(stored)
                for line in lines
            ]
        return found

    def _added(self, memory: Memory, whose: Whose, lines: list[_Line]) -> list[Ack]:
        """What became of lines that say nothing wrong; where they can't be stored together, each by itself."""
        if not lines:
            return []
        given = {name: value for name, value in whose.items() if value is not None} | self._more
        if self._key:
            given["key"] = f"{self._key}/{lines[0].number}"
        messages = [line.message for line in lines]
        try:
            acks: list[Ack] = OPS["add"].call(memory, {**given, "content": messages}, self._caller)
        except UsageError as error:
            if len(lines) == 1:
                return [Ack("rejected", reason=error.message)]
            return [ack for line in lines for ack in self._added(memory, whose, [line])]
        return acks

    def _told(self, line: _Line, ack: Ack) -> bytes:
        self.counts[ack.status] += 1
        told = {"line": line.number, "status": ack.status, "id": ack.id, "reason": ack.reason}
        return wire.dumps({name: value for name, value in told.items() if value}) + b"\n"


def _refusal(message: Mapping[str, Any]) -> str:
    """What is wrong with a message, found before anything of its batch is written."""
    try:
        (made,) = as_observations(message, scope=(TENANT, USER), now=time.time_ns() // 1000)
    except InvalidInput as error:
        return error.message
    return "there is nothing to remember in it" if empty(made) else ""


async def exported(door: Door, request: Request) -> Response:
    """Everything in a store as `Memory.export` writes it: one snapshot, written to a file of the server's first."""
    who, op = door.enter(request), OPS["export"]
    door.allow(who, op)
    if request.query_params:
        raise InvalidInput("export takes no parameters", hint="it is the whole store")
    folder = tempfile.TemporaryDirectory(prefix="remanence-")  # for its owner only
    try:
        path = Path(folder.name) / "export.jsonl"
        await door.do(who, op, {"path": str(path)}, lambda _: None)
        file = path.open("rb")
    except BaseException:
        folder.cleanup()
        raise
    name = {"Content-Disposition": 'attachment; filename="memories.jsonl"'}
    return StreamingResponse(_sent(file, folder.cleanup), media_type=KIND, headers=name)


async def _sent(file: IO[bytes], after: Callable[[], None] = lambda: None) -> AsyncIterator[bytes]:
    try:
        while block := await to_thread.run_sync(file.read, _BLOCK):
            yield block
    finally:
        file.close()
        after()
