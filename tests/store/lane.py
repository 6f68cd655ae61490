"""Kill what writes to a store, and check what it acknowledged, over and over: `python -m tests.store.lane MODE FOLDER SEED KILLS`.

One process that has loaded everything forks the writers (`tests.store.storm`), kills them, and forks whoever looks at what they left: a
process that never had the store open. It prints what happened, as JSON, or fails with what was wrong. MODE: `storm`, or `migrate` for a
store of an old schema.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sqlite3
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from remanence.errors import NotFound
from remanence.store import schema
from remanence.store.forgetting import receipts, scan
from remanence.store.forgetting.receipts import Signer, from_json
from remanence.store.sqlite import SQLiteStore
from remanence.text.index.terms import record_terms
from remanence.types import Add, Link, Record, Retract, Revise, Scope, Source, Touch
from tests.store import storm
from tests.store.conformance import ANA
from tests.store.storm import canary, text_of
from tests.store.test_schema import first

CANARY = re.compile(rb"kq[0-9a-f]{18}zv")
SAMPLE = 15
"""Records whose history, links and uses are gone through after each kill; all of them are compared by what they say."""
FULL = 4
"""A look after every so many kills verifies the whole store."""
AIMS = ('"compact"', '"empty_log"', '"sleep"', '"slept"', '"forget"', '"begin"')
"""What a writer says before the moment at which some of them are killed."""
Effect = Sequence[Any]


@dataclass
class Known:
    """What was acknowledged so far, and what was under way when somebody was killed."""

    now: dict[str, int] = field(default_factory=dict)
    """What each record says, retracted ones included."""
    said: dict[str, set[int]] = field(default_factory=dict)
    over: set[str] = field(default_factory=set)
    undone: set[str] = field(default_factory=set)
    forgotten: set[str] = field(default_factory=set)
    marks: dict[str, set[str]] = field(default_factory=dict)
    links: set[tuple[str, str, str]] = field(default_factory=set)
    touches: Counter[str] = field(default_factory=Counter)
    sides: dict[Scope, list[str]] = field(default_factory=dict)
    left: list[Scope] = field(default_factory=list)
    """Spaces that were forgotten, names and all."""
    heads: dict[int, str] = field(default_factory=dict)
    receipts: list[str] = field(default_factory=list)
    open: list[list[Effect]] = field(default_factory=list)
    """Calls that were under way: whole, or not at all."""
    phases: Counter[str] = field(default_factory=Counter)
    killed_in: Counter[str] = field(default_factory=Counter)
    acknowledged: Counter[str] = field(default_factory=Counter)

    def hear(self, output: bytes) -> None:
        under_way: list[Effect] = []
        phases: list[str] = []
        for line in output.splitlines(keepends=True):
            if not line.endswith(b"\n"):  # the last one may be cut by the kill
                break
            what, *more = json.loads(line)
            match what:
                case "begin":
                    under_way = more
                case "ok":
                    seq, hash, about = more
                    self.heads[seq] = hash
                    for effect in under_way:
                        self.take(effect)
                        self.acknowledged[effect[0]] += 1
                    if about.get("receipt"):
                        self.receipts.append(about["receipt"])
                    under_way = []
                case "slept":
                    self.heads[more[1]] = more[2]
                    self.acknowledged["a step of a sleep"] += 1
                case "phase" if more[0]:
                    phases.append(more[0])
                case "phase":
                    phases.pop()
        if under_way:
            self.open.append(under_way)
        self.phases.update(phases[-1:])
        self.killed_in[under_way[0][0] if under_way else (phases or ["between"])[0]] += 1

    def take(self, effect: Effect) -> None:
        what, *more = effect
        match what:
            case "add":
                id, n = more[:2]
                self.now[id], self.said[id] = n, {n}
            case "revise":
                id, n = more
                self.now[id] = n
                self.said[id].add(n)
            case "retract":
                self.over.add(more[0])
            case "mark":
                self.marks.setdefault(more[0], set()).add(more[1])
            case "unmark":
                self.marks[more[0]].discard(more[1])
            case "unadd":
                self.undone.add(more[0])
                del self.now[more[0]]
            case "link":
                self.links.add((more[0], more[1], more[2]))
            case "touch":
                self.touches[more[0]] += 1
            case "space":
                self.sides[tuple(more[0])] = more[1]
            case "forget":
                self._forget(set(more[0]), tuple(more[1]))

    def _forget(self, ids: set[str], scope: Scope) -> None:
        self.forgotten |= ids
        if scope:
            self.left.append(scope)
            del self.sides[scope]
        for id in ids:
            self.now.pop(id, None)
            self.over.discard(id)
            self.touches.pop(id, None)
            self.marks.pop(id, None)
        self.links = {link for link in self.links if link[0] not in ids and link[2] not in ids}

    # --- against the store ---

    def resolve(self, store: SQLiteStore) -> list[bool]:
        """Which of the calls under way were committed; from here on they count as any other."""
        found = [self._happened(store, effects[0]) for effects in self.open]
        self.settle(found)
        return found

    def settle(self, happened: Sequence[bool]) -> None:
        for effects, committed in zip(self.open, happened, strict=True):
            for effect in effects if committed else ():
                self.take(effect)
        self.open = []

    def _happened(self, store: SQLiteStore, effect: Effect) -> bool:
        what, *more = effect
        match what:
            case "add":
                return look(store, more[0]) is not None
            case "revise":
                return here(store, more[0]).text == text_of(more[0], more[1])
            case "retract":
                return here(store, more[0]).valid_to is not None
            case "mark":
                return more[1] in here(store, more[0]).marks
            case "unmark":
                return more[1] not in here(store, more[0]).marks
            case "unadd":
                return look(store, more[0]) is None
            case "link":
                return tuple(more) in store.links(ANA, more[0])
            case "space":
                return tuple(more[0]) in store.spaces()
            case "forget":
                if more[1]:
                    return tuple(more[1]) not in store.spaces()
                return look(store, more[0][0]) is None
        return True

    def check(
        self, store: SQLiteStore, dice: random.Random, others: Set[str] = frozenset()
    ) -> None:
        """Everything that was acknowledged, no more and no less; `others` are told of elsewhere."""
        with store._connections.reading() as db:
            hashes = {seq: hash.hex() for seq, hash in db.execute("SELECT seq, hash FROM events")}
        lost = {seq for seq, hash in self.heads.items() if hashes.get(seq) != hash}
        assert not lost, f"acknowledged events are lost: {sorted(lost)}"
        aside = {id for ids in self.sides.values() for id in ids}
        every = store.list(
            ANA, limit=10**9, archived=True, quarantined=True, kinds=("episode", "fact")
        )
        there = {record.id: record for record in every if record.id not in others}
        living = {id for id in self.now if id not in self.over and id not in aside}
        assert set(there) == living, (set(there) ^ living, "in the store or known only")
        for id, record in there.items():
            assert record.text == text_of(id.partition("~")[0], self.now[id]), record
            own = set(record.marks) - {"archived", "quarantined"}
            assert own == self.marks.get(id, set()), record
        for id in self.over:
            assert here(store, id).valid_to is not None, id
        for id in dice.sample(sorted(self.forgotten), min(4 * SAMPLE, len(self.forgotten))):
            assert look(store, id) is None, f"{id} was forgotten"
        for id in dice.sample(sorted(self.undone), min(SAMPLE, len(self.undone))):
            assert look(store, id) is None, f"{id} was taken back"
        for id in dice.sample(sorted(there), min(SAMPLE, len(there))):
            told = {record.text for record in store.history(ANA, id)}
            assert {text_of(id.partition("~")[0], n) for n in self.said[id]} <= told, id
            assert len(store.touches(ANA, id)) == self.touches[id], id
            ours = {link for link in store.links(ANA, id) if {link[0], link[2]} <= set(self.said)}
            ours = {link for link in ours if link[1] not in ("duplicates", "conflicts")}
            assert ours == {link for link in self.links if id in (link[0], link[2])}, id
        assert set(store.spaces()) - {ANA} == set(self.sides)
        for scope, ids in self.sides.items():
            said = {record.id: record.text for record in store.list(scope)}
            assert set(said) == set(ids), scope
            assert all(text.startswith(text_of(id)) for id, text in said.items())

    def attest(self, store: SQLiteStore, keys: Path) -> None:
        """The last receipts still agree with the ledger, and with the key."""
        if self.receipts:
            public = Signer.open(keys).public
            for line in self.receipts[-4:]:
                assert receipts.verify(from_json(line), key=public, store=store) == []

    def erased(self) -> set[bytes]:
        """Canaries of what was forgotten, names of spaces included."""
        found = {canary(id.partition("~")[0]).encode() for id in self.forgotten}
        return found | {scope[1].rpartition(" ")[2].encode() for scope in self.left}


def look(store: SQLiteStore, id: str) -> Record | None:
    with suppress(NotFound):
        return store.get(ANA, id)
    return None


def here(store: SQLiteStore, id: str) -> Record:
    record = look(store, id)
    assert record is not None, f"{id} was acknowledged and is not there"
    return record


def canaries(path: Path) -> set[bytes]:
    """Every canary in any byte of the store's files."""
    found: set[bytes] = set()
    for file in scan.own_files(path) if path.exists() else ():
        with suppress(FileNotFoundError):
            found.update(CANARY.findall(file.read_bytes()))
    return found


