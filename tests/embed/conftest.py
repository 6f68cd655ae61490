"""The default encoder, where its weights are."""

from __future__ import annotations

import pytest

from remanence.embed.minilm import MiniLM
from remanence.errors import ModelMissing


@pytest.fixture(scope="session")
def minilm() -> MiniLM:
    try:
        return MiniLM.open()
    except ModelMissing as error:
        pytest.skip(str(error))
