"""`rmem proxy`: memory for an app, between it and its model's endpoint."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from remanence.errors import InvalidInput, MissingExtra
from remanence.serve.commands.tokens import Tokens
from remanence.serve.hosts import is_loopback, told_origins
from remanence.serve.http.settings import settings_of
from remanence.serve.opening import Here
from remanence.serve.options import AuditReads, Embedder, PolicyFile
from remanence.serve.spread import spread


@spread
def proxy(
    upstream: Annotated[
        str,
        typer.Option(
            "--upstream",
            metavar="URL",
            envvar="REMANENCE_UPSTREAM",
            help="The model's endpoint, such as https://api.openai.com/v1.",
            show_default=False,
        ),
    ] = "",
    upstream_key_env: Annotated[
        str,
        typer.Option(
            "--upstream-key-env",
            metavar="NAME",
            help="The variable with upstream's key; clients then show a token of rmem's. Default: clients send the key.",
            show_default=False,
        ),
    ] = "",
    budget: Annotated[
        int,
        typer.Option("--budget", metavar="TOKENS", help="At most so much memory in a request."),
    ] = 1000,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Where to listen.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", metavar="N", help="On which port; 0: a free one.")
    ] = 8766,
    auth: Annotated[
        bool,
        typer.Option("--auth", help="Ask for a token on this machine too: others use it as well."),
    ] = False,
    no_auth: Annotated[
        bool,
        typer.Option("--no-auth", help="No secret word in the URL: whoever uses this machine may."),
    ] = False,
    tokens: Tokens = "",
    origin: Annotated[
        list[str] | None,
        typer.Option(
            "--origin",
            metavar="URL",
            help="Web pages of this origin may call; repeatable.",
            show_default=False,
        ),
    ] = None,
    timeout: Annotated[
        float,
        typer.Option("--timeout", metavar="SECONDS", help="How long upstream may say nothing."),
    ] = 600.0,
    policy: PolicyFile = "",
    audit_reads: AuditReads = False,
    embedder: Embedder = "auto",
    *,
    here: Here,
) -> int:
    """An OpenAI-compatible endpoint that passes requests on to yours, with what you remember of the user, and remembers what is said.

    Apps keep their code: OPENAI_BASE_URL is what it prints, always the same, with a word that nobody else can guess. Nothing is sent but to
    upstream, and to it what the app sends and the memories that fit the budget.

    rmem proxy --upstream https://api.openai.com/v1

    rmem proxy --upstream http://localhost:11434/v1 --user ana --store ana.rmem
    """
    if not upstream:
        raise InvalidInput(
            "no endpoint is named",
            hint="--upstream https://api.openai.com/v1, or $REMANENCE_UPSTREAM",
        )
    try:
        from remanence.serve.proxy.run import serve
        from remanence.serve.proxy.settings import Settings
    except ImportError as error:
        raise MissingExtra(
            f"the proxy needs {error.name}", hint='pip install "remanence[http]"'
        ) from error
    local = is_loopback(host)
    settings = Settings(
        upstream=upstream,
        key=_key(upstream_key_env),
        stores=settings_of(here, tokens, policy=policy, embedder=embedder, audit_reads=audit_reads),
        budget=budget,
        user=here.user,
        agent=here.agent,
        guarded=auth or not local,
        unlisted=local and not no_auth,
        local=local,
        origins=told_origins(origin or ()),
        silence=timeout,
    )

    def told(url: str) -> None:
        shown = "Authorization" if settings.key else "X-Remanence-Token"
        token = f"clients show a token in {shown}; " if settings.guarded else ""
        print(
            f"memory between your app and {upstream}: OPENAI_BASE_URL={url} ({token}Ctrl-C ends)",
            flush=True,
        )

    serve(settings, host, port, told=told)
    return 0


def _key(variable: str) -> str:
    key = os.environ.get(variable, "") if variable else ""
    if variable and not key:
        raise InvalidInput(f"${variable} is empty", hint="export upstream's key in it")
    return key
