"""What every `Store` must do, whatever it stands on. Subclass `StoreConformance` and give it a `make` fixture."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remanence.errors import Conflict, InvalidInput
from remanence.store.rows import ROLES
from remanence.types import (
    Add,
    Forget,
    Link,
    Retract,
    Revise,
    Slot,
    Source,
    Touch,
    to_datetime,
    to_micros,
)

ANA = ("acme", "ana")
BOB = ("acme", "bob")
DAY = 86_400_000_000
START = 1_700_000_000_000_000

Make = Callable[..., Any]
"""Opens a store: `make(clock=…)`; each call without `again=True` opens a new empty one."""


class Clock:
    """Stands still until told to move: microseconds."""

    def __init__(self, now: int = START) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def add(text: str = "I moved to Porto in May", **more: Any) -> Add:
    return Add(**{"scope": ANA, "text": text, **more})


class StoreConformance:
    """The contract of `remanence.seams.Store`."""

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def store(self, make: Make, clock: Clock) -> Any:
        return make(clock=clock)

    # --- adding ---

    def test_an_added_record_comes_back_whole(self, store: Any, clock: Clock) -> None:
        given_ = add(
            "She said: “ναί”",
            id="turn-1",
            kind="fact",
            session="s1",
            speaker="Léa",
            role="user",
            fields={"title": "Greek", "caption": "a note"},
            meta={"stars": 5, "tags": ["a", {"b": None}], "pi": 3.25},
            sources=(Source("page", 3, 9), Source("talk")),
            origin="import",
            trust=0.5,
            audience=("family",),
            purpose=("chat", "plan"),
            sensitivity="private",
            slot=Slot("léa", "studies", "Greek", exclusive=False, corrects=True),
            valid_from=5,
            valid_to=9,
        )
        (ack,) = store.apply([given_])
        assert (ack.status, ack.id, ack.version, ack.reason, ack.near) == (
            "stored",
            "turn-1",
            1,
            "",
            "",
        )
        record = store.get(ANA, "turn-1")
        for name in Add.__dataclass_fields__:
            if name not in ("valid_from", "valid_to", "supersedes", "marks"):
                assert getattr(record, name) == getattr(given_, name), name
        assert (to_micros(record.valid_from), to_micros(record.valid_to)) == (5, 9)
        assert record.known_from == to_datetime(clock.now)
        assert record.known_to is None
        assert store.records(ANA, [ack.seq]) == [record]
        assert store.history(ANA, "turn-1") == [record]

    def test_defaults_are_now_and_open_ended(self, store: Any, clock: Clock) -> None:
        (ack,) = store.apply([add()])
        record = store.get(ANA, ack.id)
        assert record.valid_from == record.known_from == to_datetime(clock.now)
        assert record.valid_to is None

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "\0",
            "\ud800",
            "\ud83d\ude00",
            "\U0001f600\udfff",
            "\u200b\u200f\u202eabc",
            "'; DROP TABLE events; --",
            '" OR NEAR(* ^',
            "\x7f\x80\x85\u2028\r\n",
            "שלום עליכם",
            "e\u0301",
            "x" * (10 * 2**20),
        ],
        ids=lambda text: ascii(text[:12]),
    )
    def test_any_text_comes_back_verbatim(self, store: Any, text: str) -> None:
        (ack,) = store.apply([add(text, fields={"note": text}, speaker=text[:9])])
        record = store.get(ANA, ack.id)
        assert record.text == text
        assert record.fields == {"note": text}
        assert record.speaker == text[:9]

    def test_ids_are_sortable_and_the_same_for_the_same_clock(self, make: Make) -> None:
        def ids() -> list[str]:
            store = make(clock=Clock())
            return [a.id for a in store.apply([add(f"number {n}") for n in range(40)])]

        first = ids()
        assert first == sorted(first) == ids()
        assert len(set(first)) == 40
        assert {len(id) for id in first} == {26}

    def test_known_time_grows_though_the_clock_stands_or_goes_back(
        self, store: Any, clock: Clock
    ) -> None:
        times = []
        for now in (START, START, START - DAY, START + 10):
            clock.now = now
            (ack,) = store.apply([add(f"at {now} {len(times)}")])
            times.append(to_micros(store.get(ANA, ack.id).known_from))
        assert times == [START, START + 1, START + 2, START + 10]

    @pytest.mark.parametrize(
        ("wrong", "reason"),
        [
            ({"text": b"bytes"}, "text is a bytes"),
            ({"text": "x" * (16 * 2**20 + 1)}, "split it"),
            ({"id": "a\nb"}, "control characters"),
            ({"id": "\ud800"}, "surrogates"),
            ({"id": "x" * 513}, "513 characters"),
            ({"id": 7}, "id is a int"),
            ({"scope": ()}, "scope ()"),
            ({"scope": ("acme", "ana", "")}, "empty part"),
            ({"scope": ["acme", "ana"]}, "tuple of strings"),
            ({"scope": ("a\x1fb", "ana")}, "control characters"),
            ({"role": "king"}, "role 'king'"),
            ({"meta": {"when": object()}}, "not JSON"),
            ({"meta": {"x": float("nan")}}, "not JSON"),
            ({"meta": {1: 2}}, "meta key 1"),
            ({"fields": {"a": 1}}, "field 'a'"),
            ({"trust": 2.0}, "trust"),
            ({"valid_from": 3.5}, "valid_from is a float"),
            ({"valid_from": 2**63}, "calendar"),
            ({"valid_from": 9, "valid_to": 9}, "not after"),
            ({"valid_to": START}, "in the past"),
            ({"session": "x" * 513}, "session has 513"),
        ],
        ids=lambda value: ascii(value)[:30],
    )
    def test_what_cannot_be_stored_is_rejected_and_the_rest_stands(
        self, store: Any, wrong: Mapping[str, Any], reason: str
    ) -> None:
        before, bad, after = store.apply(
            [add("before", id="1"), add(**wrong), add("after", id="2")]
        )
        assert (before.status, bad.status, after.status) == ("stored", "rejected", "stored")
        assert reason in bad.reason
        assert " - " in bad.reason, "it says how to mend it"
        assert [event.id for event in store.events(ANA)] == ["1", "2"]
        assert store.spaces() == [ANA]

    def test_nothing_to_do_writes_nothing(self, store: Any) -> None:
        assert store.apply([]) == []
        store.apply([add(id="bad\0")])
        assert store.head() == 0
        assert store.spaces() == []

    def test_types_finer_than_json_do_not_reach_derived_state(self, store: Any) -> None:
        class Mood(StrEnum):
            GOOD = "good"

        store.apply([add(id="1", meta={"mood": Mood.GOOD, "size": np.float64(2.5), "at": (1, 2)})])
        assert store.get(ANA, "1").meta == {"mood": "good", "size": 2.5, "at": [1, 2]}
        assert [r.id for r in store.list(ANA, filters={"mood": "good", "size": 2.5})] == ["1"]
        assert store.verify().problems == ()

    # --- duplicates ---

    def test_the_same_id_with_the_same_content_is_a_duplicate(
        self, store: Any, clock: Clock
    ) -> None:
        (first,) = store.apply([add(id="t", meta={"b": 1, "a": 2})])
        clock.now += DAY
        (again,) = store.apply([add(id="t", meta={"a": 2, "b": 1})])
        assert (again.status, again.id, again.seq) == ("duplicate", "t", first.seq)
        assert store.head() == first.seq

    def test_the_same_id_with_other_content_is_rejected(self, store: Any) -> None:
        store.apply([add("one", id="t")])
        (ack,) = store.apply([add("two", id="t")])
        assert ack.status == "rejected"
        assert "use update" in ack.reason
        assert store.get(ANA, "t").text == "one"

    def test_an_import_that_runs_again_after_an_update_changes_nothing(self, store: Any) -> None:
        store.apply([add("one", id="t")])
        store.apply([Revise(scope=ANA, id="t", text="two")])
        assert [ack.status for ack in store.apply([add("one", id="t")])] == ["duplicate"]
        assert store.get(ANA, "t").text == "two"

    def test_without_an_id_the_same_words_in_the_same_place_are_a_duplicate(
        self, store: Any
    ) -> None:
        said = {"session": "s", "speaker": "Ana", "role": "user", "valid_from": 5}
        (first,) = store.apply([add("ok", **said)])
        (again,) = store.apply([add("ok", **said, meta={"import": 2})])
        assert (again.status, again.id) == ("duplicate", first.id)
        for other in ({"session": "s2"}, {"speaker": "Bob"}, {"valid_from": 6}, {"kind": "fact"}):
            assert [a.status for a in store.apply([add("ok", **{**said, **other})])] == ["stored"]
        assert [a.status for a in store.apply([add("ok", **said, scope=(*ANA, "agent"))])] == [
            "stored"
        ]
        assert [a.status for a in store.apply([add("ok", **said, scope=BOB)])] == ["stored"]

    def test_a_duplicate_within_one_call_is_seen(self, store: Any) -> None:
        assert [a.status for a in store.apply([add(), add()])] == ["stored", "duplicate"]

    def test_what_is_no_longer_so_is_no_duplicate(self, store: Any) -> None:
        (first,) = store.apply([add()])
        store.apply([Retract(scope=ANA, id=first.id)])
        (again,) = store.apply([add()])
        assert again.status == "stored"

    def test_near_duplicates_are_stored_and_named(self, store: Any) -> None:
        (first,) = store.apply([add("Dogs love Ana dearly", id="1")])
        (near,) = store.apply([add("ana dearly love DOGS!", id="2")])
        assert (near.status, near.near) == ("stored", "1")
        assert first.near == ""
        (other,) = store.apply([add("ana dearly love DOGS!", id="3", scope=BOB)])
        assert other.near == ""

    # --- idempotency keys ---

    def test_a_key_returns_the_first_acks(self, store: Any) -> None:
        changes = [add("one"), add("\ud800"), add(id="\n")]
        first = store.apply(changes, key="call-1")
        assert store.apply(changes, key="call-1") == first
        assert store.head() == 2
        assert [a.status for a in store.apply(changes)] == ["duplicate", "duplicate", "rejected"]

    def test_a_key_used_for_something_else_is_a_conflict(self, store: Any) -> None:
        store.apply([add("one")], key="call-1")
        with pytest.raises(Conflict, match="call-1"):
            store.apply([add("two")], key="call-1")
        assert store.head() == 1
        store.apply([add("two", scope=BOB)], key="call-1")
        assert store.head() == 2

    # --- revising, retracting ---

    def test_revising_makes_a_version_and_keeps_the_old_one(self, store: Any, clock: Clock) -> None:
        store.apply([add("Porto", id="t", meta={"a": 1}, fields={"title": "x"})])
        clock.now += DAY
        (ack,) = store.apply([Revise(scope=ANA, id="t", text="Lisbon", fields={}, meta=None)])
        assert (ack.status, ack.version) == ("stored", 2)
        new, old = store.get(ANA, "t"), store.get(ANA, "t", known_at=START)
        assert (new.text, new.version, new.meta, new.fields) == ("Lisbon", 2, {"a": 1}, {})
        assert (old.text, old.version, old.known_to) == ("Porto", 1, new.known_from)
        assert new.valid_from == old.valid_from
        assert [r.version for r in store.history(ANA, "t")] == [1, 2]

    def test_revising_to_the_same_is_a_duplicate(self, store: Any) -> None:
        store.apply([add("Porto", id="t")])
        (ack,) = store.apply([Revise(scope=ANA, id="t", text="Porto")])
        assert (ack.status, ack.version) == ("duplicate", 1)

    def test_a_change_from_a_moment_on_leaves_the_past_as_it_was(self, store: Any) -> None:
        store.apply([add("Porto", id="t", valid_from=10)])
        (ack,) = store.apply([Revise(scope=ANA, id="t", text="Lisbon", valid_from=20)])
        assert ack.version == 3
        assert store.get(ANA, "t", as_of=9) is None
        assert store.get(ANA, "t", as_of=19).text == "Porto"
        assert store.get(ANA, "t", as_of=20).text == "Lisbon"
        assert store.get(ANA, "t").text == "Lisbon"

    def test_retracting_ends_valid_time_and_keeps_the_record(
        self, store: Any, clock: Clock
    ) -> None:
        store.apply([add("Porto", id="t", valid_from=10)])
        known = clock.now
        clock.now += DAY
        store.apply([Retract(scope=ANA, id="t", at=30)])
        record = store.get(ANA, "t")
        assert (record.text, record.version, to_micros(record.valid_to)) == ("Porto", 2, 30)
        assert store.get(ANA, "t", as_of=30) is None
        assert store.get(ANA, "t", as_of=30, known_at=known).text == "Porto"
        (again,) = store.apply([Retract(scope=ANA, id="t", at=40)])
        assert again.status == "duplicate"
        assert store.list(ANA) == []
        assert [r.id for r in store.list(ANA, as_of=29)] == ["t"]

    @pytest.mark.parametrize("expect", [2, "0" * 32, True, 0])
    def test_a_wrong_expectation_is_a_conflict_and_nothing_stands(
        self, store: Any, expect: Any
    ) -> None:
        store.apply([add("one", id="t")])
        with pytest.raises(Conflict, match="version 1"):
            store.apply([add("two", id="u"), Revise(scope=ANA, id="t", text="x", expect=expect)])
        with pytest.raises(Conflict):
            store.apply([Retract(scope=ANA, id="t", expect=expect)])
        with pytest.raises(Conflict, match="no record"):
            store.apply([Revise(scope=ANA, id="never", text="x", expect=1)])
        assert store.head() == 1

    def test_a_right_expectation_passes(self, store: Any) -> None:
        store.apply([add("one", id="t")])
        store.apply([Revise(scope=ANA, id="t", text="two", expect=1)])
        store.apply([Revise(scope=ANA, id="t", text="three", expect=store.get(ANA, "t").digest)])
        store.apply([Retract(scope=ANA, id="t", expect=store.get(ANA, "t").digest)])
        assert store.get(ANA, "t").version == 4

    def test_digests_tell_content_not_history(self, store: Any) -> None:
        store.apply([add("one", id="t", valid_from=5)])
        first = store.get(ANA, "t").digest
        store.apply([Revise(scope=ANA, id="t", text="two")])
        assert store.get(ANA, "t").digest != first
        store.apply([Revise(scope=ANA, id="t", text="one")])
        assert store.get(ANA, "t").digest == first

    def test_changing_what_is_not_there_is_rejected(self, store: Any) -> None:
        store.apply([add("one", id="t", scope=(*ANA, "agent"))])
        for scope, id in ((ANA, "never"), (BOB, "t"), ((*ANA, "other"), "t"), ((*ANA, "age"), "t")):
            for change in (
                Revise(scope=scope, id=id, text="x"),
                Retract(scope=scope, id=id),
                Touch(scope=scope, id=id),
                Forget(scope=scope, id=id),
                Link(scope=scope, src=id, relation="r", dst=id),
            ):
                (ack,) = store.apply([change])
                assert (ack.status, f"no record '{id}'" in ack.reason) == ("rejected", True)
        assert store.head() == 1

    # --- scopes ---

    def test_a_scope_sees_only_what_is_inside_it(self, store: Any) -> None:
        store.apply(
            [
                add("all", id="1"),
                add("agent", id="2", scope=(*ANA, "agent")),
                add("run", id="3", scope=(*ANA, "agent", "run")),
                add("bob", id="4", scope=BOB),
                add("tenant", id="5", scope=("acme",)),
            ]
        )
        seen = {
            ANA: "123",
            (*ANA, "agent"): "23",
            (*ANA, "agent", "run"): "3",
            (*ANA, "age"): "",
            BOB: "4",
            ("acme",): "5",
            ("acme", "other"): "",
        }
        for scope, ids in seen.items():
            assert "".join(r.id for r in store.list(scope)) == ids
            assert "".join(r.id for r in store.records(scope, [1, 2, 3, 4, 5])) == ids
            assert "".join(e.id for e in store.events(scope)) == ids
            for id in "12345":
                assert (store.get(scope, id) is not None) == (id in ids)
                assert bool(store.history(scope, id)) == (id in ids)
        assert store.get(ANA, "3").scope == (*ANA, "agent", "run")

    @pytest.mark.parametrize("scope", [(), ("",), ("a", "b\0"), "ab", ("a", 3)])
    def test_a_scope_that_is_none_is_refused(self, store: Any, scope: Any) -> None:
        with pytest.raises(InvalidInput):
            store.get(scope, "t")

    @pytest.mark.parametrize("id", ["\ud800", "a\0", "x" * 513, 7, None])
    def test_an_id_that_can_t_be_one_is_refused(self, store: Any, id: Any) -> None:
        store.apply([add()])
        for read in (store.get, store.history, store.links, store.touches):
            with pytest.raises(InvalidInput, match="id"):
                read(ANA, id)
        with pytest.raises(InvalidInput, match="id"):
            store.forget(ANA, [id])

    # --- links, touches ---

    def test_links(self, store: Any) -> None:
        store.apply([add("one", id="1"), add("two", id="2")])
        link = Link(scope=ANA, src="1", relation="causes", dst="2")
        assert [a.status for a in store.apply([link, link])] == ["stored", "duplicate"]
        assert store.links(ANA, "1") == store.links(ANA, "2") == [("1", "causes", "2")]
        assert store.links(BOB, "1") == []
        (ack,) = store.apply([Link(scope=ANA, src="1", relation="causes", dst="3")])
        assert ack.status == "rejected"

    def test_touches(self, store: Any, clock: Clock) -> None:
        store.apply([add("one", id="1")])
        clock.now += DAY
        store.apply([Touch(scope=ANA, id="1")])
        assert store.touches(ANA, "1") == [START + DAY]
        assert store.get(ANA, "1").version == 1

    # --- listing ---

    def test_listing_filters_and_continues(self, store: Any) -> None:
        store.apply(
            [
                add(f"n {n}", id=str(n), session=f"s{n % 2}", speaker="AB"[n % 2], role=ROLES[1 + n % 2],
                    kind=("episode", "fact")[n % 3 == 0], meta={"n": n, "even": n % 2 == 0})
                for n in range(9)
            ]
        )  # fmt: skip

        def ids(**query: Any) -> str:
            return "".join(r.id for r in store.list(ANA, **query))

        assert ids() == "012345678"
        assert ids(limit=4) == "0123"
        assert ids(limit=4, after=4) == "4567"
        assert ids(limit=4, after=8) == "8"
        assert ids(limit=0) == ids(after=9) == ""
        assert (
            ids(session="s1")
            == ids(filters={"speaker": "B"})
            == ids(filters={"role": "assistant"})
            == "1357"
        )
        assert ids(kinds=["fact"]) == ids(filters={"kind": "fact"}) == "036"
        assert ids(filters={"n": [1, 5, 7.0, "2"]}) == "15"
        assert ids(filters={"even": True}) == "02468"
        assert ids(filters={"even": 1}) == ids(filters={"unknown": None}) == ""
        assert ids(filters={"even": False, "n": (3, 4)}) == "3"

    # --- concurrency ---

    def test_threads_lose_no_update(self, store: Any) -> None:
        store.apply([add("0", id="n")])
        errors: list[BaseException] = []

        def count(times: int) -> None:
            try:
                while times:
                    record = store.get(ANA, "n")
                    try:
                        store.apply(
                            [
                                Revise(
                                    scope=ANA,
                                    id="n",
                                    text=str(int(record.text) + 1),
                                    expect=record.version,
                                )
                            ]
                        )
                        times -= 1
                    except Conflict:
                        continue
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=count, args=(12,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert store.get(ANA, "n").text == "48"
        assert store.get(ANA, "n").version == 49

    # A fresh file per example comes from the fixture itself, and one class for each kind of store runs this.
    @settings(
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.differing_executors,
        ]
    )
    @given(st.lists(st.text(st.characters(codec=None), max_size=20), max_size=5))
    def test_any_unicode(self, make: Make, texts: list[str]) -> None:
        store = make(clock=Clock())
        acks = store.apply(
            [add(text, id=str(n), session=text, meta={"t": text}) for n, text in enumerate(texts)]
        )
        assert [a.status for a in acks] == ["stored"] * len(texts)
        records = store.list(ANA)
        assert (
            [r.text for r in records]
            == [r.session for r in records]
            == [r.meta["t"] for r in records]
            == texts
        )
        assert store.verify().problems == ()