class Lane:
    """One store, and everybody who was killed over it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "told").mkdir(exist_ok=True)
        self.path = folder / "a.rmem"
        self.dice = random.Random(seed)
        self.known = Known()
        self.kills = self.openings = self.looks = self.verified = 0
        self.steps = Counter[str]()

    def run(self, kills: int) -> None:
        while self.kills < kills:
            before = self.kills
            self.storms(min(self.dice.choice((1, 1, 1, 2, 2, 3)), kills - self.kills))
            self.steps["cycles"] += 1
            if self.dice.random() < 0.3:
                for _ in range(self.dice.randint(1, 3)):
                    self.opening()
            last = self.kills >= kills
            self.look(full=last or before // FULL != self.kills // FULL)

    def storms(self, many: int) -> None:
        """So many writers, and now and then a reader, each killed at a moment of its own."""
        names = [f"w{self.kills + n}" for n in range(many)]
        modes = {name: "kill" for name in names}
        if self.dice.random() < 0.4:
            modes[f"r{self.kills}"] = "read" if self.path.exists() else "kill"
        running = {name: self.start(mode, name) for name, mode in modes.items()}
        aimed = names[0] if self.dice.random() < 0.5 else ""
        for name in names:
            if self.dice.random() < 0.75 and name != aimed:
                self.wait_for(name, '"ok"', 20)
        if aimed:
            self.wait_for(aimed, self.dice.choice(AIMS), 0.6)
            time.sleep(self.dice.random() * 0.01)
            self.kill(running.pop(aimed), aimed)
        moments = sorted((self.dice.random() ** 2 * 0.7, name) for name in running)
        began = time.monotonic()
        for moment, name in moments:
            time.sleep(max(moment - (time.monotonic() - began), 0.0))
            self.kill(running[name], name)
        for name, mode in modes.items():
            if mode == "kill":
                self.kills += 1
                self.known.hear(self.told(name).read_bytes())

    def opening(self) -> None:
        """Somebody who only opens, and finishes what others left."""
        name = f"o{self.openings}"
        pid = self.start("open", name)
        time.sleep(self.dice.random() * 0.08)
        self.kill(pid, name)
        self.openings += 1
        self.known.hear(self.told(name).read_bytes())

    def look(self, *, full: bool) -> None:
        """In a process that never had the store open."""
        self.looks += 1
        self.verified += full
        answer = self.folder / "answer"
        answer.unlink(missing_ok=True)
        number = self.looks

        def checking() -> None:
            dice = random.Random(number)
            under_way = {canary(id.partition("~")[0]).encode()
                         for effects in self.known.open for effect in effects if effect[0] == "forget"
                         for id in effect[1]}  # fmt: skip
            back = (canaries(self.path) & self.known.erased()) - under_way
            assert not back, f"before opening: {back}"
            with SQLiteStore.open(self.path, analyze=record_terms) as store:
                back = (canaries_through(store) & self.known.erased()) - under_way
                assert not back, f"while open: {back}"
                assert not notes(store), "a forget was cut short, and not finished"
                happened = self.known.resolve(store)
                self.known.check(store, dice)
                self.known.attest(store, self.folder / "keys")
                if full:
                    assert store.verify().problems == ()
            back = canaries(self.path) & self.known.erased()
            assert not back, f"after opening: {back}"
            assert {file.name for file in scan.own_files(self.path)} == {self.path.name}
            answer.write_text(json.dumps(happened))

        status = ended(forked(checking, self.folder / "told" / "look"))
        assert status == 0, (self.folder / "told" / "look.err").read_text()
        happened = json.loads(answer.read_text())
        self.steps["under way, committed"] += sum(happened)
        self.steps["under way, not committed"] += len(happened) - sum(happened)
        self.known.settle(happened)

    def start(self, mode: str, name: str) -> int:
        return forked(lambda: storm.main(mode, str(self.path), name), self.told(name))

    def told(self, name: str) -> Path:
        return self.folder / "told" / name

    def wait_for(self, name: str, word: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while word.encode() not in self.told(name).read_bytes() and time.monotonic() < deadline:
            time.sleep(0.001)

    def kill(self, pid: int, name: str) -> None:
        os.kill(pid, signal.SIGKILL)
        status = ended(pid)
        error = self.told(name).with_suffix(".err").read_text()
        assert status == -signal.SIGKILL, f"{name} ended by itself: {status}\n{error}"

    def report(self) -> dict[str, Any]:
        known = self.known
        with SQLiteStore.open(self.path, analyze=record_terms) as store:
            events = store.head()
        return {
            "kills": self.kills,
            "openings killed": self.openings,
            "looks": self.looks,
            "verified": self.verified,
            "events": events,
            "forgotten": len(known.forgotten),
            "receipts": len(known.receipts),
            "acknowledged": dict(known.acknowledged),
            "killed in": dict(known.killed_in),
            "phases": dict(known.phases),
            **self.steps,
        }


def notes(store: SQLiteStore) -> list[str]:
    """Forgets that are under way, or were."""
    with store._connections.reading() as db:
        return [name for (name,) in db.execute("SELECT name FROM cursors WHERE space = 0")]


def canaries_through(store: SQLiteStore) -> set[bytes]:
    """The same while this process has the store open: a file that is opened and closed would drop its locks."""
    found: set[bytes] = set()
    for file in scan.own_files(store.path):
        found.update(CANARY.findall(bytes(memoryview(whole(file)))))
    return found


def whole(file: Path) -> bytearray:
    size = file.stat().st_size
    into = bytearray(size)
    if size:
        scan._read(scan._handle(file), into, 0)
    return into


def forked(work: Callable[[], None], told: Path) -> int:
    """Run something in a process of its own, which writes to a file; its errors stand beside it."""
    files = [name.open("wb", buffering=0) for name in (told, told.with_suffix(".err"))]
    pid = os.fork()
    if pid:
        for file in files:
            file.close()
        return pid
    status = 1
    try:
        for number, file in enumerate(files, 1):
            os.dup2(file.fileno(), number)
        work()
        status = 0
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(status)


def ended(pid: int) -> int:
    """Its exit status; below 0 the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def everything(path: Path) -> tuple[str, int]:
    """A store of schema 1 with a few hundred records, and the digest of its history."""
    with SQLiteStore.open(path, analyze=record_terms) as store:
        for n in range(0, 400, 20):
            ids = [f"m{n + k}" for k in range(20)]
            store.apply(
                [
                    Add(
                        scope=ANA, id=id, text=text_of(id), session=f"s{n}", sources=(Source("m0"),)
                    )
                    for id in ids
                ]
            )
            store.apply(
                [Link(scope=ANA, src=ids[0], relation="r", dst="m0"), Touch(scope=ANA, id=ids[1])]
            )
            store.apply(
                [
                    Revise(scope=ANA, id=ids[2], text=text_of(ids[2], 2)),
                    Retract(scope=ANA, id=ids[3]),
                ]
            )
        store.forget(ANA, ["m7"])
        digest, events = store.history_digest(), store.head()
    first(path)
    path.with_name("new").unlink()
    return digest, events


