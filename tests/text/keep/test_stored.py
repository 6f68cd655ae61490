"""Vectors and rarities as a night reads them."""

from __future__ import annotations

import numpy as np

from remanence.seams import Encoded
from remanence.store.rows import pack_unit, unpack_unit
from remanence.text.index.space import Space
from remanence.text.keep.stored import Rarity, Vectors
from tests.embed import small
from tests.text.keep.conftest import SCOPE, Kept


def test_vectors_in_the_order_asked_for(kept: Kept) -> None:
    for number in range(4):
        kept.told(f"r{number}", 0)
    encoder = small.encoder()
    kept.space = Space(kept.store, SCOPE, encoder)
    waiting = [one.seq for one in kept.store.pending(encoder.id, 10)][:3]
    made = encoder.encode(["one", "two", "three"])
    kept.store.put_vectors(encoder.id, waiting, Encoded(made.dense, made.tokens))
    view = kept.view()
    has, rows = Vectors(kept.store, SCOPE, view, np.arange(4)).of(np.array([2, 3, 0]))
    assert has.tolist() == [True, False, True]
    assert np.array_equal(rows, unpack_unit(pack_unit(made.dense))[[2, 0]])
    has, rows = Vectors(kept.store, SCOPE, view, np.array([3])).of(np.array([0, 3]))
    assert (has.tolist(), rows.shape) == ([False, False], (0, 0))


def test_without_an_encoder(kept: Kept) -> None:
    kept.told("a", 0)
    has, rows = Vectors(kept.store, SCOPE, kept.view(), np.array([0])).of(np.array([0]))
    assert (has.tolist(), rows.shape) == ([False], (0, 0))


def test_what_is_rare_weighs_more(kept: Kept) -> None:
    kept.told("a", 0, text="tulips and hoses")
    kept.told("b", 0, text="tulips")
    rarity = Rarity(kept.view())
    assert rarity.of("tulip") == float(np.log1p(1.0))
    assert rarity.of("hose") == rarity.of("nowhere") == float(np.log1p(2.0))
