"""One encoder for all peers: every text is encoded once, here, and served to them from a folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from remanence.bench.tasks.base import Example, shown
from remanence.embed.choose import open_embedder
from remanence.errors import ModelMissing
from remanence.seams import Embedder

BATCH = 256


def texts_of(examples: Iterable[Example]) -> list[str]:
    """Every text that a peer may look up, once each: turns as shown, and questions."""
    found: dict[str, None] = {}
    for example in examples:
        found.update((shown(turn), None) for turn in example.turns)
        found.update((question.text, None) for question in example.questions)
    return list(found)


def peer_encoder(spec: str) -> Embedder:
    """The encoder of the run. Raises: ModelMissing where there is none, since peers with vectors can't run without."""
    encoder = open_embedder(spec)
    if encoder is None:
        raise ModelMissing(
            f"embedder {spec!r} gives no vectors",
            hint="run `rmem models fetch`, or leave out systems that search vectors",
        )
    return encoder


def write_vectors(
    folder: Path, texts: Sequence[str], encoder: Embedder, say: Callable[[str], None]
) -> None:
    """`texts.json` and `vectors.npy` (n, d) float32 unit rows, as `peers.wire.look_up` reads them."""
    rows = np.empty((len(texts), encoder.dim), dtype=np.float32)
    for start in range(0, len(texts), BATCH):
        batch = texts[start : start + BATCH]
        rows[start : start + len(batch)] = encoder.encode(batch).dense
        say(f"vectors for the peers: {start + len(batch)} of {len(texts)}")
    write_rows(folder, texts, rows)


def write_rows(
    folder: Path, texts: Sequence[str], rows: np.ndarray[tuple[int, int], np.dtype[np.float32]]
) -> None:
    """The same for vectors that are there already."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "vectors.npy", rows)
    (folder / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
