"""The ASGI application: conversations get memory, everything else below `/v1` goes through untouched."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from hmac import compare_digest
from typing import Final
from urllib.parse import quote

import anyio
import httpx
from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from remanence.errors import RemanenceError
from remanence.serve.http.memories import Memories
from remanence.serve.ops.line import dumps
from remanence.serve.ops.op import Right
from remanence.serve.proxy.chat import CHAT
from remanence.serve.proxy.door import SHOWN, Door, Visit
from remanence.serve.proxy.keeping import Counts, Heard, Keeper
from remanence.serve.proxy.names import Names
from remanence.serve.proxy.recall import Given, recall
from remanence.serve.proxy.refusal import Headers, Refusal
from remanence.serve.proxy.relay import Relayed, listening, refuse, relay
from remanence.serve.proxy.responses import RESPONSES
from remanence.serve.proxy.said import Asked, Dialect
from remanence.serve.proxy.settings import Settings
from remanence.serve.proxy.upstream import Upstream
from remanence.store.forgetting.receipts import config_folder

LOG: Final = logging.getLogger("remanence.proxy")
DIALECTS: Final[dict[str, Dialect]] = {
    "/v1/chat/completions": CHAT,
    "/v1/responses": RESPONSES,
}
GIVEN: Final = b"x-remanence-memories"
_TOO_MUCH: Final = (400, 413, 422)
"""What upstream answers where it does not like the message with memories, or has no room for it."""
_LARGE: Final = 1 << 18
"""Bytes from which on a body is read in a thread."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """A conversation's request, understood. `user`, `session`: whose, and which conversation."""

    visit: Visit
    asked: Asked
    user: str | None
    session: str

    @property
    def whose(self) -> tuple[str, str | None, str | None]:
        return self.visit.tenant, self.user, self.visit.caller.agent_id


class Proxy:
    """What answers below `/v1`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.counts = Counts()
        self.memories = Memories(settings.stores)
        self._door = Door(settings)
        self._names = Names.open(config_folder())
        self.word = self._names.word() if settings.unlisted else ""
        """Stands in the URL that apps use, where no token is asked for."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Open to requests until the block ends; then what waits is stored, and the stores are closed."""
        self._upstream = Upstream(self.settings)
        self._keeper = Keeper(self.memories, self._names, self.counts)
        try:
            yield
        finally:
            await self._keeper.close()
            await self._upstream.close()
            await to_thread.run_sync(self.memories.close)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            visit = self._door.enter(request)
            dialect = DIALECTS.get(scope["path"]) if request.method == "POST" else None
            if dialect is None:
                await self._untouched(request, send)
            else:
                await self._remembering(request, send, visit, dialect)
        except ClientDisconnect:
            return
        except Refusal as refusal:
            await refuse(refusal, send)
        except RemanenceError as error:
            await refuse(Refusal.of(error), send)

    async def _untouched(self, request: Request, send: Send) -> None:
        answer = await self._upstream.send(request)
        async with listening(request.receive):
            await relay(answer, send)

    async def _remembering(
        self, request: Request, send: Send, visit: Visit, dialect: Dialect
    ) -> None:
        raw = await self._body(request)
        self.counts.requests += 1
        large = len(raw) > _LARGE
        asked = await to_thread.run_sync(dialect.read, raw) if large else dialect.read(raw)
        async with listening(request.receive):
            try:
                turn = None if asked is None else await self._turn(visit, asked)
                given = Given() if turn is None else await self._recalled(turn)
                await self._answered(request, send, dialect, raw, turn, given)
            except Refusal as refusal:
                await refuse(refusal, send)

    async def _body(self, request: Request) -> bytes:
        parts = bytearray()
        async for part in request.stream():
            parts += part
            if len(parts) > self.settings.body:
                raise Refusal(
                    413, "too_large", f"a request of more than {self.settings.body:,} bytes"
                )
        return bytes(parts)

    async def _turn(self, visit: Visit, asked: Asked) -> _Turn:
        user = visit.user or asked.user or self.settings.user
        whose = (visit.tenant, user, visit.caller.agent_id)
        await self._keeper.settled(whose)
        session = visit.session or asked.session or self._keeper.session_of(asked.follows)
        if not session:
            first = next((one.text for one in asked.turns if one.role == "user"), "")
            session = self._names.session(whose, first)
        return _Turn(visit, asked, user, session)

    async def _recalled(self, turn: _Turn) -> Given:
        asked, visit = turn.asked, turn.visit
        if not (asked.question and visit.recall and Right.read in visit.caller.rights):
            return Given()
        found: list[Given] = []
        try:
            with anyio.move_on_after(self.settings.patience) as late:
                found.append(await to_thread.run_sync(self._recall, turn, abandon_on_cancel=True))
        except Exception as error:  # memory must not stand between an app and its model
            self.counts.unasked += 1
            why = error.message if isinstance(error, RemanenceError) else ""
            LOG.warning("not recalled: %s %s", type(error).__name__, why)
        else:
            if late.cancelled_caught:
                self.counts.unasked += 1
                LOG.warning("not recalled within %s s", self.settings.patience)
        return found[0] if found else Given()

    def _recall(self, turn: _Turn) -> Given:
        asked = turn.asked
        kept_there = bool(asked.follows or asked.session)  # then the request does not hold it all
        with self.memories.using(turn.visit.tenant) as memory:
            return recall(
                memory,
                turn.visit.caller,
                turn.user,
                asked,
                budget=self.settings.budget,
                known=self._names.turns(turn.session, asked.turns),
                apart=turn.session if kept_there else "",
            )

    async def _answered(
        self,
        request: Request,
        send: Send,
        dialect: Dialect,
        raw: bytes,
        turn: _Turn | None,
        given: Given,
    ) -> None:
        body = turn.asked.with_memory(given.note) if turn and given.note else raw
        answer = await self._upstream.send(request, body)
        if given.note and answer.status_code in _TOO_MUCH:
            # A request that upstream would have taken must not fail for what was added to it.
            await answer.aclose()
            LOG.warning("upstream answers %d with memories: asking without", answer.status_code)
            self.counts.rejected += 1
            given, answer = Given(), await self._upstream.send(request, raw)
        self.counts.given += bool(given.note)
        more: Headers = []
        if given.ids:
            ids = ",".join(quote(id, safe="-._~:@") for id in given.ids)
            more.append((GIVEN, ids.encode()))
        relayed = Relayed(self.settings.heard)
        try:
            await relay(answer, send, more, relayed)
        finally:
            if turn is not None and answer.is_success:
                self._keep(turn, dialect, given, answer, relayed)

    def _keep(
        self,
        turn: _Turn,
        dialect: Dialect,
        given: Given,
        answer: httpx.Response,
        relayed: Relayed,
    ) -> None:
        caller = turn.visit.caller
        self._keeper.later(
            Heard(
                caller=caller,
                tenant=turn.visit.tenant,
                user=turn.user,
                session=turn.session,
                asked=turn.asked,
                dialect=dialect,
                store=turn.visit.store and Right.write in caller.rights,
                doubtful=given.doubtful or turn.asked.tools,
                raw=relayed.raw,
                encoding=answer.headers.get("content-encoding", ""),
                streamed=relayed.streamed,
            )
        )


