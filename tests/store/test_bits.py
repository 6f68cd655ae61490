"""Single bits that flip in a store's file or in its log: found, or without consequence; never a changed answer that nobody notices."""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from remanence import Memory
from remanence.errors import NotFound, StoreError
from remanence.types import Add
from tests.store.conformance import ANA
from tests.store.storm import text_of
from tests.store.test_faults import FACTS, RECORDS, fill, opened


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("filled") / "a.rmem"
    with opened(path) as store:
        fill(store)
    return path


def answers(path: Path) -> dict[object, str]:
    """All that can be asked."""
    told: dict[object, str] = {}

    def ask(name: object, question: Callable[[], object]) -> None:
        try:
            told[name] = repr(question())
        except NotFound:
            told[name] = "forgotten"

    with opened(path, clock=lambda: 2 * 10**15) as store:
        for id in (*RECORDS, *FACTS):
            for verb in (store.get, store.history, store.links, store.touches, store.children):
                ask((verb.__name__, id), lambda verb=verb, id=id: verb(ANA, id))  # type: ignore[misc]
        ask("list", lambda: store.list(ANA, limit=999, archived=True))
        ask("past", lambda: store.list(ANA, limit=999, as_of=10**15 + 20))
        ask("marked", lambda: store.marked(ANA, "own"))
        ask("linked", lambda: store.linked(ANA, "supersedes"))
        ask("names", lambda: list(store.names(ANA)))
        ask("cursor", lambda: store.cursor(ANA, "c"))
        ask("spaces", store.spaces)
        ask("events", lambda: list(store.events(ANA)))
        ask("log", lambda: store.log(ANA, limit=999))
        delta = store.delta(ANA, 0)
        ask(
            "delta",
            lambda: [part.tobytes() if isinstance(part, np.ndarray) else part for part in delta],
        )
        ask("vectors", lambda: store.vectors(ANA, "e", 0))
        ask("tokens", lambda: store.tokens(ANA, "e", delta.rows["seq"].tolist()))
    with Memory.open(path, embedder="none", tenant="acme", clock=lambda: 2 * 10**15) as memory:
        for text in ("harbour violin", "garden candle lantern", "which value is it?"):
            ask(text, lambda text=text: [(hit.record.id, hit.record.text, round(hit.score, 9))  # type: ignore[misc]
                                         for hit in memory.search(text, user_id="ana")])  # fmt: skip
    return told


def flipped(whole: bytes, bit: int) -> bytes:
    raw = bytearray(whole)
    raw[bit // 8] ^= 1 << bit % 8
    return bytes(raw)


def flip_everywhere(filled: Path, folder: Path, flips: int, seed: int) -> Counter[str]:
    """Classes of what single bits do. Another error than ours, or a changed answer that `verify` passes, fails at once."""
    path = folder / "a.rmem"
    whole = filled.read_bytes()
    path.write_bytes(whole)
    reference = answers(path)
    dice = random.Random(seed)
    classes = Counter[str]()
    for _ in range(flips):
        for file in folder.iterdir():
            file.unlink()
        bit = dice.randrange(8 * len(whole))
        path.write_bytes(flipped(whole, bit))
        try:
            said = answers(path)
            outcome = "same answers" if said == reference else "changed answers"
        except StoreError as error:
            outcome = f"refused: {error.code}"
        try:
            with opened(path) as store:
                sound = store.verify().ok
        except StoreError:
            sound = False
        assert not (sound and outcome == "changed answers"), (
            f"bit {bit} changed what is told silently"
        )
        classes[f"{outcome}, verify {'finds nothing' if sound else 'finds it'}"] += 1
    print(json.dumps(classes))
    return classes


def test_a_flipped_bit_is_found_or_changes_nothing(filled: Path, tmp_path: Path) -> None:
    classes = flip_everywhere(filled, tmp_path, flips=40, seed=1)
    assert len(classes) > 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 6))
def test_a_thousand_flipped_bits(filled: Path, tmp_path: Path, seed: int) -> None:
    classes = flip_everywhere(filled, tmp_path, flips=300, seed=seed)
    assert classes["changed answers, verify finds it"]
    assert classes["refused: Corrupt, verify finds it"]


def flip_the_log(folder: Path, flips: int) -> Counter[str]:
    """The log of a killed process: what stands in it is read as it was committed, up to some commit, never a mixture.

    A bit that flips in a log looks like a write that was cut short, to SQLite as to anybody who does not know the ledger's head."""
    path = folder / "live" / "a.rmem"
    path.parent.mkdir()
    states = []
    with opened(path, clock=lambda: 10**15) as store:
        for n in range(12):
            store.apply([Add(scope=ANA, id=RECORDS[n], text=text_of(RECORDS[n]))])
            states.append((store.head(), store.history_digest()))
            if n == 3:
                store.checkpoint()
        copy = folder / "copy.rmem"
        shutil.copy(path, copy)
        log = path.with_name("a.rmem-wal")
        shutil.copy(log, copy.with_name("copy.rmem-wal"))
        main, whole = copy.read_bytes(), copy.with_name("copy.rmem-wal").read_bytes()
    dice = random.Random(flips)
    classes = Counter[str]()
    for number in range(flips + 1):
        for file in folder.glob("copy.rmem*"):
            file.unlink()
        copy.write_bytes(main)
        bit = dice.randrange(8 * len(whole))
        copy.with_name("copy.rmem-wal").write_bytes(flipped(whole, bit) if number else whole)
        try:
            with opened(copy) as store:
                state = (store.head(), store.history_digest())
                assert store.verify().problems == ()
        except StoreError as error:
            classes[error.code] += 1
            continue
        assert state in states, f"bit {bit}: a state that never was"
        assert state == states[-1] or number
        classes["all of it" if state == states[-1] else "up to an earlier commit"] += 1
    print(json.dumps(classes))
    return classes


def test_a_flipped_bit_in_the_log(tmp_path: Path) -> None:
    assert sum(flip_the_log(tmp_path, flips=30).values()) == 31


@pytest.mark.slow
def test_many_flipped_bits_in_the_log(tmp_path: Path) -> None:
    classes = flip_the_log(tmp_path, flips=500)
    assert classes["all of it"]
    assert classes["up to an earlier commit"]
