"""What LangGraph expects of a store, held for its own in-memory store and for ours by the same tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.store.base import (
    BaseStore,
    GetOp,
    InvalidNamespaceError,
    ListNamespacesOp,
    PutOp,
    SearchOp,
)

from remanence.integrations.langgraph import RemanenceStore
from tests.integrations.langgraph_stores import CARS, USERS, in_memory, keys


class Awaited:
    """The async twins of a store's verbs, called like the others."""

    def __init__(self, store: BaseStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Callable[..., Any]:
        verb = getattr(self._store, f"a{name}")
        return lambda *args, **kwargs: asyncio.run(_called(verb, args, kwargs))


async def _called(verb: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    return await verb(*args, **kwargs)


@pytest.fixture(
    params=[
        f"{kind}-{way}" for kind in ("theirs", "forget", "retract") for way in ("plain", "awaited")
    ]
)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """LangGraph's own in-memory store, and ours in both ways of deleting; called plainly, and awaited."""
    kind, way = request.param.split("-")
    wrap = Awaited if way == "awaited" else lambda bare: bare
    if kind == "theirs":
        yield wrap(in_memory())
        return
    with RemanenceStore.open(tmp_path / "m.rmem", embedder="none", on_delete=kind) as ours:
        yield wrap(ours)


# --- items ---------------------------------------------------------------------------------------------


def test_what_was_put_is_got(store: Any) -> None:
    value = {"name": "Ana", "tags": ["a", "b"], "n": 1, "f": 0.1, "no": None, "deep": {"x": [{}]}}
    store.put(USERS, "profile", value)
    item = store.get(USERS, "profile")
    assert (item.namespace, item.key, item.value) == (USERS, "profile", value)
    assert item.created_at.tzinfo is not None
    assert item.created_at <= item.updated_at


def test_what_is_not_there_is_none(store: Any) -> None:
    store.put(USERS, "a", {"x": 1})
    assert store.get(USERS, "b") is None
    assert store.get(("users",), "a") is None
    assert store.get((*USERS, "deeper"), "a") is None


def test_a_second_put_replaces_the_first(store: Any) -> None:
    store.put(USERS, "a", {"x": 1, "old": True})
    first = store.get(USERS, "a")
    store.put(USERS, "a", {"x": 2})
    second = store.get(USERS, "a")
    assert second.value == {"x": 2}
    assert second.updated_at > first.updated_at
    assert len(store.search(USERS)) == 1


def test_what_was_deleted_is_gone_and_can_come_back(store: Any) -> None:
    for turn in range(5):
        store.put(USERS, "a", {"turn": turn})
        store.put(USERS, "b", {"turn": turn})
        assert store.get(USERS, "a").value == {"turn": turn}
        store.delete(USERS, "a")
        assert store.get(USERS, "a") is None
        assert keys(store.search(USERS)) == ["b"]
    store.put(USERS, "a", {"turn": "last"})
    assert store.get(USERS, "a").value == {"turn": "last"}


def test_deleting_what_is_not_there_is_no_error(store: Any) -> None:
    store.delete(USERS, "never")
    store.put(USERS, "a", {"x": 1})
    store.delete(USERS, "a")
    store.delete(USERS, "a")
    assert store.get(USERS, "a") is None


def test_one_key_in_two_namespaces_is_two_items(store: Any) -> None:
    store.put(("a",), "k", {"x": 1})
    store.put(("a", "b"), "k", {"x": 2})
    store.put(("ab",), "k", {"x": 3})
    store.delete(("a",), "k")
    assert store.get(("a",), "k") is None
    assert store.get(("a", "b"), "k").value == {"x": 2}
    assert store.get(("ab",), "k").value == {"x": 3}


def test_what_a_caller_does_to_a_value_afterwards_changes_nothing(store: Any) -> None:
    value = {"x": 1}
    store.put(USERS, "a", value)
    value["x"] = 2
    assert store.get(USERS, "a").value == {"x": 1}


@pytest.mark.parametrize(
    "key", ["", " ", "a/b", "a.b", "ünï ✓", "x" * 2000, "a\x1fb", "*", "\ud800"]
)
def test_any_string_is_a_key(store: Any, key: str) -> None:
    store.put(USERS, key, {"x": 1})
    store.put(USERS, "other", {"x": 2})
    assert store.get(USERS, key).value == {"x": 1}
    assert key in keys(store.search(USERS))
    store.delete(USERS, key)
    assert keys(store.search(USERS)) == ["other"]


@pytest.mark.parametrize("label", ["*", "default", "ünï ✓", "a b", "a/b", "'; --", "%", "_"])
def test_labels_are_taken_literally(store: Any, label: str) -> None:
    store.put((label, "x"), "k", {"v": 1})
    store.put(("plain", "x"), "k", {"v": 2})
    assert [item.value for item in store.search((label,))] == [{"v": 1}]
    assert store.get((label, "x"), "k").namespace == (label, "x")


@pytest.mark.parametrize(
    "namespace", [(), ("a.b",), ("a", ""), ("langgraph", "x"), ("a", 1), ("a\x00",)]
)
def test_namespaces_that_none_can_have(store: Any, namespace: Any) -> None:
    with pytest.raises(InvalidNamespaceError):
        store.put(namespace, "k", {"x": 1})
    assert store.search(()) == []


# --- batches -------------------------------------------------------------------------------------------


def test_results_come_in_the_order_of_the_operations(store: Any) -> None:
    store.put(("a",), "k", {"x": 1})
    store.put(("b",), "k", {"x": 2})
    results = store.batch(
        [
            ListNamespacesOp(),
            GetOp(("b",), "k"),
            PutOp(("c",), "k", {"x": 3}),
            SearchOp(("a",)),
            GetOp(("a",), "none"),
        ]
    )
    assert results[0] == [("a",), ("b",)]
    assert results[1].value == {"x": 2}
    assert results[2] is None
    assert keys(results[3]) == ["k"]
    assert results[4] is None
    assert store.get(("c",), "k").value == {"x": 3}


def test_reads_of_a_batch_see_what_was_there_before_it(store: Any) -> None:
    store.put(("a",), "k", {"x": 1})
    before, _, after, found = store.batch(
        [GetOp(("a",), "k"), PutOp(("a",), "k", {"x": 2}), GetOp(("a",), "k"), SearchOp(("a",))]
    )
    assert before.value == after.value == found[0].value == {"x": 1}
    assert store.get(("a",), "k").value == {"x": 2}


def test_the_last_put_to_a_key_counts(store: Any) -> None:
    store.put(("a",), "gone", {"x": 0})
    store.batch(
        [
            PutOp(("a",), "kept", None),
            PutOp(("a",), "kept", {"x": 1}),
            PutOp(("a",), "gone", {"x": 1}),
            PutOp(("a",), "gone", None),
            PutOp(("a",), "twice", {"x": 1}),
            PutOp(("a",), "twice", {"x": 2}),
        ]
    )
    assert store.get(("a",), "kept").value == {"x": 1}
    assert store.get(("a",), "gone") is None
    assert store.get(("a",), "twice").value == {"x": 2}


def test_an_empty_batch_and_an_unknown_operation(store: Any) -> None:
    assert store.batch([]) == []
    with pytest.raises(ValueError):
        store.batch(["no operation"])


# --- searching -----------------------------------------------------------------------------------------


@pytest.fixture
def cars(store: Any) -> Any:
    for key, value in CARS.items():
        store.put(("things", "all"), key, value)
    return store


def test_a_prefix_finds_what_lies_under_it(store: Any) -> None:
    for namespace in (("a",), ("a", "b"), ("a", "b", "c"), ("ab",), ("b", "a")):
        store.put(namespace, "-".join(namespace), {"x": 1})
    assert set(keys(store.search(("a",)))) == {"a", "a-b", "a-b-c"}
    assert set(keys(store.search(("a", "b")))) == {"a-b", "a-b-c"}
    assert len(store.search(())) == 5
    assert store.search(("c",)) == []


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ({"color": "red"}, {"one", "two"}),
        ({"color": "red", "score": 3.0}, {"two"}),
        ({"score": 3}, {"two"}),
        ({"color": {"$eq": "blue"}}, {"four"}),
        ({"color": {"$ne": "red"}}, {"three", "four"}),
        ({"score": {"$gt": 4.0}}, {"one"}),
        ({"score": {"$gte": 4.0}}, {"one", "three"}),
        ({"score": {"$lt": 3.5}}, {"two"}),
        ({"score": {"$lte": 3.5}}, {"two", "four"}),
        ({"score": {"$gte": 3.2, "$lt": 4.5}}, {"three", "four"}),
        ({"made": {"by": "x"}}, {"one"}),
        ({"made": {"by": "x", "in": 2002}}, set()),
        ({"tags": ["b"]}, {"four"}),
        ({"tags": ["a", "b"]}, {"three"}),
        ({"absent": "x"}, set()),
        ({}, {"one", "two", "three", "four"}),
    ],
)
def test_filters(cars: Any, filter: dict[str, Any], found: set[str]) -> None:
    assert set(keys(cars.search(("things",), filter=filter))) == found


