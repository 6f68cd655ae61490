"""Server-sent events: a sleep as it goes on, and the ledger as it grows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from fastapi import Request
from starlette.responses import Response, StreamingResponse

from remanence.errors import InvalidInput
from remanence.serve.http.answers import refused
from remanence.serve.http.door import Door
from remanence.serve.http.sessions import Who
from remanence.serve.ops import wire
from remanence.serve.ops.op import Op
from remanence.serve.ops.table import OPS

KIND: Final = "text/event-stream"
TICK: Final = 0.5
"""Seconds between two looks at the ledger."""
BEAT: Final = 15.0
"""Seconds after which a stream says that it is still there."""
PAGE: Final = 500


class _Stopped(Exception):
    """Nobody listens any more."""


def wants_events(request: Request) -> bool:
    """Whether the caller asks for events in place of one answer."""
    return KIND in request.headers.get("accept", "")


async def slept(door: Door, who: Who, op: Op, given: dict[str, Any]) -> Response:
    """A sleep, told step by step: `progress` events, then `result` or `error`. Who goes away ends it after the step in hand."""
    door.refuse_more_streams()

    async def stream() -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        told: asyncio.Queue[bytes] = asyncio.Queue()
        gone = False

        def progress(sleeper: str, done: float, note: str) -> None:
            if gone or door.closing:
                raise _Stopped
            step = {"sleeper": sleeper, "done": done, "note": note}
            loop.call_soon_threadsafe(told.put_nowait, event("progress", step))

        night = asyncio.ensure_future(door.do(who, op, given, wire.answer, progress=progress))
        night.add_done_callback(asyncio.Future.exception)  # where nobody is left to be told
        try:
            with door.streaming():
                while not night.done() or not told.empty():
                    waiting = asyncio.ensure_future(told.get())
                    await asyncio.wait(
                        {waiting, night}, timeout=BEAT, return_when="FIRST_COMPLETED"
                    )
                    if waiting.done():
                        yield waiting.result()
                        continue
                    waiting.cancel()
                    if not night.done():
                        yield b": still at it\n\n"
                yield _ending(night)
        finally:
            gone = True

    return StreamingResponse(stream(), media_type=KIND)


def _ending(night: asyncio.Future[dict[str, Any]]) -> bytes:
    error = night.exception()
    if error is None:
        return event("result", night.result())
    answer = refused(error if isinstance(error, Exception) else RuntimeError())
    return b"event: error\ndata: " + bytes(answer.body) + b"\n\n"


async def followed(door: Door, request: Request) -> Response:
    """The ledger from `after` (or `Last-Event-ID`) on: each event as it is committed, its number as the id."""
    who = door.enter(request)
    op = OPS["events"]
    door.allow(who, op)
    known = {"user_id", "agent_id", "after"}
    if strange := sorted(set(request.query_params) - known):
        raise InvalidInput(f"no parameter {strange[0]!r}", hint=f"it takes {', '.join(known)}")
    whose = {name: value for name, value in request.query_params.items() if name != "after"}
    last = request.headers.get("last-event-id") or request.query_params.get("after", "0")
    if not last.isdecimal() or len(last) > 18:
        raise InvalidInput("after is no number of an event", hint="give that of the last one seen")
    first = int(last)

    async def page(after: int) -> list[dict[str, Any]]:
        asked = {**whose, "after": after, "limit": PAGE}
        found = await door.do(who, op, asked, wire.answer)
        return list(found["items"])

    door.refuse_more_streams()
    begun = await page(first)  # what is wrong is told with its status

    async def stream() -> AsyncIterator[bytes]:
        after, quiet, items = first, 0.0, begun
        with door.streaming():
            yield b"retry: 2000\n\n"
            while not door.closing:
                for item in items:
                    after, quiet = item["seq"], 0.0
                    yield event(item["op"], item, id=after)
                if len(items) < PAGE:
                    await asyncio.sleep(TICK)
                    quiet += TICK
                    if quiet >= BEAT:
                        quiet = 0.0
                        yield b": nothing new\n\n"
                if not door.knows(request, who):
                    return
                items = await page(after)

    return StreamingResponse(stream(), media_type=KIND)


def event(name: str, value: dict[str, Any], *, id: int | None = None) -> bytes:
    """One event, as the stream has it."""
    head = b"" if id is None else b"id: %d\n" % id
    return head + b"event: " + name.encode() + b"\ndata: " + wire.dumps(value) + b"\n\n"
