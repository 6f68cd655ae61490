"""`rmem token`: who may call the server."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from remanence.serve.http.tokens import Token, TokenFile
from remanence.serve.ops.op import Right
from remanence.serve.options import Json
from remanence.serve.output import console, emit, table, visible
from remanence.serve.shell import NOTHING_FOUND

Tokens = Annotated[
    str,
    typer.Option(
        "--tokens",
        metavar="FILE",
        envvar="REMANENCE_TOKENS",
        help="The file of tokens; default: tokens.json in your configuration folder.",
        show_default=False,
    ),
]
Name = Annotated[str, typer.Argument(help="What the ledger calls who uses it, behind http/.")]

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Who may call the server.",
)


@app.command()
def new(
    name: Name,
    right: Annotated[
        list[Right] | None,
        typer.Option("--right", help="Repeatable; default: read and write.", show_default=False),
    ] = None,
    user: Annotated[
        str,
        typer.Option("--user", metavar="NAME", help="Only this user's memory.", show_default=False),
    ] = "",
    agent: Annotated[
        str,
        typer.Option(
            "--agent", metavar="NAME", help="Only this agent's part of it.", show_default=False
        ),
    ] = "",
    tenant: Annotated[
        str,
        typer.Option(
            "--tenant", metavar="NAME", help="Only this tenant's store.", show_default=False
        ),
    ] = "",
    origin: Annotated[
        str,
        typer.Option(
            "--origin",
            metavar="CHANNEL",
            help="Where all that it brings comes from (web:example.org): trust goes by it.",
            show_default=False,
        ),
    ] = "",
    expires: Annotated[
        str,
        typer.Option(
            "--expires",
            metavar="SPAN",
            help="90d, 12h, 2030-01-31; default: never.",
            show_default=False,
        ),
    ] = "",
    tokens: Tokens = "",
    json_: Json = False,
) -> int:
    """Make a token and print it, once: only a hash of it is kept.

    rmem token new phone --user ana --expires 90d

    rmem token new reader --right read --tenant acme
    """
    secret, token = _file(tokens).make(
        name,
        right or [Right.read, Right.write],
        tenant=tenant,
        user_id=user,
        agent_id=agent,
        origin=origin,
        expires=expires,
    )
    if json_:
        emit({"token": secret, **token.told()})
    else:
        print(secret)
        console(errors=True).print("it is not shown again", style="dim")
    return 0


@app.command("list")
def list_(tokens: Tokens = "", json_: Json = False) -> int:
    """The tokens, without what is secret."""
    found = _file(tokens).all()
    if json_:
        for token in found:
            emit(token.told())
    elif found:
        table(("name", "id", "may", "bound to", "until"), (_row(token) for token in found))
    if not found and not json_:
        console(errors=True).print("there are no tokens: rmem token new NAME makes one")
    return 0 if found else NOTHING_FOUND


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(help="Its name, or its id.")],
    tokens: Tokens = "",
    json_: Json = False,
) -> int:
    """Take a token away; servers that run refuse it at once."""
    for token in _file(tokens).revoke(name):
        if json_:
            emit(token.told())
        else:
            console().print(visible(f"revoked {token.name} ({token.id})"))
    return 0


def _row(token: Token) -> tuple[str, ...]:
    about = token.told()
    bound = (
        f"{name} {about[name]}"
        for name in ("tenant", "user_id", "agent_id", "origin")
        if about[name]
    )
    until = f"{token.expires:%Y-%m-%d %H:%M} UTC" if token.expires else ""
    if token.expired(datetime.now(UTC)):
        until = f"expired {until}"
    rights = ", ".join(right for right in Right if right in token.rights)
    return token.name, token.id, rights, ", ".join(bound), until


def _file(given: str) -> TokenFile:
    return TokenFile(Path(given).expanduser() if given else None)
