"""The inverted index against a dictionary of lists."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remanence.text.analyze import ENTRY
from remanence.text.index import postings
from remanence.text.index.postings import Inverted

document = st.dictionaries(st.integers(0, 30), st.integers(1, 255), max_size=8)


def packed(counts: dict[int, int]) -> bytes:
    return np.array(sorted(counts.items()), ENTRY).tobytes()


@given(batches=st.lists(st.lists(document, max_size=12), max_size=12))
def test_finds_what_a_naive_index_finds(batches: list[list[dict[int, int]]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postings, "SEAL", 5)  # so that segments form and merge
        index = Inverted()
        naive: dict[int, list[tuple[int, int]]] = {}
        number = 0
        for batch in batches:
            index.extend([packed(counts) for counts in batch])
            for counts in batch:
                for term, tf in counts.items():
                    naive.setdefault(term, []).append((number, tf))
                number += 1
            for term in range(31):
                ords, tfs = index.find(term)
                assert list(zip(ords.tolist(), tfs.tolist(), strict=True)) == naive.get(term, [])
        assert index.count == number


def test_segments_stay_few() -> None:
    index = Inverted()
    for _ in range(64):
        index.extend([packed({1: 1})] * postings.SEAL)
    assert len(index._segments) <= 7
    assert len(index.find(1)[0]) == 64 * postings.SEAL
