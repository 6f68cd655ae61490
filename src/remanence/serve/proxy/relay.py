"""An answer on its way back: byte by byte as upstream sends it, and undelayed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import anyio
import httpx
from starlette.types import Receive, Send

from remanence.serve.proxy.refusal import Headers, Refusal
from remanence.serve.proxy.upstream import between_events, broken, passed_back

_EVENTS: Final = "text/event-stream"


class Relayed:
    """What went through, as far as it is to be remembered: `raw` bytes (None: more than `most`), `streamed`: whether it is events."""

    def __init__(self, most: int) -> None:
        self.raw: bytes | None = b""
        self.streamed = False
        self._most = most
        self._parts = bytearray()

    def hear(self, part: bytes) -> None:
        """A further piece."""
        if self.raw is None:
            return
        self._parts += part
        if len(self._parts) > self._most:
            self.raw = None
            self._parts.clear()

    def end(self) -> None:
        """Nothing more comes."""
        if self.raw is not None:
            self.raw = bytes(self._parts)
        self._parts.clear()


@asynccontextmanager
async def listening(receive: Receive) -> AsyncIterator[None]:
    """A block that ends when the client goes away: upstream then need not go on. The request's body must have been read."""
    async with anyio.create_task_group() as group:

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            group.cancel_scope.cancel()

        group.start_soon(watch)
        yield
        group.cancel_scope.cancel()


async def relay(
    answer: httpx.Response, send: Send, more: Headers | None = None, heard: Relayed | None = None
) -> None:
    """Pass an answer on, with `more` headers. `heard` gets a copy; then one that is no stream is passed on when it is whole, or is more
    than can be remembered.

    Where upstream breaks off in the middle, a stream of events ends with an error event and a whole body becomes an error; anything
    else breaks off as well.
    Raises: Refusal for a body of which nothing was passed on."""
    try:
        kind = answer.headers.get("content-type", "").partition(";")[0]
        events = kind.strip().lower() == _EVENTS
        if heard is not None:
            heard.streamed = events
        if heard is None or events:
            await _flowing(answer, send, more or [], heard, events=events)
        else:
            await _whole(answer, send, more or [], heard)
    finally:
        if heard is not None:
            heard.end()
        with anyio.CancelScope(shield=True):
            await answer.aclose()


async def _whole(answer: httpx.Response, send: Send, more: Headers, heard: Relayed) -> None:
    held, begun = [], False
    headers = passed_back(answer) + more
    try:
        async for part in answer.aiter_raw():
            heard.hear(part)
            held.append(part)
            if heard.raw is None:  # whatever upstream sends, not all of it is held
                if not begun:
                    await _start(send, answer.status_code, headers)
                    begun = True
                await _part(send, b"".join(held))
                held.clear()
    except httpx.HTTPError as error:
        if begun:
            return  # without an end, as upstream
        raise broken(error) from error
    if not begun:
        await _start(send, answer.status_code, headers)
    await _part(send, b"".join(held), more=False)


async def _flowing(
    answer: httpx.Response, send: Send, more: Headers, heard: Relayed | None, *, events: bool
) -> None:
    await _start(send, answer.status_code, passed_back(answer) + more)
    last = b""
    try:
        async for part in answer.aiter_raw():
            await _part(send, part)
            last = (last + part)[-4:]
            if heard is not None:
                heard.hear(part)
    except httpx.HTTPError as error:
        if not (events and between_events(last)) or "content-length" in answer.headers:
            return  # without an end: the server closes the connection, as upstream did
        await _part(send, b"data: " + broken(error).body + b"\n\n")
    await _part(send, b"", more=False)


async def refuse(refusal: Refusal, send: Send) -> None:
    """Answer with an error of our own."""
    body = refusal.body
    about = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await _start(send, refusal.status, [*about, *refusal.headers])
    await _part(send, body, more=False)


async def _start(send: Send, status: int, headers: Headers) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def _part(send: Send, body: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})
