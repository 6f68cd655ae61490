"""`rmem serve` and `rmem ui`: the store for programs elsewhere, and as a page."""

from __future__ import annotations

import sys
import webbrowser
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING, Annotated

import typer

from remanence.errors import InvalidInput
from remanence.serve import http
from remanence.serve.commands.tokens import Tokens
from remanence.serve.hosts import told_origins
from remanence.serve.http.settings import MIB, settings_of
from remanence.serve.opening import Place
from remanence.serve.ops.op import Right
from remanence.serve.options import AuditReads, Embedder, Json, PolicyFile
from remanence.serve.output import emit
from remanence.serve.spread import spread

if TYPE_CHECKING:
    from remanence.serve.http.door import Door


@dataclass(frozen=True, kw_only=True)
class Serving(Place):
    """Which store is served, and how it is opened."""

    tokens: Tokens = ""
    policy: PolicyFile = ""
    embedder: Embedder = "auto"
    audit_reads: AuditReads = False


@spread
def serve(
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Where to listen.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="0: any free one.")] = 8765,
    no_auth: Annotated[
        bool, typer.Option("--no-auth", help="Whoever uses this machine may do everything.")
    ] = False,
    rate: Annotated[
        float,
        typer.Option("--rate", metavar="N", help="Calls a second of each token; 0: no limit."),
    ] = 0.0,
    max_body: Annotated[
        int, typer.Option("--max-body", metavar="MIB", help="The largest request, in MiB.")
    ] = 8,
    origin: Annotated[
        list[str] | None,
        typer.Option(
            "--origin",
            metavar="URL",
            help="Let pages of this origin call; repeatable.",
            show_default=False,
        ),
    ] = None,
    tls_cert: Annotated[
        str, typer.Option("--tls-cert", metavar="FILE", help="Serve HTTPS.", show_default=False)
    ] = "",
    tls_key: Annotated[
        str, typer.Option("--tls-key", metavar="FILE", help="Its key.", show_default=False)
    ] = "",
    threads: Annotated[
        int,
        typer.Option("--threads", metavar="N", help="Quick calls worked on at once."),
    ] = 2,
    open_metrics: Annotated[
        bool, typer.Option("--open-metrics", help="GET /metrics without a token.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No line for each call.")] = False,
    json_: Json = False,
    *,
    here: Serving,
) -> int:
    """Serve the store over HTTP, to callers with a token; where there is none yet, a terminal is shown the first one, once.

    rmem serve

    rmem serve --store stores/ --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem --rate 50
    """
    if bool(tls_cert) != bool(tls_key):
        raise InvalidInput("a certificate without its key", hint="give --tls-cert and --tls-key")
    settings = _settings(
        here,
        open_to_all=no_auth,
        open_metrics=open_metrics,
        origins=told_origins(origin or ()),
        rate=rate,
        threads=threads,
        body=max_body * MIB,
    )

    def told(url: str, _: Door) -> None:
        # Not into a log: a token is shown to people, and to programs that ask for it.
        seen = json_ or sys.stdout.isatty()
        secret = _first_token(settings, here.tenant) if seen and not no_auth else ""
        if json_:
            emit({"url": url, **({"token": secret} if secret else {})}, now=True)
            return
        if secret:
            print(f"Your first token, which is not shown again: {secret}", flush=True)
        how = "no token is needed" if no_auth else "rmem token new NAME makes tokens"
        print(
            f"Remanence at {url} - page {url}/ui/, API {url}/v1/openapi.json; {how}; Ctrl-C ends",
            flush=True,
        )

    tls = (tls_cert, tls_key) if tls_cert else None
    http.serve(settings, host, port, tls=tls, quiet=quiet, told=told)
    return 0


@spread
def ui(
    port: Annotated[int, typer.Option("--port", help="0: any free one.")] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only print the link, which works once.")
    ] = False,
    json_: Json = False,
    *,
    here: Serving,
) -> int:
    """The store as a page in your browser, for you on this machine alone, until Ctrl-C.

    rmem ui

    rmem ui --no-browser --port 8800
    """
    settings = _settings(here)

    def told(url: str, door: Door) -> None:
        link = f"{url}/ui/login?code={door.sessions.code()}"
        if json_:
            emit({"url": url, "link": link}, now=True)
        else:
            print(f"Your memory: {link} (works once; Ctrl-C ends)", flush=True)
        if not no_browser:
            # A browser of the terminal would hold up the server that it waits for.
            Thread(target=webbrowser.open, args=(link,), daemon=True).start()

    http.serve(settings, "127.0.0.1", port, quiet=True, told=told)
    return 0


def _settings(here: Serving, **more: object) -> http.Settings:
    return settings_of(
        here,
        here.tokens,
        policy=here.policy,
        embedder=here.embedder,
        audit_reads=here.audit_reads,
        **more,
    )


def _first_token(settings: http.Settings, tenant: str) -> str:
    if settings.tokens.all():
        return ""
    return settings.tokens.make("owner", list(Right), tenant=tenant)[0]
