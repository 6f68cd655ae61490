"""Since when a memory is there, and how strong it is, over a real store."""

from __future__ import annotations

import numpy as np
import pytest

from remanence.text.keep.activation import BaseLevel
from remanence.text.keep.ebbinghaus import Ebbinghaus
from remanence.text.keep.ragged import DAY
from remanence.text.keep.strengths import learnt, strengths
from remanence.types import Add, Mark, Revise, Slot
from tests.text.keep.conftest import SCOPE, Kept
from tests.text.keep.histories import NOW


def test_since_when(kept: Kept) -> None:
    kept.at(0).told("said", -40)
    kept.told("planned", 10)
    slot = Slot("ana", "born in", "Oslo")
    kept.told("fact", -9_000, kind="fact", slot=slot)
    kept.apply(Add(scope=SCOPE, id="note", text="a note"))
    kept.at(3).apply(Revise(scope=SCOPE, id="said", text="other words of said"))
    view = kept.at(11).view()
    since = (learnt(view) - NOW) / DAY
    found = dict(zip(kept.ids(view, range(view.n)), since.round(6).tolist(), strict=True))
    assert found == {"planned": 0, "fact": 0, "note": 0, "said": 3}
    assert since[0] == -40  # its first version
    some = np.array([2, 0])
    assert learnt(view, some).tolist() == learnt(view)[some].tolist()


def test_strengths_of_a_view(kept: Kept) -> None:
    kept.at(0).told("a", 0)
    kept.told("b", 0)
    kept.told("c", 0)
    kept.at(1).use("b", "b")
    kept.at(2).apply(Mark(scope=SCOPE, id="c", mark="pinned"))
    view = kept.at(4).view()
    found = strengths(view, Ebbinghaus(), kept.now)
    assert found.tolist() == pytest.approx([np.exp(-4), np.exp(-3 / 3), 1])
    two = np.array([1, 2], np.int32)
    assert strengths(view, Ebbinghaus(), kept.now, two).tolist() == found[two].tolist()


def test_uses_alone_are_seen_at_once_and_by_what_was_known_then(kept: Kept) -> None:
    kept.at(-100).told("a", -100)
    kept.told("b", -100)
    before = strengths(kept.at(0).view(), BaseLevel(), kept.now)
    kept.use("a")
    after = strengths(kept.at(1).view(), BaseLevel(), kept.now)
    assert after[0] > before[0]
    assert after[1] < before[1]
    then = kept.view(known_at=NOW - DAY)
    assert strengths(then, BaseLevel(), NOW - DAY)[0] == strengths(then, BaseLevel(), NOW - DAY)[1]
