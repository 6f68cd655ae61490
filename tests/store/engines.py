"""The engines that the same tests run on: each opens stores by a name, in a place of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from remanence.store.sqlite import SQLiteStore
from remanence.store.verbs import LedgerStore
from tests.pg import postgres_server
from tests.store.conformance import ANA
from tests.store.plain import plain

ENGINES = ("sqlite", "postgres")


class Place(Protocol):
    """Opens the store of a name (the same one again for the same name), and has a folder for files."""

    folder: Path

    def __call__(self, name: str, **more: Any) -> LedgerStore: ...


class Files:
    """A file for each name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, name: str, **more: Any) -> LedgerStore:
        return SQLiteStore.open(self.folder / name, **{"analyze": plain, **more})


class Databases:
    """A database for each name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = postgres_server()
        self.urls: dict[str, str] = {}

    def __call__(self, name: str, **more: Any) -> LedgerStore:
        from remanence.store.postgres.store import PostgresStore

        if name not in self.urls:
            self.urls[name] = self.server.fresh()
        given = {"analyze": plain, "tenant": ANA[0], **more}
        return PostgresStore.open(self.urls[name], **given)


@contextmanager
def engine(name: str) -> Iterator[Place]:
    """An engine, empty; what was opened must be closed before the end."""
    with TemporaryDirectory() as folder:
        if name == "sqlite":
            yield Files(Path(folder))
            return
        databases = Databases(Path(folder))
        try:
            yield databases
        finally:
            databases.server.wipe(list(databases.urls.values()))
