"""The verbs as a user calls them, on a real file; words alone unless a test is about vectors."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from remanence import Conflict, InvalidInput, Memory, NotFound, WrongDimension
from remanence.seams import Encoded, EncodedQuery, Observation
from remanence.store.rows import pack_unit
from remanence.text.index import postings, vectors
from remanence.types import Micros, Query

MARCH = datetime(2025, 3, 1, 9, tzinfo=UTC)
TALK = [
    {
        "role": "user",
        "name": "Ana",
        "content": "My sister Lena moved to Porto.",
        "id": "a1",
        "session_id": "s1",
    },
    {"role": "assistant", "content": "How does she like the city?", "id": "a2", "session_id": "s1"},
    {
        "role": "user",
        "name": "Ana",
        "content": "She misses our cat Biscuit.",
        "id": "a3",
        "session_id": "s1",
    },
    {
        "role": "user",
        "name": "Ben",
        "content": "I bought a red bicycle.",
        "id": "b1",
        "session_id": "s2",
    },
]


class Ticking:
    """A clock that moves one second with every look at it."""

    def __init__(self) -> None:
        self.at: Micros = 1_767_225_600_000_000  # 2026-01-01

    def __call__(self) -> Micros:
        self.at += 1_000_000
        return self.at


class Letters:
    """A real, tiny encoder: counts of letters, so that anagrams are the same."""

    id, dim, token_dim, token_bytes = "letters", 26, 0, 0

    def encode(self, texts: list[str]) -> Encoded:
        return Encoded(np.stack([self.query(text).dense for text in texts]), [b""] * len(texts))

    def query(self, text: str) -> EncodedQuery:
        counts = np.array([text.lower().count(chr(97 + i)) for i in range(26)], np.float32)
        norm = np.linalg.norm(counts)
        return EncodedQuery(counts / (norm or 1), np.zeros((0, 0), np.float32), [])

    def unpack(self, packed: np.ndarray) -> np.ndarray:
        raise AssertionError("no token states")


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(tmp_path / "m.rmem", embedder="none", clock=Ticking()) as opened:
        yield opened


def ids(hits: list) -> list[str]:
    return [hit.record.id for hit in hits]


def test_remembers_and_finds(memory: Memory) -> None:
    acks = memory.add(TALK, user_id="ana", at=MARCH)
    assert [(a.status, a.id, a.version) for a in acks] == [("stored", t["id"], 1) for t in TALK]
    hits = memory.search("Where did Lena move?", user_id="ana")
    assert hits[0].record.id == "a1"
    assert hits[0].record.text == TALK[0]["content"]
    assert (hits[0].record.speaker, hits[0].record.valid_from) == ("Ana", MARCH)
    assert hits[0].signals
    assert hits == memory.search("Where did Lena move?", user_id="ana")


def test_every_user_is_alone(memory: Memory) -> None:
    memory.add(TALK, user_id="ana")
    assert memory.search("Lena Porto", user_id="ben") == []
    assert memory.search("Lena Porto") == []
    assert memory.list(user_id="ben") == []
    with pytest.raises(NotFound):
        memory.get("a1", user_id="ben")
    with pytest.raises(NotFound):
        memory.forget("a1", user_id="ben")
    assert memory.get("a1", user_id="ana").id == "a1"


def test_an_agent_sees_its_own_part_and_the_user_all(memory: Memory) -> None:
    memory.add("The budget is 900 euros.", user_id="ana", agent_id="planner", id="p")
    memory.add("The budget talk was on Monday.", user_id="ana", agent_id="diary", id="d")
    assert ids(memory.search("budget", user_id="ana", agent_id="planner")) == ["p"]
    assert set(ids(memory.search("budget", user_id="ana"))) == {"p", "d"}


def test_same_again_is_no_second_record(memory: Memory) -> None:
    first = memory.add("I like tea.", user_id="ana", at=MARCH, session_id="s")
    again = memory.add("I like tea.", user_id="ana", at=MARCH, session_id="s")
    assert (again[0].status, again[0].id) == ("duplicate", first[0].id)
    other = memory.add("Tea, blue tea and coffee: I like them!", user_id="ana")
    near = memory.add("tea and coffee, I like them; blue tea", user_id="ana")
    assert (near[0].status, near[0].near) == ("stored", other[0].id)


def test_a_key_makes_a_retry_safe(memory: Memory) -> None:
    first = memory.add("Call the plumber.", user_id="ana", key="call-1")
    assert memory.add("Call the plumber.", user_id="ana", key="call-1") == first
    with pytest.raises(Conflict):
        memory.add("Call the baker.", user_id="ana", key="call-1")
    assert len(memory.list(user_id="ana")) == 1


def test_update_keeps_the_old_version(memory: Memory) -> None:
    memory.add("The meeting is on Tuesday.", user_id="ana", id="m", at=MARCH)
    before = memory.get("m", user_id="ana")
    known = before.known_from
    assert known is not None
    ack = memory.update("m", "The meeting is on Friday.", user_id="ana", expect=before.version)
    assert (ack.status, ack.version) == ("stored", 2)
    assert memory.search("meeting", user_id="ana")[0].record.text.endswith("Friday.")
    old = memory.search("meeting", user_id="ana", known_at=known)
    assert [h.record.text for h in old] == ["The meeting is on Tuesday."]
    assert [r.version for r in memory.history("m", user_id="ana")] == [1, 2]
    with pytest.raises(Conflict):
        memory.update("m", "The meeting is off.", user_id="ana", expect=before.version)
    with pytest.raises(Conflict):
        memory.update("m", "The meeting is off.", user_id="ana", expect=before.digest)
    with pytest.raises(NotFound):
        memory.update("nobody", "x", user_id="ana")


def test_retract_closes_valid_time(memory: Memory) -> None:
    memory.add("Ana works at the bakery.", user_id="ana", id="job", at=MARCH)
    left = MARCH + timedelta(days=90)
    memory.retract("job", user_id="ana", at=left)
    assert memory.search("bakery", user_id="ana") == []
    assert ids(memory.search("bakery", user_id="ana", as_of=left - timedelta(days=1))) == ["job"]
    assert ids(memory.search("bakery", user_id="ana", as_of=left)) == []
    with pytest.raises(NotFound):
        memory.retract("nobody", user_id="ana")


def test_forget_erases(memory: Memory, tmp_path: Path) -> None:
    memory.add("The code of the safe is 77-bluebird-31.", user_id="ana", id="secret")
    memory.add(TALK, user_id="ana")
    memory.search("safe", user_id="ana")
    receipt = memory.forget("secret", user_id="ana")
    assert receipt.ids[0] == "secret"  # and the fact that was read out of it
    assert "secret" not in ids(memory.search("the safe's code", user_id="ana"))
    with pytest.raises(NotFound):
        memory.get("secret", user_id="ana")
    for file in tmp_path.iterdir():
        assert b"bluebird" not in file.read_bytes()
    assert memory.verify().ok
    with pytest.raises(NotFound):
        memory.forget(["a1", "nobody"], user_id="ana")
    assert memory.get("a1", user_id="ana").id == "a1"


def test_filters_find_k_wherever_k_exist(memory: Memory) -> None:
    memory.add(
        [
            {
                "content": f"note {n} on the garden",
                "id": f"n{n}",
                "role": "user" if n % 50 else "tool",
                "meta": {"part": n % 40},
            }
            for n in range(400)
        ],
        user_id="ana",
    )
    assert len(memory.search("garden", user_id="ana", filters={"role": "tool"}, k=10)) == 8
    found = memory.search("garden", user_id="ana", filters={"part": [3, 4]}, k=30)
    assert len(found) == 20
    assert {hit.record.meta["part"] for hit in found} == {3, 4}
    assert memory.search("garden", user_id="ana", filters={"part": "3"}) == []
    with pytest.raises(InvalidInput):
        memory.search("garden", user_id="ana", filters={"part": {"a": 1}})


def test_session_filter_and_list(memory: Memory) -> None:
    memory.add(TALK, user_id="ana")
    assert ids(memory.search("bicycle Lena", user_id="ana", session_id="s2")) == ["b1"]
    assert [r.id for r in memory.list(user_id="ana", session_id="s1")] == ["a1", "a2", "a3"]
    assert [r.id for r in memory.list(user_id="ana", limit=2)] == ["a1", "a2"]


def test_context_packs_and_cites(memory: Memory) -> None:
    memory.add(TALK, user_id="ana", at=MARCH)
    whole = memory.context("Where is Lena?", user_id="ana", budget=2000)
    assert whole.complete
    assert [h.record.id for h in whole.hits] == ["a1", "a2", "a3", "b1"]
    tight = memory.context("Where is Lena?", user_id="ana", budget=25)
    assert not tight.complete
    assert tight.tokens <= 25
    assert "a1" in ids(list(tight.hits))
    assert "Porto" in tight.text


def test_vectors_follow(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "m.rmem", embedder=Letters()) as memory:
        memory.add("silent", user_id="ana", id="s")
        memory.add("garden", user_id="ana", id="g")
        assert memory.flush(timeout=30)
        status = memory.status()
        assert (status.embedded, status.pending, status.encoder) == (2, 0, "letters")
        assert ids(memory.search("listen", user_id="ana"))[0] == "s"
    with Memory.open(tmp_path / "m.rmem", embedder="none") as memory:
        assert memory.search("listen", user_id="ana") == []


def test_other_processes_writes_are_seen(tmp_path: Path) -> None:
    with (
        Memory.open(tmp_path / "m.rmem", embedder="none") as one,
        Memory.open(tmp_path / "m.rmem", embedder="none") as two,
    ):
        one.add("The key is under the mat.", user_id="ana", id="k")
        assert ids(two.search("key", user_id="ana")) == ["k"]
        two.update("k", "The key is with the neighbour.", user_id="ana")
        assert "neighbour" in one.search("key", user_id="ana")[0].record.text
        two.forget("k", user_id="ana")
        assert one.search("key", user_id="ana") == []


def test_observe_is_bulk_and_lazy(memory: Memory) -> None:
    done: list[int] = []
    stream = (
        Observation(text=f"line {n}", scope=("default", "ana"), id=f"l{n}") for n in range(4500)
    )
    acks = list(memory.observe(stream, progress=done.append))
    assert len(acks) == 4500
    assert {ack.status for ack in acks} == {"stored"}
    assert done == [2000, 4000, 4500]
    assert ids(memory.search("4321", user_id="ana", k=1)) == ["l4321"]


def test_export_and_load(memory: Memory, tmp_path: Path) -> None:
    memory.add(TALK, user_id="ana", at=MARCH)
    memory.update("a1", "My sister Lena moved to Lisbon.", user_id="ana")
    memory.forget("b1", user_id="ana")
    memory.export(tmp_path / "out.jsonl")
    with Memory.open(tmp_path / "copy.rmem", embedder="none") as copy:
        copy.load(tmp_path / "out.jsonl")
        assert copy.state_digest() == memory.state_digest()
        assert copy.search("Lena", user_id="ana")[0].record.text.endswith("Lisbon.")
        assert copy.verify().ok


def test_same_input_same_clock_same_digest(tmp_path: Path) -> None:
    digests = set()
    for name in ("one", "two"):
        with Memory.open(tmp_path / name, embedder="none", clock=Ticking()) as memory:
            memory.add(
                [{k: v for k, v in turn.items() if k != "id"} for turn in TALK],
                user_id="ana",
                at=MARCH,
            )
            memory.retract(memory.list(user_id="ana")[0].id, user_id="ana")
            digests.add(memory.state_digest())
    assert len(digests) == 1


def test_rebuild_and_backup(memory: Memory, tmp_path: Path) -> None:
    memory.add(TALK, user_id="ana")
    digest = memory.state_digest()
    memory.rebuild()
    assert memory.state_digest() == digest
    assert ids(memory.search("Lena", user_id="ana", k=1)) == ["a1"]
    memory.backup(tmp_path / "copy")
    with Memory.open(tmp_path / "copy", embedder="none") as copy:
        assert copy.state_digest() == digest


BAD = [
    ("", "empty"),
    (" \n\t", "empty"),
    (b"bytes", "content is a bytes"),
    (7, "content is a int"),
    (None, "content is a NoneType"),
    ([{"content": 7}], "content is a int"),
    ([{"role": "user"}], "content is missing"),
    ([{"content": "x", "role": "boss"}], "role 'boss'"),
    ([{"content": "x", "colour": "red"}], "unknown key 'colour'"),
    ([{"content": "x", "at": "2025-01-01T10:00"}], "no time zone"),
    ([{"content": "x", "at": datetime(2025, 1, 1)}], "no time zone"),
    ([{"content": "x", "at": "yesterday"}], "is no date"),
    ([{"content": "x", "at": datetime(2999, 1, 1, tzinfo=UTC)}], "in the future"),
    ([{"content": "x", "id": 7}], "id is a int"),
    ([{"content": "x", "id": "a" * 600}], "600 characters"),
    ([{"content": "x", "meta": 7}], "meta is no mapping"),
    (["fine", 7], "message 1: is a int"),
]


@pytest.mark.parametrize(("content", "reason"), BAD, ids=[reason for _, reason in BAD])
def test_bad_content_is_refused_whole(memory: Memory, content: object, reason: str) -> None:
    digest = memory.state_digest()
    with pytest.raises(InvalidInput, match=reason) as caught:
        memory.add(content, user_id="ana")  # type: ignore[arg-type]
    assert caught.value.hint
    assert memory.state_digest() == digest


def test_one_bad_item_does_not_stop_the_others(memory: Memory) -> None:
    acks = memory.add(["good", "", {"content": "better", "meta": {"x": object()}}], user_id="ana")
    assert [ack.status for ack in acks] == ["stored", "rejected", "rejected"]
    assert all(ack.reason for ack in acks[1:])
    assert [r.text for r in memory.list(user_id="ana")] == ["good"]


STRANGE = {
    "lone surrogate": "half a smile \ud83d and on",
    "right to left": "\u05e9\u05dc\u05d5\u05dd \u202eabc\u202c \u0645\u0631\u062d\u0628\u0627 garden",
    "zero width": "gar\u200bden\ufeff with\u200d joiners",
    "nul": "before\x00after garden",
    "sql": "garden'); DROP TABLE events; --",
    "fts": 'garden" OR NEAR(a b, 1) * ^ {col}: AND NOT',
    "combining": "z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f" * 50 + " garden",
    "emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467 garden \U0001f3f3\ufe0f\u200d\U0001f308",
    "long": "garden " * 200_000,
    "one word": "x" * 2_000_000,
}


@pytest.mark.parametrize("text", STRANGE.values(), ids=STRANGE)
def test_strange_text_comes_back_verbatim(memory: Memory, text: str) -> None:
    (ack,) = memory.add(text, user_id="ana", id="odd", meta={"note": text[:50]})
    assert ack.status == "stored"
    assert memory.get("odd", user_id="ana").text == text
    memory.search(text[:5000], user_id="ana")
    memory.context(text[:5000], user_id="ana", budget=50)
    assert memory.verify().ok


def test_bad_questions(memory: Memory) -> None:
    for call in (
        lambda: memory.search(7, user_id="ana"),  # type: ignore[arg-type]
        lambda: memory.search("x", k=0),
        lambda: memory.search("x", as_of=datetime(2025, 1, 1)),
        lambda: memory.context("x", budget=0),
        lambda: memory.search("x", user_id="a\x1fb"),
        lambda: memory.update("x", " "),
    ):
        with pytest.raises(InvalidInput):
            call()
    assert memory.search("", user_id="ana") == []
    assert memory.search("?!", user_id="ana") == []


def test_unknown_recipe_embedder_and_url(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="default"):
        Memory.open(tmp_path / "m", recipe="defualt", embedder="none")
    with pytest.raises(InvalidInput, match="minilm"):
        Memory.open(tmp_path / "m", embedder="minilmm")
    with pytest.raises(InvalidInput, match="mysql"):
        Memory.open("mysql://host/db", embedder="none")
    with pytest.raises(InvalidInput):
        Memory.open("", embedder="none")
    assert not list(tmp_path.iterdir())


def test_a_retry_tomorrow_is_still_a_retry(tmp_path: Path) -> None:
    clock = Ticking()
    with Memory.open(tmp_path / "m.rmem", embedder="none", clock=clock) as memory:
        first = memory.add("I called the plumber yesterday.", user_id="ana", key="call")
        clock.at += 86_400_000_000
        assert memory.add("I called the plumber yesterday.", user_id="ana", key="call") == first


def test_another_encoder_takes_over(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "m.rmem", embedder="none") as memory:
        memory.add(["silent", "garden"], user_id="ana")
    with Memory.open(tmp_path / "m.rmem", embedder=Letters()) as memory:
        assert memory.flush(timeout=30)
        assert memory.search("listen", user_id="ana")[0].record.text == "silent"
        assert memory.status().embedded == 2


def test_a_large_space_is_searched_by_codes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abcdefgh"), 9)) for _ in range(400)]
    with Memory.open(tmp_path / "m.rmem", embedder=Letters()) as memory:
        memory.add(
            [{"content": word, "id": f"w{n}"} for n, word in enumerate(words)], user_id="ana"
        )
        memory.flush()
        before = ids(memory.search(words[7][::-1], user_id="ana"))
        assert memory.status().dense == "exact"
        monkeypatch.setattr(vectors, "SWITCH", 100)
        monkeypatch.setattr(vectors, "RESCORED", 100)
        vector = Letters().query(words[7]).dense
        space = memory._space(("default", "ana"))
        assert space.dense is not None
        space.dense.nearest(vector, 10, np.ones(400, np.bool_))
        assert set(ids(memory.search(words[7][::-1], user_id="ana"))) == set(before)
        assert "approximate" in memory.status().dense


class Wider(Letters):
    """Another size under the same id."""

    dim = 30


class Confused(Letters):
    def query(self, text: str) -> EncodedQuery:
        return super().query(text)._replace(dense=np.ones(3, np.float32))


def test_vectors_of_another_size_are_told(tmp_path: Path) -> None:
    path = tmp_path / "m.rmem"
    with Memory.open(path, embedder=Letters()) as memory:
        memory.add(["silent", "garden"], user_id="ana")
        memory.flush()
    with (
        Memory.open(path, embedder=Wider()) as memory,
        pytest.raises(WrongDimension, match="needs another id"),
    ):
        memory.search("listen", user_id="ana")
    with (
        Memory.open(path, embedder=Confused()) as memory,
        pytest.raises(WrongDimension, match="a query's vector"),
    ):
        memory.search("listen", user_id="ana")


def test_an_empty_list_is_nothing_to_do(memory: Memory) -> None:
    before = memory.state_digest()
    assert memory.add([], user_id="ana") == []
    assert memory.state_digest() == before


HUGE = 10**30


def test_counts_are_whole_numbers_of_any_size(memory: Memory) -> None:
    memory.add(TALK, user_id="ana")
    assert len(memory.list(user_id="ana", limit=HUGE)) == len(TALK)
    assert memory.list(user_id="ana", after=HUGE, limit=HUGE) == []
    assert memory.events(user_id="ana", after=HUGE, limit=HUGE) == []
    assert memory.search("Lena", user_id="ana", k=HUGE)
    assert memory.context("Lena", user_id="ana", budget=HUGE).complete
    calls: list[Callable[[Any], object]] = [
        lambda n: memory.list(user_id="ana", limit=n),
        lambda n: memory.list(user_id="ana", after=n),
        lambda n: memory.events(user_id="ana", after=n),
        lambda n: memory.search("Lena", user_id="ana", k=n),
        lambda n: memory.context("Lena", user_id="ana", budget=n),
    ]
    for call in calls:
        for wrong in (-1, "3", 2.5, None):
            with pytest.raises(InvalidInput, match="whole number"):
                call(wrong)


def test_values_of_the_wrong_kind(memory: Memory, tmp_path: Path) -> None:
    memory.add(TALK, user_id="ana")
    wrong: Any = [1]
    with pytest.raises(InvalidInput, match="filters is a list"):
        memory.search("Lena", user_id="ana", filters=wrong)
    with pytest.raises(InvalidInput, match="meta is a list"):
        memory.add("x", user_id="ana", meta=wrong)
    with pytest.raises(InvalidInput, match="the new text is a list"):
        memory.update("a1", wrong, user_id="ana")
    assert memory.search("Lena", user_id="ana", kinds="episode"), "one kind needs no list"
    nowhere: list[Any] = [None, b"m.rmem", "m\0.rmem", "m\ud800.rmem"]
    for path in nowhere:
        with pytest.raises(InvalidInput, match="the store's path"):
            Memory.open(path, embedder="none")


class Syllables(Letters):
    """Letters with states of tokens: one a word."""

    id, token_dim, token_bytes = "syllables", 26, 26

    def encode(self, texts: list[str]) -> Encoded:
        packed = [pack_unit(self.query(text).states).tobytes() for text in texts]
        return Encoded(super().encode(texts).dense, packed)

    def query(self, text: str) -> EncodedQuery:
        words = list(re.finditer(r"\w+", text))
        states = [Letters().query(word[0]).dense for word in words]
        spans = [word.span() for word in words]
        return EncodedQuery(Letters().query(text).dense, np.array(states), spans)


def test_search_goes_on_while_vectors_are_on_their_way(tmp_path: Path) -> None:
    path = tmp_path / "m.rmem"
    encoder = Syllables()
    talk = [{"content": f"the garden of house {n}", "id": f"g{n}"} for n in range(300)]
    with Memory.open(path, embedder="none") as memory:
        memory.add(talk, user_id="ana")
        waiting = memory._store.pending(encoder.id, 300)
        for done in (64, 70, 299, 300):
            memory._store.put_vectors(
                encoder.id,
                [each.seq for each in waiting[:done]],
                encoder.encode([each.text for each in waiting[:done]]),
            )
            with Memory.open(path, embedder=encoder, read_only=True) as half:
                assert half.status().pending == 300 - done
                assert len(half.search("garden house 299", user_id="ana")) == 10
                assert half.context("garden", user_id="ana").hits


def test_observations_from_the_future_are_refused_one_by_one(tmp_path: Path) -> None:
    clock = Ticking()
    scope = ("default", "ana")
    with Memory.open(tmp_path / "m.rmem", embedder="none", clock=clock) as memory:
        past, ahead = (
            Observation(scope=scope, text="a boat", id=f"o{n}", at=clock.at + n * 3_600_000_000)
            for n in (0, 1)
        )
        acks = list(memory.observe([ahead, past]))
        assert [(ack.status, ack.id) for ack in acks] == [("rejected", "o1"), ("stored", "o0")]
        assert "future" in acks[0].reason
        assert [record.id for record in memory.list(user_id="ana")] == ["o0"]


def test_a_view_stays_as_it_was_while_its_space_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(postings, "SEAL", 4)  # segments form and merge all the time
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # and threads take turns in the middle of it
    request.addfinalizer(lambda: sys.setswitchinterval(interval))
    scope, query = ("default", "ana"), Query(text="", scope=("default", "ana"))
    with Memory.open(tmp_path / "m.rmem", embedder="none") as memory:
        memory.add([{"content": "garden", "id": f"g{n}"} for n in range(50)], user_id="ana")
        space = memory._space(scope)
        now = memory._store.now()
        view = space.view(query, now)
        neighbours = view.neighbour(1).copy()

        def go_on() -> None:
            for n in range(300):
                # Every third belongs before the others, so that the chains are recomputed.
                at = MARCH if n % 3 else None
                memory.add({"content": f"garden {n}", "id": f"w{n}"}, user_id="ana", at=at)
                space.view(query, now)

        with ThreadPoolExecutor(1) as pool:
            work = pool.submit(go_on)
            while not work.done():
                view._postings.clear()
                view._neighbours.clear()
                assert view.postings("garden").ords.tolist() == list(range(50))
                assert len(view.neighbour(1)) == len(neighbours)
                assert sum(view.neighbour(1) >= 0) >= 49 - 1
            work.result()


def test_a_limit_of_nothing_is_nothing(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "m.rmem", embedder="none") as memory:
        memory.add("one")
        for read in (memory.list, memory.log, memory.events, memory.facts, memory.readers):
            assert read(limit=0) == []
