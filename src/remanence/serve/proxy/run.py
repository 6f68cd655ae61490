"""Running the proxy: where it listens, and until when."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn

from remanence.errors import InvalidInput, UsageError
from remanence.serve.http.gate import is_loopback
from remanence.serve.proxy.app import create_app
from remanence.serve.proxy.settings import Settings

HOST: Final = "127.0.0.1"
PORT: Final = 8766
GRACE: Final = 10
"""Seconds that answers under way get when the proxy is told to end."""
_ENDING: Final = (signal.SIGINT, signal.SIGTERM)


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
    server = _Server(settings, host, port, told)
    server.run(sockets=[server.listening])
    if not server.started:
        raise UsageError("the proxy did not start", hint="the log says why")


@contextmanager
def running(settings: Settings, host: str = HOST, port: int = 0) -> Iterator[str]:
    """A proxy in a thread of this process until the block ends: the URL that apps use. For tests, and programs that bring their own.

    Raises: as `serve`."""
    ready = threading.Event()
    server = _Server(settings, host, port, lambda url: ready.set())
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [server.listening]}, daemon=True
    )
    thread.start()
    try:
        while not ready.wait(0.05):
            if not thread.is_alive():
                raise UsageError("the proxy did not start", hint="the log says why")
        yield server.url
    finally:
        server.should_exit = True
        thread.join()


class _Server(uvicorn.Server):
    """Uvicorn's server, which says when it listens and leaves signals to their exit code."""

    def __init__(
        self, settings: Settings, host: str, port: int, told: Callable[[str], None]
    ) -> None:
        _refuse_unguarded(settings, host)
        app = create_app(settings)
        super().__init__(
            uvicorn.Config(
                app,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,  # it would write queries down
                proxy_headers=False,
                server_header=False,  # upstream's own are passed on
                date_header=False,
                timeout_graceful_shutdown=GRACE,
            )
        )
        self.listening = _bound(host, port)
        try:
            app.state.proxy.memories.warm()
        except BaseException:
            self.listening.close()
            app.state.proxy.memories.close()
            raise
        name = f"[{host}]" if ":" in host else host
        self.url = f"http://{name}:{self.listening.getsockname()[1]}/v1"
        self._told = told

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, and say so."""
        await super().startup(sockets)
        if self.started:
            self._told(self.url)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Unlike uvicorn's, without raising the signal again: to be told to end is no failure."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {one: signal.signal(one, self.handle_exit) for one in _ENDING}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)


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


def _bound(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65535:
        raise InvalidInput(f"port {port}", hint="give a number from 0 to 65535")
    kind = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Its protocol is named: asyncio lets small pieces out at once only where it sees that a socket is TCP.
    found = socket.socket(kind, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere it would let two servers listen on one port
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
    except (OSError, UnicodeError) as error:
        found.close()
        raise InvalidInput(
            f"can't listen on {host}:{port}: {getattr(error, 'strerror', None) or error}",
            hint="is another one running? --port names another",
        ) from error
    return found
