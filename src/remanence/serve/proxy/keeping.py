"""What was said goes into memory behind the answer's back: it delays nothing, and what fails is counted, never told to the app."""

from __future__ import annotations

import asyncio
import json
import logging
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

from remanence.errors import RemanenceError
from remanence.memory import Memory
from remanence.serve.http.memories import Memories
from remanence.serve.ops.op import Caller
from remanence.serve.ops.table import OPS
from remanence.serve.proxy.names import Names
from remanence.serve.proxy.said import Answer, Asked, Dialect, Turn, events
from remanence.types import Ack

LOG: Final = logging.getLogger("remanence.proxy")
ORIGINS: Final = {"user": "proxy:user", "assistant": "proxy:assistant"}
DOUBTFUL: Final = "proxy:assistant/untrusted"
"""The channel of an answer that was made from what tools brought, or from memories of little trust."""
MOST: Final = 1_000
"""Answers that may wait to be stored."""
LONGEST_ID: Final = 512
"""Characters of the name of an answer."""
UNPACKED: Final = 32 << 20
"""Bytes of an answer that came packed: a few can unpack to more than any memory holds."""
FOLLOWED: Final = 10_000
"""Answers whose conversation is known when a request goes on from them."""


@dataclass(slots=True)
class Counts:
    """What a proxy has done since its start. `given`: requests that memories were added to; `kept`: turns stored; `refused`: turns
    that the policy or the store did not take; `lost`: answers that could not be stored; `unasked`: requests that went on without
    memory, for recall failed or was late; `rejected`: requests that upstream took only without memories."""

    requests: int = 0
    given: int = 0
    kept: int = 0
    refused: int = 0
    lost: int = 0
    unasked: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A request that upstream took, and what it answered: `raw` as it came (None: too much to keep)."""

    caller: Caller
    tenant: str
    user: str | None
    session: str
    asked: Asked
    dialect: Dialect
    store: bool
    doubtful: bool
    raw: bytes | None
    encoding: str
    streamed: bool

    @property
    def whose(self) -> tuple[str, str | None, str | None]:
        """Whose conversation it is."""
        return self.tenant, self.user, self.caller.agent_id


@dataclass
class Keeper:
    """Stores in a thread of its own, in the order in which answers ended."""

    memories: Memories
    names: Names
    counts: Counts
    _tasks: dict[asyncio.Future[None], tuple[object, ...]] = field(default_factory=dict)
    _sessions: OrderedDict[str, str] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="remanence-proxy")

    def later(self, heard: Heard) -> None:
        """Have it stored; returns at once."""
        if len(self._tasks) >= MOST:
            self.counts.lost += 1
            LOG.warning("not stored: %d answers are waiting already", len(self._tasks))
            return
        task = asyncio.get_running_loop().run_in_executor(self._thread, self._keep, heard)
        self._tasks[task] = heard.whose
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    async def settled(self, whose: tuple[object, ...] | None = None, patience: float = 1.0) -> None:
        """Wait until what these said (None: all) is stored, so that who asks next finds it; `patience` seconds at the most."""
        waiting = [task for task, of in self._tasks.items() if whose is None or of == whose]
        if waiting:
            await asyncio.wait(waiting, timeout=patience)

    async def close(self) -> None:
        """Store what waits, and end."""
        await self.settled(patience=10.0)
        self._thread.shutdown(wait=False, cancel_futures=True)

    def session_of(self, answer: str) -> str:
        """The conversation of an answer that upstream keeps; "" where it is not known any more."""
        return self._sessions.get(answer, "")

    def _keep(self, heard: Heard) -> None:
        try:
            answer = heard.dialect.answer(_told(heard), heard.streamed)
            if 0 < len(answer.id) <= LONGEST_ID:
                self._sessions[answer.id] = heard.session
                if len(self._sessions) > FOLLOWED:
                    self._sessions.popitem(last=False)
            if heard.store:
                with self.memories.using(heard.tenant) as memory:
                    self._store(memory, heard, answer)
        except Exception as error:  # whatever it is, the answer is out already
            self.counts.lost += 1
            # Only our own errors are known to quote nothing of what was said.
            why = error.message if isinstance(error, RemanenceError) else ""
            LOG.warning("not stored: %s %s", type(error).__name__, why)

    def _store(self, memory: Memory, heard: Heard, answer: Answer) -> None:
        turns = list(heard.asked.turns)
        first = len(turns) - heard.asked.fresh
        doubtful = heard.doubtful or answer.tools
        if answer.text and heard.asked.single:
            turns.append(Turn("assistant", answer.text))
        ids = self.names.turns(heard.session, turns)
        messages = [
            _message(turn, id, doubtful)
            for turn, id in zip(turns[first:], ids[first:], strict=True)
        ]
        if not messages:
            return
        given = {"content": messages, "user_id": heard.user, "session_id": heard.session}
        acks: Sequence[Ack] = OPS["add"].call(memory, given, heard.caller)
        self.counts.kept += sum(ack.status == "stored" for ack in acks)
        self.counts.refused += sum(ack.status == "rejected" for ack in acks)


def _message(turn: Turn, id: str, doubtful: bool) -> dict[str, object]:
    theirs = turn.role == "assistant" and doubtful
    return {
        "role": turn.role,
        "content": turn.text,
        "id": id,
        "origin": DOUBTFUL if theirs else ORIGINS[turn.role],
        **({"name": turn.name} if turn.name else {}),
    }


def _told(heard: Heard) -> list[Any]:
    """The JSON in an answer: its events, or its body."""
    if heard.raw is None:
        return []
    text = _unpacked(heard.raw, heard.encoding).decode("utf-8", "replace")
    found = []
    for data in events(text) if heard.streamed else (text,):
        try:
            found.append(json.loads(data))
        except (ValueError, RecursionError):  # [DONE], or nothing of ours
            continue
    return found


def _unpacked(raw: bytes, encoding: str) -> bytes:
    """The plain bytes: asked for them, upstream may have packed them all the same. None where that can't be undone."""
    if encoding.strip().lower() in ("", "identity"):
        return raw
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # gzip or deflate, as it says itself
    try:
        plain = unpacking.decompress(raw, UNPACKED)
    except zlib.error:
        return b""
    return plain if unpacking.eof else b""
