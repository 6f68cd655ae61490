"""The test of remanence: what is left of what was forgotten? Ours and its peers, the same words, the same search for them.

Thousands of random canaries are stored in texts, names, metadata, fields, attachments (base64), and in facts and summaries derived from
them. A random half is forgotten, by the system's own public call, ours while threads and another process add and search. Then every
byte of every file is looked at, plain, as UTF-16, inside base64 and inside compressed streams, and every way to read. All that was
not forgotten must still be found.

A canary is a word of one form, so looking for all of them is looking for one pattern: this search shares nothing with the one
that the store makes for its receipts.
"""

from __future__ import annotations

import io
import logging
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, redirect_stderr
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.table import Table

from remanence import __version__
from remanence.bench.canaries import (
    PLACES,
    TEXT_PLACES,
    THINGS,
    USERS,
    Found,
    Item,
    attachment,
    canaries_below,
    canaries_in,
    make_items,
)
from remanence.bench.machine import command_line, commit, machine
from remanence.bench.result import Figure, Measured, Result, write
from remanence.bench.systems.base import SystemFailed, start
from remanence.errors import InvalidInput, MissingExtra, NotFound
from remanence.memory import Memory
from remanence.store.choose import open_store
from remanence.store.verbs import LedgerStore
from remanence.text.analyze import ENTRY, term_hash, terms
from remanence.text.index.terms import record_terms
from remanence.text.write.messages import as_scope
from remanence.types import Add, Receipt, Scope, Source

TABLE: Final = 4096
DIM: Final = 384


# --- ours -------------------------------------------------------------------------------------------------------------


def measure_ours(
    folder: Path,
    items: Sequence[Item],
    *,
    embedder: str,
    seed: int,
    load: bool = True,
    say: Callable[[str], None] = print,
) -> Measured:
    """Store, forget half under load, look everywhere."""
    path = folder / "store" / "memory.rmem"
    path.parent.mkdir(parents=True)
    log = io.StringIO()
    with ExitStack() as stack:
        handler = logging.StreamHandler(log)
        logging.getLogger().addHandler(handler)
        stack.callback(logging.getLogger().removeHandler, handler)
        level = logging.getLogger().level
        logging.getLogger().setLevel(logging.DEBUG)
        stack.callback(logging.getLogger().setLevel, level)
        stack.enter_context(redirect_stderr(log))
        memory = stack.enter_context(Memory.open(path, embedder=embedder))
        store = stack.enter_context(closing(open_store(str(path), analyze=record_terms)))
        _remember(memory, store, items)
        memory.flush()
        present = canaries_below(path.parent)
        lacking = [item.id for item in items if not set(item.canaries.values()) <= present]
        if lacking:
            raise InvalidInput(
                f"{len(lacking)} items can't be seen in the file before anything is forgotten",
                hint="an encrypted store can't be tested by its bytes",
            )
        say(f"remanence: {len(items):,} items with {len(PLACES)} canaries each are stored")
        gone, kept, whole = choose(items, seed)
        with _load(path, log) if load else _idle() as busy:
            receipts, seconds = _forget(memory, gone, whole)
        say(
            f"remanence: {len(gone):,} forgotten in {sum(seconds):.1f} s beside {busy[0]:,} adds and searches"
        )
        left = _look_ours(memory, store, path, folder, gone, embedder)
        left.add("log", canaries_in(log.getvalue().encode()))
        still = _still_ours(memory, store, kept)
        size = sum(file.stat().st_size for file in path.parent.iterdir())
        clean = sum(receipt.clean for receipt in receipts)
    speed = {
        "forget_p50_ms": 1e3 * float(np.median(seconds)),
        "forget_per_record_ms": 1e3 * sum(seconds) / max(len(gone), 1),
        "calls": float(len(seconds)),
        "clean_receipts": float(clean),
    }
    return measured(
        "remanence", __version__, gone, left, still, len(kept), PLACES, speed, size, whole
    )


