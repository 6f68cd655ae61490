"""Running the proxy: whom it may be open to."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from starlette.applications import Starlette

from remanence.errors import UsageError
from remanence.serve.hosts import is_loopback
from remanence.serve.listening import HOST, Listener
from remanence.serve.proxy.app import create_app
from remanence.serve.proxy.settings import Settings

PORT: Final = 8766


def serve(
    settings: Settings,
    host: str = HOST,
    port: int = PORT,
    *,
    told: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve until Ctrl-C or SIGTERM; answers under way come to their end, and what waits is stored. `told` gets the URL that apps use.

    `port` 0: any free one. Raises: InvalidInput for an address that can't be used, UsageError for one that must not be, and where the
    proxy did not start; what `Memory.open` raises."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    _listener(create_app(settings), settings, host, port, told).listen()


@contextmanager
def running(settings: Settings, host: str = HOST, port: int = 0) -> Iterator[str]:
    """A proxy in a thread of this process until the block ends: the URL that apps use. For tests, and programs that bring their own.

    Raises: as `serve`."""
    app = create_app(settings)
    listener = _listener(app, settings, host, port, lambda url: None)
    with listener.beside():
        yield f"{listener.url}{_place(app)}/v1"


def _place(app: Starlette) -> str:
    word: str = app.state.proxy.word
    return f"/{word}" if word else ""


def _listener(
    app: Starlette, settings: Settings, host: str, port: int, told: Callable[[str], None]
) -> Listener:
    _refuse_unguarded(settings, host)
    return Listener(
        app,
        app.state.proxy.memories,
        host,
        port,
        told=lambda url: told(f"{url}{_place(app)}/v1"),
        ws="none",
        date_header=False,  # upstream's own is passed on
    )


def _refuse_unguarded(settings: Settings, host: str) -> None:
    if not settings.guarded and not is_loopback(host):
        raise UsageError(
            f"others can reach {host}: without tokens they could read this memory",
            hint="set guarded, or listen on 127.0.0.1",
        )
    if settings.guarded and not settings.stores.tokens.all():
        raise UsageError(
            f"clients of {host} need a token, and there is none",
            hint="rmem token new NAME makes one",
        )
