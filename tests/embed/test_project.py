"""The projection that we ship, and the function that makes it."""

from __future__ import annotations

import numpy as np

from remanence.embed.minilm import PROJECTION, MiniLM
from remanence.embed.project import fit, strings
from tests.embed import small


def test_columns_are_orthogonal_and_ordered() -> None:
    shipped = np.load(PROJECTION)
    assert shipped.shape == (384, 64)
    assert shipped.dtype == np.float32
    products = shipped.T @ shipped
    lengths = np.sqrt(np.diag(products))
    assert np.abs(products / np.outer(lengths, lengths) - np.eye(64)).max() < 1e-5
    assert (np.diff(lengths) > 0).all()  # the less a direction varies, the more it is stretched
    assert PROJECTION.stat().st_size < 200_000


def test_strings_are_the_same_for_the_same_seed() -> None:
    made = strings(small.VOCABULARY, 5)
    assert made == strings(small.VOCABULARY, 5)
    assert made != strings(small.VOCABULARY, 5, seed=2)
    assert all(7 <= len(text.split()) + 1 <= 31 for text in made)


def test_fit_gives_orthogonal_columns() -> None:
    made = fit(small.encoder(), 6, count=200)
    assert made.shape == (small.D, 6)
    unit = made / np.linalg.norm(made, axis=0)
    assert np.abs(unit.T @ unit - np.eye(6)).max() < 1e-5


def test_the_shipped_one_spans_what_a_new_fit_spans(minilm: MiniLM) -> None:
    """A tenth of the strings, so the same leading directions but not the same numbers."""
    shipped = np.load(PROJECTION)[:, :8]
    again = fit(minilm, 16, count=400)
    shipped, again = (m / np.linalg.norm(m, axis=0) for m in (shipped, again))
    assert np.linalg.norm(again.T @ shipped, axis=0).min() > 0.9
