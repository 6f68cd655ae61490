"""What every `Store` must do with what it derives: rows for followers, vectors, forgetting, events and the state's digest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from remanence.errors import InvalidInput, NotFound, WrongDimension
from remanence.seams import Encoded
from remanence.store.rows import unpack_unit
from remanence.types import FOREVER, Forget, Link, Retract, Revise, Source, Touch, to_datetime
from tests.store.conformance import ANA, BOB, START, Clock, Make, add


def waiting(store: Any, encoder: str, limit: int = 9) -> list[tuple[int, str]]:
    """(seq, text) of what is pending."""
    return [(item.seq, item.text) for item in store.pending(encoder, limit)]


class DerivedConformance:
    """Goes with `StoreConformance`, whose `store` and `clock` it uses."""

    # --- followers ---

    def test_delta_brings_new_rows_and_closed_ones_again(self, store: Any) -> None:
        store.apply(
            [
                add("one two", id="1", session="s", speaker="Ana", fields={"title": "x"}),
                add("b", id="2", scope=BOB),
            ]
        )
        first = store.delta(ANA, 0)
        assert (first.seq, len(first.rows), len(first.terms), list(first.gone)) == (2, 1, 1, [])
        row = first.rows[0]
        names = store.names(ANA)
        assert (names[0], names[row["session"]], names[row["speaker"]], names[row["kind"]]) == (
            "",
            "s",
            "Ana",
            "episode",
        )
        assert (row["first"], row["chars"], row["length"], row["titled"], row["known_to"]) == (
            1,
            7,
            2,
            1,
            FOREVER,
        )
        assert len(store.delta(ANA, first.seq).rows) == 0
        store.apply([Revise(scope=ANA, id="1", text="three", fields={})])
        second = store.delta(ANA, first.seq)
        assert second.rows["seq"].tolist() == [1, 3]
        assert second.rows["first"].tolist() == [1, 1]
        assert second.rows["titled"].tolist() == [1, 0]
        assert second.rows["known_to"][0] == second.rows["known_from"][1]
        assert second.terms[0] == first.terms[0]
        store.forget(ANA, ["1"])
        third = store.delta(ANA, second.seq)
        assert (len(third.rows), sorted(third.gone)) == (0, [1, 3])
        assert (len(store.delta(ANA, 0).rows), len(store.delta(BOB, 0).rows)) == (0, 1)
        assert len(store.delta(("acme", "no"), 0).rows) == 0

    def test_the_pulse_changes_with_everything_a_follower_reads(self, store: Any) -> None:
        seen = {store.pulse()}
        assert store.pulse() in seen
        store.apply([add(id="1")])
        seen.add(store.pulse())
        store.put_vectors("e", [1], Encoded(np.ones((1, 4), np.float32), [b""]))
        seen.add(store.pulse())
        store.forget(ANA, ["1"])
        seen.add(store.pulse())
        assert len(seen) == 4

    # --- vectors ---

    def test_vectors_go_round(self, store: Any) -> None:
        store.apply(
            [add("one", id="1"), add("two", id="2"), add("b", scope=BOB), Touch(scope=ANA, id="1")]
        )
        assert waiting(store, "e", 2) == [(1, "one"), (2, "two")]
        dense = np.random.default_rng(1).normal(size=(2, 8)).astype(np.float32)
        store.put_vectors("e", [1, 2], Encoded(dense, [b"abc", b""]))
        assert waiting(store, "e", 9) == [(3, "b")]
        assert (store.waiting("e"), store.waiting("f"), store.encoders()) == (1, 3, {"e": 2})
        got = list(store.vectors(ANA, "e", 0))
        assert [seq for seq, _ in got] == [1, 2]
        unit = unpack_unit(np.frombuffer(b"".join(v for _, v in got), np.int8).reshape(2, 8))
        cosine = (unit * dense).sum(1) / np.linalg.norm(dense, axis=1)
        assert cosine.min() > 0.999
        assert store.tokens(ANA, "e", [2, 1, 3, 99]) == [b"", b"abc", b"", b""]
        assert list(store.vectors(ANA, "e", 1)) == got[1:]
        assert list(store.vectors(ANA, "f", 0)) == list(store.vectors(BOB, "e", 0)) == []
        store.put_vectors("e", [3], Encoded(dense[:1], [b"x"]))
        assert (waiting(store, "e"), store.waiting("e")) == ([], 0)

    def test_a_retracted_version_keeps_its_text_s_vector(self, store: Any) -> None:
        store.apply([add("one", id="1")])
        store.put_vectors("e", [1], Encoded(np.ones((1, 4), np.float32), [b"abc"]))
        store.apply([Retract(scope=ANA, id="1")])
        assert waiting(store, "e", 9) == []
        assert [seq for seq, _ in store.vectors(ANA, "e", 0)] == [1, 2]
        assert store.tokens(ANA, "e", [1, 2]) == [b"abc", b"abc"]
        store.apply([Revise(scope=ANA, id="1", text="two")])
        assert waiting(store, "e", 9) == [(3, "two")]

    def test_vectors_put_out_of_order_and_twice(self, store: Any) -> None:
        store.apply([add(f"n {n}") for n in range(5)])
        one = Encoded(np.ones((1, 4), np.float32), [b""])
        for seq in (4, 2, 2, 5, 1):
            store.put_vectors("e", [seq], one)
        assert waiting(store, "e", 9) == [(3, "n 2")]
        assert store.counts("e").pending == 1
        assert store.counts("e").embedded == 4

    def test_encoders_live_side_by_side(self, store: Any) -> None:
        store.apply([add("one")])
        store.put_vectors("old", [1], Encoded(np.ones((1, 4), np.float32), [b"o"]))
        assert waiting(store, "new", 9) == [(1, "one")]
        store.put_vectors("new", [1], Encoded(np.ones((1, 6), np.float32), [b"n"]))
        assert (
            len(store.vectors(ANA, "old", 0)[0][1]),
            len(store.vectors(ANA, "new", 0)[0][1]),
        ) == (4, 6)
        store.drop_encoder("old")
        assert store.encoders() == {"new": 1}
        assert (store.vectors(ANA, "old", 0), store.tokens(ANA, "old", [1])) == ([], [b""])

    @pytest.mark.parametrize(
        ("dense", "tokens", "error"),
        [
            (np.ones((1, 5)), [b""], WrongDimension),
            (np.ones((2, 4)), [b""], WrongDimension),
            (np.ones(4), [b""], WrongDimension),
            (np.ones((1, 4)), [b"", b""], WrongDimension),
            (np.full((1, 4), np.nan), [b""], InvalidInput),
            (np.full((1, 4), np.inf), [b""], InvalidInput),
        ],
    )
    def test_vectors_that_do_not_fit_are_refused(
        self, store: Any, dense: Any, tokens: Any, error: Any
    ) -> None:
        store.apply([add("one"), add("two")])
        store.put_vectors("e", [1], Encoded(np.ones((1, 4), np.float32), [b""]))
        with pytest.raises(error):
            store.put_vectors("e", [2], Encoded(dense.astype(np.float32), tokens))
        assert waiting(store, "e", 9) == [(2, "two")]

    # --- forgetting ---

    def test_forgetting_takes_all_versions_and_what_was_derived(self, store: Any) -> None:
        store.apply(
            [
                add("secret", id="1", session="hidden place"),
                add("from it", id="2", sources=(Source("1", 0, 3),)),
                add("from that", id="3", sources=(Source("2"),), kind="fact"),
                add("other", id="4", session="s"),
                Link(scope=ANA, src="4", relation="explains", dst="1"),
                Touch(scope=ANA, id="1"),
            ],
            key="k",
        )
        store.apply([Revise(scope=ANA, id="1", text="secret two")])
        store.put_vectors("e", [1, 2], Encoded(np.ones((2, 4), np.float32), [b"a", b"b"]))
        receipt = store.forget(ANA, ["1"], actor="ana")
        assert receipt.ids == ("1", "2", "3")
        assert receipt.versions == 4
        assert receipt.derived["dense"] == receipt.derived["tokens"] == 2
        assert (receipt.derived["links"], receipt.derived["touches"]) == (1, 1)
        assert receipt.seq == store.head()
        for id in "123":
            with pytest.raises(NotFound, match="was forgotten at"):
                store.get(ANA, id)
            with pytest.raises(NotFound, match="was forgotten at"):
                store.history(ANA, id)
        assert store.records(ANA, [1, 2, 3, 7]) == []
        assert [r.id for r in store.list(ANA)] == ["4"]
        assert store.links(ANA, "4") == []
        assert "hidden place" not in store.names(ANA)
        assert "s" in store.names(ANA)
        assert [e.erased for e in store.events(ANA)] == [True] * 3 + [False] + [True] * 3 + [
            False
        ] * 3
        assert [e.op for e in store.events(ANA)][-3:] == ["forget"] * 3
        assert store.verify().problems == ()

    def test_a_forgotten_id_stays_forgotten(self, store: Any) -> None:
        store.apply([add("secret", id="1")])
        store.forget(ANA, ["1"])
        for text in ("secret", "other"):
            (ack,) = store.apply([add(text, id="1")])
            assert (ack.status, "was forgotten" in ack.reason) == ("rejected", True)
        (ack,) = store.apply([add("derived", sources=(Source("1"),))])
        assert (ack.status, "was forgotten" in ack.reason) == ("rejected", True)
        (ack,) = store.apply([Revise(scope=ANA, id="1", text="x")])
        assert (ack.status, "was forgotten" in ack.reason) == ("rejected", True)
        with pytest.raises(NotFound, match="was forgotten"):
            store.forget(ANA, ["1"])
        assert store.get(BOB, "1") is None

    def test_forgetting_what_is_not_there_erases_nothing(self, store: Any) -> None:
        store.apply([add("one", id="1")])
        for scope, ids in ((ANA, ["1", "2"]), (BOB, ["1"]), ((*ANA, "agent"), ["1"])):
            with pytest.raises(NotFound):
                store.forget(scope, ids)
        assert store.get(ANA, "1").text == "one"

    def test_forgetting_as_a_change(self, store: Any) -> None:
        store.apply([add("one", id="1"), add("two", id="2")])
        (ack,) = store.apply([Forget(scope=ANA, id="1")])
        assert ack.status == "stored"
        assert [r.id for r in store.list(ANA)] == ["2"]

    def test_a_name_that_was_erased_can_come_back(self, store: Any) -> None:
        store.apply([add("one", id="1", session="s"), add("two", id="2")])
        forget = Forget(scope=ANA, id="1")
        store.apply([add("x", id="0", session="t"), forget, add("three", id="3", session="s")])
        assert [r.id for r in store.list(ANA, session="s")] == ["3"]
        row = store.delta(ANA, 0).rows[-1]
        assert store.names(ANA)[row["session"]] == "s"
        assert store.verify().problems == ()

    def test_vectors_that_come_after_forgetting_are_not_kept(self, store: Any) -> None:
        store.apply([add("one", id="1"), add("two", id="2")])
        seqs = [item.seq for item in store.pending("e", 9)]
        store.forget(ANA, ["1"])
        store.put_vectors("e", seqs, Encoded(np.ones((2, 4), np.float32), [b"a", b"b"]))
        assert [seq for seq, _ in store.vectors(ANA, "e", 0)] == [2]
        assert store.tokens(ANA, "e", [1, 2]) == [b"", b"b"]
        assert store.verify().problems == ()

    def test_a_key_still_answers_after_forgetting(self, store: Any) -> None:
        first = store.apply([add("secret")], key="k")
        store.forget(ANA, [first[0].id])
        assert store.apply([add("secret")], key="k") == first
        assert store.list(ANA) == []

    # --- events, state ---

    def test_events_show_what_happened_and_no_content(self, store: Any, clock: Clock) -> None:
        store.apply([add("I like rare orchids", id="1")], actor="importer")
        store.apply([Revise(scope=ANA, id="1", text="two")])
        first, second = store.events(ANA)
        assert (first.op, first.id, first.version, first.actor) == ("add", "1", 1, "importer")
        assert (second.op, second.version, second.actor) == ("revise", 2, "")
        assert first.at == to_datetime(START)
        assert "orchids" not in repr(first)
        assert first.hash != second.hash
        assert [e.seq for e in store.events(ANA, after=1)] == [2]
        assert [e.seq for e in store.events(ANA, limit=1)] == [1]

    def test_the_state_digest_is_the_same_for_the_same_history(self, make: Make) -> None:
        def told(text: str) -> str:
            store = make(clock=Clock())
            store.apply(
                [
                    add(text, id="1"),
                    add("two", id="2"),
                    Link(scope=ANA, src="1", relation="r", dst="2"),
                ]
            )
            store.apply([Revise(scope=ANA, id="1", text="three", valid_from=START + 9)])
            store.forget(ANA, ["2"])
            digest: str = store.state_digest()
            return digest

        assert told("one") == told("one") != told("One")

    def test_rebuilding_changes_nothing(self, store: Any) -> None:
        store.apply([add("one", id="1", session="s"), add("two", id="2"), Touch(scope=ANA, id="1")])
        store.apply(
            [
                Revise(scope=ANA, id="1", text="three", valid_from=START + 9),
                Retract(scope=ANA, id="2"),
            ]
        )
        store.apply([add("four", id="4", session="gone")])
        store.forget(ANA, ["4"])
        before = (store.state_digest(), store.delta(ANA, 0), store.delta(ANA, 3), store.names(ANA))
        store.rebuild()
        after = (store.state_digest(), store.delta(ANA, 0), store.delta(ANA, 3), store.names(ANA))
        assert repr(before) == repr(after)
        assert store.verify().problems == ()
