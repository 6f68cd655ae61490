"""A process that writes as fast as it can, and says what was acknowledged: `python -m tests.store.storm MODE FILE NAME COUNT`.

`kill`: goes on until it is killed. `mix`: COUNT mixed operations, beside others that do the same to the same file.
Every line on standard output is one acknowledged fact, in JSON, written after `apply` came back.
"""

from __future__ import annotations

import json
import random
import sys
from itertools import count
from typing import Any

import numpy as np

from remanence.errors import Conflict
from remanence.seams import Encoded
from remanence.store.sqlite import SQLiteStore
from remanence.types import Add, Change, Link, Retract, Revise, Touch
from tests.store.conformance import ANA
from tests.store.plain import plain

DIM = 32


def text_of(id: str, version: int = 1) -> str:
    """What a record says follows from its id and version, so that whoever reads can check it."""
    return f"{id} says {version} " + f"word{len(id) * version} " * (version * 7 % 60)


def say(**fact: Any) -> None:
    sys.stdout.write(json.dumps(fact) + "\n")
    sys.stdout.flush()


def embed(store: SQLiteStore) -> None:
    batch = store.pending("e", 16)
    if batch:
        dense = np.ones((len(batch), DIM), np.float32)
        store.put_vectors(
            "e", [item.seq for item in batch], Encoded(dense, [b"t" * 70] * len(batch))
        )


class Storm:
    """One writer and what it has made."""

    def __init__(self, store: SQLiteStore, name: str) -> None:
        self.store = store
        self.name = name
        self.random = random.Random(name)
        self.mine: dict[str, int] = {}
        self.numbers = count()

    def add(self, many: int) -> None:
        ids = [f"{self.name}-{next(self.numbers)}" for _ in range(many)]
        changes: list[Change] = [
            Add(scope=ANA, id=id, text=text_of(id), session=self.name) for id in ids
        ]
        acks = self.store.apply(changes, key=ids[0] if many > 1 else "")
        assert [ack.status for ack in acks] == ["stored"] * many
        self.mine.update(dict.fromkeys(ids, 1))
        say(added=ids)

    def revise(self) -> None:
        id = self._one()
        version = self.mine[id] + 1
        text = text_of(id, version)
        (ack,) = self.store.apply([Revise(scope=ANA, id=id, text=text, expect=version - 1)])
        assert (ack.status, ack.version) == ("stored", version)
        self.mine[id] = version
        say(revised=id, version=version)

    def retract(self) -> None:
        id = self._one()
        self.store.apply([Retract(scope=ANA, id=id, at=10**15)])
        say(retracted=id)
        del self.mine[id]

    def forget(self) -> None:
        id = self._one()
        self.store.forget(ANA, [id])
        say(forgotten=id)
        del self.mine[id]

    def tie(self) -> None:
        one, other = self._one(), self._one()
        self.store.apply(
            [Link(scope=ANA, src=one, relation="r", dst=other), Touch(scope=ANA, id=one)]
        )

    def step(self) -> None:
        dice = self.random.random()
        if len(self.mine) < 3 or dice < 0.4:
            self.add(1)
        elif dice < 0.5:
            self.add(self.random.randint(2, 40))
        elif dice < 0.7:
            self.revise()
        elif dice < 0.76:
            self.retract()
        elif dice < 0.8:
            self.forget()
        elif dice < 0.9:
            self.tie()
        else:
            embed(self.store)

    def count_up(self) -> None:
        """Add one to a number that everybody adds to."""
        while True:
            record = self.store.get(ANA, "counter")
            assert record is not None
            change = Revise(
                scope=ANA, id="counter", text=str(int(record.text) + 1), expect=record.version
            )
            try:
                self.store.apply([change])
            except Conflict:
                continue
            return

    def look(self) -> None:
        """What was acknowledged is there at once."""
        id = self._one()
        record = self.store.get(ANA, id)
        assert record is not None
        assert record.text == text_of(id, self.mine[id])
        rows = self.store.delta(ANA, max(self.store.head() - 20, 0)).rows
        self.store.records(ANA, rows["seq"].tolist())

    def _one(self) -> str:
        return self.random.choice(list(self.mine))


def main(mode: str, path: str, name: str, times: str) -> None:
    store = SQLiteStore.open(path, analyze=plain, busy_timeout=300)
    storm = Storm(store, name)
    if mode == "kill":
        while True:
            storm.step()
    for turn in range(int(times)):
        if turn % 4 == 3:
            storm.count_up()
        elif turn % 4 == 2 and storm.mine:
            storm.look()
        else:
            storm.step()
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
