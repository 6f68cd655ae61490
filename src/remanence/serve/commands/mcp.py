"""`rmem mcp`: memory for agents and editors."""

from __future__ import annotations

import logging
import sys
from typing import Annotated, Final

import typer

from remanence.errors import InvalidInput, MissingExtra
from remanence.serve.http.settings import settings_of
from remanence.serve.opening import Here, refuse_missing
from remanence.serve.ops.op import Caller, Right
from remanence.serve.options import AuditReads, Embedder, PolicyFile
from remanence.serve.output import table
from remanence.serve.spread import spread
from remanence.text.write.messages import USER

BY_DEFAULT: Final = frozenset({Right.read, Right.write})
PORT: Final = 8767


@spread
def mcp(
    right: Annotated[
        list[str] | None,
        typer.Option(
            "--right",
            metavar="RIGHT",
            help="What it may: read, write, forget, admin; repeatable. Default: read and write.",
            show_default=False,
        ),
    ] = None,
    tools: Annotated[
        str,
        typer.Option(
            "--tools",
            metavar="NAMES",
            help="Which tools: memory, graph, or names of single ones, with commas between.",
        ),
    ] = "memory",
    origin: Annotated[
        str, typer.Option("--origin", metavar="NAME", help="The channel of what it brings.")
    ] = "mcp",
    any_user: Annotated[
        bool, typer.Option("--any-user", help="Not bound to one user: calls say whose memory.")
    ] = False,
    policy: PolicyFile = "",
    embedder: Embedder = "auto",
    audit_reads: AuditReads = False,
    http: Annotated[
        bool, typer.Option("--http", help="Over HTTP with tokens, instead of stdin and stdout.")
    ] = False,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Where --http listens.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", metavar="N", help="Where --http listens.", min=0, max=65535)
    ] = PORT,
    tokens: Annotated[
        str,
        typer.Option("--tokens", metavar="FILE", help="Tokens for --http.", show_default=False),
    ] = "",
    list_: Annotated[bool, typer.Option("--list", help="Only list the tools.")] = False,
    *,
    here: Here,
) -> int:
    """Memory for agents and editors, over the Model Context Protocol: started by the client, it speaks on stdin and stdout.

    rmem mcp --user ana

    rmem mcp --tools graph --right read --right write --right forget

    rmem mcp --http
    """
    rights = frozenset(_right(name) for name in right) if right else None
    try:
        from remanence.serve.mcp import running
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"{error.name} is not installed", hint="pip install 'remanence[mcp]'"
        ) from error
    offered = running.offering(name.strip() for name in tools.split(",") if name.strip())
    caller = Caller(
        rights=rights or BY_DEFAULT,
        user_id=None if any_user else here.user or USER,
        agent_id=here.agent,
        origin=origin,
    )
    if list_:
        rows = running.listed(offered, caller)
        table(("tool", "right", "when to use it"), rows)
        return 0
    if (path := here.path) is not None and Right.write not in caller.rights and not path.exists():
        refuse_missing(here, path)
    settings = settings_of(here, tokens, policy=policy, embedder=embedder, audit_reads=audit_reads)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s: %(message)s")
    if http:
        return running.over_http(settings, offered, host, port, origin, rights or frozenset(Right))
    return running.over_stdio(settings, offered, caller)


def _right(name: str) -> Right:
    try:
        return Right(name)
    except ValueError:
        raise InvalidInput(
            f"there is no right {name!r}", hint=f"one of {', '.join(Right)}"
        ) from None
