"""The ledger in words: what happened, what changed, which words came from where, who read what."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remanence.errors import NotFound
from remanence.store.sqlite import SQLiteStore
from remanence.store.verbs import LedgerStore
from remanence.types import Add, Link, Mark, Retract, Revise, Slot, Source, Touch, Undo
from tests.store.conformance import ANA, BOB, Clock
from tests.store.engines import ENGINES, engine
from tests.store.plain import plain


@pytest.fixture(params=ENGINES)
def store(request: pytest.FixtureRequest) -> Iterator[LedgerStore]:
    with engine(request.param) as opened, opened("s", clock=Clock()) as made:
        yield made


def filled(store: LedgerStore) -> None:
    store.apply([Add(scope=ANA, id="a", text="the key is red", origin="user")], actor="phone")
    store.apply([Revise(scope=ANA, id="a", text="the key is blue")], actor="laptop")
    store.apply([Add(scope=BOB, id="a", text="another's")])
    store.apply([Touch(scope=ANA, id="a", how="read:agent")], actor="agent")
    store.apply([Mark(scope=ANA, id="a", mark="pinned", why="important")])


def test_the_log_says_in_words_what_happened_and_nothing_of_others(store: LedgerStore) -> None:
    filled(store)
    lines = store.log(ANA)
    assert [(line.op, line.actor, line.what) for line in lines] == [
        ("add", "phone", "episode"),
        ("revise", "laptop", "new text"),
        ("touch", "agent", "read by agent"),
        ("mark", "", "pinned: important"),
    ]
    assert [line.text for line in lines] == ["the key is red", "the key is blue", "", ""]
    assert [line.op for line in store.log(ANA, newest=True, limit=2)] == ["mark", "touch"]
    assert [line.op for line in store.log(ANA, actor="phone")] == ["add"]
    assert [line.op for line in store.log(ANA, reads=False)] == ["add", "revise", "mark"]
    assert [line.op for line in store.log(ANA, ops=("revise",))] == ["revise"]
    assert store.log((ANA[0], "nobody")) == []


def test_an_actor_that_ends_in_a_slash_stands_for_all_below(store: LedgerStore) -> None:
    store.apply([Add(scope=ANA, text="one")], actor="sleep/r1/merge")
    store.apply([Add(scope=ANA, text="two")], actor="sleeper")
    assert [line.text for line in store.log(ANA, actor="sleep/")] == ["one"]


def test_a_forgotten_text_is_not_in_the_log_nor_in_a_diff(store: LedgerStore) -> None:
    store.apply([Add(scope=ANA, id="a", text="secret word")])
    moment = store.now()
    store.forget(ANA, ["a"])
    assert "secret" not in repr(store.log(ANA))
    assert [(c.id, c.what) for c in store.diff(ANA, moment, store.now())] == [("a", "forgotten")]
    with pytest.raises(NotFound):
        store.blame(ANA, "a")


def test_a_diff_names_each_kind_of_change(store: LedgerStore) -> None:
    store.apply([Add(scope=ANA, id=id, text=f"{id} one", valid_from=5) for id in "abcd"])
    since = store.now()
    store.apply([Revise(scope=ANA, id="a", text="a two")])
    store.apply([Retract(scope=ANA, id="b", at=10**15)])
    (ack,) = store.apply([Add(scope=ANA, id="e", text="e one")])
    store.apply([Link(scope=ANA, src="c", relation="knows", dst="d")])
    store.apply([Mark(scope=ANA, id="d", mark="archived", why="old")])
    until = store.now()
    found = {(c.id, c.what): (c.before, c.after) for c in store.diff(ANA, since, until)}
    assert found == {
        ("a", "revised"): ("a one", "a two"),
        ("b", "closed 2001-09-09"): ("b one", "b one"),
        ("e", "added"): ("", "e one"),
        ("c", "linked knows d"): ("", ""),
        ("d", "marked archived: old"): ("", ""),
    }
    store.apply([Undo(scope=ANA, seq=ack.seq)])
    assert [(c.id, c.what) for c in store.diff(ANA, until, store.now())] == [("e", "taken back")]
    assert store.diff(ANA, since, since) == []


def test_revised_words_are_those_of_the_version_that_brought_them(store: LedgerStore) -> None:
    filled(store)
    spans = store.blame(ANA, "a")
    assert [(span.text, span.version, span.actor) for span in spans] == [
        ("the key is", 1, "phone"),
        (" blue", 2, "laptop"),
    ]
    assert spans[0].origin == "user"


def test_words_of_a_derived_record_are_those_of_its_sources(store: LedgerStore) -> None:
    said = "Well, Lena lives in Porto now. And it rains."
    store.apply([Add(scope=ANA, id="t", text=said)], actor="phone")
    fact = Add(
        scope=ANA,
        id="f",
        kind="fact",
        text="Lena lives in Porto now",
        sources=(Source("t", 6, 29),),
        slot=Slot("lena", "home", "Porto"),
    )
    summary = Add(
        scope=ANA,
        id="s",
        kind="summary",
        text="ana: Lena lives in Porto now / And it rains.",
        sources=(Source("t", 6, 29), Source("t", 31, 44)),
    )
    store.apply([fact, summary], actor="sleep/1/summaries")
    assert [(s.source, s.text) for s in store.blame(ANA, "f")] == [("t", "Lena lives in Porto now")]
    assert [(s.source, s.text) for s in store.blame(ANA, "s")] == [
        ("s", "ana: "),
        ("t", "Lena lives in Porto now"),
        ("s", " / "),
        ("t", "And it rains."),
    ]


texts = st.lists(st.sampled_from("the key  is red blue\n under a mat".split(" ")), max_size=8)


@given(st.lists(texts.map(" ".join), min_size=1, max_size=5))
def test_blame_covers_the_text_without_gaps(
    tmp_path_factory: pytest.TempPathFactory, versions: list[str]
) -> None:
    path = tmp_path_factory.mktemp("blame") / "s.rmem"
    with SQLiteStore.open(path, analyze=plain, clock=Clock()) as store:
        store.apply([Add(scope=ANA, id="a", text=versions[0])])
        for text in versions[1:]:
            store.apply([Revise(scope=ANA, id="a", text=text)])
        spans = store.blame(ANA, "a")
        assert "".join(span.text for span in spans) == versions[-1]
        assert [span.start for span in spans] == [0, *(span.end for span in spans)][: len(spans)]


def test_readers_are_those_whose_reads_were_noted(store: LedgerStore) -> None:
    filled(store)
    assert [(r.reader, r.id) for r in store.readers(ANA, "a")] == [("agent", "a")]
    assert [r.reader for r in store.readers(ANA)] == ["agent"]
    assert store.readers(BOB) == []
