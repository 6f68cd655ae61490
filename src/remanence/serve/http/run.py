"""Running the application: on which address it may listen, until when, and what it writes meanwhile."""

from __future__ import annotations

import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

import uvicorn

from remanence.errors import InvalidInput, UsageError
from remanence.serve.http.app import create_app
from remanence.serve.http.door import Door
from remanence.serve.http.gate import is_loopback
from remanence.serve.http.settings import Settings

PORT: Final = 8765
HOST: Final = "127.0.0.1"
GRACE: Final = 10
"""Seconds that calls under way get when the server is told to end."""
_ENDING: Final = (signal.SIGINT, signal.SIGTERM)


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
    _refuse_unguarded(settings, host)
    _log(quiet=quiet)
    server = _Server(settings, host, port, tls, told)
    server.run(sockets=[server.socket])


@contextmanager
def running(settings: Settings, host: str = HOST, port: int = 0) -> Iterator[str]:
    """A server in a thread of this process, until the block ends; its URL. For tests and programs that bring their own.

    Raises: as `serve`."""
    _refuse_unguarded(settings, host)
    listening = threading.Event()
    server = _Server(settings, host, port, None, lambda _, __: listening.set())
    thread = threading.Thread(target=server.run, kwargs={"sockets": [server.socket]}, daemon=True)
    thread.start()
    try:
        while not listening.wait(0.05):
            if not thread.is_alive():
                raise UsageError("the server did not start", hint="the log says why")
        yield server.url
    finally:
        server.end()
        thread.join()


class _Server(uvicorn.Server):
    """Uvicorn's server, which says when it listens, tells its streams to end, and leaves signals to their exit code."""

    def __init__(
        self,
        settings: Settings,
        host: str,
        port: int,
        tls: tuple[str, str] | None,
        told: Callable[[str, Door], None],
    ) -> None:
        app = create_app(settings)
        self.door: Door = app.state.door
        self.told = told
        cert, key = tls or (None, None)
        self.socket = _bound(host, port)
        try:
            self.door.memories.warm()
            super().__init__(
                uvicorn.Config(
                    app,
                    log_config=None,
                    access_log=False,
                    server_header=False,
                    proxy_headers=False,
                    timeout_graceful_shutdown=GRACE,
                    lifespan="on",
                    ssl_certfile=cert,
                    ssl_keyfile=key,
                )
            )
            self.config.load()
        except OSError as error:
            self._undo()
            why = error.strerror or str(error)
            raise InvalidInput(
                f"the certificate can't be used: {why}",
                hint="--tls-cert and --tls-key name PEM files",
            ) from error
        except BaseException:
            self._undo()
            raise
        shown, bound = self.socket.getsockname()[:2]
        shown = f"[{shown}]" if ":" in shown else shown
        self.url = f"{'https' if tls else 'http'}://{shown}:{bound}"

    def _undo(self) -> None:
        self.socket.close()
        self.door.memories.close()

    def end(self) -> None:
        """Bring what is under way to its end, then stop."""
        self.door.closing = True
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, and say so."""
        await super().startup(sockets)
        if self.started:
            self.told(self.url, self.door)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal ends it gracefully, a second Ctrl-C at once."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.end()

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


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        found = socket.socket(family, kind, protocol)
    except (OSError, OverflowError, UnicodeError) as error:
        raise InvalidInput(
            f"{host} is no address: {error}", hint="such as --host 127.0.0.1"
        ) from error
    try:
        if sys.platform != "win32":  # there it would let two servers listen on one port
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
    except (OSError, OverflowError) as error:
        found.close()
        why = getattr(error, "strerror", None) or str(error)
        raise InvalidInput(
            f"can't listen on {host}, port {port}: {why}", hint="another --port, or 0 for any"
        ) from error
    return found


def _log(*, quiet: bool) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name in ("remanence.http", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(logging.WARNING if quiet or name == "uvicorn.error" else logging.INFO)