def test_an_operator_that_there_is_not_is_an_error(cars: Any) -> None:
    with pytest.raises(ValueError):
        cars.search(("things",), filter={"score": {"$near": 4}})


def test_a_question_ranks(cars: Any) -> None:
    found = cars.search(("things",), query="green apple")
    assert found[0].key == "three"
    assert found[0].score > 0
    assert keys(found)[1] == "one"
    assert len(found) == 4  # what does not answer comes after what does


def test_a_question_with_a_filter(cars: Any) -> None:
    found = cars.search(("things",), query="apple", filter={"color": "red"})
    assert keys(found) == ["one", "two"]
    found = cars.search(("things",), query="car", filter={"score": {"$gt": 3.2}})
    assert len(found) == 3
    assert found[0].key == "four"
    assert keys(cars.search(("things",), query="apple", filter={"color": "green"}, limit=1)) == [
        "three"
    ]


def test_a_new_text_is_found_and_the_old_one_is_not(store: Any) -> None:
    store.put(("t",), "one", {"text": "zany zebra Xerxes"})
    store.put(("t",), "two", {"text": "something on dogs"})
    assert store.search(("t",), query="zany Xerxes")[0].key == "one"
    store.put(("t",), "one", {"text": "birds now"})
    scores = {item.key: item.score for item in store.search(("t",), query="zany Xerxes")}
    assert not scores["one"]
    assert store.search(("t",), query="birds")[0].key == "one"


