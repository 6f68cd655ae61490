"""The door over streamable HTTP: many clients, each with a token of its own, on a loopback address unless told otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_address
from typing import Any, Final

import anyio.to_thread
from mcp.server.auth.middleware.bearer_auth import BearerAuthBackend, RequireAuthMiddleware
from mcp.server.auth.provider import AccessToken
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.routing import Route

from remanence.errors import InvalidInput
from remanence.serve.http.tokens import Token, TokenFile
from remanence.serve.mcp.door import Context, Visitor
from remanence.serve.ops.op import Right

PATH: Final = "/mcp"
BODY: Final = 8 << 20
"""Bytes of a request."""
LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")


class TokenVerifier:
    """Who a token belongs to, in the SDK's words. The claims carry what the door goes by."""

    def __init__(self, tokens: TokenFile) -> None:
        self._tokens = tokens

    async def verify_token(self, token: str) -> AccessToken | None:
        found = await anyio.to_thread.run_sync(self._tokens.who, token)
        if found is None:
            return None
        return AccessToken(
            token=found.id,  # the secret itself is not kept
            client_id=found.id,
            scopes=sorted(found.rights),
            expires_at=int(found.expires.timestamp()) if found.expires else None,
            subject=found.name,
            claims={"token": found},
        )


def visiting(
    origin: str, most: frozenset[Right], *, tenant: str = "", shared: bool = False
) -> Callable[[Context], Visitor]:
    """Who a request comes from: the token's own rights, as far as the door gives any; its user, tenant and origin, else the door's.

    `shared`: all tenants lie in one file, whose status is not for any one of them."""

    def visitor(context: Context) -> Visitor:
        assert context.request is not None, "over HTTP, every message comes in a request"
        token: Token = context.request.user.access_token.claims["token"]
        rights = token.rights & most
        caller = replace(
            token.caller,
            name=f"mcp/{token.name}",
            rights=rights - {Right.admin} if shared and token.tenant else rights,
            origin=token.origin or origin,
        )
        return Visitor(caller=caller, tenant=token.tenant or tenant)

    return visitor


def create_app(
    server: Server[Any],
    tokens: TokenFile,
    *,
    hosts: tuple[str, ...] = LOOPBACK,
    origins: tuple[str, ...] = (),
    close: Callable[[], None] = lambda: None,
) -> Starlette:
    """The ASGI application: `POST`, `GET` and `DELETE` on `/mcp`, each with a bearer token.

    `hosts`: names that a request may call this server by (any port), so that no web page can reach it under a name of its own;
    `origins`: web pages that may call; none by default. `close` is called at the end."""
    manager = StreamableHTTPSessionManager(
        app=server,
        security_settings=TransportSecuritySettings(
            enable_dns_rebinding_protection=True,
            allowed_hosts=[*hosts, *(f"{host}:*" for host in hosts)],
            allowed_origins=list(origins),
        ),
        max_request_body_size=BODY,
        json_response=True,  # an answer is one message, and clients bound the size of an event
    )

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with manager.run():
            yield
        await anyio.to_thread.run_sync(close)

    guarded = RequireAuthMiddleware(StreamableHTTPASGIApp(manager), [])
    return Starlette(
        routes=[Route(PATH, endpoint=guarded)],
        middleware=[
            Middleware(AuthenticationMiddleware, backend=BearerAuthBackend(TokenVerifier(tokens)))
        ],
        lifespan=lifespan,
    )


def checked_host(host: str) -> tuple[str, ...]:
    """The names that clients call a server by that listens on this address.

    Raises: InvalidInput for an address that stands for all of the machine's: then nobody can say which names are meant."""
    bare = host.strip("[]")
    try:
        address = ip_address(bare)
    except ValueError:
        return LOOPBACK if bare == "localhost" else (bare,)
    if address.is_unspecified:
        raise InvalidInput(
            f"{host} is every address of this machine",
            hint="name the one to listen on, or put a proxy with TLS before the loopback one",
        )
    if address.is_loopback:
        return LOOPBACK
    return (f"[{bare}]" if address.version == 6 else bare,)
