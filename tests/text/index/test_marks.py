"""Marks and uses against lists."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from remanence.store.rows import MARK, USE
from remanence.text.index.marks import Marks, Used
from remanence.types import FOREVER

moments = st.none() | st.integers(0, 30)


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 2)), max_size=30), moments)
def test_marks_are_those_that_stood(toggles: list[tuple[int, int]], known: int | None) -> None:
    """Each toggle sets the mark of a record, or takes it off; a follower reads them two by two."""
    marks, naive = Marks(), dict[tuple[int, int], list[list[int]]]()
    for start in range(0, len(toggles), 2):
        changed = []
        for at, key in enumerate(toggles[start : start + 2], start):
            stretches = naive.setdefault(key, [])
            if stretches and stretches[-1][1] == FOREVER:
                stretches[-1][1] = at
            else:
                stretches.append([at, FOREVER])
            changed.append((*key, *stretches[-1]))
        marks.take(np.array(changed, MARK))
    moment = FOREVER - 1 if known is None else known
    for code in (1, 2):
        expected = {
            first
            for (first, mark), stretches in naive.items()
            for since, until in stretches
            if mark == code and since <= moment < until
        }
        assert set(marks.firsts(code, known).tolist()) == expected


@given(
    st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=30),
    moments,
    st.lists(st.integers(0, 4), max_size=6),
)
def test_uses_are_those_that_stood(
    steps: list[tuple[int, bool]], known: int | None, origin: list[int]
) -> None:
    """Each step is a use of a record, or takes its last one back."""
    used, naive = Used(), dict[int, list[list[int]]]()
    for at, (ord, back) in enumerate(steps):
        times = naive.setdefault(ord, [])
        standing = [time for time in times if time[1] == FOREVER]
        if back and standing:
            standing[-1][1] = at
            changed = standing[-1]
        else:
            times.append([at, FOREVER])
            changed = times[-1]
        before = used.state
        used.take(np.array([ord]), np.array([(99, *changed)], USE))
        assert used.state > before
    found = used.of(np.array(origin, np.int32), known)
    moment = FOREVER - 1 if known is None else known
    for version, ord in enumerate(origin):
        got = found.at[found.start[version] : found.start[version + 1]].tolist()
        assert got == [at for at, until in naive.get(ord, ()) if at <= moment < until]


def test_a_use_that_came_and_went_unseen() -> None:
    used = Used()
    used.take(np.array([0, 0]), np.array([(1, 5, 7), (1, 5, FOREVER)], USE))
    assert used.of(np.zeros(1, np.int32), None).at.tolist() == [5]
    assert used.of(np.zeros(1, np.int32), 6).at.tolist() == [5, 5]
