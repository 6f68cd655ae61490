"""The graph: what it covers, its file, and that it finds what the exact scan finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from remanence.store.rows import pack_unit
from remanence.text.index import approximate
from remanence.text.index.vectors import Dense


def clusters(n: int) -> Dense:
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((n // 40, 32)).astype(np.float32)
    rows = centres[rng.integers(0, len(centres), n)] + 0.6 * rng.standard_normal((n, 32)).astype(
        np.float32
    )
    dense = Dense(32)
    dense.put(np.arange(n, dtype=np.int32), pack_unit(rows))
    return dense


def test_graph_finds_the_nearest_and_grows(tmp_path: Path) -> None:
    dense, path = clusters(4000), tmp_path / "graph"
    seqs = np.arange(4000, dtype=np.int64) * 3 + 7
    assert approximate.read(path) is None
    first = approximate.build(path, dense, seqs[:3000])
    assert first.recall > 0.97
    grown = approximate.build(path, dense, seqs)
    assert (grown.count, grown.last) == (4000, seqs[-1])
    mapped = approximate.read(path)
    assert mapped is not None
    assert mapped.recall == grown.recall
    rng = np.random.default_rng(2)
    shares = []
    for _ in range(50):
        query = dense.rows[rng.integers(4000)] + rng.normal(0, 20, 32)
        query = (query / np.linalg.norm(query)).astype(np.float32)
        exact = seqs[dense.nearest(query, 10, np.ones(4000, np.bool_))[0]]
        shares.append(np.isin(exact, mapped.seqs(query, 10)).mean())
    assert np.mean(shares) > 0.97
    approximate.remove(path)
    assert approximate.read(path) is None


def test_a_damaged_graph_is_no_graph(tmp_path: Path) -> None:
    path = tmp_path / "graph"
    approximate.build(path, clusters(400), np.arange(400, dtype=np.int64))
    path.write_bytes(path.read_bytes()[:100])
    assert approximate.read(path) is None
