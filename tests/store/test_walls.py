"""One file, many scopes: what one of them is told must not depend on whether the others exist.

A random program of several users, in two tenants, runs twice: once whole, once with the viewer's calls alone. Everything the viewer is told
on the way and at the end (acks, errors, records, events, rows for its index, vectors) must be equal in both worlds, down to the
words of refusals. Only the numbers of events differ, because one ledger counts them for all; they are compared by their order.
"""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remanence.errors import RemanenceError
from remanence.seams import Encoded, Holder
from remanence.store.sqlite import SQLiteStore
from remanence.types import (
    Add,
    Change,
    Forget,
    Link,
    Mark,
    Retract,
    Revise,
    Scope,
    Slot,
    Source,
    Touch,
    Undo,
)
from tests.store.conformance import START, Clock
from tests.store.plain import plain
from tests.store.told import NOWHERE, Told, answer_of, seqs_of, steps_of

VIEWER: Scope = ("acme", "ana")
AGENT: Scope = ("acme", "ana", "planner")
OTHERS: list[Scope] = [("acme", "bob"), ("globex", "ana"), ("globex", "bob", "planner"), ("acme",)]
IDS = ("a", "b", "c", "d")
WORDS = ("porto", "lena", "cat")
WHOLE = {
    "apply": "takes changes, each with its scope: the programs below are made of them",
    "attest": "holds a receipt against the chain: whoever has the receipt",
    "backup": "copies the file: the operator's",
    "checkpoint": "folds the log: says whether a reader needs it",
    "close": "",
    "counts": "totals of the file: the operator's, through status()",
    "drop_encoder": "the operator's",
    "encoders": "totals by encoder: the operator's",
    "export_jsonl": "everything: the operator's",
    "head": "a number that counts all commits",
    "history_digest": "a digest of everything: the operator's",
    "import_jsonl": "the operator's, into an empty store",
    "now": "the clock, not before the last commit",
    "open": "",
    "pending": "texts of all spaces, for the encoder's worker: no verb of Memory returns them",
    "pulse": "changes with every commit",
    "put_vectors": "the encoder's worker's",
    "rebuild": "the operator's",
    "recheck": "makes the checks of a receipt that this process gave out",
    "spaces": "names of all scopes: the operator's; a TenantStore's own alone",
    "state_digest": "a digest of everything: the operator's",
    "verify": "the operator's",
    "waiting": "how many texts wait for an encoder, in all spaces",
}
"""Public methods that take no scope, and why. What takes one is called with the arguments below, by name."""

ARGUMENTS: dict[str, Sequence[Any]] = {
    "id": IDS,
    "ids": [[id] for id in IDS],
    "after": [0],
    "encoder": ["e"],
    "mark": ["archived", "quarantined"],
    "name": ["sleeper"],
    "relation": ["knows", "supersedes"],
    "since": [START],
    "until": [START + 10**9],
    "kinds": [(), ("fact",)],
    "filters": [{}, {"k": "cat"}],
    "mentions": ["", "porto"],
    "before": [None, START + 4_000_000],
}
OPTIONS: dict[str, Sequence[Any]] = {
    "as_of": [START + 3_000_000],
    "known_at": [START + 3_000_000],
    "session": ["porto"],
    "kinds": [("fact",)],
    "filters": [{"speaker": "lena"}, {"k": "cat"}],
    "archived": [True],
    "quarantined": [True],
}
ERASING = {"forget", "forget_space"}


class World:
    """A store, and what a viewer is told by it."""

    def __init__(self, path: Path) -> None:
        self.clock = Clock()
        self.store = SQLiteStore.open(path, analyze=plain, clock=self.clock)
        with self.store._connections.alone() as db:
            db.execute("PRAGMA synchronous = OFF")
        self.told = Told(self.store, VIEWER)

    def seqs(self, scope: Scope, *, foreign: bool = False) -> list[int]:
        return seqs_of(self.store, scope, foreign=foreign)


# --- programs ---

