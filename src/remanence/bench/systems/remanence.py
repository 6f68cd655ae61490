"""Our own system in a process of its own, used exactly as a user would: `Memory.open`, `add`, `flush`, `search`, `context`."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from remanence import __version__
from remanence.bench.peers.wire import WORD, Plain, Turns, Vectors, buckets, serve, word_sums
from remanence.embed.choose import open_embedder
from remanence.embed.pack import Floats, pack_states, unit, unpack_states
from remanence.memory import Memory
from remanence.recipes.recipe import Recipe
from remanence.seams import Embedder, Encoded, EncodedQuery
from remanence.text.read.dense import Dense
from remanence.text.read.lexical import Lexical
from remanence.text.read.pack import Fit
from remanence.text.write.awake import Awake
from remanence.types import Record

AT_ONCE = 500
"""Documents handed over in one `add`; of conversations it is a session."""

PATIENCE = 3600
"""Seconds that the making of a graph may take."""


class Timed:
    """An encoder, and the seconds that were spent in it."""

    def __init__(self, encoder: Embedder) -> None:
        self.encoder = encoder
        self.id = encoder.id
        self.dim = encoder.dim
        self.token_dim = encoder.token_dim
        self.token_bytes = encoder.token_bytes
        self._spent = 0.0
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str]) -> Encoded:
        start = time.perf_counter()
        encoded = self.encoder.encode(texts)
        self._note(start)
        return encoded

    def query(self, text: str) -> EncodedQuery:
        start = time.perf_counter()
        encoded = self.encoder.query(text)
        self._note(start)
        return encoded

    def unpack(self, packed: NDArray[np.uint8]) -> Floats:
        return self.encoder.unpack(packed)

    def spent(self) -> float:
        """Seconds since this was last asked."""
        with self._lock:
            spent, self._spent = self._spent, 0.0
        return spent

    def _note(self, start: float) -> None:
        with self._lock:
            self._spent += time.perf_counter() - start


class WordSums:
    """The peers' free vectors (`wire.word_sums`) as an encoder of ours, with token states as long as MiniLM's."""

    token_dim = 64
    token_bytes = 32

    def __init__(self, table: Floats) -> None:
        self.id = "word-sums"
        self.dim = table.shape[1]
        self.table = table
        self.sums = word_sums(table)
        self.states = unit(np.ascontiguousarray(table[:, : self.token_dim]))
        self.packed = pack_states(self.states)

    def encode(self, texts: Sequence[str]) -> Encoded:
        tokens = [self.packed[buckets(text, len(self.table))].tobytes() for text in texts]
        return Encoded(self.sums(texts), tokens)

    def query(self, text: str) -> EncodedQuery:
        spans = [match.span() for match in WORD.finditer(text)]
        return EncodedQuery(
            self.sums([text])[0], self.states[buckets(text, len(self.table))], spans
        )

    def unpack(self, packed: NDArray[np.uint8]) -> Floats:
        return unpack_states(packed)


RECIPES = {
    "dense-alone": Recipe(name="dense-alone", writer=Awake(), retriever=Dense(), packer=Fit()),
    "lexical-alone": Recipe(
        name="lexical-alone", writer=Awake(), retriever=Lexical(), packer=Fit()
    ),
}
"""Parts of the whole, to be measured against what peers do."""


class Ours(Plain):
    """One store for all memories, each a user of it. `settings`: `embedder`, `recipe`."""

    def open(self, folder: Path, vectors: Vectors, settings: dict[str, Any]) -> str:
        encoder = open_encoder(settings)
        self.timed = Timed(encoder) if encoder is not None else None
        recipe = settings.get("recipe", "default")
        self.memory = Memory.open(
            folder / "memory.rmem",
            embedder=self.timed or "none",
            recipe=RECIPES.get(recipe, recipe),
        )
        self.known: dict[str, set[str]] = {}
        return f"{__version__} {encoder.id if encoder else 'no encoder'} {recipe}"

    def ingest(self, example: str, turns: Turns) -> None:
        self.known.setdefault(example, set()).update(turn["id"] for turn in turns)
        for _, session in groupby(turns, key=lambda turn: turn["session"]):
            while batch := list(islice(session, AT_ONCE)):
                acks = self.memory.add([as_message(turn) for turn in batch], user_id=example)
                refused = [ack.reason for ack in acks if ack.status == "rejected"]
                if refused:
                    raise RuntimeError(
                        f"{len(refused)} turns were rejected, the first: {refused[0]}"
                    )

    def wait(self) -> None:
        """Until every vector is there."""
        self.memory.flush()

    def query(self, example: str, text: str, k: int, at: str | None) -> list[str]:
        """k turns. Long documents are kept in parts, of which several may be found: then more is asked for."""
        asked = k
        while True:
            hits = self.memory.search(text, user_id=example, k=asked, as_of=at)
            ids = self.ids(example, [hit.record for hit in hits])
            if len(ids) >= k or len(hits) < asked:
                return ids[:k]
            asked *= 2

    def context(self, example: str, text: str, budget: int) -> list[str]:
        """Ids of the packed records, those with the best scores first."""
        hits = self.memory.context(text, user_id=example, budget=budget).hits
        return self.ids(example, [hit.record for hit in sorted(hits, key=lambda hit: -hit.score)])

    def ids(self, example: str, records: Sequence[Record]) -> list[str]:
        """The turns that these records are, or were cut from; once each."""
        known = self.known[example]
        return list(dict.fromkeys(r.id if r.id in known else r.sources[0].id for r in records))

    def embedding(self) -> float:
        return self.timed.spent() if self.timed else 0.0

    def close(self) -> None:
        self.memory.close()


def open_encoder(settings: dict[str, Any]) -> Embedder | None:
    """The encoder that the settings ask for: by name, or the free vectors of a table."""
    if "table" in settings:
        return WordSums(np.load(settings["table"]))
    return open_embedder(settings.get("embedder", "auto"))


def as_message(turn: dict[str, Any]) -> dict[str, Any]:
    """A turn of the wire as a message that `Memory.add` takes."""
    message = {
        "content": turn["content"],
        "role": turn["role"],
        "name": turn["speaker"],
        "at": turn["at"],
        "id": turn["id"],
        "session_id": turn["session"],
        "title": turn["title"],
        "caption": turn["caption"],
    }
    return {key: value for key, value in message.items() if value}


if __name__ == "__main__":
    serve(Ours())