def choose(items: Sequence[Item], seed: int) -> tuple[list[Item], list[Item], list[str]]:
    """A random half to forget, the others, and two users who are forgotten whole."""
    dice = random.Random(seed + 1)
    users = list(dict.fromkeys(item.user for item in items))
    whole = dice.sample(users, 2) if len(users) > 4 else []
    others = [item for item in items if item.user not in whole]
    dice.shuffle(others)
    named = [item for item in items if item.user in whole]
    half = max(len(items) // 2 - len(named), 0)
    return [*others[:half], *named], others[half:], whole


def _remember(memory: Memory, store: LedgerStore, items: Sequence[Item]) -> None:
    for item in items:
        memory.add(_message(item), user_id=item.user)
    scopes: dict[Scope, list[Add]] = {}
    for item in items:
        scope = as_scope(item.user, None)
        fact, summary = f"f-{item.id}", f"s-{item.id}"
        scopes.setdefault(scope, []).extend(
            (
                Add(
                    scope=scope, id=fact, kind="fact", text=f"It was called {item.canaries['fact']}",
                    sources=(Source(item.id, 0, 9),),
                ),
                Add(
                    scope=scope, id=summary, kind="summary", text=f"In short: {item.canaries['summary']}",
                    sources=(Source(fact),),
                ),
            )
        )  # fmt: skip
    for changes in scopes.values():
        store.apply(changes)


def _message(item: Item) -> dict[str, object]:
    can = item.canaries
    return {
        "content": item.text,
        "role": "user",
        "name": f"Person {can['speaker']}",
        "session_id": f"chat {can['session']}",
        "id": item.id,
        "title": f"About {can['title']}",
        "meta": {"note": f"see {can['meta']}", "attachment": attachment(item)},
    }


def _forget(
    memory: Memory, gone: Sequence[Item], whole: Sequence[str]
) -> tuple[list[Receipt], list[float]]:
    """One by one for some, in batches for the rest, two users whole."""
    receipts: list[Receipt] = []
    seconds: list[float] = []

    def timed(act: Callable[[], Receipt]) -> None:
        start_ = time.perf_counter()
        receipts.append(act())
        seconds.append(time.perf_counter() - start_)

    by_user: dict[str, list[str]] = {}
    for item in gone:
        if item.user not in whole:
            by_user.setdefault(item.user, []).append(item.id)
    for user, ids in by_user.items():
        for chosen in (ids[:1], ids[1:2], ids[2:]):
            if chosen:
                timed(partial(memory.forget, chosen, user_id=user, sign=False))
    for user in whole:
        timed(partial(memory.forget, user_id=user, everything=True, sign=False))
    return receipts, seconds


def _look_ours(
    memory: Memory,
    store: LedgerStore,
    path: Path,
    folder: Path,
    gone: Sequence[Item],
    embedder: str,
) -> Found:
    found = Found()
    found.add("files", canaries_below(path.parent))
    store.export_jsonl(folder / "export.jsonl")
    found.add("export", canaries_in((folder / "export.jsonl").read_bytes()))
    store.backup(folder / "backup.rmem")
    found.add("backup", canaries_in((folder / "backup.rmem").read_bytes()))
    found.add("vocabulary", _vocabulary(path, gone))
    for item in gone:
        found.add("search", _searched(memory, item))
        found.add("get", _read(store, item))
        if embedder != "none":
            found.add("nearest", _searched(memory, item, item.text))
    scopes = {as_scope(item.user, None) for item in gone}
    for scope in scopes:
        found.add("names", canaries_in("\n".join(store.names(scope)).encode()))
        found.add("events", canaries_in(repr([*store.events(scope, limit=10**9)]).encode()))
        listed = store.list(scope, limit=10**9)
        found.add("list", canaries_in(repr(listed).encode(), depth=1))
    found.add("names", canaries_in(repr(store.spaces()).encode()))
    return found


def _searched(memory: Memory, item: Item, query: str = "") -> set[str]:
    seen = set()
    for asked in (query,) if query else (item.canaries["text"], item.words):
        hits = memory.search(asked, user_id=item.user, k=10, kinds=("episode", "fact", "summary"))
        seen |= canaries_in(repr([hit.record for hit in hits]).encode(), depth=1)
    return seen


def _read(store: LedgerStore, item: Item) -> set[str]:
    seen = set()
    scope = as_scope(item.user, None)
    for id in (item.id, f"f-{item.id}", f"s-{item.id}"):
        for read in (store.get, store.history):
            try:
                seen |= canaries_in(repr(read(scope, id)).encode(), depth=1)
            except NotFound:
                continue
    return seen


def _vocabulary(path: Path, gone: Sequence[Item]) -> set[str]:
    """Canaries whose terms some row of the lexical index has."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        rows = b"".join(row[0] for row in db.execute("SELECT terms FROM docs"))
    known = set(np.frombuffer(rows, ENTRY)["term"].tolist())
    return {
        canary
        for item in gone
        for place, canary in item.canaries.items()
        if place in ("text", "fact", "summary") and _hashes(canary) & known
    }


def _hashes(canary: str) -> set[int]:
    return {term_hash(term) for term in terms(canary)}


def _still_ours(memory: Memory, store: LedgerStore, kept: Sequence[Item]) -> int:
    """Those that `get` and a search for their words find, with all that was derived from them."""
    still = 0
    for item in kept:
        wanted = {item.canaries[place] for place in PLACES if place != "attachment"}
        hits = memory.search(item.canaries["text"], user_id=item.user, k=3, kinds=("episode",))
        still += _read(store, item) >= wanted and any(hit.record.id == item.id for hit in hits)
    return still


@contextmanager
def _idle() -> Iterator[list[int]]:
    yield [0]


@contextmanager
def _load(path: Path, log: io.StringIO) -> Iterator[list[int]]:
    """Threads and another process that add and search until the block ends. Counts what they did."""
    stop = threading.Event()
    done, errors = [0], list[BaseException]()
    lock = threading.Lock()

    def work(number: int) -> None:
        try:
            with Memory.open(path, embedder="none") as memory:
                turn = 0
                while not stop.is_set():
                    memory.add(f"Load {number} adds sentence {turn} about a {THINGS[turn % 16]}", user_id=f"load{number}")  # fmt: skip
                    memory.search(THINGS[turn % 16], user_id=f"load{number}")
                    turn += 1
                    with lock:
                        done[0] += 2
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    process = subprocess.Popen(
        [sys.executable, "-c", _BESIDE, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        process.stdout.readline()  # it is at work
        for thread in threads:
            thread.start()
        yield done
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        out, said = process.communicate(timeout=120)
        log.write(said)
    if errors:
        raise errors[0]
    if process.returncode:
        raise SystemFailed(f"the process beside ended with {process.returncode}", hint=said[-300:])
    done[0] += int(out.split()[-1])


_BESIDE: Final = """
import select, sys
from remanence.memory import Memory

turn = 0
with Memory.open(sys.argv[1], embedder="none") as memory:
    while True:
        memory.add(f"The process adds sentence {turn}", user_id="beside")
        memory.search("sentence", user_id="beside")
        turn += 1
        if turn == 1:
            print("ready", flush=True)
        if select.select([sys.stdin], [], [], 0)[0]:
            break
print(2 * turn)
"""


# --- peers ------------------------------------------------------------------------------------------------------------


def measure_peer(
    name: str, folder: Path, items: Sequence[Item], *, seed: int, say: Callable[[str], None] = print
) -> Measured:
    """The same items, as text with metadata, forgotten by its own delete; no load beside it, its files looked at after it has closed.

    Raises: SystemFailed, MissingExtra, InvalidInput."""
    vectors = folder / "vectors"
    vectors.mkdir(parents=True)
    np.save(vectors / "table.npy", np.random.default_rng(seed).standard_normal((TABLE, DIM)).astype(np.float32))  # fmt: skip
    child = start(name, folder / "system", vectors, dim=DIM, say=say)
    data = folder / "system"
    gone, kept, _ = choose(items, seed)
    found = Found()
    try:
        by_user: dict[str, list[Item]] = {}
        for item in items:
            by_user.setdefault(item.user, []).append(item)
        for user, mine in by_user.items():
            child.ask(do="ingest", example=user, turns=[_turn(item) for item in mine])
        say(f"{name}: {len(items):,} items are stored")
        before = canaries_below(data)
        seconds = []
        chosen = {item.id for item in gone}
        for user, mine in by_user.items():
            ids = [item.id for item in mine if item.id in chosen]
            if ids:
                seconds.append(float(child.ask(do="forget", example=user, ids=ids)["seconds"]))
        for item in gone:
            if item.id in child.query(item.user, item.text, 10).ids:
                found.add("search", [item.canaries["text"]])
        found.add("search", ())
        still = sum(item.id in child.query(item.user, item.text, 5).ids for item in kept)
        version = child.version
        size = child.close().bytes
    finally:
        child.kill()
    found.add("files", canaries_below(data) & before)
    speed = {
        "forget_p50_ms": 1e3 * float(np.median(seconds)),
        "forget_per_record_ms": 1e3 * sum(seconds) / max(len(gone), 1),
        "calls": float(len(seconds)),
    }
    return measured(name, version, gone, found, still, len(kept), TEXT_PLACES, speed, size, ())


def _turn(item: Item) -> dict[str, Any]:
    can = item.canaries
    meta = {
        "name": f"Person {can['speaker']}",
        "session": f"chat {can['session']}",
        "note": f"see {can['meta']}",
        "attachment": attachment(item),
    }
    return {"id": item.id, "text": item.text, "meta": meta}


# --- results ----------------------------------------------------------------------------------------------------------


def measured(
    name: str,
    version: str,
    gone: Sequence[Item],
    found: Found,
    still: int,
    kept: int,
    places: Sequence[str],
    speed: Mapping[str, float],
    size: float,
    whole: Sequence[str],
) -> Measured:
    """Shares of the forgotten items of which anything was found: anywhere, by surface, and by the place it was stored in."""
    wanted = {item.id: {item.canaries[place] for place in places} for item in gone}
    users = {item.id: {item.user} if item.user in whole else set[str]() for item in gone}
    everywhere = found.all

    def left(seen: set[str]) -> Figure:
        return share(sum(bool(seen & (wanted[i.id] | users[i.id])) for i in gone), len(gone))

    categories: dict[str, dict[str, Figure]] = {
        surface: {"left": left(seen)} for surface, seen in sorted(found.on.items())
    }
    for place in places:
        number = sum(item.canaries[place] in everywhere for item in gone)
        categories[f"in {place}"] = {"left": share(number, len(gone))}
    return Measured(
        name=name,
        version=version,
        overall={"left": left(everywhere), "kept": share(still, kept)},
        categories=categories,
        speed=dict(speed),
        size={"bytes": float(size)},
    )


def share(number: int, of: int) -> Figure:
    """A share with its 95 % interval (Wilson's, which says something also where nothing was found)."""
    if not of:
        return Figure(0.0, 0.0, 1.0, 0.0, 1.0, 0)
    z, p = 1.96, number / of
    middle = (p + z * z / (2 * of)) / (1 + z * z / of)
    reach = z / (1 + z * z / of) * (p * (1 - p) / of + z * z / (4 * of * of)) ** 0.5
    low, high = max(middle - reach, 0.0), min(middle + reach, 1.0)
    low, high = (0.0 if not number else low), (1.0 if number == of else high)
    return Figure(p, low, high, low, high, of)


def main_remanence(
    *,
    count: int = 2000,
    peers: Sequence[str] = (),
    embedder: str = "auto",
    seed: int = 0,
    json_path: Path | None = None,
    say: Callable[[str], None] = print,
) -> Result:
    """Run the test on ours and on these peers (`mem0`, `chroma`), each in a folder of its own that is deleted afterwards.

    Raises: InvalidInput; a peer that fails has its `error`."""
    if count < 2 * USERS:
        raise InvalidInput(f"{count} items", hint=f"at least {2 * USERS}")
    if unknown := [name for name in peers if name not in ("mem0", "chroma")]:
        raise InvalidInput(f"{unknown[0]!r} can't be asked to forget", hint="mem0 and chroma can")
    started = datetime.now(UTC).isoformat(timespec="seconds")
    items = make_items(count, seed)
    systems: list[Measured] = []
    for name in ("remanence", *peers):
        folder = Path(tempfile.mkdtemp(prefix="remanence-forget-"))
        try:
            if name == "remanence":
                system = measure_ours(folder, items, embedder=embedder, seed=seed, say=say)
            else:
                system = measure_peer(name, folder, items, seed=seed, say=say)
            systems.append(system)
        except (SystemFailed, MissingExtra) as error:
            systems.append(Measured(name=name, error=str(error)))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    words: list[str | Path] = ["rmem", "bench", "remanence", "--count", str(count)]
    for name in peers:
        words += ["--system", name]
    words += ["--embedder", embedder] if embedder != "auto" else []
    words += ["--seed", str(seed)] if seed else []
    result = Result(
        task="remanence",
        task_version="1",
        data="generated",
        examples=USERS,
        records=count,
        questions=count,
        notes={},
        systems=tuple(systems),
        seed=seed,
        version=__version__,
        commit=commit(),
        machine=machine(),
        command=command_line(words),
        started=started,
    )
    if json_path is not None:
        write(result, json_path)
    return result


def remanence_rows(result: Result) -> tuple[list[str], list[list[str]]]:
    """Header and one row a system: share of forgotten items of which something is left, anywhere and by surface; what is kept."""
    names = [system for system in result.systems if not system.error]
    surfaces = list(dict.fromkeys(name for system in names for name in system.categories))
    header = ["system", "forgotten", "left", *surfaces, "others found", "ms a record"]
    rows = []
    for system in names:
        left, kept = system.overall["left"], system.overall["kept"]
        cells = [
            percent(system.categories[name]["left"]) if name in system.categories else ""
            for name in surfaces
        ]
        rows.append(
            [system.name, str(left.n), percent(left), *cells, percent(kept), f"{system.speed['forget_per_record_ms']:.2f}"]
        )  # fmt: skip
    return header, rows


def percent(figure: Figure) -> str:
    """`0 %`, `12.5 %`"""
    return f"{100 * figure.mean:.1f} %".replace(".0 %", " %")


def show_remanence(result: Result, console: Console) -> None:
    """Print the table on its side: surfaces are many, systems are few."""
    header, rows = remanence_rows(result)
    table = Table(
        title="share of forgotten items of which something is left", title_justify="left", header_style="bold"
    )  # fmt: skip
    table.add_column("")
    for row in rows:
        table.add_column(row[0], justify="right")
    for place, name in enumerate(header[1:], 1):
        table.add_row(name, *(row[place] for row in rows))
    console.print(table)
    for system in result.systems:
        if system.error:
            console.print(f"{system.name}: {system.error}", highlight=False, markup=False)
        elif "clean_receipts" in system.speed:
            console.print(
                f"{system.name}: {system.speed['clean_receipts']:.0f} of {system.speed['calls']:.0f} receipts are clean; "
                f"at most {100 * system.overall['left'].high:.2f} % left at 95 %",
                highlight=False,
            )
