"""Sign codes: what they bring to be rescored, with masks, growth, and rows that change."""

from __future__ import annotations

import numpy as np
import pytest

from remanence.store.rows import pack_unit
from remanence.text.index import vectors
from remanence.text.index.codes import Codes
from remanence.text.index.vectors import Dense, norms


def clusters(n: int, dim: int = 96) -> np.ndarray:
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((n // 40, dim))
    rows = centres[rng.integers(0, len(centres), n)] + 0.6 * rng.standard_normal((n, dim)) + 0.5
    return pack_unit(rows.astype(np.float32))


def questions(rows: np.ndarray, count: int) -> np.ndarray:
    rng = np.random.default_rng(2)
    asked = rows[rng.integers(0, len(rows), count)] + rng.normal(0, 25, (count, rows.shape[1]))
    return (asked / np.linalg.norm(asked, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def dense(monkeypatch: pytest.MonkeyPatch) -> Dense:
    monkeypatch.setattr(vectors, "SWITCH", 1000)
    monkeypatch.setattr(vectors, "RESCORED", 200)
    made = Dense(96)
    rows = clusters(6000)
    for start in range(0, 6000, 700):  # codes grow as rows arrive
        made.put(
            np.arange(start, min(start + 700, 6000), dtype=np.int32), rows[start : start + 700]
        )
        made.nearest(questions(rows, 1)[0], 10, np.ones(6000, np.bool_))
    return made


def test_nearly_everything_is_found(dense: Dense) -> None:
    everyone = np.ones(6000, np.bool_)
    for query in questions(dense.rows[:6000], 50):
        dense.nearest(query, 10, everyone)
    recall = dense.recall(everyone)
    assert recall is not None
    assert recall > 0.98


def test_masks_hide_and_k_are_found(dense: Dense) -> None:
    rng = np.random.default_rng(3)
    for share in (0.9, 0.4, 0.05, 0.001):
        visible = rng.random(6000) < share
        ords, cosines = dense.nearest(questions(dense.rows[:6000], 1)[0], 10, visible)
        assert len(ords) == min(10, int(visible.sum()))
        assert visible[ords].all()
        assert (np.diff(cosines) <= 0).all()


def test_a_changed_row_is_found_by_its_new_vector(dense: Dense) -> None:
    everyone = np.ones(6000, np.bool_)
    vector = np.zeros((1, 96), np.float32)
    vector[0, :3] = (1, -2, 3)
    dense.put(np.array([4321], np.int32), pack_unit(vector))
    assert dense.nearest(vector[0] / np.linalg.norm(vector), 1, everyone)[0].tolist() == [4321]
    dense.erase(4321)
    assert 4321 not in dense.nearest(vector[0] / np.linalg.norm(vector), 10, everyone)[0]


def test_recall_is_not_claimed_where_search_is_exact() -> None:
    made = Dense(96)
    rows = clusters(400)
    made.put(np.arange(400, dtype=np.int32), rows)
    everyone = np.ones(400, np.bool_)
    made.nearest(questions(rows, 1)[0], 10, everyone)
    assert made.recall(everyone) is None


def test_dimensions_need_not_fill_words() -> None:
    rows = clusters(400, dim=26)
    codes = Codes(26)
    codes.extend(rows, norms(rows))
    near = codes.near(questions(rows, 1)[0], np.ones(400, np.bool_), 30)
    assert len(near) >= 30
    assert codes.near(questions(rows, 1)[0], np.zeros(400, np.bool_), 30).size == 0
