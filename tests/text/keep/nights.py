"""Nights over a kept store."""

from __future__ import annotations

from collections.abc import Sequence

from remanence.seams import Sleeper
from remanence.text.keep.adjudicate import Adjudicate
from remanence.text.keep.fade import Fade
from remanence.text.keep.merge import Merge
from remanence.text.keep.sleep import Budget, Night, run_id, sleep, undo_run
from remanence.text.keep.summaries import SessionSummaries
from remanence.text.write.settle import Settle
from remanence.types import Ack, Add, Record, Slot
from tests.text.keep.conftest import SCOPE, Kept

ALL: tuple[Sleeper, ...] = (Adjudicate(), SessionSummaries(), Merge(), Fade(keep=0))


def night(kept: Kept, *sleepers: Sleeper, **more: object) -> Night:
    """One run over all of the scope; everything in the budget unless `budget` says otherwise."""
    settings = {"budget": Budget(), "run": run_id(kept.now, kept.store.head()), **more}
    return sleep(
        kept.store,
        lambda scope: kept.view(archived=True, quarantined=True),
        sleepers,
        scope=SCOPE,
        now=kept.now,
        **settings,  # type: ignore[arg-type]
    )


def undo(kept: Kept, run: str) -> list[Ack]:
    return kept.store.apply(undo_run(kept.store, SCOPE, run), actor="undo", whole=True)


def fact(kept: Kept, id: str, value: str, day: float, **more: object) -> None:
    """Somebody's address, as whoever it was stated it."""
    slot = Slot("ana", "residence", value)
    values = {"scope": SCOPE, "text": f"lives in {value}", "kind": "fact", "slot": slot, **more}
    add = Add(id=id, valid_from=kept.now + round(day * 86_400_000_000), **values)  # type: ignore[arg-type]
    assert [ack.status for ack in kept.store.apply([add], settler=Settle())] == ["stored"]


def marked(kept: Kept, mark: str = "archived") -> list[str]:
    return sorted(one.id for one in kept.store.marked(SCOPE, mark))


def summaries(kept: Kept) -> Sequence[Record]:
    return kept.store.list(SCOPE, kinds=("summary",), as_of=kept.now)