ids, words = st.sampled_from(IDS), st.sampled_from(WORDS)
texts = st.lists(words, min_size=1, max_size=4).map(" ".join)
moments = st.integers(0, 20).map(lambda n: START + n * 1_000_000)
changes = st.one_of(
    st.builds(
        dict,
        kind_=st.just(Add),
        id=st.one_of(st.just(""), ids),
        text=texts,
        session=st.one_of(st.just(""), words),
        speaker=st.one_of(st.just(""), words),
        kind=st.sampled_from(["episode", "fact"]),
        fields=st.dictionaries(words, words, max_size=1),
        meta=st.dictionaries(st.just("k"), words, max_size=1),
        sources=st.lists(st.builds(Source, ids), max_size=1).map(tuple),
        supersedes=st.lists(ids, max_size=1).map(tuple),
        trust=st.sampled_from([1.0, 0.5]),
        slot=st.one_of(st.none(), st.builds(Slot, words, words, words)),
        marks=st.dictionaries(st.just("quarantined"), words, max_size=1),
    ),
    st.builds(
        dict,
        kind_=st.just(Revise),
        id=ids,
        text=texts,
        expect=st.sampled_from([None, None, 1, 2, "0" * 32]),
        valid_from=st.one_of(st.none(), moments),
    ),
    st.builds(dict, kind_=st.just(Retract), id=ids, at=st.one_of(st.none(), moments)),
    st.builds(dict, kind_=st.just(Link), src=ids, relation=st.just("knows"), dst=ids),
    st.builds(dict, kind_=st.just(Touch), id=ids, how=st.sampled_from(["used", "read:bob"])),
    st.builds(
        dict, kind_=st.just(Mark), id=ids, mark=st.just("archived"), why=words, on=st.booleans()
    ),
    st.builds(dict, kind_=st.just(Forget), id=ids),
    st.builds(dict, kind_=st.just(Undo), rank=st.integers(0, 9), foreign=st.booleans()),
)
steps = st.tuples(
    st.sampled_from([VIEWER, VIEWER, AGENT, *OTHERS]),
    st.lists(changes, min_size=1, max_size=3),
    st.sampled_from(["", "", "key"]),
    st.integers(0, 9),
)


class Later:
    """The simplest settler: a later fact ends an earlier one of the same slot."""

    def settle(self, add: Add, id: str, at: int, held: Sequence[Holder]) -> list[Change]:
        return [
            Retract(scope=add.scope, id=holder.id, at=at)
            for holder in held
            if holder.valid_from <= at
        ]


def run(world: World, program: Sequence[Any], *, alone: bool) -> list[str]:
    """Runs a program, or the viewer's part of it. Returns what the viewer was told on the way."""
    answers = []
    for number, (scope, asked, key, more) in enumerate(program):
        world.clock.now = START + number * 1_000_000
        ours = scope[:2] == VIEWER
        if alone and not ours:
            continue
        built = [_change(world, scope, dict(each)) for each in asked]

        def call(scope: Scope = scope, built: Any = built, key: str = key, more: int = more) -> Any:
            cursor = (scope, "sleeper", str(more)) if more < 3 else None
            actor = f"by {scope[1:]}"
            return world.store.apply(built, key=key, actor=actor, cursor=cursor, settler=Later())

        calls = [call]
        if more > 7:
            calls.append(lambda scope=scope: world.store.forget(scope, ["a"]))
        if more == 9:
            calls.append(lambda scope=scope: world.store.forget_space(scope))
        for each in calls:
            answer = answer_of(each)
            if ours:
                world.told.number()
                answers.append(f"{number}: {world.told.show(answer)}")
        _encode(world.store)
    return answers


def _change(world: World, scope: Scope, asked: dict[str, Any]) -> Any:
    kind = asked.pop("kind_")
    if kind is Undo:
        if asked["foreign"]:  # somebody else's event, or one that nobody made
            seqs = world.seqs(scope, foreign=True) if scope[:2] == VIEWER else []
            return Undo(scope=scope, seq=seqs[asked["rank"] % len(seqs)] if seqs else NOWHERE)
        seqs = world.seqs(scope)
        return Undo(scope=scope, seq=seqs[-1 - asked["rank"] % len(seqs)] if seqs else NOWHERE)
    return kind(scope=scope, **asked)


def _encode(store: SQLiteStore) -> None:
    """Vectors that follow from the text, tokens too, as a worker would make them."""
    waiting = store.pending("e", 100)
    if waiting:
        dense = np.array([[len(w.text), w.text.count("o") + 1.0] for w in waiting], np.float32)
        dense /= np.linalg.norm(dense, axis=1, keepdims=True)
        states = [w.text.encode() for w in waiting]
        store.put_vectors("e", [w.seq for w in waiting], Encoded(dense, states))


