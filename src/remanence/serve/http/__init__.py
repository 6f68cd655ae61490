"""The HTTP door: the verbs of `Memory` for programs anywhere, with tokens, limits and a page for people.

`create_app(Settings(store=…))` is an ASGI application; `rmem serve` runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from remanence.errors import MissingExtra
from remanence.serve.http.settings import Settings
from remanence.serve.http.tokens import Token, TokenFile

if TYPE_CHECKING:
    from fastapi import FastAPI

    from remanence.serve.http.door import Door

__all__ = ["Settings", "Token", "TokenFile", "create_app", "running", "serve"]


def create_app(settings: Settings) -> FastAPI:
    """A server of the store in `settings`, as an ASGI application. Raises: MissingExtra; see `app.create_app`."""
    with _extra():
        from remanence.serve.http import app
    return app.create_app(settings)


def running(
    settings: Settings, host: str = "127.0.0.1", port: int = 0
) -> AbstractContextManager[str]:
    """A server in a thread of this process while the block runs, which gets its URL. Raises: MissingExtra; see `run.running`."""
    with _extra():
        from remanence.serve.http import run
    return run.running(settings, host, port)


def serve(
    settings: Settings,
    host: str,
    port: int,
    *,
    tls: tuple[str, str] | None = None,
    quiet: bool = False,
    told: Callable[[str, Door], None] = lambda url, door: None,
) -> None:
    """Serve until this process is told to end. Raises: MissingExtra; see `run.serve`."""
    with _extra():
        from remanence.serve.http import run
    run.serve(settings, host, port, tls=tls, quiet=quiet, told=told)


@contextmanager
def _extra() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "remanence":
            raise
        raise MissingExtra(
            f"the HTTP door needs {error.name}", hint="pip install 'remanence[http]'"
        ) from error