def test_what_is_not_indexed_is_not_ranked_and_still_there(store: Any) -> None:
    store.put(("t",), "seen", {"text": "about dogs"})
    store.put(("t",), "unseen", {"text": "dogs dogs dogs"}, index=False)
    assert store.get(("t",), "unseen").value == {"text": "dogs dogs dogs"}
    found = store.search(("t",), query="dogs")
    assert keys(found) == ["seen", "unseen"]
    assert found[1].score is None
    assert keys(store.search(("t",), query="dogs", limit=1)) == ["seen"]


def test_only_the_fields_that_are_named_are_searched(store: Any) -> None:
    value = {
        "title": "whales",
        "meta": {"lang": "finnish"},
        "chapters": [{"name": "krill"}, {"name": "plankton"}],
        "authors": ["Melville", "Hoare"],
    }
    other = {"title": "nothing of that", "meta": {}, "chapters": [], "authors": []}
    paths = {
        "title": "whales",
        "meta.lang": "finnish",
        "chapters[*].name": "plankton",
        "authors[-1]": "Hoare",
        "authors[0]": "Melville",
    }
    for path, word in paths.items():
        store.put(("t", path.replace(".", "-")), "it", value, index=[path])
        store.put(("t", path.replace(".", "-")), "other", other)
        found = store.search(("t", path.replace(".", "-")), query=word)
        assert found[0].key == "it"
        assert found[0].score
        for unsearched in set(paths.values()) - {word}:
            scores = store.search(("t", path.replace(".", "-")), query=unsearched)
            assert not next(item.score for item in scores if item.key == "it")


def test_pages_follow_each_other(store: Any) -> None:
    for n in range(7):
        store.put(("t",), f"k{n}", {"text": f"test document number {n}"})
    for query in (None, "test"):
        pages = [store.search(("t",), query=query, limit=3, offset=start) for start in (0, 3, 6)]
        assert [len(page) for page in pages] == [3, 3, 1]
        assert sorted(key for page in pages for key in keys(page)) == [f"k{n}" for n in range(7)]
        assert len(store.search(("t",), query=query)) == 7
        assert store.search(("t",), query=query, offset=7) == []
        assert store.search(("t",), query=query, limit=0) == []


@pytest.mark.parametrize("query", ["", None, "test " * 100, "test!@#$%^&*()", "\"'; DROP TABLE"])
def test_odd_questions(store: Any, query: str | None) -> None:
    store.put(("t",), "k", {"text": "test document"})
    assert keys(store.search(("t",), query=query)) == ["k"]


# --- namespaces ----------------------------------------------------------------------------------------

TREE = [
    ("a", "b", "c"),
    ("a", "b", "d", "e"),
    ("a", "b", "d", "i"),
    ("a", "b", "f"),
    ("a", "c", "f"),
    ("b", "a", "f"),
    ("users", "123"),
    ("users", "456", "settings"),
]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, TREE),
        ({"prefix": ("a", "b")}, TREE[:4]),
        ({"suffix": ("f",)}, [TREE[3], TREE[4], TREE[5]]),
        ({"prefix": ("a",), "suffix": ("f",)}, [TREE[3], TREE[4]]),
        ({"prefix": ("a", "b"), "max_depth": 3}, [TREE[0], ("a", "b", "d"), TREE[3]]),
        ({"max_depth": 1}, [("a",), ("b",), ("users",)]),
        ({"prefix": ("a", "b"), "limit": 2}, TREE[:2]),
        ({"prefix": ("a", "b"), "offset": 2}, TREE[2:4]),
        ({"prefix": ("a", "*", "f")}, [TREE[3], TREE[4]]),
        ({"suffix": ("*", "f")}, [TREE[3], TREE[4], TREE[5]]),
        ({"prefix": ("*",)}, TREE),
        ({"prefix": ("users", "*", "*")}, [TREE[7]]),
        ({"prefix": ("users", "123")}, [TREE[6]]),
        ({"prefix": ("none",)}, []),
        ({"limit": 0}, []),
        ({"offset": 100}, []),
    ],
)
def test_listing_namespaces(store: Any, asked: dict[str, Any], found: list[Any]) -> None:
    for namespace in TREE:
        store.put(namespace, "k", {"x": 1})
    assert store.list_namespaces(**asked) == found


def test_an_empty_store_has_no_namespaces(store: Any) -> None:
    assert store.list_namespaces() == []
    assert store.search(()) == []
