"""A space whose words and vectors stay in the database is told apart from one in memory by nothing that a user sees."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from remanence import Memory
from remanence.errors import InvalidInput
from remanence.store.choose import open_store
from remanence.store.postgres.shelf import PAGE, PostgresShelf
from remanence.store.postgres.store import PostgresStore
from remanence.text.analyze import term_hash
from remanence.text.index import large
from remanence.text.index.large import LargeSpace
from remanence.text.index.space import Space
from remanence.types import to_datetime
from tests.pg import Server, postgres_server
from tests.store.plain import plain
from tests.test_memory import (  # noqa: F401 - the same expectations, by the fixture below
    Letters,
    Ticking,
    ids,
    test_an_agent_sees_its_own_part_and_the_user_all,
    test_context_packs_and_cites,
    test_every_user_is_alone,
    test_filters_find_k_wherever_k_exist,
    test_observe_is_bulk_and_lazy,
    test_remembers_and_finds,
    test_retract_closes_valid_time,
    test_session_filter_and_list,
    test_strange_text_comes_back_verbatim,
    test_update_keeps_the_old_version,
)

USER = "ana"
WORDS = "tea cat porto bicycle sister lena budget garden piano rain letter bread".split()
SAID = (
    "I live in {}.", "My favorite color is {}.", "Actually, I live in {} now.", "I work at {}.", "I like {}.", "I moved to {} yesterday.",
    "{} and {} met {} in the garden.", "What is {}?", "We saw {} on Monday with {}.", "I don't like {} any more.",
)  # fmt: skip


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(PostgresStore, "segment", 4)
    server = postgres_server()
    yield server
    server.wipe()


@pytest.fixture
def memory(server: Server) -> Iterator[Memory]:
    with Memory.open(server.fresh(big="0"), embedder="none", clock=Ticking()) as opened:
        yield opened


@contextmanager
def both(url: str, clock: Ticking, *, dense: bool) -> Iterator[tuple[Memory, Memory]]:
    """One database, read in both ways."""
    encoder: Any = Letters() if dense else "none"
    with (
        Memory.open(f"{url}&big=1000000", embedder=encoder, clock=clock) as small,
        Memory.open(f"{url}&big=0", embedder=encoder, clock=clock) as big,
    ):
        yield small, big


def ways(memory: Memory) -> set[type[Space]]:
    return {type(space) for space in memory._spaces.values()}


def told(memory: Memory, **asked: Any) -> Any:
    hits = memory.search(user_id=USER, **asked)
    return [
        (h.record, round(h.score, 6), {k: round(v, 6) for k, v in h.signals.items()}, h.notes)
        for h in hits
    ], hits.withheld


class Life:
    """Things that happen to a memory, at random."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.known: list[str] = []
        self.moments: list[datetime] = []
        self.count = 0

    def say(self, memory: Memory) -> None:
        messages = []
        for _ in range(self.rng.randint(1, 6)):
            self.count += 1
            text = self.rng.choice(SAID).format(*self.rng.sample(WORDS, 3))
            messages.append(
                {"content": text, "id": f"m{self.count}", "role": self.rng.choice(["user", "assistant"]),
                 "name": self.rng.choice(["Ana", "Ben", ""]), "meta": {"topic": self.rng.choice(["a", "b"])}}
            )  # fmt: skip
        self.known += [str(message["id"]) for message in messages]
        memory.add(
            messages,
            user_id=USER,
            agent_id=self.rng.choice([None, "planner"]),
            session_id=self.rng.choice(["s1", "s2", "s3"]),
            at=self.rng.choice([None, datetime.fromisoformat("2025-03-01T09:00+00:00") + timedelta(days=self.rng.randint(0, 60))]),
        )  # fmt: skip

    def step(self, memory: Memory) -> None:
        what = self.rng.choice(
            ["say"] * 6 + ["update", "retract", "forget", "touch", "mark", "feedback"]
        )
        if what == "say" or len(self.known) < 5:
            self.say(memory)
            return
        id = self.rng.choice(self.known)
        match what:
            case "update":
                memory.update(id, f"Now it is {self.rng.choice(WORDS)}.", user_id=USER)
            case "retract":
                memory.retract(id, user_id=USER)
            case "forget":
                memory.forget(id, user_id=USER)
                self.known.remove(id)
            case "touch" | "feedback":
                memory.touch(id, user_id=USER)
            case _:
                memory.mark(
                    id, self.rng.choice(["archived", "quarantined", "pinned"]), user_id=USER
                )

    def question(self) -> dict[str, Any]:
        text = self.rng.choice(
            [
                "Where do I live now?",
                "What did Ben say about {}?",
                "{} {}",
                "favorite color",
                "when did I move to {}",
            ]
        )
        asked: dict[str, Any] = {
            "query": text.format(*self.rng.sample(WORDS, 2)),
            "k": self.rng.choice([1, 5, 30]),
        }
        moment = self.rng.choice(self.moments)
        more: list[dict[str, Any]] = [
            {}, {}, {"as_of": moment}, {"known_at": moment}, {"kinds": ["fact"]}, {"filters": {"topic": "a"}},
            {"filters": {"speaker": ["Ana", "Ben"]}}, {"session_id": "s2"}, {"agent_id": "planner"}, {"archived": True},
            {"quarantined": True}, {"audience": "work"},
        ]  # fmt: skip
        return {**asked, **self.rng.choice(more)}


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("seed", range(2))
def test_whatever_happens_both_ways_tell_the_same(server: Server, seed: int, dense: bool) -> None:
    life, clock = Life(seed), Ticking()
    with both(server.fresh(), clock, dense=dense) as (small, big):
        for step in range(40):
            life.step(small if step % 3 else big)
            moment = to_datetime(clock.at)
            assert moment is not None
            life.moments.append(moment)
            if dense:
                small.flush()
            asked = life.question()
            at, clock.at = clock.at, 2_000_000_000_000_000  # both are asked at one moment
            one = told(small, **asked)
            clock.at = 2_000_000_000_000_000
            assert told(big, **asked) == one, asked
            clock.at = at
        assert ways(small) == {Space}
        assert ways(big) == {LargeSpace}
        (space,) = big._spaces.values()
        assert isinstance(space, LargeSpace)
        assert space._away > 0


