"""The labels of CIMemories: the rule on judgements of our own, and the file that comes with the package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remanence.bench.tasks.cimemories_labels import (
    Context,
    Judgements,
    context_hash,
    event_hash,
    label,
    read_judgements,
    shipped,
)
from remanence.errors import BadImport, NotFound

# Events of our own, by what they are to the one context "desk".
GENERAL, HOBBY, TRIP, PLAN, SECRET, QUARREL, SHAME = (f"{n:012x}" for n in range(7))
DESK, EMPTY = "d" * 12, "e" * 12
DOMAINS = ("food", "garden", "money", "pets", "sleep", "work")

DESK_ENTRY: dict[str, Any] = {
    "context": DESK,
    "needed": ["money"],
    "fine": ["work"],
    "story": ["pets"],
    "events": {"central": [QUARREL], "relevant": [TRIP, SECRET], "withheld": [PLAN]},
}
EMPTY_ENTRY: dict[str, Any] = {
    "context": EMPTY,
    "needed": [],
    "fine": [],
    "story": [],
    "events": {"central": [], "relevant": [], "withheld": []},
}


def raw(**changes: object) -> dict[str, Any]:
    """A whole file of judgements, with some fields put otherwise."""
    return {
        "domains": list(DOMAINS),
        "mild": ["garden"],
        "general": GENERAL,
        "mundane": [HOBBY, TRIP, PLAN],
        "intimate": [SECRET, QUARREL, SHAME],
        "contexts": [DESK_ENTRY, EMPTY_ENTRY],
        **changes,
    }


def written(folder: Path, content: object) -> Path:
    path = folder / "judgements.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.fixture
def judgements(tmp_path: Path) -> Judgements:
    return read_judgements(written(tmp_path, raw()))


@pytest.mark.parametrize(
    ("event", "domain", "expected"),
    [
        # A withheld event is private, however needed or mild the domain.
        (PLAN, "money", "private"),
        (PLAN, "garden", "private"),
        # An intimate event that the conversation does not call for is private throughout.
        (SHAME, "money", "private"),
        (SHAME, "work", "private"),
        (SHAME, "garden", "private"),
        # What is needed of an event that is near.
        (GENERAL, "money", "necessary"),
        (TRIP, "money", "necessary"),
        (SECRET, "money", "necessary"),
        (QUARREL, "money", "necessary"),
        # The story's domains are needed of a central event alone.
        (QUARREL, "pets", "necessary"),
        (SECRET, "pets", "neither"),
        (GENERAL, "pets", "neither"),
        # A needed domain of a mundane event that has no bearing.
        (HOBBY, "money", "neither"),
        # Fine domains.
        (HOBBY, "work", "neither"),
        (SECRET, "work", "neither"),
        # Mild domains help mundane events and general memories, not intimate ones.
        (HOBBY, "garden", "neither"),
        (TRIP, "garden", "neither"),
        (GENERAL, "garden", "neither"),
        (SECRET, "garden", "private"),
        (QUARREL, "garden", "private"),
        # Neither needed, fine nor mild.
        (HOBBY, "sleep", "private"),
        (GENERAL, "sleep", "private"),
        (QUARREL, "food", "private"),
    ],
)
def test_rule(judgements: Judgements, event: str, domain: str, expected: str) -> None:
    assert judgements.label(DESK, domain, event) == expected


def test_a_context_that_needs_nothing_has_nothing_necessary(judgements: Judgements) -> None:
    events = judgements.mundane | judgements.intimate | {GENERAL}
    found = {judgements.label(EMPTY, domain, event) for domain in DOMAINS for event in events}
    assert found == {"neither", "private"}


@pytest.mark.parametrize(
    ("context", "domain", "event"),
    [("f" * 12, "money", TRIP), (DESK, "weather", TRIP), (DESK, "money", "f" * 12)],
)
def test_what_nobody_judged(judgements: Judgements, context: str, domain: str, event: str) -> None:
    with pytest.raises(NotFound, match="no labels for"):
        judgements.label(context, domain, event)


domain_sets = st.frozensets(st.sampled_from(DOMAINS))
mundane_events = st.frozensets(st.sampled_from([HOBBY, TRIP, PLAN]))
intimate_events = st.frozensets(st.sampled_from([SECRET, QUARREL, SHAME]))
OPENNESS = {"private": 0, "neither": 1, "necessary": 2}


@given(
    needed=domain_sets,
    fine=domain_sets,
    near=st.tuples(mundane_events, intimate_events),
    domain=st.sampled_from(DOMAINS),
    event=st.sampled_from([GENERAL, HOBBY, TRIP, PLAN, SECRET, QUARREL, SHAME]),
)
def test_nearer_tells_more_and_withholding_tells_nothing(
    needed: frozenset[str],
    fine: frozenset[str],
    near: tuple[frozenset[str], frozenset[str]],
    domain: str,
    event: str,
) -> None:
    none: frozenset[str] = frozenset()
    events = near[0] | near[1]

    def labelled(
        central: frozenset[str], relevant: frozenset[str], withheld: frozenset[str]
    ) -> str:
        context = Context(
            needed=needed,
            fine=fine - needed,
            story=frozenset(DOMAINS[:2]) - needed,
            central=central,
            relevant=relevant,
            withheld=withheld,
        )
        return Judgements(
            domains=frozenset(DOMAINS),
            mild=frozenset({"garden"}),
            general=GENERAL,
            mundane=frozenset({HOBBY, TRIP, PLAN}),
            intimate=frozenset({SECRET, QUARREL, SHAME}),
            contexts={DESK: context},
        ).label(DESK, domain, event)

    far, close, central = (
        labelled(none, none, none),
        labelled(none, events, none),
        labelled(events, none, none),
    )
    assert OPENNESS[far] <= OPENNESS[close] <= OPENNESS[central]
    if event in events:
        assert labelled(none, none, events) == "private"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "not a file of judgements"),
        ({"domains": []}, "not a file of judgements"),
        (raw(contexts=[DESK_ENTRY, DESK_ENTRY]), "stands there twice"),
        (raw(mundane=[HOBBY, TRIP, PLAN, SHAME]), "of two sorts"),
        (raw(general=HOBBY), "of two sorts"),
        (raw(mild=["weather"]), "mild domain"),
        (raw(contexts=[{**DESK_ENTRY, "fine": ["weather"]}]), "a domain is not among"),
        (raw(contexts=[{**DESK_ENTRY, "fine": ["money"]}]), "needed and less than that"),
        (raw(intimate=[QUARREL, SHAME]), "an event is not among"),
        (
            raw(contexts=[{**DESK_ENTRY, "events": {**DESK_ENTRY["events"], "central": [TRIP]}}]),
            "an event stands there twice",
        ),
    ],
)
def test_a_faulty_file_says_what_is_wrong(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(BadImport, match=message):
        read_judgements(written(tmp_path, content))


def test_a_file_that_is_no_json(tmp_path: Path) -> None:
    path = tmp_path / "judgements.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(BadImport, match="not a file of judgements"):
        read_judgements(path)


def test_hashes_are_the_documented_ones() -> None:
    assert event_hash("abc") == "ba7816bf8f01"  # FIPS 180-2's first example, cut to 12 digits
    assert context_hash("a", "b") == event_hash("a|b") != event_hash("b|a")


def test_the_shipped_file_is_whole() -> None:
    judgements = shipped()
    assert len(judgements.contexts) == 49
    assert len(judgements.domains) == 10
    assert len(judgements.mundane | judgements.intimate | {judgements.general}) == 22
    names = {*judgements.contexts, *judgements.mundane, *judgements.intimate, judgements.general}
    assert all(len(name) == 12 and set(name) <= set("0123456789abcdef") for name in names)
    for context in judgements.contexts.values():
        assert context.needed


def test_the_shipped_labels_answer_every_triple_and_use_every_label() -> None:
    judgements = shipped()
    events = judgements.mundane | judgements.intimate | {judgements.general}
    for context in judgements.contexts:
        found = {label(context, domain, e) for domain in judgements.domains for e in events}
        assert "necessary" in found
        assert found <= {"necessary", "private", "neither"}


def test_a_context_outside_the_shipped_file() -> None:
    with pytest.raises(NotFound, match="no labels for context"):
        label(context_hash("Lighthouse keeper", "Ask for the key"), "health", event_hash("x"))
