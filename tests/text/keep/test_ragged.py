"""Ragged uses, cut and picked."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from remanence.text.keep.ragged import counts, last, owners, select, until
from tests.text.keep.histories import NOW, ages, histories, ragged


def lists(uses: object) -> list[list[int]]:
    start, at = uses  # type: ignore[misc]
    return [at[a:b].tolist() for a, b in pairwise(start)]


@given(histories, ages, st.data())
def test_against_plain_lists(records: list, age: int, data: st.DataObject) -> None:
    born, uses = ragged(records)
    plain = [sorted(NOW - used for used in found) for _, found in records]
    assert lists(uses) == plain
    assert counts(uses).tolist() == [len(one) for one in plain]
    assert owners(uses).tolist() == [n for n, one in enumerate(plain) for _ in one]
    cut = NOW - age
    assert lists(until(uses, cut)) == [[at for at in one if at <= cut] for one in plain]
    assert last(uses, born).tolist() == [
        max([since, *one]) for since, one in zip(born.tolist(), plain, strict=True)
    ]
    picked = data.draw(st.lists(st.integers(0, len(records) - 1), max_size=5))
    chosen = select(uses, np.array(picked, np.int64))
    assert lists(chosen) == [plain[ord] for ord in picked]
