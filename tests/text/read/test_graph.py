"""Two steps over shared phrases."""

from __future__ import annotations

import numpy as np
import pytest

from remanence.text.read.graph import PhraseGraph
from remanence.text.read.lexical import Lexical
from remanence.text.read.phrases import TITLE, phrase_graph
from remanence.text.read.pool import Pool
from remanence.text.read.window import Window

PASSAGES = [
    {"title": "Green Tide", "text": "Green Tide is an album by the singer Mara Quill."},
    {"title": "Mara Quill", "text": "She was born in Port Sella and wed Otto Brandt."},
    {"title": "Port Sella", "text": "A harbour town on the Ilva, known for salt."},
    {"title": "Otto Brandt", "text": "A painter from the Ilva valley."},
    {"title": "Salt", "text": "Salt is a mineral, and an album is a record."},
    {"title": "Harbour", "text": "A harbour shelters ships. Singers rarely live in one."},
]
BASE = Pool(Lexical()) >> Window(weight=1.0)
ASKED = "Who is the spouse of the singer of Green Tide?"


def test_phrases_link_passages_both_ways(view) -> None:
    graph = phrase_graph(view(PASSAGES))
    quill = graph.numbers["mara quill"]
    held, weights = graph.of(1)
    assert quill in held
    assert weights[held.tolist().index(quill)] == TITLE
    assert quill in graph.of(0)[0]
    assert graph.holding[quill] == 2
    assert graph.named_in("did MARA quill sing?") == [quill]
    assert 0.5 < graph.linked <= 1


def test_the_second_step_is_found(view, ask) -> None:
    seen = view(PASSAGES)
    assert Lexical().retrieve(ask(ASKED), seen, 6).ords.tolist() == [0, 5]
    found = (BASE >> PhraseGraph()).retrieve(ask(ASKED), seen, 6)
    assert set(found.ords.tolist()[:2]) == {0, 1}
    assert {"graph", "bridge"} <= set(found.signals)


def test_a_walk_that_restarts_keeps_its_mass(view, ask) -> None:
    seen = view(PASSAGES)
    graph = phrase_graph(seen)
    ranked = BASE.retrieve(ask(ASKED), seen, 6)
    asked = graph.named_in(ASKED)
    few = PhraseGraph(iterations=200)._walk(graph, asked, ranked, seen.n)
    more = PhraseGraph(iterations=201)._walk(graph, asked, ranked, seen.n)
    assert few == pytest.approx(more, abs=1e-6)
    assert (few >= 0).all()
    assert 0 < few.sum() < 1


def test_conversations_are_not_walked(view, ask) -> None:
    talk = [{"text": p["text"], "session": "a", "speaker": "Ana"} for p in PASSAGES]
    seen = view(talk)
    plain, walked = (
        BASE.retrieve(ask(ASKED), seen, 6),
        (BASE >> PhraseGraph()).retrieve(ask(ASKED), seen, 6),
    )
    assert plain.ords.tolist() == walked.ords.tolist()
    assert "graph" not in walked.signals


def test_passages_that_share_nothing_are_left_in_order(view, ask) -> None:
    apart = [{"title": f"Title {n}", "text": f"some words about thing{n}"} for n in "abcdef"]
    seen = view(apart)
    assert phrase_graph(seen).linked < 0.3
    assert np.array_equal(
        (BASE >> PhraseGraph()).retrieve(ask("thinga words"), seen, 6).ords,
        BASE.retrieve(ask("thinga words"), seen, 6).ords,
    )
