"""The PostgreSQL store keeps the contract of every store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from remanence.store.postgres.store import PostgresStore
from tests.pg import postgres_server
from tests.store.conformance import Make, StoreConformance
from tests.store.conformance_derived import DerivedConformance
from tests.store.conformance_lifecycle import LifecycleConformance
from tests.store.plain import plain


@pytest.fixture
def make() -> Iterator[Make]:
    """A new ledger in an empty database at each call."""
    opened: list[PostgresStore] = []
    server = postgres_server()

    def opener(url: str | None = None, **more: Any) -> PostgresStore:
        where = url or server.fresh()
        opened.append(PostgresStore.open(where, analyze=plain, tenant="acme", **more))
        return opened[-1]

    yield opener
    for store in opened:
        store.close()
    server.wipe()


class TestPostgres(StoreConformance, DerivedConformance, LifecycleConformance):
    pass
