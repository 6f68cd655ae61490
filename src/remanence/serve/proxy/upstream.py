"""The model's endpoint: requests go there as they came, answers come back as they are."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from typing import Final
from urllib.parse import urlsplit

import httpx
from starlette.requests import Request

from remanence.serve.proxy.refusal import Headers, Refusal
from remanence.serve.proxy.settings import Settings

_HOP: Final = frozenset(
    (
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization"),
        *("proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
    )
)
"""What concerns one connection, not the message (RFC 9110, 7.6.1)."""
OURS: Final = "x-remanence-"
_DOTS: Final = re.compile(r"(?:^|/)(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
_BOUNDARY: Final = (b"\n\n", b"\r\n\r\n", b"\r\r")


class Upstream:
    """Sends requests on. `close` it in the loop in which it was used."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        parts = urlsplit(settings.base)
        self._path = parts.path.encode()
        self._base = httpx.URL(settings.base)
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(settings.silence, connect=10.0, pool=None),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
            follow_redirects=False,  # the key goes nowhere else
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def send(self, request: Request, body: bytes | None = None) -> httpx.Response:
        """Upstream's answer, its body not yet read; `body` in place of the request's own, which is passed on as it arrives.

        Raises: Refusal where there is no answer."""
        headers = self._headers(request, fresh=body is not None)
        content: bytes | AsyncIterator[bytes] | None = body
        if body is None and _HAS_BODY & {name.lower() for name in request.headers}:
            content = request.stream()
        outgoing = httpx.Request(
            request.method, self._url(request), headers=headers, content=content
        )
        try:
            return await self._client.send(outgoing, stream=True)
        except httpx.TimeoutException as error:
            raise Refusal(
                504, "upstream_timeout", f"the model's endpoint does not answer: {_said(error)}"
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Refusal(
                502,
                "upstream_unreachable",
                f"the model's endpoint can't be reached: {_said(error)}",
            ) from error

    def _url(self, request: Request) -> httpx.URL:
        path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
        rest = path.partition(b"?")[0].removeprefix(b"/v1")
        if _DOTS.search(rest.decode("latin-1")):
            raise Refusal(404, "not_found", "no such path")
        query: bytes = request.scope["query_string"]
        return self._base.copy_with(raw_path=self._path + rest + (b"?" + query if query else b""))

    def _headers(self, request: Request, *, fresh: bool) -> Headers:
        given = [(name.lower(), value) for name, value in request.headers.raw]
        left_out = _HOP | _named(given) | {"host"}
        if self._settings.key:
            left_out |= {"authorization"}
        if fresh:
            left_out |= {"content-length", "accept-encoding"}
        kept = [
            (name, value)
            for name, value in given
            if name.decode("latin-1") not in left_out
            and not name.decode("latin-1").startswith(OURS)
        ]
        if self._settings.key:
            kept.append((b"authorization", b"Bearer " + self._settings.key.encode()))
        if fresh:  # what is read along has to be plain
            kept.append((b"accept-encoding", b"identity"))
        return kept


_HAS_BODY: Final = frozenset(("content-length", "transfer-encoding"))


def passed_back(answer: httpx.Response) -> Headers:
    """The headers of an answer that are the client's."""
    given = [(name.lower(), value) for name, value in answer.headers.raw]
    left_out = _HOP | _named(given)
    return [
        (name, value)
        for name, value in given
        # What is called ours is said by us alone.
        if name.decode("latin-1") not in left_out and not name.startswith(OURS.encode())
    ]


def _named(headers: Iterable[tuple[bytes, bytes]]) -> set[str]:
    """Further headers that a message says to be of its connection alone."""
    lists = (value.decode("latin-1") for name, value in headers if name == b"connection")
    return {name.strip().lower() for line in lists for name in line.split(",")}


def broken(error: httpx.HTTPError) -> Refusal:
    """What to say of an answer that broke off."""
    late = isinstance(error, httpx.TimeoutException)
    return Refusal(
        504 if late else 502,
        "upstream_timeout" if late else "upstream_broken",
        f"the model's endpoint broke off in the middle of its answer: {_said(error)}",
    )


def between_events(sent: bytes) -> bool:
    """Whether a stream of events that ends so is between two of them."""
    return not sent or sent.endswith(_BOUNDARY)


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
