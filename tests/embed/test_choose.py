"""Names to encoders."""

from __future__ import annotations

from pathlib import Path

import pytest

from remanence.embed import weights
from remanence.embed.choose import open_embedder, why_none
from remanence.embed.minilm import MiniLM
from remanence.errors import InvalidInput, ModelMissing
from tests.embed import small
from tests.embed.test_endpoint import DIM, Server, server

__all__ = ["server"]


@pytest.fixture
def nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "PACKAGE", "no-such-package-of-weights")
    monkeypatch.delenv("REMANENCE_MODELS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_none_and_an_encoder_are_themselves() -> None:
    assert open_embedder(None) is None
    assert open_embedder("none") is None
    given = small.encoder()
    assert open_embedder(given) is given


def test_auto_does_without_and_says_why(nothing_here: None) -> None:
    assert open_embedder("auto") is None
    assert "rmem models fetch" in why_none()


@pytest.mark.parametrize("name", ["minilm", "static"])
def test_what_is_asked_for_by_name_must_be_there(nothing_here: None, name: str) -> None:
    with pytest.raises(ModelMissing):
        open_embedder(name)


def test_auto_is_minilm_where_it_can_be(minilm: MiniLM) -> None:
    for name in ("auto", "minilm", " MiniLM "):
        found = open_embedder(name)
        assert found is not None
        assert found.id == minilm.id
    assert why_none() == ""


def test_an_address_with_its_model(server: Server) -> None:
    found = open_embedder(f"{server.url}#some/Model")
    assert found is not None
    assert found.dim == DIM
    assert server.asked[0][2]["model"] == "some/Model"
    with pytest.raises(InvalidInput, match="no model"):
        open_embedder(server.url)


def test_other_names_are_refused_with_a_near_one() -> None:
    with pytest.raises(InvalidInput, match="did you mean 'minilm'"):
        open_embedder("minlm")
    with pytest.raises(InvalidInput, match="known are"):
        open_embedder("word2vec")
