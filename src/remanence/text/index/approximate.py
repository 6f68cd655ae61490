"""Approximate nearest neighbours for large spaces: an HNSW graph in a file beside the store.

Source: Malkov & Yashunin 2016, arXiv:1603.09320; the graph is usearch's. It covers a space's first records; what came later is
scanned exactly, and every candidate is rescored exactly, so only candidates that the graph fails to bring are lost. How many
that are is measured when the graph is made and told by `status`. The file is derived: it may be deleted at any time, and is
deleted when a record that it covers is forgotten.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from usearch.index import Index

from remanence.store.rows import pack_unit
from remanence.text.index.vectors import Dense, Floats

SWITCH = 250_000
"""Records from which a graph pays: below, the exact scan is as fast as anything else in a search. `rmem bench scale` shows it."""
GROWTH = 0.25
"""A graph is extended when this share of a space lies outside it."""
CONNECTIVITY, EXPANSION_ADD, EXPANSION_SEARCH = 16, 64, 128
FEWEST = 128
"""Candidates asked of the graph at the least, to be rescored."""
SAMPLE = 100
"""Stored vectors that recall is measured with, each left out of its own answer."""


@dataclass(frozen=True, slots=True)
class Approximate:
    """A graph over the versions up to sequence number `last`; `recall` is recall@10 against the exact scan."""

    index: Index
    last: int
    count: int
    recall: float

    def seqs(self, vector: Floats, k: int) -> NDArray[np.int64]:
        """Sequence numbers of candidates for the k nearest, unordered, without those that are most likely far."""
        query = pack_unit(vector[None, :])[0]
        found: NDArray[np.int64] = self.index.search(query, max(FEWEST, 4 * k)).keys.astype(
            np.int64
        )
        return found


def graph_path(store: str, scope: tuple[str, ...], encoder: str) -> Path:
    """Where the graph of a space and encoder lies: beside the store, named by a digest."""
    name = hashlib.blake2b(json.dumps([*scope, encoder]).encode(), digest_size=8).hexdigest()
    return Path(f"{store}-hnsw-{name}")


def read(path: Path) -> Approximate | None:
    """The graph in that file, mapped into memory; None where there is none, or none that this version can read."""
    facts = Path(f"{path}.json")
    try:
        told = json.loads(facts.read_text())
        index = Index.restore(str(path), view=True)
    except (OSError, ValueError, RuntimeError):
        return None
    if index is None or len(index) != told["count"]:
        return None
    index.expansion_search = EXPANSION_SEARCH  # type: ignore[misc]  # its setter is not typed
    return Approximate(index, told["last"], told["count"], told["recall"])


def build(path: Path, dense: Dense, seqs: NDArray[np.int64]) -> Approximate:
    """Make, or extend, the graph over the first `len(seqs)` records of `dense`, and publish it under `path`."""
    old = read(path)
    index = Index(
        ndim=dense.dim,
        metric="cos",
        dtype="i8",
        connectivity=CONNECTIVITY,
        expansion_add=EXPANSION_ADD,
        expansion_search=EXPANSION_SEARCH,
    )
    start = 0
    if (
        old is not None
        and old.last in (kept := set(seqs[: old.count].tolist()))
        and len(kept) == old.count
    ):
        index.load(str(path))
        start = old.count
    for at in range(start, len(seqs), 4096):  # in parts, so that other threads get their turn
        part = slice(at, min(at + 4096, len(seqs)))
        index.add(seqs[part].astype(np.uint64), dense.rows[part], threads=1)
    made = Approximate(index, int(seqs[-1]), len(seqs), _recall(index, dense, seqs))
    temporary = Path(f"{path}.{os.getpid()}")
    index.save(str(temporary))
    facts = Path(f"{temporary}.json")
    facts.write_text(json.dumps({"last": made.last, "count": made.count, "recall": made.recall}))
    remove(path)  # a graph without its facts is no graph: at no moment do the two disagree
    temporary.replace(path)
    facts.replace(f"{path}.json")
    return made


def remove(path: Path) -> None:
    """Delete a graph."""
    Path(f"{path}.json").unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _recall(index: Index, dense: Dense, seqs: NDArray[np.int64]) -> float:
    everyone = np.ones(len(seqs), np.bool_)
    shares = []
    for ord in np.random.default_rng(0).choice(len(seqs), min(SAMPLE, len(seqs)), replace=False):
        everyone[ord] = False
        query = dense.rows[ord].astype(np.float32) / dense.norm[ord]
        exact = dense.nearest(query, 10, everyone)[0]
        everyone[ord] = True
        found = np.searchsorted(seqs, index.search(dense.rows[ord], FEWEST).keys.astype(np.int64))
        found = found[found != ord].astype(np.int32)
        best = found[np.argsort(-dense.cosine(query, found), kind="stable")[:10]]
        shares.append(len(np.intersect1d(best, exact)) / max(1, len(exact)))
    return float(np.mean(shares))
