"""The cache around an encoder."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from remanence.embed.cache import Cached
from remanence.embed.minilm import MiniLM
from remanence.seams import Encoded, EncodedQuery
from tests.embed import small
from tests.embed.contract import EmbedderContract, bytes_of


class Counting:
    """A real encoder that remembers what it was asked."""

    id = "counting"
    dim = small.D
    token_dim = small.P
    token_bytes = small.P // 2

    def __init__(self, inner: MiniLM) -> None:
        self.inner = inner
        self.seen: list[str] = []

    def encode(self, texts: Sequence[str]) -> Encoded:
        self.seen.extend(texts)
        return self.inner.encode(texts)

    def query(self, text: str) -> EncodedQuery:
        return self.inner.query(text)

    def unpack(self, packed: np.ndarray) -> np.ndarray:
        return self.inner.unpack(packed)


@pytest.fixture
def counting() -> Counting:
    return Counting(small.encoder())


class TestContract(EmbedderContract):
    @pytest.fixture
    def encoder(self, counting: Counting) -> Cached:
        return Cached(inner=counting)


def test_each_text_is_encoded_once(counting: Counting) -> None:
    cached = Cached(inner=counting)
    first = cached.encode(["my dog", "my cat", "my dog"])
    second = cached.encode(["my cat", "tea", "my dog"])
    assert counting.seen == ["my dog", "my cat", "tea"]
    assert bytes_of(first, 0) == bytes_of(first, 2) == bytes_of(second, 2)
    assert bytes_of(second, 0) == bytes_of(counting.inner.encode(["my cat"]), 0)


def test_what_a_caller_does_to_the_answer_stays_his(counting: Counting) -> None:
    cached = Cached(inner=counting)
    before = cached.encode(["my dog"]).dense.copy()
    cached.encode(["my dog"]).dense[:] = 7
    assert (cached.encode(["my dog"]).dense == before).all()


def test_it_holds_no_more_than_its_capacity_and_drops_the_oldest(counting: Counting) -> None:
    cached = Cached(inner=counting, capacity=2_000)
    texts = [f"my dog {i}" for i in range(50)]
    cached.encode(texts)
    assert 0 < cached.held <= 2_000
    counting.seen.clear()
    cached.encode(texts[-1:])
    assert counting.seen == []
    cached.encode(texts[:1])
    assert counting.seen == texts[:1]


def test_threads_may_share_it(counting: Counting) -> None:
    cached = Cached(inner=counting, capacity=3_000)
    texts = [f"my dog {i % 13} loves tea" for i in range(200)]
    wanted = {text: bytes_of(counting.inner.encode([text]), 0) for text in texts}
    with ThreadPoolExecutor(8) as pool:
        for text, encoded in zip(
            texts, pool.map(lambda t: cached.encode([t, "milk"]), texts), strict=True
        ):
            assert bytes_of(encoded, 0) == wanted[text]
    assert 0 < cached.held <= 3_000


def test_what_is_forgotten_leaves_it_whatever_was_encoded_around(counting: Counting) -> None:
    cached = Cached(inner=counting)
    cached.encode(['Ana said, "my dog is ill"', "my dog is ill", "a cat", "tea with my dog"])
    before = cached.held
    assert cached.scan([b"dog is ill", b"a cat "]) == (4, 1)
    assert cached.erase(("t", "u"), ["r1"], ["my dog is ill", ""]) == 2
    assert cached.scan([b"dog is ill"]) == (2, 0)
    assert 0 < cached.held < before
    counting.seen.clear()
    cached.encode(["a cat", "my dog is ill"])
    assert counting.seen == ["my dog is ill"]


def test_many_texts_are_forgotten_at_once(counting: Counting) -> None:
    cached = Cached(inner=counting)
    texts = [f"sentence number {n} of many" for n in range(100)]
    cached.encode([f'He said, "{text}"' for text in texts])
    assert cached.erase(("t", "u"), [], [*texts[:50], "x"]) == 50
    assert cached.scan([text.encode() for text in texts]) == (50, 50)


def test_what_is_encoded_while_something_is_forgotten_is_not_kept(counting: Counting) -> None:
    class Slow(Counting):
        def encode(self, texts: Sequence[str]) -> Encoded:
            cached.erase(("t", "u"), ["r1"], list(texts))
            return super().encode(texts)

    cached = Cached(inner=Slow(counting.inner))
    cached.encode(["my dog"])
    assert cached.held == 0
    assert cached.scan([b"my dog"]) == (0, 0)
