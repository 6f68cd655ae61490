"""Duplicates: which are, which stays, and that nothing is lost."""

from __future__ import annotations

import numpy as np
import pytest

from remanence.seams import Encoded
from remanence.text.index.space import Space
from remanence.text.keep.merge import Merge
from remanence.text.keep.ragged import DAY
from remanence.text.keep.sleep import Budget, sleep
from remanence.types import Link, Mark, Query, Retract, Revise, Slot, Source
from tests.embed import small
from tests.text.keep.conftest import SCOPE, Kept
from tests.text.keep.histories import NOW
from tests.text.keep.nights import marked, night, undo

TEXT = "The red kettle whistles at noon"


def twice(kept: Kept, other: str = "the RED kettle whistles at noon!", **more: object) -> None:
    kept.told("a", 0, text=TEXT)
    kept.told("b", 0.1, text=other, **more)
    kept.at(1)


def test_the_first_stays(kept: Kept) -> None:
    twice(kept)
    found = night(kept, Merge())
    assert marked(kept) == ["b"]
    assert kept.store.linked(SCOPE, "duplicates")[0][:2] == ("b", "a")
    assert dict(found.sleepers[0].changes) == {"link": 1, "mark": 1}
    assert found.done
    copy = kept.store.get(SCOPE, "b")
    assert copy is not None
    assert copy.text == "the RED kettle whistles at noon!"
    again = night(kept, Merge())
    assert again.sleepers[0].steps == 0


def test_the_best_stays(kept: Kept) -> None:
    twice(kept)
    kept.use("b")
    night(kept, Merge())
    assert marked(kept) == ["a"]


def test_trust_before_use(kept: Kept) -> None:
    twice(kept, trust=0.5)
    kept.use("b")
    night(kept, Merge())
    assert marked(kept) == ["b"]


@pytest.mark.parametrize(
    "more",
    [
        {"text": "The red kettle whistles at 9"},
        {"text": "The red kettle never whistles at noon"},
        {"text": "At noon whistles the red kettle"},
        {"speaker": "Ben"},
        {"role": "assistant"},
        {"kind": "note"},
        {"origin": "mail"},
        {"meta": {"project": "x"}},
        {"fields": {"title": "Kitchen"}},
        {"audience": ("family",)},
        {"sensitivity": "health"},
        {"scope": (*SCOPE, "agent")},
        {"valid_to": NOW + 5 * DAY},
    ],
)
def test_what_is_no_duplicate(kept: Kept, more: dict[str, object]) -> None:
    twice(kept, **{"other": TEXT, **more} if "text" not in more else {"other": more["text"]})  # type: ignore[arg-type]
    night(kept, Merge())
    assert marked(kept) == []


def test_another_day_is_another_day(kept: Kept) -> None:
    kept.at(-9).told("a", -9, text=TEXT)
    kept.at(-3).told("b", -3, text=TEXT + "!")
    kept.told("n1", -9, text="Kettles are made of steel", kind="note")
    kept.told("n2", -3, text="kettles are made of steel", kind="note")
    night(kept.at(0), Merge())
    assert marked(kept) == ["n2"]
    night(kept, Merge(apart=1e9))
    assert marked(kept) == ["n2"]  # looked at before
    kept.told("c", 0, text=f"{TEXT}.")
    night(kept.at(1), Merge(apart=1e9))
    assert marked(kept) == ["b", "c", "n2"]


def test_pinned_and_sources_of_facts_stay(kept: Kept) -> None:
    twice(kept)
    kept.told("c", 0.2, text=TEXT + "!!")
    slot = Slot("kettle", "sound", "whistle")
    kept.told("f", 0.2, kind="fact", slot=slot, sources=(Source("c"),))
    kept.apply(Mark(scope=SCOPE, id="b", mark="pinned"))
    night(kept, Merge())
    assert marked(kept) == ["a"]