def scoped_verbs() -> dict[str, inspect.Signature]:
    verbs = {
        name: inspect.signature(verb)
        for name, verb in inspect.getmembers(SQLiteStore, inspect.isroutine)
        if not name.startswith("_")
    }
    return {name: signature for name, signature in verbs.items() if name not in WHOLE}


def takes_of(name: str) -> tuple[list[str], list[str]]:
    """Names of what a verb must be given besides a scope, and of what it may be given."""
    verb = getattr(SQLiteStore, name)
    needed, optional = [], []
    for parameter in inspect.signature(verb).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            (choice,) = get_args(get_type_hints(verb)[parameter.name])
            needed += sorted(choice.__required_keys__)
            optional += sorted(choice.__optional_keys__)
        elif parameter.name not in ("self", "scope"):
            (needed if parameter.default is parameter.empty else optional).append(parameter.name)
    return needed, optional


def questions(world: World, scope: Scope, *, erasing: bool) -> Iterator[tuple[str, str]]:
    """(what was asked, what was told) through every verb that takes a scope, with every argument."""
    ours, theirs = world.seqs(scope), world.seqs(VIEWER, foreign=True)
    # The same numbers by their order; somebody else's against one that does not exist.
    seqs = [*ours, *(theirs or [NOWHERE])[:6]]
    for name in scoped_verbs():
        if (name in ERASING) is not erasing:
            continue
        needed, may = takes_of(name)
        midway = ours[len(ours) // 2] if ours else 0
        special = {"seqs": [seqs], "after": [0, midway]}
        values = [special.get(n) or ARGUMENTS[n] for n in needed]
        optional = [{}] + [{n: v} for n in may for v in OPTIONS.get(n, ())]
        for given_, more in product(product(*values), optional):
            arguments = dict(zip(needed, given_, strict=True)) | more

            def call(name: str = name, arguments: dict[str, Any] = arguments) -> Any:
                answer = getattr(world.store, name)(scope, **arguments)
                if name == "tokens":  # in the order asked for
                    return answer[: len(ours)], set(answer[len(ours) :]) <= {b""}
                if name == "vectors":
                    return dict(answer)
                if name == "linked":
                    return [(src, {seq: dst}) for src, dst, seq in answer]
                return answer

            shown = {key: value for key, value in arguments.items() if key not in special}
            world.clock.now += erasing  # no two commits at one moment, as it would be shown
            answer = answer_of(call)
            if erasing:
                world.told.number()
            yield f"{name}{scope}{shown}", world.told.show(answer)


def compare(program: Sequence[Any], narrowed: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        worlds = World(Path(folder) / "whole"), World(Path(folder) / "alone")
        whole, alone = (run(world, program, alone=place == 1) for place, world in enumerate(worlds))
        assert whole == alone
        for erasing in (False, True):
            for world in worlds:
                world.clock.now = START + 100_000_000
                world.told.number()
            for scope in (VIEWER, AGENT) if narrowed and not erasing else (VIEWER,):
                asked = [questions(world, scope, erasing=erasing) for world in worlds]
                for here, there in zip(*asked, strict=True):
                    assert here == there
        for world in worlds:
            assert world.store.verify().ok
            world.store.close()


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=40, deadline=None)
@given(st.lists(steps, min_size=2, max_size=10), st.booleans())
def test_others_change_nothing_that_a_viewer_is_told(program: list[Any], narrowed: bool) -> None:
    compare(program, narrowed)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=600, deadline=None)
@given(st.lists(steps, min_size=2, max_size=25), st.booleans())
def test_others_change_nothing_in_long_programs(program: list[Any], narrowed: bool) -> None:
    compare(program, narrowed)


