"""Stores by path or URL."""

from __future__ import annotations

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

    Raises: InvalidInput for another kind of URL; what `SQLiteStore.open` raises."""
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
    return SQLiteStore.open(
        Path(path).expanduser(), analyze=analyze, clock=clock, read_only=read_only
    )
