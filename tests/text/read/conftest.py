"""Spaces to read: real stores with a few records, and the small real encoder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from remanence.embed.minilm import MiniLM
from remanence.seams import Embedder, Observation, Question
from remanence.store.choose import open_store
from remanence.text.index.space import Space
from remanence.text.index.terms import record_terms
from remanence.text.index.view import SpaceView
from remanence.text.index.worker import EmbeddingWorker
from remanence.text.read.question import parse
from remanence.text.write.awake import Awake
from remanence.types import Query, to_micros
from tests.embed import small

SCOPE = ("t", "u")
MAY = to_micros(datetime(2023, 5, 8, 12, tzinfo=UTC))
NOW = to_micros(datetime(2025, 1, 1, tzinfo=UTC))

Told = dict[str, Any]
View = Callable[..., SpaceView]
Ask = Callable[..., Question]


@pytest.fixture
def view(tmp_path: Path) -> Iterator[View]:
    """Store these observations, encode them if an encoder is given, and look at them."""
    with ExitStack() as stack:

        def look(
            told: Sequence[Told], encoder: Embedder | None = None, *, as_of: int | None = None
        ) -> SpaceView:
            store = open_store(
                str(tmp_path / f"{len(stack._exit_callbacks)}.rmem"),
                analyze=record_terms,
                clock=lambda: NOW,
            )
            stack.callback(store.close)
            writer = Awake()
            adds = [
                add
                for number, one in enumerate(told)
                for add in writer.write(
                    Observation(**{"scope": SCOPE, "id": f"r{number}", "at": MAY, **one})
                )
            ]
            assert {ack.status for ack in store.apply(adds)} <= {"stored"}
            if encoder is not None:
                worker = EmbeddingWorker(store, encoder)
                assert worker.flush(60)
                worker.stop()
            space = Space(store, SCOPE, encoder)
            return space.view(Query(text="", scope=SCOPE, as_of=as_of), NOW)

        yield look


@pytest.fixture
def ask() -> Ask:
    def asked(text: str, encoder: Embedder | None = None) -> Question:
        return parse(Query(text=text, scope=SCOPE), encoder=encoder, now=NOW)

    return asked


@pytest.fixture(scope="session")
def encoder() -> MiniLM:
    return small.encoder()
