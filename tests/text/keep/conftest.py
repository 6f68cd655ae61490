"""A real store whose clock is set by hand, and its space."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from remanence.seams import Analyzer
from remanence.store.choose import open_store
from remanence.text.index.space import Space
from remanence.text.index.terms import record_terms
from remanence.text.index.view import SpaceView
from remanence.text.keep.ragged import DAY
from remanence.types import Add, Change, Query, Scope, Touch
from tests.text.keep.histories import NOW

SCOPE = ("t", "u")


class Kept:
    """A store to write into at any day (0: `NOW`; before it: negative), and to look at."""

    def __init__(self, path: Path, analyze: Analyzer = record_terms) -> None:
        self.now = NOW
        self.scope: Scope = SCOPE
        self.store = open_store(str(path), analyze=analyze, clock=lambda: self.now)
        self.space = Space(self.store, SCOPE, None)

    def at(self, day: float) -> Kept:
        self.now = NOW + round(day * DAY)
        return self

    def apply(self, *changes: Change) -> None:
        assert {ack.status for ack in self.store.apply(changes)} <= {"stored"}

    def told(self, id: str, day: float, **more: object) -> None:
        """Said on that day, known since the store's day."""
        values = {"scope": SCOPE, "text": f"words of {id}", "session": "s", **more}
        self.apply(Add(id=id, valid_from=NOW + round(day * DAY), **values))  # type: ignore[arg-type]

    def use(self, *ids: str) -> None:
        self.apply(*(Touch(scope=SCOPE, id=id) for id in ids))

    def view(self, **query: object) -> SpaceView:
        return self.space.view(Query(text="", scope=SCOPE, **query), self.now)  # type: ignore[arg-type]

    def ids(self, view: SpaceView, ords: Sequence[int]) -> list[str]:
        return [r.id for r in self.store.records(SCOPE, view.rows["seq"][list(ords)].tolist())]


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    made = Kept(tmp_path / "kept.rmem")
    yield made
    made.store.close()
