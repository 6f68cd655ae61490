"""Conversations of any length, made of invented words, for benchmarks of speed: realistic in what speed depends on.

Word frequencies follow Zipf's law over a large vocabulary, so that posting lists have the lengths that real text gives them.
Every session has a topic whose words it prefers, so that vectors (the weighted sum of a text's words, `peers.wire.word_sums`)
lie in clusters. What it is not: language. Recall on it says how good an index is against exact search, and nothing more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import product
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from remanence.bench.tasks.base import Question, Turn

SPEAKERS = ("Ana", "Ben")
FRAME = ("ana", "ben", "what", "did", "say", "said", "about")
"""Words around the invented ones. They weigh next to nothing in a vector, since systems frame a turn each in their own way."""
SESSION = 25
"""Turns of a session."""
BLOCK = 10_000
"""Turns made at once; each block has a random stream of its own."""
START = datetime(2020, 1, 1, tzinfo=UTC)
BUCKETS = 8_192
"""Rows of the table of word vectors; words share them by their checksum."""
COMMON = 100
"""The most frequent words, which questions do not ask for."""
SIF = 1e-3
"""Weight of a word of probability p: SIF / (SIF + p). Source: Arora et al., ICLR 2017."""


@dataclass(frozen=True, kw_only=True)
class Synthetic:
    """`words` in the vocabulary, `topics` of `topical` words each, which make up the share `focus` of what is said."""

    seed: int = 0
    words: int = 50_000
    topics: int = 400
    topical: int = 20
    focus: float = 0.45
    mean_words: float = 20.0

    @cached_property
    def vocabulary(self) -> NDArray[np.str_]:
        """Pronounceable words, the frequent ones short."""
        syllables = [a + b for a, b in product("bcdfghjklmnprstvwz", "aeiou")]
        found: list[str] = []
        length = 1
        while len(found) < self.words:
            found.extend("".join(parts) for parts in product(syllables, repeat=length))
            length += 1
        return np.array(found[: self.words])

    @cached_property
    def cumulative(self) -> NDArray[np.float64]:
        """(words,) cumulative probability of the vocabulary by rank: p ~ 1 / (rank + 2.7)^1.07, Zipf and Mandelbrot's."""
        weights = 1 / (np.arange(1, self.words + 1) + 2.7) ** 1.07
        sums: NDArray[np.float64] = np.cumsum(weights / weights.sum())
        return sums

    @cached_property
    def topic_words(self) -> NDArray[np.int64]:
        """(topics, topical) ranks of each topic's words, none of them common."""
        rng = np.random.default_rng((self.seed, 1))
        return rng.integers(COMMON, self.words, size=(self.topics, self.topical))

    def block(self, number: int, size: int = BLOCK) -> list[Turn]:
        """Turns `number * BLOCK` to at most `(number + 1) * BLOCK`."""
        ranks, lengths = self.ranks(number)
        words = self.vocabulary[ranks]
        ends = np.cumsum(lengths)
        turns = []
        for place in range(size):
            n = number * BLOCK + place
            text = " ".join(words[ends[place] - lengths[place] : ends[place]])
            turns.append(
                Turn(
                    id=f"t{n}",
                    text=text,
                    speaker=SPEAKERS[n % 2],
                    role="user",
                    session=f"s{n // SESSION}",
                    at=START + timedelta(minutes=n),
                )
            )
        return turns

    def ranks(self, number: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ranks of all words of a block, one turn after the other, and each turn's number of words."""
        rng = np.random.default_rng((self.seed, 2, number))
        lengths = np.clip(rng.lognormal(np.log(self.mean_words) - 0.18, 0.6, BLOCK), 3, 150).astype(
            np.int64
        )
        total = int(lengths.sum())
        ranks = np.searchsorted(self.cumulative, rng.random(total) * self.cumulative[-1]).astype(
            np.int64
        )
        topics = np.repeat(rng.integers(0, self.topics, BLOCK // SESSION), SESSION)
        preferred = self.topic_words[
            np.repeat(topics, lengths), np.minimum(rng.geometric(0.06, total) - 1, self.topical - 1)
        ]
        return np.where(rng.random(total) < self.focus, preferred, ranks), lengths

    def blocks(self, records: int) -> Iterator[list[Turn]]:
        """The first `records` turns, a block at a time."""
        for number in range(-(-records // BLOCK)):
            yield self.block(number, min(BLOCK, records - number * BLOCK))

    def questions(self, records: int, count: int) -> list[Question]:
        """Each asks for three to five of the rarer words of one turn, named with its speaker; that turn is the evidence."""
        rng = np.random.default_rng((self.seed, 3))
        rank = {word: place for place, word in enumerate(self.vocabulary.tolist())}
        questions = []
        for number, n in enumerate(rng.integers(0, records, count)):
            block, place = divmod(int(n), BLOCK)
            turn = self.block(block, place + 1)[place]
            rare = [
                word for word in dict.fromkeys(turn.text.split()) if rank[word] >= COMMON
            ] or turn.text.split()
            asked = rng.permutation(rare)[: int(rng.integers(3, 6))]
            text = f"what did {turn.speaker} say about {' '.join(asked)}"
            questions.append(Question(id=f"q{number}", text=text, evidence=(turn.id,)))
        return questions

    def table(self, dim: int) -> NDArray[np.float32]:
        """(BUCKETS, dim) float32: a random vector for each bucket of words, shorter the more frequent its words are."""
        rows = (
            np.random.default_rng((self.seed, 4)).standard_normal((BUCKETS, dim)).astype(np.float32)
        )
        share = np.zeros(BUCKETS)
        buckets = [crc32(word.encode()) % BUCKETS for word in self.vocabulary.tolist()]
        np.add.at(share, buckets, np.diff(self.cumulative, prepend=0.0))
        for word in FRAME:
            share[crc32(word.encode()) % BUCKETS] += 1
        return rows * (SIF / (SIF + share)).astype(np.float32)[:, None]
