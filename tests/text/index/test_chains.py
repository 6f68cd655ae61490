"""Neighbours inside a session against sorting."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from remanence.store.rows import ROW
from remanence.text.index.space import Chains
from remanence.types import FOREVER


@given(
    turns=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=30),
    cuts=st.lists(st.integers(1, 7), max_size=10),
)
def test_neighbours_are_the_sorted_neighbours(
    turns: list[tuple[int, int]], cuts: list[int]
) -> None:
    rows = np.zeros(len(turns), ROW)
    for number, (session, at) in enumerate(turns):
        rows[number]["seq"] = rows[number]["first"] = number + 1
        rows[number]["session"], rows[number]["valid_from"] = session, at
    rows["known_to"] = FOREVER
    chains = Chains()
    for end in [*np.cumsum(cuts).tolist(), len(rows)]:
        if chains.n < end <= len(rows):
            chains.extend(rows[:end])
    order = sorted(range(len(rows)), key=lambda o: (turns[o][0], turns[o][1], o))
    later = {a: b for a, b in itertools.pairwise(order) if turns[a][0] == turns[b][0]}
    assert chains.step(1).tolist() == [later.get(o, -1) for o in range(len(rows))]
    assert chains.step(2).tolist() == [later.get(later.get(o, -1), -1) for o in range(len(rows))]
    earlier = {b: a for a, b in later.items()}
    assert chains.step(-1).tolist() == [earlier.get(o, -1) for o in range(len(rows))]


def test_a_new_version_takes_the_old_ones_place() -> None:
    rows = np.zeros(4, ROW)
    rows["seq"], rows["first"], rows["known_to"] = [1, 2, 3, 4], [1, 2, 3, 2], FOREVER
    chains = Chains()
    chains.extend(rows[:3])
    rows["known_to"][1] = 9
    chains.extend(rows)
    assert chains.step(1).tolist() == [3, -1, -1, 2]