def filled(memory: Memory, count: int = 40) -> None:
    for start in range(0, count, 10):
        memory.add(
            [
                {"content": f"number{n} shared word", "id": f"n{n}"}
                for n in range(start, start + 10)
            ],
            user_id=USER,
        )


def shelf_of(memory: Memory) -> PostgresShelf:
    shelf = memory._store.shelf(("default", USER))
    assert isinstance(shelf, PostgresShelf)
    return shelf


def test_words_are_found_where_they_stand(memory: Memory) -> None:
    filled(memory)
    shelf = shelf_of(memory)
    until = shelf.extend()
    head = memory._store.head()
    assert head - until < 4
    shared, seventh, nowhere = shelf.find(
        [term_hash("share"), term_hash("number7"), term_hash("absent")], until
    )
    rows = memory._store.delta(("default", USER), 0).rows
    assert shared[0].tolist() == [seq for seq in rows["seq"].tolist() if seq <= until]
    assert (shared[1] == 1).all()
    assert (
        memory._store.found(("default", USER), seventh[0].tolist())[int(seventh[0][0])].id == "n7"
    )
    assert not len(nowhere[0])
    assert shelf.find([term_hash("share")], 10)[0][0].max() <= 10
    assert shelf.extend() == until, "nothing more waits"


def test_a_common_word_has_many_pages(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PostgresStore, "segment", 3 * PAGE)
    with Memory.open(server.fresh(big="0"), embedder="none") as memory:
        filled(memory, 4 * PAGE)
        shelf = shelf_of(memory)
        until = shelf.extend()
        ((seqs, _),) = shelf.find([term_hash("share")], until)
        assert len(seqs) == 3 * PAGE == len(np.unique(seqs))
        assert ids(memory.search("number5", user_id=USER))[0] == "n5"