def migrations(folder: Path, seed: int, kills: int) -> dict[str, Any]:
    """Kill who brings an old store up to date, again and again."""
    folder.mkdir(parents=True, exist_ok=True)
    path, told = folder / "a.rmem", folder / "told"
    digest, events = everything(path)
    old = path.read_bytes()
    dice = random.Random(seed)
    whole, found = 0.0, Counter[str]()
    for number in range(kills + 1):
        for file in scan.own_files(path):
            file.unlink()
        path.write_bytes(old)
        began = time.monotonic()
        pid = forked(lambda: storm.main("open", str(path), "m"), told)
        while told.read_bytes().count(b"\n") < (2 if not number else 1):
            time.sleep(0.0005)
        if number:
            time.sleep(dice.random() * 1.1 * whole)
        else:
            whole = time.monotonic() - began
        os.kill(pid, signal.SIGKILL)
        assert ended(pid) == -signal.SIGKILL, told.with_suffix(".err").read_text()

        def looking() -> None:
            with sqlite3.connect(path) as db:
                before = db.execute("PRAGMA user_version").fetchone()[0]
            db.close()
            with SQLiteStore.open(path, analyze=record_terms) as store:
                assert store.verify().problems == ()
                assert store.history_digest() == digest
                assert (store.head(), store.counts().schema) == (events, len(schema.MIGRATIONS))
                store.apply([Add(scope=ANA, id="after", text="after")])
            os.write(1, str(before).encode())

        assert ended(forked(looking, told)) == 0, told.with_suffix(".err").read_text()
        found[f"schema {told.read_text()} after the kill"] += 1
    return {"kills": kills, "milliseconds": round(1000 * whole), **found}


def main(mode: str, folder: str, seed: str, kills: str) -> None:
    assert threading.active_count() == 1, "a fork would leave the others behind"
    if mode == "migrate":
        return print(json.dumps(migrations(Path(folder), int(seed), int(kills))))
    lane = Lane(Path(folder), int(seed))
    lane.run(int(kills))
    return print(json.dumps(lane.report()))


if __name__ == "__main__":
    main(*sys.argv[1:])
