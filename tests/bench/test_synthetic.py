"""The invented conversations: the same every time, with the shape that was promised."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import numpy as np
import pytest

from remanence.bench.peers.wire import buckets, word_sums
from remanence.bench.synthetic import BLOCK, BUCKETS, COMMON, SESSION, Synthetic

MADE = Synthetic(seed=3)


def test_the_same_every_time_and_another_with_another_seed() -> None:
    assert MADE.block(1, 50) == Synthetic(seed=3).block(1, 50)
    assert MADE.block(1, 50) != Synthetic(seed=4).block(1, 50)
    assert MADE.block(0, 50)[0].text != MADE.block(1, 50)[0].text


def test_blocks_end_where_asked() -> None:
    blocks = list(MADE.blocks(BLOCK + 7))
    assert [len(block) for block in blocks] == [BLOCK, 7]
    ids = [turn.id for block in blocks for turn in block]
    assert ids == [f"t{n}" for n in range(BLOCK + 7)]


def test_words_follow_zipf() -> None:
    words = Counter(word for turn in MADE.block(0) for word in turn.text.split())
    frequent = [count for _, count in words.most_common(3000)]
    ranks = np.log(np.arange(1, len(frequent) + 1))
    slope = np.polyfit(ranks[5:], np.log(frequent[5:]), 1)[0]
    assert -1.3 < slope < -0.7
    assert len(words) > 5000


def test_lengths() -> None:
    lengths = [len(turn.text.split()) for turn in MADE.block(0)]
    assert np.mean(lengths) == pytest.approx(MADE.mean_words, rel=0.1)
    assert min(lengths) >= 3
    assert max(lengths) > 60


def test_sessions_are_clusters() -> None:
    turns = MADE.block(0, 1000)
    rows = word_sums(MADE.table(64))([turn.text for turn in turns])
    cosines = rows @ rows.T
    session = np.arange(len(turns)) // SESSION
    same = session[:, None] == session[None, :]
    np.fill_diagonal(same, False)
    other = session[:, None] != session[None, :]
    assert cosines[same].mean() > cosines[other].mean() + 0.1
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1.0, abs=1e-5)


def test_questions_ask_for_words_of_their_turn() -> None:
    turns = {turn.id: turn for turn in MADE.block(0, 500)}
    common = set(MADE.vocabulary[:COMMON].tolist())
    for question in MADE.questions(500, 40):
        (gold,) = question.evidence
        asked = question.text.split(" about ")[1].split()
        said = turns[gold].text.split()
        assert set(asked) <= set(said)
        assert common.isdisjoint(asked) or common.issuperset(said)
        assert turns[gold].speaker in question.text


def test_table_makes_frequent_words_short() -> None:
    table = MADE.table(32)
    assert table.shape == (BUCKETS, 32)
    frequent, rare = (
        word_rows(table, islice(MADE.vocabulary.tolist(), *part))
        for part in ((0, 20), (40_000, 40_020))
    )
    assert frequent.mean() < 0.5 * rare.mean()


def word_rows(table: np.ndarray, words: islice[str]) -> np.ndarray:
    return np.array([np.linalg.norm(table[buckets(word, len(table))[0]]) for word in words])