def test_what_is_forgotten_is_in_no_page(memory: Memory) -> None:
    filled(memory)
    until = shelf_of(memory).extend()
    assert ids(memory.search("number7", user_id=USER))[0] == "n7"
    receipt = memory.forget("n7", user_id=USER)
    assert receipt.clean
    shelf = shelf_of(memory)
    found = shelf.find([term_hash("number7"), term_hash("share")], until)
    assert not len(found[0][0])
    assert len(found[1][0]) == 39 == len(ids(memory.search("shared", user_id=USER, k=50)))
    assert "n7" not in ids(memory.search("number7 shared", user_id=USER, k=50))
    memory.forget(user_id=USER, everything=True)
    with memory._store._connections.reading() as db:
        for table in ("pages", "segments"):
            assert db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_a_rebuild_starts_the_pages_anew(server: Server) -> None:
    url = server.fresh(big="0")
    with (
        Memory.open(url, embedder="none") as memory,
        Memory.open(url, embedder="none") as follower,
    ):
        filled(memory)
        assert ids(follower.search("number7", user_id=USER))[0] == "n7"
        memory.rebuild()
        assert ids(follower.search("number9", user_id=USER))[0] == "n9"
        assert ids(memory.search("number7", user_id=USER))[0] == "n7"
        assert len(shelf_of(memory).find([term_hash("share")], 10**9)[0][0]) >= 36


def test_who_may_only_read_reads_all(server: Server) -> None:
    url = server.fresh(big="0")
    with Memory.open(url, embedder="none") as memory:
        filled(memory)
    with Memory.open(url, embedder="none", read_only=True) as reader:
        assert ids(reader.search("number7", user_id=USER))[0] == "n7"
        (space,) = reader._spaces.values()
        assert isinstance(space, LargeSpace)
        assert space._away == 0, "nothing was put away"


def test_a_space_that_grows_changes_its_way(server: Server) -> None:
    with Memory.open(server.fresh(big="25"), embedder=Letters()) as memory:
        filled(memory, 20)
        memory.flush()
        memory.search("number7", user_id=USER)
        assert ways(memory) == {Space}
        filled_later = [{"content": f"later{n}", "id": f"l{n}"} for n in range(10)]
        memory.add(filled_later, user_id=USER)
        memory.flush()
        memory.search("later1", user_id=USER)
        assert ids(memory.search("later1", user_id=USER))[0] == "l1"
        assert ids(memory.search("number7", user_id=USER))[0] == "n7"
        assert ways(memory) == {LargeSpace}


def test_recall_is_measured_against_exact(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "RESCORED", 20)
    monkeypatch.setattr(large, "AT_ONCE", 64)
    rng = random.Random(3)
    texts = ["".join(rng.choices("abcdefgh", k=9)) for _ in range(300)]
    with Memory.open(server.fresh(big="0"), embedder=Letters()) as memory:
        memory.add([{"content": text} for text in texts], user_id=USER)
        memory.flush()
        space = memory._space(("default", USER))
        view = memory._everything(("default", USER))
        encoder = Letters()
        exact = encoder.encode(texts).dense
        shares = []
        for text in texts[:10]:
            vector = encoder.query(text).dense
            found, cosines = view.nearest(vector, 10)
            assert (np.diff(cosines) <= 0).all()
            best = np.sort(exact @ vector)[::-1][:10]
            shares.append(np.mean(cosines >= best[-1] - 0.01))
            assert view.texts(found[:1]) == [text] or cosines[0] > 0.99
        recall = space.recall()
        assert recall is not None
        assert 0.2 < recall <= 1
        assert f"recall@10 {recall:.3f}" in memory.status().dense


def test_the_threshold_is_a_number(server: Server) -> None:
    for bad in ("many", "-1", "1e3"):
        with pytest.raises(InvalidInput, match="big="):
            open_store(server.fresh(big=bad), analyze=plain, tenant="acme")
