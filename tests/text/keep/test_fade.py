"""What goes to the archive, what never does, and what comes back: over a real store."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from remanence.seams import Keeper
from remanence.text.keep.activation import BaseLevel
from remanence.text.keep.aged import AgeWeighted
from remanence.text.keep.ebbinghaus import Ebbinghaus
from remanence.text.keep.fade import Fade, Moved, changes, plan
from remanence.text.keep.ttl import Expiry, Limit
from remanence.types import Add, Mark, Slot, Source
from tests.text.keep.conftest import SCOPE, Kept


def moves(kept: Kept, keeper: Keeper | None = None, **settings: object) -> list[Moved]:
    chosen = {"keep": 0, "marked": kept.store.marked(SCOPE, "archived"), **settings}
    return plan(kept.view(), keeper or BaseLevel(), kept.now, **chosen)  # type: ignore[arg-type]


def going(kept: Kept, **settings: object) -> list[str]:
    return [one.id for one in moves(kept, **settings) if one.archived]


def coming(kept: Kept, **settings: object) -> list[str]:
    return [one.id for one in moves(kept, **settings) if not one.archived]


def year(kept: Kept) -> None:
    """Twelve turns, a month apart, the oldest a year ago, and one of today."""
    for month in range(12, -1, -1):
        kept.at(-30 * month).told(f"m{month}", -30 * month)
    kept.at(0)


def test_the_weakest_go_first(kept: Kept) -> None:
    year(kept)
    found = moves(kept)
    assert [one.id for one in found] == ["m12", "m11", "m10", "m9", "m8", "m7", "m6"]
    assert [one.strength for one in found] == sorted(one.strength for one in found)
    assert all(one.archived and one.strength < 0.1 for one in found)
    assert found[0].why.startswith("faded: strength 0.0")
    assert found[0].why.endswith("unused since 2024-06-20")
    assert going(kept, below=0.05) == ["m12", "m11"]


def test_a_small_memory_stays_whole(kept: Kept) -> None:
    year(kept)
    assert going(kept, keep=13) == []
    assert going(kept, keep=11) == ["m12", "m11"]
    assert plan(kept.view(), BaseLevel(), kept.now) == []


def test_use_keeps(kept: Kept) -> None:
    year(kept)
    kept.use("m12", "m10")
    assert going(kept.at(2)) == ["m11", "m9", "m8", "m7", "m6"]


def test_what_never_goes(kept: Kept) -> None:
    for id in ("plain", "pinned", "quarantined", "moved", "lives", "later", "newest"):
        kept.at(-900).told(id, -900)
    kept.told("alone", -900, session="another")
    old = Slot("ana", "lives in", "Oslo")
    for id, slot, source in (("f1", old, "moved"), ("f2", old._replace(value="Rome"), "lives")):
        more = {"kind": "fact", "slot": slot, "sources": (Source(source),)}
        kept.told(id, -900, **more)
    kept.apply(Mark(scope=SCOPE, id="pinned", mark="pinned"))
    kept.apply(Mark(scope=SCOPE, id="quarantined", mark="quarantined"))
    kept.at(-800).apply(Add(scope=SCOPE, id="f3", text="x", kind="fact", supersedes=("f1",)))
    # What a superseded fact was taken from may go; what a fact in force was taken from, and the fact, may not.
    assert sorted(going(kept.at(0))) == ["alone", "later", "moved", "plain"]
    assert sorted(going(kept, below=2)) == ["alone", "later", "moved", "plain"]


def test_limits(kept: Kept) -> None:
    for id, kind in (("log1", "log"), ("log2", "log"), ("log3", "log"), ("turn", "episode")):
        kept.at(-20).told(id, -20, kind=kind)
    kept.apply(Mark(scope=SCOPE, id="log3", mark="pinned"))
    kept.at(-5).use("log2")
    limits = (Limit(expiry=Expiry(days=14), kinds=("log",)),)
    # A rule holds whatever the size of the memory; not over a pin.
    (one,) = moves(kept.at(0), keep=1_000, limits=limits)
    assert one.id == "log1"
    assert one.why.startswith("expired: past its time to live, unused since")
    unrenewed = (Limit(expiry=Expiry(days=14, renewed=False), kinds=("log",)),)
    assert going(kept, keep=1_000, limits=unrenewed) == ["log1", "log2"]


def test_what_is_used_again_comes_back(kept: Kept) -> None:
    year(kept)
    kept.apply(*changes(moves(kept)))
    kept.apply(Mark(scope=SCOPE, id="m5", mark="archived", why="by hand"))
    assert moves(kept) == []
    kept.at(1).use("m12", "m5")
    assert coming(kept.at(2)) == ["m12"]
    (back,) = moves(kept)
    assert back.why == "used on 2025-06-16"
    kept.apply(*changes([back]))
    assert moves(kept) == []
    reach = kept.view()
    assert kept.ids(reach, reach.visible.nonzero()[0].tolist())[0] == "m12"


def test_used_again_but_too_long_ago(kept: Kept) -> None:
    year(kept)
    kept.apply(*changes(moves(kept)))
    kept.at(1).use("m12")
    assert coming(kept.at(3_000)) == []


def test_an_expired_one_comes_back_where_use_renews(kept: Kept) -> None:
    limits = (Limit(expiry=Expiry(days=14), kinds=("log",)),)
    kept.at(-20).told("log", -20, kind="log")
    kept.at(0).apply(*changes(moves(kept, limits=limits)))
    kept.at(1).use("log")
    assert coming(kept.at(2), limits=limits) == ["log"]
    unrenewed = (Limit(expiry=Expiry(days=14, renewed=False), kinds=("log",)),)
    assert coming(kept, limits=unrenewed) == []


def test_nothing_is_deleted(kept: Kept) -> None:
    year(kept)
    before = {id: kept.store.get(SCOPE, id) for id in (f"m{month}" for month in range(13))}
    kept.apply(*changes(moves(kept)))
    for id, record in before.items():
        now = kept.store.get(SCOPE, id)
        assert record is not None
        assert now is not None
        assert (now.text, now.version) == (record.text, record.version)
    everything = kept.view(archived=True)
    assert everything.count == 13
    assert kept.view().count == 6


def test_asleep_in_steps(kept: Kept) -> None:
    kept.at(-900)
    kept.apply(*(Add(scope=SCOPE, id=f"n{n}", text=f"number {n}") for n in range(1_100)))
    fade = Fade(keep=0)
    assert fade.name == "fade"
    first, *_ = fade.steps(kept.store, SCOPE, kept.at(0).view(), "", kept.now)
    assert (len(first.changes), first.note) == (500, "500 to the archive, 0 back")
    kept.apply(*first.changes)  # and here it was cut off
    rest = list(fade.steps(kept.store, SCOPE, kept.view(), first.cursor, kept.now))
    assert [len(step.changes) for step in rest] == [500, 100]
    assert [round(step.done, 2) for step in rest] == [0.83, 1.0]
    for step in rest:
        kept.apply(*step.changes)
    assert kept.view().count == 0
    assert list(fade.steps(kept.store, SCOPE, kept.view(), "", kept.now)) == []


days = st.floats(0, 1_000)


@given(
    told=st.lists(st.tuples(days, st.booleans(), st.lists(days, max_size=3)), max_size=12),
    keeper=st.sampled_from([BaseLevel(), Ebbinghaus(unit=30), AgeWeighted()]),
    below=st.floats(0, 1),
    keep=st.integers(0, 12),
)
def test_any_history(tmp_path_factory, told: list, keeper: Keeper, below: float, keep: int) -> None:
    """A plan carried out leaves nothing to do at the same moment, moves nothing that is pinned or strong, and keeps enough."""
    kept = Kept(tmp_path_factory.mktemp("any") / "kept.rmem")
    try:
        pinned = {f"r{n}" for n, (_, pin, _) in enumerate(told) if pin}
        for n, (age, _, _) in enumerate(told):
            kept.at(-1_000).told(f"r{n}", -age)
        for day, id in sorted((-d, f"r{n}") for n, (_, _, used) in enumerate(told) for d in used):
            kept.at(day).use(id)
        kept.at(0).apply(*(Mark(scope=SCOPE, id=id, mark="pinned") for id in pinned))
        found = moves(kept, keeper, below=below, keep=keep)
        assert all(one.archived and one.strength < below for one in found)
        assert not pinned & {one.id for one in found}
        assert found == moves(kept, keeper, below=below, keep=keep)
        kept.apply(*changes(found))
        assert kept.view().count == len(told) - len(found) >= min(keep, len(told))
        assert moves(kept, keeper, below=below, keep=keep) == []
    finally:
        kept.store.close()
