"""Our own adapter: the free encoder, and a whole run through `Memory` in a process of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from remanence.bench.run import run
from remanence.bench.synthetic import Synthetic
from remanence.bench.systems.remanence import Ours, Timed, WordSums, as_message
from remanence.bench.tasks.locomo import LoCoMo
from remanence.seams import Embedder

TABLE = Synthetic(words=500).table(96)
TURNS = [
    {"id": "a", "text": "", "content": "We keep bees.", "speaker": "Ida", "role": "user", "session": "s1",
     "at": "2024-03-03T09:05:00+00:00", "caption": "", "title": ""},
    {"id": "b", "text": "", "content": "The cello needs a new bridge.", "speaker": "Jon", "role": "user",
     "session": "s2", "at": None, "caption": "a cello", "title": ""},
]  # fmt: skip


@settings(max_examples=25)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=5))
def test_word_sums_is_an_embedder_that_ignores_the_batch(texts: list[str]) -> None:
    encoder = WordSums(TABLE)
    assert isinstance(encoder, Embedder)
    together = encoder.encode(texts)
    for place, text in enumerate(texts):
        alone = encoder.encode([text])
        assert np.array_equal(alone.dense[0], together.dense[place])
        assert alone.tokens[0] == together.tokens[place]
        assert len(alone.tokens[0]) % encoder.token_bytes == 0


def test_query_states_match_their_spans() -> None:
    asked = WordSums(TABLE).query("Who keeps bees?")
    assert [("Who keeps bees?")[a:b] for a, b in asked.spans] == ["Who", "keeps", "bees"]
    assert asked.states.shape == (3, WordSums.token_dim)
    assert asked.dense.shape == (96,)


def test_packed_states_come_back() -> None:
    encoder = WordSums(TABLE)
    packed = np.frombuffer(encoder.encode(["keeps bees"]).tokens[0], np.uint8).reshape(
        -1, encoder.token_bytes
    )
    cosines = np.sum(encoder.unpack(packed) * encoder.query("keeps bees").states, axis=1)
    assert (cosines > 0.97).all()


def test_timed_adds_up_and_starts_anew() -> None:
    timed = Timed(WordSums(TABLE))
    timed.encode(["a"] * 50)
    timed.query("b")
    assert timed.spent() > 0
    assert timed.spent() == 0


def test_messages_leave_out_what_is_empty() -> None:
    assert as_message(TURNS[1]) == {
        "content": "The cello needs a new bridge.", "role": "user", "name": "Jon", "id": "b",
        "session_id": "s2", "caption": "a cello",
    }  # fmt: skip


def test_ours_in_this_process(tmp_path: Path) -> None:
    ours = Ours()
    version = ours.open(tmp_path, lambda texts: None, {"embedder": "none"})
    assert "no encoder" in version
    ours.ingest("one", TURNS)
    ours.wait()
    assert ours.query("one", "Who keeps bees?", 1, None) == ["a"]
    assert set(ours.context("one", "bees or cello?", 500)) == {"a", "b"}
    assert ours.embedding() == 0.0
    ours.close()


def test_a_whole_run(locomo_file: Path) -> None:
    result = run(LoCoMo(), ["remanence-lexical", "fts5"], locomo_file, say=lambda line: None)
    ours = result.systems[0]
    assert ours.error == ""
    assert ours.overall["recall@10"].mean == 1.0
    assert ours.overall["coverage@500"].mean == 1.0
    assert ours.size["bytes_per_record"] > 0
    assert ours.speed["encode_p50_ms"] == 0.0


def test_an_unknown_recipe_is_reported(locomo_file: Path) -> None:
    result = run(LoCoMo(), ["remanence@nothing", "fts5"], locomo_file, say=lambda line: None)
    assert "nothing" in result.systems[0].error
    assert result.systems[1].error == ""