def same_again() -> Iterator[Any]:
    """Every scope does all there is to do, with the same ids, words, keys and slots; the viewer last, and in between."""
    fact = {"kind_": Add, "kind": "fact", "slot": Slot("lena", "city", "porto")}
    talk = {"kind_": Add, "text": "lena likes the cat", "session": "porto", "speaker": "lena"}
    for scope in (*OTHERS, VIEWER, *OTHERS, AGENT, VIEWER):
        # Others say more than the viewer, who must not hear of it.
        more = scope[:2] != VIEWER
        yield scope, [{**talk, "id": ""}, {**talk, "id": "", "session": "later"}], "", 1 + more
        yield scope, [{**talk, "id": "", "text": "The cat likes Lena!", "session": "x"}], "", 5
        yield (
            scope,
            [{"kind_": Add, "id": "a", "text": f"to {scope if more else VIEWER}"}],
            "key",
            5,
        )
        yield scope, [{**fact, "id": "b", "text": "lena lives in porto"}], "", 5
        derived = {"kind_": Add, "text": "of a", "sources": (Source("a"),)}
        yield scope, [{**derived, "id": "c" if more else "d"}], "", 5
        if not more:  # of its own: forgetting "a" must not take it along
            yield scope, [{"kind_": Add, "id": "c", "text": "by itself"}], "", 5
        ends = ("a", "c") if more else ("b", "d")
        yield scope, [{"kind_": Link, "src": ends[0], "relation": "knows", "dst": ends[1]}], "", 5
        yield scope, [{"kind_": Touch, "id": "a", "how": "read:x"}] * (1 + more), "", 5
        yield scope, [{"kind_": Mark, "id": "a", "mark": "archived", "on": more}], "", 5
        yield scope, [{"kind_": Undo, "rank": 0, "foreign": False}], "", 5
        if more:
            yield scope, [{"kind_": Forget, "id": "b"}], "", 5


@pytest.mark.parametrize("erased", [False, True])
def test_others_who_say_the_same(erased: bool) -> None:
    program = list(same_again())
    if erased:
        program += [(OTHERS[0], [{"kind_": Forget, "id": "c"}], "", 9)]
        program += [(VIEWER, [{"kind_": Forget, "id": "a"}], "", 5)]
    compare(program, True)


def test_every_public_verb_is_looked_at() -> None:
    """A new method takes a scope, with arguments this file can fill in, or is in WHOLE with its reason."""
    for name, signature in scoped_verbs().items():
        assert "scope" in signature.parameters, f"{name} takes no scope: say why in WHOLE"
        needed, _ = takes_of(name)
        for parameter in needed:
            assert parameter in ARGUMENTS or parameter == "seqs", f"{name}: what is a {parameter}?"
    public = {name for name in dir(SQLiteStore) if not name.startswith("_")}
    assert set(WHOLE) <= public, "gone"


# --- narrowed scopes of one user: what a read returns is inside them ---

CANARIES = {"planner": "quokka", "coder": "wombat", "": "numbat"}


@pytest.fixture
def agents(tmp_path: Path) -> Iterator[SQLiteStore]:
    """Two agents of one user, and the user; every string of each has its canary in it."""
    with SQLiteStore.open(tmp_path / "a", analyze=plain, clock=Clock()) as store:
        for agent, canary in CANARIES.items():
            scope = (*VIEWER, agent) if agent else VIEWER
            record = Add(
                scope=scope,
                id=f"{canary}-1",
                text=f"the {canary} sleeps",
                session=f"{canary}-session",
                speaker=f"{canary}-speaker",
                fields={"title": canary},
                meta={canary: canary},
                marks={"archived": canary},
            )
            store.apply([record], actor=f"{canary}-actor")
            store.apply(
                [
                    Add(scope=scope, id=f"{canary}-2", text=f"{canary} again", kind="fact"),
                    Link(scope=scope, src=f"{canary}-1", relation="knows", dst=f"{canary}-2"),
                    Touch(scope=scope, id=f"{canary}-1"),
                    Touch(scope=scope, id=f"{canary}-1", how=f"read:{canary}"),
                    Revise(scope=scope, id=f"{canary}-2", text=f"{canary} once more"),
                ],
                actor=f"{canary}-actor",
            )
        # Whoever sees both may link them.
        link = Link(scope=VIEWER, src="quokka-1", relation="knows", dst="wombat-1")
        assert store.apply([link])[0].status == "stored"
        yield store


FOLLOWED = {
    "delta": "rows and term hashes for the index of a space, which narrows each view itself",
    "names": "goes with delta",
    "vectors": "goes with delta",
    "tokens": "goes with delta",
}
"""What an index follows: a whole space's, whatever the scope is narrowed to."""


