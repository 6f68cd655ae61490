"""The static encoder, distilled from a small teacher everywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from remanence.embed.static import Static, distil
from remanence.embed.weights import TOKENIZER
from tests.embed import small
from tests.embed.contract import EmbedderContract


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return distil(tmp_path_factory.mktemp("static"), teacher=small.encoder())


class TestContract(EmbedderContract):
    @pytest.fixture
    def encoder(self, folder: Path) -> Static:
        return Static.open(folder)


def test_distilling_again_gives_the_same_encoder(folder: Path, tmp_path: Path) -> None:
    again = distil(tmp_path / "again", teacher=small.encoder())
    assert Static.open(again).id == Static.open(folder).id
    assert sorted(path.name for path in again.iterdir()) == [
        "digests.json", "static.safetensors", TOKENIZER,
    ]  # fmt: skip


def test_dense_is_the_weighted_mean_of_the_pieces(folder: Path) -> None:
    encoder = Static.open(folder)
    ids = [small.VOCABULARY.index(piece) for piece in ("my", "dog", "##s", "walk")]
    wanted = encoder.vectors[ids].sum(axis=0)
    (got,), (packed,) = encoder.encode(["My dogs walk!"])
    assert np.allclose(got, wanted / np.linalg.norm(wanted), atol=1e-6)
    assert packed == np.array(ids, "<u2").tobytes()
    assert (
        encoder.unpack(np.frombuffer(packed, np.uint8).reshape(-1, 2)) == encoder.states[ids]
    ).all()


def test_weights_grow_with_the_place_in_the_vocabulary(folder: Path) -> None:
    """All of the small vocabulary lies before the first word, where the weight is 3 / 103."""
    lengths = np.linalg.norm(Static.open(folder).vectors, axis=1)
    assert lengths == pytest.approx(3 / 103, rel=0.01)


def test_order_of_words_does_not_matter_and_words_do(folder: Path) -> None:
    dense = (
        Static.open(folder).encode(["my dog loves tea", "tea loves my dog", "rain in paris"]).dense
    )
    assert dense[0] @ dense[1] > 0.9999
    assert dense[0] @ dense[2] < 0.9999
