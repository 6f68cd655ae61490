"""Running the application: whom it may be open to, and what it writes meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from remanence.errors import UsageError
from remanence.serve.hosts import is_loopback
from remanence.serve.http.app import create_app
from remanence.serve.http.door import Door
from remanence.serve.http.settings import Settings
from remanence.serve.listening import HOST, Listener

PORT: Final = 8765


def serve(
    settings: Settings,
    host: str = HOST,
    port: int = PORT,
    *,
    tls: tuple[str, str] | None = None,
    quiet: bool = False,
    told: Callable[[str, Door], None] = lambda url, door: None,
) -> None:
    """Serve until Ctrl-C or SIGTERM; calls under way are brought to their end. `told` is called with the URL once it listens.

    `port` 0: any free one. `tls`: files of a certificate and its key. `quiet`: no line for each call on standard error.

    Raises: InvalidInput for an address that can't be used, UsageError for one that must not be; what `Memory.open` raises."""
    _log(quiet=quiet)
    _listener(settings, host, port, tls, told).listen()


@contextmanager
def running(settings: Settings, host: str = HOST, port: int = 0) -> Iterator[str]:
    """A server in a thread of this process, until the block ends; its URL. For tests and programs that bring their own.

    Raises: as `serve`."""
    listener = _listener(settings, host, port, None, lambda url, door: None)
    with listener.beside():
        yield listener.url


def _listener(
    settings: Settings,
    host: str,
    port: int,
    tls: tuple[str, str] | None,
    told: Callable[[str, Door], None],
) -> Listener:
    _refuse_unguarded(settings, host)
    app = create_app(settings)
    door: Door = app.state.door
    return Listener(
        app,
        door.memories,
        host,
        port,
        told=lambda url: told(url, door),
        ending=door.end,
        tls=tls,
    )


def _refuse_unguarded(settings: Settings, host: str) -> None:
    if is_loopback(host):
        return
    if settings.open_to_all:
        raise UsageError(
            f"without tokens anybody who reaches {host} could read and erase everything",
            hint="leave --no-auth out, or listen on 127.0.0.1",
        )
    if not settings.tokens.all():
        raise UsageError(
            f"there are no tokens yet, and {host} can be reached from elsewhere",
            hint="make one first: rmem token new NAME",
        )


def _log(*, quiet: bool) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name in ("remanence.http", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(logging.WARNING if quiet or name == "uvicorn.error" else logging.INFO)