def test_a_narrowed_read_returns_nothing_from_outside(agents: SQLiteStore) -> None:
    everything = range(1, agents.head() + 1)
    many = {
        **ARGUMENTS,
        "id": [f"{canary}-{n}" for canary in CANARIES.values() for n in (1, 2)],
        "ids": [["wombat-1"], ["numbat-2"]],
        "seqs": [list(everything)],
    }
    found, leaks = 0, []
    for name in scoped_verbs():
        if name in (*FOLLOWED, "forget_space"):
            continue
        needed, may = takes_of(name)
        options = [{}] + [{n: True} for n in may if n in ("archived", "quarantined")]
        for values, more in product(product(*(many[n] for n in needed)), options):
            arguments = dict(zip(needed, values, strict=True)) | more
            try:
                answer = getattr(agents, name)(AGENT, **arguments)
            except RemanenceError as error:
                answer = str(error)
            said = repr(list(answer) if isinstance(answer, Iterator) else answer)
            for value in (arguments.get("id"), *arguments.get("ids", ())):
                said = said.replace(repr(value), "")  # what was asked for may be named again
            found += "quokka" in said
            leaks += [(name, arguments, said)] if "wombat" in said or "numbat" in said else []
    assert leaks == [], "\n".join(map(str, leaks))
    assert found > 10
    assert agents.touches(AGENT, "wombat-1") == []
    assert agents.touches(AGENT, "quokka-1")
    assert len(agents.links(VIEWER, "quokka-1")) == 2
    assert agents.links(AGENT, "quokka-1") == [("quokka-1", "knows", "quokka-2")]


# --- how long a refusal takes ---


def test_refusing_what_is_elsewhere_takes_no_step_more(tmp_path: Path) -> None:
    """A record of another user, one of another tenant and one that was never there cost the same, step by step."""
    with SQLiteStore.open(tmp_path / "a", analyze=plain, clock=Clock()) as store:
        for scope, id in ((VIEWER, "own"), (OTHERS[0], "elsewhere"), (OTHERS[1], "abroad")):
            store.apply([Add(scope=scope, text=f"{n} {id}", id=f"{id}{n}") for n in range(40)])
            store.apply([Touch(scope=scope, id=f"{id}7"), Forget(scope=scope, id=f"{id}8")])
            store.apply([Link(scope=scope, src=f"{id}1", relation="knows", dst=f"{id}2")])

        def verbs(id: str) -> dict[str, Callable[[], Any]]:
            return {
                "get": lambda: store.get(VIEWER, id),
                "history": lambda: store.history(VIEWER, id),
                "links": lambda: store.links(VIEWER, id),
                "touches": lambda: store.touches(VIEWER, id),
                "blame": lambda: store.blame(VIEWER, id),
                "plan_forget": lambda: store.plan_forget(VIEWER, [id]),
                "forget": lambda: store.forget(VIEWER, [id]),
                "Revise": lambda: store.apply([Revise(scope=VIEWER, id=id, text="x", expect=None)]),
                "expect": lambda: store.apply([Revise(scope=VIEWER, id=id, text="x", expect=1)]),
                "Retract": lambda: store.apply([Retract(scope=VIEWER, id=id)]),
                "Touch": lambda: store.apply([Touch(scope=VIEWER, id=id)]),
                "Mark": lambda: store.apply([Mark(scope=VIEWER, id=id, mark="m")]),
                "Link": lambda: store.apply([Link(scope=VIEWER, src=id, relation="r", dst=id)]),
                "Forget": lambda: store.apply([Forget(scope=VIEWER, id=id)]),
            }

        counted = {
            id: {name: steps_of(store, call) for name, call in verbs(id).items()}
            for id in ("warm", "elsewhere7", "elsewhere8", "abroad7", "abroad8", "nowhere7")
        }
        assert counted.pop("warm")
        assert all(steps == counted["nowhere7"] for steps in counted.values()), counted
        assert min(counted["nowhere7"].values()) > 5
        own = {name: steps_of(store, call) for name, call in verbs("own7").items()}
        assert own["get"] > counted["nowhere7"]["get"], "the count tells a record that is there"


def test_numbers_of_events_are_all_that_is_shared(tmp_path: Path) -> None:
    """What a scope can learn of the others from one file: that the ledger has grown, and by how much."""
    with SQLiteStore.open(tmp_path / "a", analyze=plain, clock=Clock()) as store:
        (first,) = store.apply([Add(scope=VIEWER, text="one", id="1")])
        store.apply([Add(scope=OTHERS[0], text="x", id=f"{n}") for n in range(9)])
        (second,) = store.apply([Add(scope=VIEWER, text="two", id="2")])
        assert (first.seq, second.seq) == (1, 11)
        assert [event.seq for event in store.events(VIEWER)] == [1, 11]
