"""What a new fact does to those that held its slot: by itself, and in a store where facts come in any order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from remanence.seams import Holder
from remanence.store.choose import open_store
from remanence.store.sqlite import SQLiteStore
from remanence.text.index.terms import record_terms
from remanence.text.slots.words import ENDED
from remanence.text.write.settle import Settle
from remanence.types import FOREVER, Add, Change, Link, Retract, Scope, Slot, Source

SCOPE: Scope = ("t", "u")
RENT = Slot("ana", "rent", "$800")
TEA = Slot("ana", "like", "tea", exclusive=False)


def holder(slot: Slot, at: int = 10, **more: object) -> Holder:
    known = Holder("old", slot, at, FOREVER, "", 1.0, (Source("turn old"),), quarantined=False)
    return known._replace(**more)


def settle(slot: Slot, *held: Holder, at: int = 20, **more: object) -> list[Change]:
    add = Add(scope=SCOPE, text="it", slot=slot, valid_from=at, sources=(Source("turn new"),))
    return Settle().settle(replace(add, **more), "new", at, held)


def closes(id: str, by: str, at: int) -> list[Change]:
    return [
        Retract(scope=SCOPE, id=id, at=at),
        Link(scope=SCOPE, src=by, relation="supersedes", dst=id),
    ]


CONFLICT = [Link(scope=SCOPE, src="new", relation="conflicts", dst="old")]


def test_a_newer_value_closes_the_older() -> None:
    assert settle(RENT._replace(value="$900"), holder(RENT)) == closes("old", "new", 20)


def test_the_same_value_changes_nothing() -> None:
    assert settle(RENT, holder(RENT)) == []
    assert settle(RENT._replace(value="about $800"), holder(RENT)) == []


def test_what_comes_late_is_closed_by_what_came_later() -> None:
    assert settle(RENT._replace(value="$700"), holder(RENT, 30)) == closes("new", "old", 30)


def test_what_comes_late_stands_between() -> None:
    held = holder(RENT, 10, valid_to=30), holder(RENT._replace(value="$950"), 30, id="later")
    fresh = RENT._replace(value="$900")
    assert settle(fresh, *held) == [*closes("old", "new", 20), *closes("new", "later", 30)]


def test_at_one_moment_it_is_a_conflict_unless_corrected() -> None:
    fresh = RENT._replace(value="$900")
    assert settle(fresh, holder(RENT, 20)) == CONFLICT
    assert settle(fresh._replace(corrects=True), holder(RENT, 20)) == closes("old", "new", 20)
    both = holder(RENT._replace(corrects=True), 20)
    assert settle(fresh._replace(corrects=True), both) == CONFLICT
    same = both._replace(sources=(Source("turn new", 5, 9),))
    assert settle(fresh._replace(corrects=True), same) == closes("old", "new", 20)


def test_less_trusted_never_closes() -> None:
    fresh = RENT._replace(value="$900", corrects=True)
    assert settle(fresh, holder(RENT), trust=0.3) == CONFLICT
    assert settle(fresh, holder(RENT, trust=0.3)) == closes("old", "new", 20)
    assert settle(fresh, holder(RENT), marks={"quarantined": "steers"}) == CONFLICT
    assert settle(fresh, holder(RENT, quarantined=True)) == CONFLICT


def test_other_origins_contradict_unless_they_correct() -> None:
    fresh = RENT._replace(value="$900")
    assert settle(fresh, holder(RENT), origin="mail") == CONFLICT
    corrected = fresh._replace(corrects=True)
    assert settle(corrected, holder(RENT), origin="mail") == closes("old", "new", 20)


def test_lists_grow_until_a_member_is_over() -> None:
    assert settle(TEA._replace(value="coffee"), holder(TEA)) == []
    over = TEA._replace(value=f"{ENDED}tea", corrects=True)
    assert settle(over, holder(TEA)) == closes("old", "new", 20)
    assert settle(over, holder(TEA._replace(value="coffee"))) == []
    assert settle(TEA, holder(over)) == closes("old", "new", 20)


def test_what_is_over_closes_only_what_it_names() -> None:
    over = Slot("ana", "employer", f"{ENDED}Hale", corrects=True)
    assert settle(over, holder(over._replace(value="Hale"))) == closes("old", "new", 20)
    assert settle(over, holder(over._replace(value="Moss & Co"))) == []


def test_a_smaller_count_may_count_something_else() -> None:
    books = Slot("ana", "count book read", "12 books")
    assert settle(books._replace(value="14 books"), holder(books)) == closes("old", "new", 20)
    assert settle(books._replace(value="2 books"), holder(books)) == CONFLICT
    fewer = books._replace(value="two books", corrects=True)
    assert settle(fewer, holder(books)) == closes("old", "new", 20)


def test_one_of_several_events_is_closed_only_by_a_change() -> None:
    call = Slot("agenc", "when call", "Friday", exclusive=False)
    moved = call._replace(value="Monday", exclusive=True)
    assert settle(moved, holder(call)) == []
    assert settle(moved._replace(corrects=True), holder(call)) == closes("old", "new", 20)


@contextmanager
def store() -> Iterator[SQLiteStore]:
    with TemporaryDirectory() as folder:
        path = str(Path(folder) / "s.rmem")
        opened = open_store(path, analyze=record_terms, clock=lambda: 10**6)
        try:
            yield opened
        finally:
            opened.close()


@given(st.permutations(range(1, 9)), st.data())
def test_any_order_of_arrival_leaves_the_newest_alone(
    order: list[int], data: st.DataObject
) -> None:
    """Values of one slot, one origin, distinct moments: whatever order they arrive in, at each moment the last one given holds."""
    values = {at: data.draw(st.sampled_from(["$1", "$2", "$3"])) for at in order}
    with store() as opened:
        for at in order:
            slot = RENT._replace(value=values[at])
            add = Add(scope=SCOPE, text=f"{at}", id=f"f{at}", kind="fact", slot=slot, valid_from=at)
            assert opened.apply([add], settler=Settle())[0].status == "stored"
        for moment in range(1, 10):
            facts = opened.list(SCOPE, kinds=("fact",), as_of=moment, limit=100)
            newest = max((at for at in order if at <= moment), default=0)
            held = {fact.slot.value for fact in facts if fact.slot is not None}
            assert held == ({values[newest]} if newest else set())
        assert opened.verify().ok


def test_four_hundred_updates_leave_one() -> None:
    with store() as opened:
        adds = [
            Add(
                scope=SCOPE,
                text="it",
                kind="fact",
                slot=RENT._replace(value=f"${at}"),
                valid_from=at,
            )
            for at in range(1, 401)
        ]
        opened.apply(adds, settler=Settle())
        facts = opened.list(SCOPE, kinds=("fact",), as_of=10**6, limit=1000)
        assert [fact.slot.value for fact in facts if fact.slot] == ["$400"]
        assert len(opened.linked(SCOPE, "supersedes")) == 399