class Unlisted:
    """Lets in who calls by the URL with the word in it, or shows a token; others get to know that there is a proxy, and nothing else."""

    def __init__(self, app: ASGIApp, word: str) -> None:
        self._app = app
        self._before = f"/{word}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            raw: bytes = scope.get("raw_path") or scope["path"].encode()
            named, rest = raw[: len(self._before)], raw[len(self._before) :]
            if compare_digest(named, self._before) and rest.startswith(b"/"):
                path = scope["path"][len(self._before) :]
                scope = {**scope, "path": path, "raw_path": rest}
            elif scope["path"] != "/health" and SHOWN.encode() not in dict(scope["headers"]):
                why = "not by this URL - use the one that rmem proxy prints, or X-Remanence-Token: TOKEN"
                await refuse(Refusal(401, "invalid_api_key", why), send)
                return
        await self._app(scope, receive, send)


def create_app(settings: Settings) -> Starlette:
    """The proxy as an ASGI application, with `GET /health` beside it: what it has done, in numbers.

    Raises: InvalidInput where the key for ids can't be read or made. The store is opened when the server starts."""
    proxy = Proxy(settings)

    async def health(request: Request) -> Response:
        told = {"status": "ok", **asdict(proxy.counts)}
        return Response(dumps(told), media_type="application/json")

    async def elsewhere(request: Request, error: Exception) -> Response:
        refusal = Refusal(500, "internal_error", "the proxy failed: its log says how")
        if isinstance(error, HTTPException):
            refusal = Refusal(error.status_code, "not_found", "there is /v1 here, and /health")
        return Response(refusal.body, refusal.status, media_type="application/json")

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with proxy.running():
            yield

    app = Starlette(
        routes=[Route("/health", health), Mount("/v1", app=proxy)],
        exception_handlers={404: elsewhere, 405: elsewhere, Exception: elsewhere},
        lifespan=lifespan,
        middleware=[Middleware(Unlisted, word=proxy.word)] if proxy.word else [],
    )
    app.state.proxy = proxy
    return app
