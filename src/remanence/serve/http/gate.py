"""Every request goes through here first: whether its host and origin are ours, what its path means, what is counted and logged of it."""

from __future__ import annotations

import time
from typing import Final
from urllib.parse import quote, unquote

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from remanence.serve.hosts import stranger
from remanence.serve.http.answers import Refusal, log, refused
from remanence.serve.http.metrics import Metrics
from remanence.serve.http.settings import Settings

SLASH: Final = "\x1f"
"""Stands for a slash that was escaped in a path: no name has this character."""
OP: Final = "remanence.op"
"""What a request is counted as, in its scope."""
WHO: Final = "remanence.who"


class Gate:
    """The outermost layer of the application, in plain ASGI so that what streams is not held up."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        sent = {"status": 499, "bytes": 0}  # 499: the caller went away before there was an answer

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent["status"] = message["status"]
                _hardened(MutableHeaders(raw=message["headers"]), scope["path"])
            else:
                sent["bytes"] += len(message.get("body", b""))
            await send(message)

        try:
            self._check(scope)
            await self._app(scope, receive, sending)
        except Refusal as refusal:
            await refused(refusal)(scope, receive, sending)
        finally:
            seconds = time.perf_counter() - began
            op = scope.get(OP, "other")
            self._metrics.called(op, sent["status"], seconds)
            # Not the path, which holds ids, nor the query.
            who = scope.get(WHO, "-")
            told = (scope["method"], op, who, sent["status"], sent["bytes"], seconds * 1000)
            log.info("%s %s by %s: %d, %d bytes, %.1f ms", *told)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        settings = self._settings
        strange = stranger(headers, settings.origins, loopback=settings.open_to_all)
        if strange == "host":
            hint = "call it 127.0.0.1 or localhost, or start it with tokens"
            raise Refusal(421, "AccessDenied", f"this server is not {headers.get('host')!r}", hint)
        if strange == "origin":
            hint = "rmem serve --origin URL lets a page call"
            raise Refusal(
                403,
                "AccessDenied",
                f"pages of {headers.get('origin', 'others')!r} may not call",
                hint,
            )
        scope["path"] = _path(scope)


def _path(scope: Scope) -> str:
    """The path with its escapes read, in which an escaped slash is not the slash between two parts."""
    raw = scope.get("raw_path") or quote(scope["path"]).encode()
    found = raw.decode("ascii", "replace").partition("?")[0].split("/")
    try:
        parts = [unquote(part, errors="strict") for part in found]
    except UnicodeDecodeError:
        raise Refusal(422, "InvalidInput", "the path is not UTF-8", "escape it as UTF-8") from None
    if any(SLASH in part for part in parts):
        raise Refusal(422, "InvalidInput", "the path has a control character", "leave it out")
    return "/".join(part.replace("/", SLASH) for part in parts)


def _hardened(headers: MutableHeaders, path: str) -> None:
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    if not path.startswith("/ui/"):
        headers.setdefault("Cache-Control", "no-store")
