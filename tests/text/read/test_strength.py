"""What was used moves up a little; what was not stays where it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from remanence.seams import Question, Ranked
from remanence.text.keep.ebbinghaus import Ebbinghaus
from remanence.text.keep.ragged import DAY
from remanence.text.read.strength import Strength
from remanence.types import Query
from tests.text.keep.conftest import SCOPE, Kept
from tests.text.keep.histories import NOW


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    made = Kept(tmp_path / "kept.rmem")
    for n in range(4):
        made.at(-100).told(f"r{n}", -100 - n)
    yield made.at(0)
    made.store.close()


def ranked(*scores: float) -> Ranked:
    return Ranked(np.arange(len(scores), dtype=np.int32), np.array(scores, np.float32))


def question(now: int = NOW, known_at: int | None = None) -> Question:
    return Question(query=Query(text="", scope=SCOPE, known_at=known_at), terms=(), now=now)


def test_neutral_where_nothing_was_used(kept: Kept) -> None:
    given = ranked(4, 3, 2, 1)
    assert Strength(weight=100).rank(question(), kept.view(), given) is given
    kept.use("r3")
    first = ranked(4, 3, 2)  # r3 is no candidate
    assert Strength(weight=100).rank(question(), kept.view(), first) is first


def test_what_was_used_moves_up(kept: Kept) -> None:
    kept.use("r2")
    found = Strength(weight=1).rank(question(NOW + DAY), kept.at(1).view(), ranked(1, 0.9, 0.8, 0))
    assert found.ords.tolist() == [2, 0, 1, 3]
    assert found.scores[1:].tolist() == pytest.approx([1, 0.9, 0])
    assert found.signals["reinforced"].tolist()[1:] == [0, 0, 0]
    # Age alone is told, but moves nothing.
    assert found.signals["strength"][0] > found.signals["strength"][1] > 0
    assert found.scores[0] == pytest.approx(0.8 + found.signals["reinforced"][0])


def test_the_keeper_decides_how_much(kept: Kept) -> None:
    kept.use("r0", "r1", "r1")
    way = Strength(weight=2, keeper=Ebbinghaus(unit=10))
    found = way.rank(question(NOW + 5 * DAY), kept.at(5).view(), ranked(0, 0, 0, 0))
    idle = [np.exp(-(105 + n) / 10) for n in range(2)]
    gained = [np.exp(-0.5 / 3) - idle[1], np.exp(-0.5 / 2) - idle[0]]
    assert found.ords.tolist() == [1, 0, 2, 3]
    assert found.signals["reinforced"].tolist() == pytest.approx([*gained, 0, 0], abs=1e-6)
    assert found.scores.tolist() == pytest.approx([2 * gained[0], 2 * gained[1], 0, 0], abs=1e-6)


def test_what_was_known_then(kept: Kept) -> None:
    kept.at(2).use("r1")
    given = ranked(1, 0)
    then = question(NOW + 3 * DAY, known_at=NOW + DAY)
    assert Strength(weight=9).rank(then, kept.at(3).view(known_at=NOW + DAY), given) is given
    later = question(NOW + 3 * DAY, known_at=NOW + 3 * DAY)
    found = Strength(weight=9).rank(later, kept.view(known_at=NOW + 3 * DAY), given)
    assert found.ords.tolist() == [1, 0]


def test_nothing_to_rank(kept: Kept) -> None:
    kept.use("r0")
    assert not len(Strength().rank(question(), kept.view(), ranked()).ords)
