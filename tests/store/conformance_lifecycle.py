"""What every `Store` must do with facts, marks, supersession and undo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from remanence.errors import InvalidInput, NotFound
from remanence.seams import Holder
from remanence.types import (
    FOREVER,
    Add,
    Change,
    Forget,
    Link,
    Mark,
    Retract,
    Revise,
    Slot,
    Source,
    Touch,
    Undo,
    to_micros,
)
from tests.store.conformance import ANA, BOB, DAY, START, Clock, Make, add

AGENT = (*ANA, "agent")


def fact(value: str, **more: Any) -> Add:
    """Where Ana lives, from `valid_from` on."""
    return add(
        f"I live in {value}", **{"kind": "fact", "slot": Slot("ana", "lives in", value), **more}
    )


class Asked:
    """A settler that writes down what it was asked, and answers what it was told to."""

    def __init__(self, *answer: Change) -> None:
        self.answer = answer
        self.calls: list[tuple[str, int, list[Holder]]] = []

    def settle(self, add: Add, id: str, at: int, held: Sequence[Holder]) -> Sequence[Change]:
        self.calls.append((id, at, list(held)))
        return self.answer


class Newest:
    """Closes what held the slot before."""

    def __init__(self) -> None:
        self.most = 0

    def settle(self, add: Add, id: str, at: int, held: Sequence[Holder]) -> Sequence[Change]:
        self.most = max(self.most, len(held))
        return [Retract(scope=add.scope, id=holder.id, at=at) for holder in held]


class LifecycleConformance:
    """Goes with `StoreConformance`, whose `store` and `clock` it uses."""

    # --- slots ---

    @pytest.mark.parametrize(
        ("slot", "reason"),
        [
            ({"subject": ""}, "without subject"),
            ({"attribute": ""}, "without subject or attribute"),
            ({"value": 3}, "a slot's value is a int"),
            ({"subject": "x" * 513}, "a slot's subject has 513"),
            ({"exclusive": 1}, "are flags"),
        ],
    )
    def test_a_slot_that_is_none_is_rejected(
        self, store: Any, slot: Mapping[str, Any], reason: str
    ) -> None:
        given = Slot("ana", "lives in", "Porto")._replace(**slot)
        (ack,) = store.apply([fact("Porto", slot=given)])
        assert (ack.status, reason in ack.reason) == ("rejected", True)
        (ack,) = store.apply([fact("Porto", slot=("ana", "lives in"))])
        assert (ack.status, "slot is a tuple" in ack.reason) == ("rejected", True)

    def test_rows_tell_slot_and_source(self, store: Any) -> None:
        store.apply(
            [
                add("I live in Porto", id="turn"),
                fact("Porto", id="1", sources=(Source("turn"), Source("other"))),
                fact("Faro", id="2", sources=(Source("unknown"),)),
                fact("Faro", id="3", scope=AGENT),
                add("none", id="4"),
                fact("12", id="5", slot=Slot("ana", "house number", "12")),
                Retract(scope=ANA, id="1"),
            ]
        )
        rows = store.delta(ANA, 0).rows
        slots = rows["slot"].tolist()
        assert slots[1] == slots[2] == slots[6] > 0
        assert slots[0] == slots[4] == 0
        assert len(set(slots)) == 4
        assert rows["source"].tolist() == [0, 1, 0, 0, 0, 0, 1]

    # --- settling ---

    def test_a_settler_is_asked_who_held_the_slot(self, store: Any) -> None:
        asked = Asked()
        store.apply([fact("Porto", id="1", valid_from=10)], settler=asked)
        assert asked.calls == []
        store.apply(
            [
                fact("Rio", id="x1", scope=BOB),
                fact("Rio", id="x2", scope=AGENT),
                fact("9", id="x3", slot=Slot("ana", "house number", "9")),
                fact("Braga", id="x4", valid_from=3, valid_to=15),
                add("I live in Porto", id="x5", valid_from=12),
            ]
        )
        store.apply([fact("Faro", id="2", valid_from=20, origin="web", trust=0.25, sources=(Source("x5"),))],
                    settler=asked)  # fmt: skip
        ((id, at, held),) = asked.calls
        assert (id, at) == ("2", 20)
        assert held == [
            Holder("1", Slot("ana", "lives in", "Porto"), 10, FOREVER, "", 1.0, (), False)
        ]
        store.apply([Mark(scope=ANA, id="2", mark="quarantined")])
        store.apply([fact("Lagos", id="3", valid_from=5)], settler=asked)
        assert asked.calls[1] == (
            "3",
            5,
            [
                Holder("x4", Slot("ana", "lives in", "Braga"), 3, 15, "", 1.0, (), False),
                held[0],
                Holder("2", Slot("ana", "lives in", "Faro"), 20, FOREVER, "web", 0.25, (Source("x5"),), True),
            ],
        )  # fmt: skip

    def test_what_the_settler_answers_is_done_in_the_same_commit(self, store: Any) -> None:
        store.apply([fact("Porto", id="1", valid_from=10)])
        asked = Asked(
            Retract(scope=ANA, id="1", at=20),
            Link(scope=ANA, src="2", relation="supersedes", dst="1"),
            fact("Rome", id="3", valid_from=30),
        )
        acks = store.apply([fact("Faro", id="2", valid_from=20)], settler=asked)
        assert [ack.id for ack in acks] == ["2"]
        assert len(asked.calls) == 1, "what a settler adds is not settled"
        assert store.links(ANA, "1") == [("2", "supersedes", "1")]
        assert [r.id for r in store.list(ANA, as_of=25)] == ["2"]
        assert len({event.at for event in list(store.events(ANA))[1:]}) == 1

    def test_a_settler_that_asks_for_the_impossible_stops_everything(self, store: Any) -> None:
        store.apply([fact("Porto", id="1")])
        head = store.head()
        with pytest.raises(InvalidInput, match="no record 'nobody'"):
            store.apply(
                [add("before"), fact("Faro", id="2")],
                settler=Asked(Retract(scope=ANA, id="nobody")),
            )
        assert store.head() == head

    def test_one_slot_updated_often_stays_one_holder(self, store: Any, clock: Clock) -> None:
        settler = Newest()
        for number in range(60):
            clock.now += DAY
            store.apply([fact(f"town {number}", valid_from=clock.now)], settler=settler)
        assert settler.most == 1
        assert [r.slot.value for r in store.list(ANA)] == ["town 59"]
        assert [r.slot.value for r in store.list(ANA, as_of=START + 9 * DAY + 1)] == ["town 8"]

    # --- supersession, trust ---

    def test_superseding_closes_the_old_where_the_new_begins(self, store: Any) -> None:
        store.apply([add("Porto", id="1", valid_from=10), add("Braga", id="2", valid_from=5)])
        (ack,) = store.apply(
            [add("Faro", id="3", valid_from=20, supersedes=("1", "2", "1"))], actor="ana"
        )
        assert (ack.status, ack.seq) == ("stored", 3)
        assert to_micros(store.get(ANA, "1").valid_to) == 20
        assert store.get(ANA, "2", as_of=19).text == "Braga"
        assert [r.id for r in store.list(ANA, as_of=20)] == ["3"]
        assert store.linked(ANA, "supersedes") == [("3", "1", 5), ("3", "2", 7)]
        assert [event.op for event in store.events(ANA, after=2)] == [
            "add",
            "retract",
            "link",
            "retract",
            "link",
        ]

    def test_superseding_what_is_not_there_is_rejected_whole(self, store: Any) -> None:
        store.apply([add("Porto", id="1"), add("b", id="b", scope=BOB)])
        for older in (("1", "never"), ("new",), ("b",)):
            (ack,) = store.apply([add("Faro", id="new", supersedes=older)])
            assert (ack.status, "no record" in ack.reason) == ("rejected", True)
        assert store.head() == 2
        assert store.get(ANA, "1").valid_to is None
        (ack,) = store.apply([add("x", scope=("acme", "new"), supersedes=("1",))])
        assert ack.status == "rejected"
        assert len(store.spaces()) == 2

    def test_nothing_is_trusted_more_than_what_it_was_made_of(self, store: Any) -> None:
        store.apply(
            [add("one", id="1", trust=0.5), add("two", id="2", trust=0.25), add("3", id="3")]
        )
        store.apply(
            [
                add("a", id="a", sources=(Source("1"), Source("3"))),
                add("b", id="b", sources=(Source("a"), Source("2"))),
                add("c", id="c", sources=(Source("1"),), trust=0.125),
                add("d", id="d", sources=(Source("unknown"),), trust=0.75),
                add("e", id="e", sources=(Source("3"),)),
            ]
        )  # fmt: skip
        assert [store.get(ANA, id).trust for id in "abcde"] == [0.5, 0.25, 0.125, 0.75, 1.0]
        (again,) = store.apply([add("a", id="a", sources=(Source("1"), Source("3")))])
        assert again.status == "duplicate"

    # --- marks ---

    def test_marks_come_and_go_and_the_past_keeps_them(self, store: Any, clock: Clock) -> None:
        store.apply([add("one", id="1"), add("two", id="2")])
        clock.now += DAY
        on = Mark(scope=ANA, id="1", mark="archived", why="faded")
        first, again = store.apply([on, on])
        assert (first.status, again.status, again.seq) == ("stored", "duplicate", first.seq)
        clock.now += DAY
        off = Mark(scope=ANA, id="1", mark="archived", on=False)
        (never,) = store.apply([Mark(scope=ANA, id="2", mark="archived", on=False)])
        assert (never.status, never.seq) == ("duplicate", 0)
        assert store.get(ANA, "1").marks == ("archived",)
        assert store.history(ANA, "1")[0].marks == ("archived",)
        assert [(m.id, m.since, m.why) for m in store.marked(ANA, "archived")] == [
            ("1", START + DAY, "faded")
        ]
        assert store.marked(AGENT, "archived") == store.marked(BOB, "archived") == []
        assert [r.id for r in store.list(ANA)] == ["2"]
        assert [r.id for r in store.list(ANA, archived=True)] == ["1", "2"]
        assert [r.id for r in store.list(ANA, quarantined=True)] == ["2"]
        assert [a.status for a in store.apply([off, off])] == ["stored", "duplicate"]
        assert store.get(ANA, "1").marks == ()
        assert store.get(ANA, "1", known_at=START + DAY).marks == ("archived",)
        assert store.records(ANA, [1], known_at=START + DAY)[0].marks == ("archived",)
        assert store.records(ANA, [1])[0].marks == ()
        assert store.marked(ANA, "archived") == []
        assert [r.id for r in store.list(ANA)] == ["1", "2"]
        assert [r.id for r in store.list(ANA, known_at=START + DAY)] == ["2"]
        assert store.get(ANA, "1").version == 1
        assert store.verify().problems == ()

    def test_marks_set_with_the_record(self, store: Any) -> None:
        (ack,) = store.apply([add("one", id="1", marks={"quarantined": "an order", "mine": ""})])
        assert ack.seq == 1
        assert store.get(ANA, "1").marks == ("mine", "quarantined")
        assert store.marked(ANA, "quarantined")[0].why == "an order"
        assert store.list(ANA) == []
        for marks in ({"": ""}, {"a\n": ""}, {"a": 3}):
            (ack,) = store.apply([add("two", id="2", marks=marks)])
            assert ack.status == "rejected"
        for mark in (Mark(scope=ANA, id="1", mark=""), Mark(scope=ANA, id="9", mark="x")):
            (ack,) = store.apply([mark])
            assert ack.status == "rejected"

    def test_forgetting_takes_marks_with_it(self, store: Any) -> None:
        store.apply(
            [add("one", id="1", marks={"own": "secret why"}), add("2", id="2", session="own")]
        )
        store.apply([Mark(scope=ANA, id="1", mark="own", on=False), Mark(scope=ANA, id="1", mark="rare"),
                     Undo(scope=ANA, seq=4), Forget(scope=ANA, id="1")])  # fmt: skip
        assert store.marked(ANA, "own") == store.marked(ANA, "rare") == []
        assert [e.erased for e in store.events(ANA)] == [True, True, False, True, True, True, False]
        assert "rare" not in store.names(ANA)
        assert "own" in store.names(ANA)
        assert store.verify().problems == ()
        store.rebuild()
        assert store.verify().problems == ()

    def test_a_name_that_a_mark_still_needs_stays(self, store: Any) -> None:
        store.apply([add("one", id="1", session="own"), add("2", id="2", marks={"own": ""})])
        store.forget(ANA, ["1"])
        assert store.get(ANA, "2").marks == ("own",)

    def test_delta_brings_marks_and_uses(self, store: Any, clock: Clock) -> None:
        store.apply([add("one", id="1"), add("two", id="2")])
        store.apply(
            [
                Mark(scope=ANA, id="2", mark="mine"),
                Touch(scope=ANA, id="1"),
                Touch(scope=BOB, id="1"),
            ]
        )
        first = store.delta(ANA, 2)
        names = store.names(ANA)
        assert first.marks.tolist() == [(2, names.index("mine"), START + 1, FOREVER)]
        assert first.uses.tolist() == [(1, START + 1, FOREVER)]
        assert len(first.rows) == 0
        assert len(store.delta(BOB, 0).marks) == len(store.delta(BOB, 0).uses) == 0
        store.apply([Mark(scope=ANA, id="2", mark="mine", on=False), Undo(scope=ANA, seq=4)])
        second = store.delta(ANA, first.seq)
        assert second.marks.tolist() == [(2, names.index("mine"), START + 1, START + 2)]
        assert second.uses.tolist() == [(1, START + 1, START + 2)]
        assert store.delta(ANA, 0).marks.tolist() == second.marks.tolist()
        assert store.delta(ANA, 0).uses.tolist() == second.uses.tolist()
        assert len(store.delta(ANA, second.seq).marks) == 0
        assert store.touches(ANA, "1") == []

    # --- cursors ---

    def test_a_cursor_is_kept_with_the_commit(self, store: Any) -> None:
        assert store.cursor(ANA, "fade") == ""
        store.apply([add("one")], cursor=(ANA, "fade", "7"))
        store.apply([], cursor=(AGENT, "fade", "8"))
        assert store.head() == 1
        assert (store.cursor(ANA, "fade"), store.cursor(AGENT, "fade")) == ("7", "8")
        assert store.cursor(ANA, "other") == store.cursor(BOB, "fade") == ""
        with pytest.raises(InvalidInput):
            store.apply([add("two")], cursor=(ANA, "fa\nde", "9"))
        with pytest.raises(InvalidInput):
            store.apply([add("two")], cursor=(ANA, "", "9"))
        assert (store.head(), store.cursor(ANA, "fade")) == (1, "7")

    # --- undo ---

    def test_undoing_each_change_restores_what_was_known(self, store: Any, clock: Clock) -> None:
        store.apply([add("one", id="1", valid_from=1), add("two", id="2", valid_from=1)])
        before = store.state_digest()
        for change in (
            Revise(scope=ANA, id="1", text="uno"),
            Retract(scope=ANA, id="1", at=9),
            Retract(scope=ANA, id="1", at=0),
            Link(scope=ANA, src="1", relation="r", dst="2"),
            Mark(scope=ANA, id="1", mark="pinned"),
            add("three"),
        ):
            clock.now += DAY
            (ack,) = store.apply([change])
            assert store.state_digest() != before
            known = store.now()
            clock.now += DAY
            undo = Undo(scope=ANA, seq=ack.seq)
            done, again = store.apply([undo, undo])
            assert (done.status, again.status) == ("stored", "duplicate"), (done, again)
            assert again.seq == done.seq == store.head()
            assert store.state_digest() == before
            assert store.get(ANA, "1").text == "one"
            if isinstance(change, Revise):
                assert store.get(ANA, "1", known_at=known).text == "uno"
                assert [r.text for r in store.history(ANA, "1")] == ["one", "uno", "one"]
                assert [r.version for r in store.history(ANA, "1")] == [1, 2, 3]
        assert {e.op for e in store.events(ANA)} >= {"undo"}
        assert store.verify().problems == ()

    def test_an_addition_that_is_undone_is_as_if_never_said(self, store: Any, clock: Clock) -> None:
        (ack,) = store.apply([add("one", id="1")])
        store.apply([Undo(scope=ANA, seq=ack.seq)])
        assert store.get(ANA, "1") is None
        assert store.get(ANA, "1", known_at=START).text == "one"
        assert store.list(ANA) == []
        assert [r.known_to is None for r in store.history(ANA, "1")] == [False]
        assert (store.counts().records, store.counts().versions) == (0, 1)
        (again,) = store.apply([add("one", id="1")])
        assert (again.status, "taken back" in again.reason) == ("rejected", True)
        for change in (
            Revise(scope=ANA, id="1", text="x"),
            Link(scope=ANA, src="1", relation="r", dst="1"),
        ):
            assert store.apply([change])[0].status == "rejected"
        (back,) = store.apply([Undo(scope=ANA, seq=2)])
        assert (back.status, back.version) == ("stored", 2)
        assert store.get(ANA, "1").text == "one"
        assert store.counts().records == 1
        store.apply([Undo(scope=ANA, seq=ack.seq)])
        store.forget(ANA, ["1"])
        with pytest.raises(NotFound, match="forgotten"):
            store.history(ANA, "1")
        assert store.verify().problems == ()
        store.rebuild()
        assert store.verify().problems == ()

    def test_duplicates_are_known_again_after_an_undo(self, store: Any) -> None:
        (first,) = store.apply([add("Dogs love Ana dearly")])
        (cut,) = store.apply([Retract(scope=ANA, id=first.id)])
        store.apply([Undo(scope=ANA, seq=cut.seq)])
        (again,) = store.apply([add("Dogs love Ana dearly")])
        assert (again.status, again.id) == ("duplicate", first.id)
        (near,) = store.apply([add("dearly love Ana dogs", id="2")])
        assert near.near == first.id
        assert store.verify().problems == ()

    def test_a_fact_that_comes_back_holds_its_slot_again(self, store: Any) -> None:
        store.apply([fact("Porto", id="1", valid_from=5)])
        (cut,) = store.apply([Retract(scope=ANA, id="1", at=7)])
        store.apply([Undo(scope=ANA, seq=cut.seq)])
        asked = Asked()
        store.apply([fact("Faro", id="2", valid_from=9)], settler=asked)
        assert [holder.id for holder in asked.calls[0][2]] == ["1"]

    def test_what_stands_on_an_event_has_to_be_undone_first(self, store: Any) -> None:
        store.apply([add("one", id="1", valid_from=0), add("two", id="2")])
        store.apply([Revise(scope=ANA, id="1", text="uno", valid_from=4)])  # events 3 and 4
        store.apply([add("from it", id="3", sources=(Source("2"),))])
        store.apply([Link(scope=ANA, src="3", relation="r", dst="1")])
        store.apply(
            [Mark(scope=ANA, id="1", mark="m"), Mark(scope=ANA, id="1", mark="m", on=False)]
        )
        for seq, first in ((1, 3), (3, 4), (2, 5), (5, 6), (7, 8)):
            (ack,) = store.apply([Undo(scope=ANA, seq=seq)])
            assert (ack.status, f"undo event {first} first" in ack.reason) == ("rejected", True)
        assert store.head() == 8
        acks = store.apply([Undo(scope=ANA, seq=seq) for seq in range(8, 0, -1)])
        assert {ack.status for ack in acks} == {"stored"}
        assert store.list(ANA, as_of=9) == []

    def test_the_newest_is_the_last_in_valid_time_whatever_was_undone(self, store: Any) -> None:
        store.apply([add("one", id="1", valid_from=2)])
        store.apply([Revise(scope=ANA, id="1", text="two", valid_from=4)])  # events 2 and 3
        store.apply([Revise(scope=ANA, id="1", text="three", valid_from=3)])  # events 4 and 5
        store.apply([Undo(scope=ANA, seq=5), Undo(scope=ANA, seq=4)])
        assert store.get(ANA, "1").text == "two"
        assert store.get(ANA, "1", as_of=3).text == "one"
        store.apply([Revise(scope=ANA, id="1", text="zwei")])
        assert store.get(ANA, "1", as_of=3).text == "one"
        assert store.get(ANA, "1").text == store.get(ANA, "1", as_of=9).text == "zwei"

    def test_half_an_undo_is_not_taken_back_alone(self, store: Any) -> None:
        store.apply([add("one", id="1", valid_from=0)])
        store.apply([Revise(scope=ANA, id="1", text="two", valid_from=5)])  # events 2 and 3
        (cut,) = store.apply([Retract(scope=ANA, id="1", at=0)])  # closes both
        store.apply([Undo(scope=ANA, seq=cut.seq)])  # brings both back: events 5 and 6
        (ack,) = store.apply([Undo(scope=ANA, seq=1)])
        assert (ack.status, "undo event 2 first" in ack.reason) == ("rejected", True)
        (again,) = store.apply([Revise(scope=ANA, id="1", text="three", valid_from=0)])
        store.apply([Undo(scope=ANA, seq=again.seq)])  # events 8 and 9 close it and bring both back
        (half,) = store.apply([Undo(scope=ANA, seq=8)])
        assert (half.status, "undo event 9 first" in half.reason) == ("rejected", True)
        whole = store.apply([Undo(scope=ANA, seq=9), Undo(scope=ANA, seq=8)])
        assert [ack.status for ack in whole] == ["stored", "stored"]
        assert [r.text for r in store.list(ANA, as_of=7)] == ["three"]

    def test_an_undo_that_was_undone_is_not_undone_again(self, store: Any) -> None:
        store.apply([add("one", id="1")])
        for seq, by in ((1, 2), (2, 3), (1, 4)):
            (ack,) = store.apply([Undo(scope=ANA, seq=seq)])
            assert (ack.status, ack.seq) == ("stored", by)
        (ack,) = store.apply([Undo(scope=ANA, seq=2)])
        assert (ack.status, ack.seq) == ("duplicate", 3)
        (ack,) = store.apply([Undo(scope=ANA, seq=4)])
        assert (ack.status, store.get(ANA, "1").text) == ("stored", "one")

    def test_what_can_t_be_undone(self, store: Any) -> None:
        store.apply(
            [
                add("one", id="1"),
                add("two", id="2"),
                add("x", id="3", scope=AGENT),
                add("b", scope=BOB),
            ]
        )
        store.apply([Link(scope=ANA, src="1", relation="r", dst="2"), Undo(scope=ANA, seq=5)])
        store.apply([Forget(scope=ANA, id="1")])
        head = store.head()
        for scope, seq, reason in (
            (ANA, 1, "was forgotten"),
            (ANA, 5, "was forgotten"),
            (ANA, head, "was forgotten"),
            (ANA, 4, "no event 4"),
            (AGENT, 2, "no event 2"),
            (ANA, 99, "no event 99"),
            (ANA, -1, "no event"),
            (ANA, "1", "no event"),
            (("acme", "new"), 1, "no event 1"),
        ):
            (ack,) = store.apply([Undo(scope=scope, seq=seq)])
            assert (ack.status, reason in ack.reason) == ("rejected", True), (scope, seq, ack)
        store.apply([Touch(scope=AGENT, id="3"), Undo(scope=AGENT, seq=head + 1)])
        (ack,) = store.apply([Undo(scope=ANA, seq=head + 2)])
        assert (ack.status, "anew" in ack.reason) == ("rejected", True)
        assert store.head() == head + 2

    def test_a_supersession_is_taken_back_in_reverse(self, store: Any) -> None:
        store.apply([add("Porto", id="1", valid_from=1)])
        before = store.state_digest()
        store.apply([add("Faro", id="2", valid_from=5, supersedes=("1",))])
        store.apply([Undo(scope=ANA, seq=seq) for seq in (4, 3, 2)])
        assert store.state_digest() == before
        assert store.linked(ANA, "supersedes") == []
        assert [r.id for r in store.list(ANA)] == ["1"]

    def test_the_history_tells_what_the_state_does_not(self, make: Make) -> None:
        told, changed = make(clock=Clock()), make(clock=Clock())
        for store in (told, changed):
            store.apply([add("one", id="1", valid_from=1)])
        changed.apply([Revise(scope=ANA, id="1", text="two")])
        assert told.state_digest() != changed.state_digest()
        changed.apply([Undo(scope=ANA, seq=2)])
        assert told.state_digest() == changed.state_digest()
        assert told.history_digest() != changed.history_digest()
