"""The embedding queue: waiting, errors, and starting again."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from remanence.errors import EndpointError, RemanenceError
from remanence.seams import Encoded, EncodedQuery
from remanence.store.sqlite import SQLiteStore
from remanence.text.index.terms import record_terms
from remanence.text.index.worker import BATCH, EmbeddingWorker
from remanence.types import Add

SCOPE = ("t", "u")


class Lengths:
    """Encodes a text as its length; fails while it is told to."""

    id, dim, token_dim, token_bytes = "lengths", 2, 0, 0

    def __init__(self) -> None:
        self.broken = False
        self.open = threading.Event()
        self.open.set()
        self.seen: list[str] = []

    def encode(self, texts: Sequence[str]) -> Encoded:
        if self.broken:
            raise EndpointError("no answer", hint="try later")
        self.open.wait(30)
        self.seen += texts
        return Encoded(np.array([[len(t), 1] for t in texts], np.float32), [b""] * len(texts))

    def query(self, text: str) -> EncodedQuery:
        return EncodedQuery(self.encode([text]).dense[0], np.zeros((0, 0), np.float32), [])

    def unpack(self, packed: np.ndarray) -> np.ndarray:
        return packed.astype(np.float32)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    with SQLiteStore.open(tmp_path / "s", analyze=record_terms) as opened:
        yield opened


def write(store: SQLiteStore, count: int) -> None:
    store.apply(
        [Add(scope=SCOPE, text=f"text {n}", id=f"i{n}", speaker="Ana") for n in range(count)]
    )


def test_everything_is_encoded_once_as_it_was_said(store: SQLiteStore) -> None:
    encoder = Lengths()
    worker = EmbeddingWorker(store, encoder)
    write(store, 2 * BATCH + 5)
    assert worker.flush(30)
    assert encoder.seen == [f'Ana said, "text {n}"' for n in range(2 * BATCH + 5)]
    assert store.waiting("lengths") == 0
    assert worker.flush(30)
    worker.stop()
    assert len(encoder.seen) == 2 * BATCH + 5


def test_an_error_is_raised_and_the_next_flush_goes_on(store: SQLiteStore) -> None:
    encoder = Lengths()
    encoder.broken = True
    worker = EmbeddingWorker(store, encoder)
    write(store, 3)
    for _ in range(2):
        with pytest.raises(EndpointError):
            worker.flush(30)
    assert store.waiting("lengths") == 3
    encoder.broken = False
    assert worker.flush(30)
    assert store.waiting("lengths") == 0
    worker.stop()


def test_flush_gives_up_in_time_and_loses_nothing(store: SQLiteStore) -> None:
    encoder = Lengths()
    encoder.open.clear()
    worker = EmbeddingWorker(store, encoder)
    write(store, 3)
    assert worker.flush(0.01) is False
    encoder.open.set()
    assert worker.flush(30)
    worker.stop()
    worker.stop()


def test_without_a_flush_it_starts_when_the_writes_pause(store: SQLiteStore) -> None:
    worker = EmbeddingWorker(store, Lengths())
    write(store, 3)
    worker.wake()
    worker.wake()
    with worker._work:
        assert worker._work.wait_for(lambda: not (worker._wanted or worker._busy), timeout=30)
    assert store.waiting("lengths") == 0
    worker.stop()


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (RuntimeError("out of memory"), "RuntimeError: out of memory"),
        (np.full((3, 2), np.nan, np.float32), "not finite"),
        (np.ones((3, 5), np.float32), r"shape \(3, 5\)"),
        (np.ones((1, 2), np.float32), r"shape \(1, 2\)"),
    ],
)
def test_whatever_an_encoder_does_wrong_is_told_and_nothing_is_stored(
    store: SQLiteStore, failure: object, reason: str
) -> None:
    encoder = Lengths()
    right = encoder.encode

    def wrong(texts: Sequence[str]) -> Encoded:
        if isinstance(failure, np.ndarray):
            return Encoded(failure, [b""] * len(texts))
        assert isinstance(failure, Exception)
        raise failure

    encoder.encode = wrong  # type: ignore[method-assign]
    worker = EmbeddingWorker(store, encoder)
    write(store, 3)
    for _ in range(2):
        with pytest.raises(RemanenceError, match=reason):
            worker.flush(30)
    assert store.waiting("lengths") == 3
    encoder.encode = right  # type: ignore[method-assign]
    assert worker.flush(30)
    assert store.waiting("lengths") == 0
    worker.stop()
