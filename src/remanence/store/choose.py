"""Stores by path or URL."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from remanence.errors import InvalidInput
from remanence.seams import Analyzer
from remanence.store.sqlite import SQLiteStore
from remanence.types import Micros


def open_store(
    location: str,
    *,
    analyze: Analyzer,
    clock: Callable[[], Micros] | None = None,
    read_only: bool = False,
) -> SQLiteStore:
    """The store at a path, or at `sqlite:///path`.

    Raises: InvalidInput for another kind of URL and for what is no path; what `SQLiteStore.open` raises."""
    if not isinstance(location, str):
        raise InvalidInput(
            f"the store's path is a {type(location).__name__}", hint="give a string or a Path"
        )
    kind, separator, rest = location.partition("://")
    if separator and kind != "sqlite":
        raise InvalidInput(
            f"no store for {kind}:// URLs", hint="give a file's path, or sqlite:///path"
        )
    path = (
        rest.removeprefix("/") if separator else location
    )  # sqlite:///relative, sqlite:////absolute
    if not path.strip():
        raise InvalidInput(
            "the store's path is empty", hint="give a file's path, such as memory.rmem"
        )
    try:
        usable = b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        usable = False
    if not usable:
        raise InvalidInput(
            f"the store's path {path!r} can't name a file", hint="name it without such characters"
        )
    return SQLiteStore.open(
        Path(path).expanduser(), analyze=analyze, clock=clock, read_only=read_only
    )
