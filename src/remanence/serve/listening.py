"""A server that listens: on which address, until when, and how it ends. The doors over HTTP are applications behind one of these."""

from __future__ import annotations

import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

import uvicorn

from remanence.errors import InvalidInput, UsageError
from remanence.serve.http.memories import Memories

HOST: Final = "127.0.0.1"
GRACE: Final = 10
"""Seconds that calls under way get when a server is told to end."""
_ENDING: Final = (signal.SIGINT, signal.SIGTERM)


class Listener(uvicorn.Server):
    """Uvicorn's server of an application over some stores, which it opens first, so that what is wrong with them is known at the start.

    `told` is called with its URL once it listens, `ending` when it is told to end. `port` 0: any free one; `tls`: files of a certificate
    and its key; `more`: further settings of uvicorn's.

    Raises: InvalidInput for an address or a certificate that can't be used; what opening the store raises."""

    def __init__(
        self,
        app: Any,
        memories: Memories,
        host: str,
        port: int,
        *,
        told: Callable[[str], None],
        ending: Callable[[], None] = lambda: None,
        tls: tuple[str, str] | None = None,
        **more: Any,
    ) -> None:
        self._told = told
        self._ending = ending
        self._ended = False
        cert, key = tls or (None, None)
        self._socket = _bound(host, port)
        try:
            memories.warm()
            super().__init__(
                uvicorn.Config(
                    app,
                    lifespan="on",
                    log_config=None,
                    access_log=False,  # it would write queries down
                    server_header=False,
                    proxy_headers=False,
                    timeout_graceful_shutdown=GRACE,
                    ssl_certfile=cert,
                    ssl_keyfile=key,
                    **more,
                )
            )
            _load(self.config)
        except BaseException:
            self._socket.close()
            memories.close()
            raise
        shown, bound = self._socket.getsockname()[:2]
        shown = f"[{shown}]" if ":" in shown else shown
        self.url = f"{'https' if tls else 'http'}://{shown}:{bound}"

    def listen(self) -> None:
        """Serve until Ctrl-C or SIGTERM; calls under way come to their end. Raises: UsageError where it did not start."""
        self.run(sockets=[self._socket])
        if not (self.started or self._ended):
            raise UsageError("the server did not start", hint="the log says why")

    @contextmanager
    def beside(self) -> Iterator[None]:
        """Serve in a thread of this process, until the block ends. Raises: UsageError where it did not start."""
        thread = threading.Thread(target=self.run, args=([self._socket],), daemon=True)
        thread.start()
        try:
            while not self.started:
                thread.join(0.02)
                if not thread.is_alive():
                    raise UsageError("the server did not start", hint="the log says why")
            yield
        finally:
            self.end()
            thread.join()

    def end(self) -> None:
        """Bring what is under way to its end, then stop."""
        self._ended = self.should_exit = True
        self._ending()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, and say so."""
        await super().startup(sockets)
        if self.started:
            self._told(self.url)

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


def _load(config: uvicorn.Config) -> None:
    try:
        config.load()
    except OSError as error:
        raise InvalidInput(
            f"the certificate can't be used: {error.strerror or error}",
            hint="--tls-cert and --tls-key name PEM files",
        ) from error


def _bound(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65535:
        raise InvalidInput(f"port {port}", hint="give a number from 0 to 65535")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # Its protocol is named: asyncio lets small pieces out at once only where it sees that a socket is TCP.
        found = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise InvalidInput(
            f"{host} is no address: {getattr(error, 'strerror', None) or error}",
            hint="such as --host 127.0.0.1",
        ) from error
    try:
        if sys.platform != "win32":  # there it would let two servers listen on one port
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
    except OSError as error:
        found.close()
        raise InvalidInput(
            f"can't listen on {host}, port {port}: {error.strerror or error}",
            hint="is another one running? give another --port, or 0 for any",
        ) from error
    return found