def test_quarantine_is_left_alone(kept: Kept) -> None:
    twice(kept)
    kept.apply(Mark(scope=SCOPE, id="a", mark="quarantined"))
    night(kept, Merge())
    assert marked(kept) == []


def test_copies_come_back(kept: Kept) -> None:
    """Where the kept one is forgotten, retracted, reworded or put in quarantine."""
    for number in range(5):
        kept.told(f"a{number}", 0, text=f"{TEXT} in house {number}")
        kept.told(f"b{number}", 0.1, text=f"{TEXT} in the house {number}")
    night(kept.at(1), Merge())
    assert marked(kept) == [f"b{number}" for number in range(5)]
    kept.store.forget(SCOPE, ["a0"])
    kept.apply(
        Retract(scope=SCOPE, id="a1"),
        Revise(scope=SCOPE, id="a2", text="Gone to Porto"),
        Mark(scope=SCOPE, id="a3", mark="quarantined"),
    )
    kept.at(2)
    night(kept, Merge())
    assert marked(kept) == ["b4"]


def test_by_hand_stays_by_hand(kept: Kept) -> None:
    twice(kept)
    kept.apply(Mark(scope=SCOPE, id="b", mark="archived", why="by hand"))
    night(kept, Merge())
    kept.store.forget(SCOPE, ["a"])
    night(kept.at(2), Merge())
    assert marked(kept) == ["b"]


def test_undone_is_not_done_again(kept: Kept) -> None:
    twice(kept)
    before = kept.store.state_digest()
    run = night(kept, Merge()).run
    undo(kept, run)
    assert kept.store.state_digest() == before
    night(kept.at(2), Merge())
    assert marked(kept) == []


def test_what_was_forgotten_meanwhile(kept: Kept) -> None:
    """A step that builds on something that is gone is refused whole: no copy leaves without the one that stays."""
    twice(kept)
    view = kept.view(archived=True, quarantined=True)
    (step, *_) = Merge().steps(kept.store, SCOPE, view, "", kept.now)
    assert [type(change) for change in step.changes] == [Mark, Link]

    class Late:
        name = "late"

        def steps(self, *args: object) -> object:
            kept.store.forget(SCOPE, ["a"])
            yield step

    found = night(kept, Late())  # type: ignore[arg-type]
    assert (
        found.sleepers[0]
        .notes[0]
        .startswith("refused, to be planned anew: 'b': record 'a' was forg")
    )
    assert found.sleepers[0].left == 1
    assert marked(kept) == []


@pytest.mark.parametrize(("vector", "gone"), [(None, ["b"]), ("same", ["b"]), ("other", [])])
def test_vectors_must_agree_where_there_are_any(
    kept: Kept, vector: str | None, gone: list[str]
) -> None:
    twice(kept)
    encoder = small.encoder()
    kept.space = Space(kept.store, SCOPE, encoder)
    waiting = [one.seq for one in kept.store.pending(encoder.id, 10)]
    if vector:
        dense = np.eye(encoder.dim, dtype=np.float32)[[0, 0 if vector == "same" else 1]]
        kept.store.put_vectors(
            encoder.id, waiting, Encoded(dense, encoder.encode([TEXT] * 2).tokens)
        )
    night(kept, Merge())
    assert marked(kept) == gone


def test_in_a_narrow_scope(kept: Kept) -> None:
    for scope, id in (((*SCOPE, "x"), "x"), ((*SCOPE, "y"), "y")):
        kept.told(f"{id}1", 0, text=TEXT, scope=scope)
        kept.told(f"{id}2", 0.1, text=TEXT + ".", scope=scope)
    kept.at(1)
    narrow = (*SCOPE, "x")
    query = Query(text="", scope=narrow, archived=True, quarantined=True)
    sleep(
        kept.store,
        lambda scope: kept.space.view(query, kept.now),
        [Merge()],
        scope=narrow,
        budget=Budget(),
        run="r",
        now=kept.now,
    )
    assert marked(kept) == ["x2"]
    assert kept.store.cursor(SCOPE, "sleep/merge") == ""
