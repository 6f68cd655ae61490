"""A process that writes as fast as it can, and says what was acknowledged: `python -m tests.store.storm MODE FILE NAME COUNT`.

`kill`: goes on until it is killed. `read`: reads until it is killed. `open`: opens for writing, again and again. `mix`: COUNT mixed
operations, beside others that do the same to the same file.

Every line on standard output is a list: `["begin", effect, …]` before a call, `["ok", seq, hash, {…}]` after it came back with the ledger's
head of then, `["phase", name]` where something long begins. What an effect does to a record stands in `tests.store.lane.Known`.
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Callable, Sequence
from hashlib import blake2b
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from remanence.errors import Conflict
from remanence.seams import Encoded
from remanence.store.forgetting import reread
from remanence.store.forgetting.receipts import Signer, to_json
from remanence.store.sqlite import SQLiteStore
from remanence.text.index.space import Space
from remanence.text.index.terms import record_terms
from remanence.text.keep.adjudicate import Adjudicate
from remanence.text.keep.fade import Fade
from remanence.text.keep.merge import Merge
from remanence.text.keep.sleep import Budget, run_id, sleep
from remanence.text.keep.summaries import SessionSummaries
from remanence.text.write.settle import Settle
from remanence.types import (
    Ack,
    Add,
    Change,
    Link,
    Mark,
    Query,
    Retract,
    Revise,
    Scope,
    Slot,
    Source,
    Touch,
    Undo,
)
from tests.store.conformance import ANA

DIM = 32
SLEEPERS = (Adjudicate(), SessionSummaries(), Merge(), Fade(keep=40))
WORDS = (
    "harbour violin cellar meadow lantern orchard river window copper thunder garden candle".split()
)
BEGAN = 1_600_000_000_000_000
"""Facts become true from here on, a second apart, in the order in which they are told."""


def canary(id: str) -> str:
    """What no other record says, and no number or hash of the file looks like by accident."""
    return "kq" + blake2b(id.encode(), digest_size=9).hexdigest() + "zv"


def text_of(id: str, n: int = 1) -> str:
    """What a record says follows from its id and `n`, so that whoever reads can check it. Its canary stands in it twice."""
    some = random.Random(f"{id}/{n}").choices(WORDS, k=4 + n * 7 % 30)
    return f"{id} says {n}: {canary(id)} {' '.join(some)} and again {canary(id)}"


def say(*line: Any) -> None:
    os.write(1, json.dumps(line).encode() + b"\n")


def head(store: SQLiteStore) -> tuple[int, str]:
    """Number and hash of the last event."""
    with store._connections.reading() as db:
        query = "SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1"
        seq, hash = db.execute(query).fetchone()
    return seq, hash.hex()


class Storm:
    """One writer and what it has made."""

    def __init__(self, store: SQLiteStore, name: str, signer: Signer | None = None) -> None:
        self.store = store
        self.name = name
        self.signer = signer
        self.random = random.Random(name)
        self.mine: dict[str, int] = {}
        """Records that say something now, and what."""
        self.facts: dict[str, str] = {}
        """Attribute -> the fact that holds it."""
        self.side: dict[Scope, list[str]] = {}
        self.numbers = count()
        self.space = Space(store, ANA, None)

    # --- what is said of it ---

    def does(self, *effects: Sequence[Any]) -> None:
        say("begin", *effects)

    def did(self, **more: Any) -> None:
        say("ok", *head(self.store), more)

    def apply(self, *changes: Change, **more: Any) -> list[Ack]:
        acks = self.store.apply(changes, **more)
        assert {ack.status for ack in acks} == {"stored"}, acks
        return acks

    def new(self, kind: str = "") -> str:
        return f"{self.name}-{kind}{next(self.numbers)}"

    # --- what it does ---

    def add(self, many: int) -> None:
        ids = [self.new() for _ in range(many)]
        self.does(*(("add", id, 1) for id in ids))
        session = f"{self.name} {next(self.numbers) % 4}"
        self.apply(
            *(self.record(id, session=session) for id in ids), key=ids[0] if many > 1 else ""
        )
        self.mine.update(dict.fromkeys(ids, 1))
        self.did()

    def record(self, id: str, **more: Any) -> Add:
        values = {"scope": ANA, "text": text_of(id), "meta": {"mine": canary(id)}, **more}
        return Add(id=id, **values)

    def again(self) -> None:
        """The same words under another id: a duplicate to merge. Both are forgotten together, as they share their canary."""
        id = self._one()
        if self.mine[id] == 1:
            twin = f"{id}~{next(self.numbers)}"
            self.does(("add", twin, 1))
            self.apply(
                self.record(twin, text=text_of(id), meta={"mine": canary(id)}, session="twins")
            )
            self.did()

    def fact(self) -> None:
        """Under the real settler: the newer value closes the older one."""
        id, source = self.new("f"), self._one()
        attribute = self.random.choice(WORDS)
        old = self.facts.get(attribute)
        effects: list[Sequence[Any]] = [("add", id, 1, source)]
        if old is not None:
            effects += [("retract", old), ("link", id, "supersedes", old)]
        self.does(*effects)
        slot = Slot(self.name, attribute, canary(id), corrects=True)
        since = BEGAN + next(self.numbers) * 10**6
        fact = self.record(id, kind="fact", slot=slot, sources=(Source(source),), valid_from=since)
        self.apply(fact, settler=Settle())
        self.facts[attribute] = id
        self.did()

    def supersede(self) -> None:
        old, id = self._one(), self.new("s")
        self.does(("add", id, 1), ("retract", old), ("link", id, "supersedes", old))
        self.apply(self.record(id, supersedes=(old,)))
        del self.mine[old]
        self.mine[id] = 1
        self.did()

    def revise(self) -> None:
        id = self._one()
        n = next(self.numbers) + 2
        self.does(("revise", id, n))
        (ack,) = self.apply(Revise(scope=ANA, id=id, text=text_of(id, n)))
        old, self.mine[id] = self.mine[id], n
        self.did()
        if self.random.random() < 0.3:
            self.does(("revise", id, old))
            self.apply(Undo(scope=ANA, seq=ack.seq))
            self.mine[id] = old
            self.did()

    def retract(self) -> None:
        id = self._one()
        self.does(("retract", id))
        self.apply(Retract(scope=ANA, id=id))
        del self.mine[id]
        self.did()

    def mark(self) -> None:
        id, mark = self._one(), f"mark{next(self.numbers)}"
        self.does(("mark", id, mark))
        (ack,) = self.apply(Mark(scope=ANA, id=id, mark=mark, why=f"because {canary(id)}"))
        self.did()
        if self.random.random() < 0.5:
            self.does(("unmark", id, mark))
            off = Mark(scope=ANA, id=id, mark=mark, on=False)
            self.apply(self.random.choice((off, Undo(scope=ANA, seq=ack.seq))))
            self.did()

    def regret(self) -> None:
        """Something is added and taken back."""
        id = self.new("u")
        self.does(("add", id, 1))
        (ack,) = self.apply(self.record(id))
        self.did()
        self.does(("unadd", id))
        self.apply(Undo(scope=ANA, seq=ack.seq))
        self.did()

    def tie(self) -> None:
        one, other, relation = self._one(), self._one(), f"r{next(self.numbers)}"
        self.does(("link", one, relation, other), ("touch", one))
        self.apply(Link(scope=ANA, src=one, relation=relation, dst=other), Touch(scope=ANA, id=one))
        self.did()

    def forget(self) -> None:
        """One record and its kin, twins included."""
        ids = [self._one()]
        ids += [f.id for f in self.store.list(ANA, session="twins", limit=10**6, archived=True)
                if f.id.startswith(f"{ids[0]}~")]  # fmt: skip
        if self.random.random() < 0.2:
            ids += [id for id in {self._one()} if id not in ids and not self.twins(id)]
        plan = self.store.plan_forget(ANA, ids)
        self.erase(plan.asked + plan.kin, lambda: self.store.forget(ANA, ids, signer=self.signer))

    def twins(self, id: str) -> bool:
        return any(r.id.startswith(f"{id}~") for r in self.store.list(ANA, session="twins",
                                                                     limit=10**6, archived=True))  # fmt: skip

    def person(self) -> None:
        """A space of its own, with long texts, and then without any of them."""
        if not self.side or self.random.random() < 0.3:
            number = next(self.numbers)
            scope = ("acme", f"{self.name}/{number} {canary(f'{self.name}/{number}')}")
            ids = [self.new("p") for _ in range(6)]
            self.does(("space", list(scope), ids))
            self.apply(*(
                self.record(id, scope=scope, text=text_of(id) + f" {canary(id)}" * self.random.randint(1, 3000))
                for id in ids
            ))  # fmt: skip
            self.side[scope] = ids
            self.did()
            return
        scope, ids = self.side.popitem()
        self.erase(ids, lambda: self.store.forget_space(scope, signer=self.signer), scope=scope)

    def erase(self, ids: Sequence[str], work: Callable[[], Any], scope: Scope = ()) -> None:
        self.does(("forget", list(ids), list(scope)))
        receipt = work()
        assert receipt.clean, receipt.checks
        for id in ids:
            self.mine.pop(id, None)
        self.facts = {name: id for name, id in self.facts.items() if id not in ids}
        self.did(receipt=to_json(receipt) if receipt.signature else "")

    def dream(self) -> None:
        self.does(("sleep",))
        now = self.store.now()
        asked = Query(text="", scope=ANA, archived=True, quarantined=True)
        sleep(
            self.store,
            lambda scope: self.space.view(asked, now),
            SLEEPERS,
            scope=ANA,
            budget=Budget(),
            run=run_id(now, self.store.head()),
            now=now,
            progress=lambda sleeper, done, note: say("slept", sleeper, *head(self.store)),
        )
        self.did()

    def embed(self) -> None:
        batch = self.store.pending("e", 16)
        if batch:
            # Bytes of a vector are looked for after a forget, so no two are equal.
            seqs = [item.seq for item in batch]
            dense = np.array(
                [np.random.default_rng(seq).normal(size=DIM) for seq in seqs], np.float32
            )
            tokens = [blake2b(str(seq).encode(), digest_size=64).digest() for seq in seqs]
            self.store.put_vectors("e", seqs, Encoded(dense, tokens))

    def fold(self) -> None:
        self.store.checkpoint()

    def step(self) -> None:
        if len(self.mine) < 4:
            return self.add(self.random.randint(1, 6))
        works: dict[Callable[[], None], float] = {
            lambda: self.add(1): 9,
            lambda: self.add(self.random.randint(2, 20)): 2,
            self.again: 2,
            self.fact: 5,
            self.supersede: 2,
            self.revise: 5,
            self.retract: 2,
            self.mark: 3,
            self.regret: 1,
            self.tie: 2,
            self.forget: 4,
            self.person: 4,
            self.dream: 2,
            self.embed: 3,
            self.fold: 1,
        }
        (work,) = self.random.choices(list(works), list(works.values()))
        work()
        return None

    # --- beside others ---

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


def told(text: str) -> bool:
    """Whether a text is whole: what `text_of` made for what it says of itself."""
    before, _, rest = text.partition(" says ")
    return text.startswith(text_of(before.partition("~")[0], int(rest.partition(":")[0])))


def read(store: SQLiteStore) -> None:
    """Readers see whole records only, and at one moment no more and no less than the rows say."""
    space = Space(store, ANA, None)
    while True:
        for record in store.list(ANA, limit=40, kinds=("episode", "fact")):
            assert record.text.isdigit() or told(record.text), record
        view = space.view(Query(text="", scope=ANA), store.now())
        view.records(np.flatnonzero(view.visible)[-20:].astype(np.int32))
        store.delta(ANA, max(store.head() - 50, 0))


def announced(name: str) -> None:
    """Say where a function of `reread` begins."""
    work = getattr(reread, name)

    def saying(*given: Any, **more: Any) -> Any:
        say("phase", name)
        found = work(*given, **more)
        say("phase", "")
        return found

    setattr(reread, name, saying)


def main(mode: str, path: str, name: str, times: str = "0") -> None:
    if mode != "mix":
        reread.LEAST_PAGES = 8  # so that small files are written anew as often as large ones
        announced("compact")
        announced("empty_log")
    say("phase", "opening")
    store = SQLiteStore.open(path, analyze=record_terms, busy_timeout=300, read_only=mode == "read")
    say("phase", "")
    if mode == "read":
        read(store)
    while mode == "open":
        store.close()
        store = SQLiteStore.open(path, analyze=record_terms, busy_timeout=300)
    signed = mode == "kill" and sum(name.encode()) % 2
    storm = Storm(store, name, Signer.open(Path(path).parent / "keys") if signed else None)
    while mode == "kill":
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
