"""Two real servers, and a file that lists them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from remanence.store.postgres.place import place
from remanence.store.shards.file import Server, Shards, write
from tests.pg import Server as Pg
from tests.pg import postgres_server


@dataclass
class Farm:
    """Servers in use by a test, by their names in the file."""

    shards: Shards
    running: dict[str, Pg]

    @property
    def url(self) -> str:
        return f"shards:///{self.shards.path}"

    def ask(self, id: str, sql: str, *values: Any) -> list[Any]:
        """As the superuser of one of them."""
        database = dict(place(self.shards[id].url).settings)["dbname"]
        with self.running[id].admin(database) as db:
            cursor = db.execute(sql, values)
            return cursor.fetchall() if cursor.description else []

    def live(self, tenant: str) -> list[str]:
        """The servers whose copy of a tenant takes reads and writes."""
        sql = "SELECT 1 FROM remanence.ledgers WHERE tenant = %s AND moved IS NULL"
        return [one.id for one in self.shards.servers if self.ask(one.id, sql, tenant)]

    def rows(self, id: str, tenant: str) -> int:
        """Events of a tenant on a server."""
        sql = "SELECT count(*) FROM remanence.events e JOIN remanence.ledgers l ON l.id = e.ledger WHERE l.tenant = %s"
        return int(self.ask(id, sql, tenant)[0][0])

    def other(self, id: str) -> str:
        return next(one.id for one in self.shards.servers if one.id != id)

    def on_disk(self, id: str, canary: str) -> int:
        """How often some bytes are in the tables of a server, after it wrote them to its disk."""
        self.ask(id, "CHECKPOINT")
        base = self.running[id].data / "base"
        return sum(
            file.read_bytes().count(canary.encode()) for file in base.rglob("*") if file.is_file()
        )


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    running = {"a": postgres_server(), "b": postgres_server(number=1)}
    servers = tuple(Server(id, pg.fresh()) for id, pg in running.items())
    made = Farm(Shards(tmp_path / "shards.toml", servers, "a"), running)
    write(made.shards)
    yield made
    for pg in running.values():
        pg.wipe()
