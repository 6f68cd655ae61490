"""Opening the store that `--store` names."""

from __future__ import annotations

from pathlib import Path

from remanence.embed.choose import open_embedder
from remanence.errors import NotFound
from remanence.memory import Memory
from remanence.recipes.default import default
from remanence.serve.options import default_store
from remanence.serve.output import working
from remanence.text.read.ranker import Weights


def open_memory(
    store: str, *, embedder: str = "none", ranker: str = "", create: bool = False
) -> Memory:
    """The memory that `--store` names, read with the weights in the file `ranker` where one is given.

    Only writing commands make a new store: a mistyped path should not be a memory. Raises: NotFound, and what `Memory.open` raises."""
    location = store or default_store()
    if "://" not in location:
        path = Path(location).expanduser()
        if create and not store:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not create and not path.exists():
            hint = "rmem add or rmem import makes one; --store or $REMANENCE_STORE names another"
            raise NotFound(f"there is no store at {path}", hint=hint)
    weights = Weights.load(ranker) if ranker else None
    with working(
        "loading the encoder", shown=embedder != "none"
    ):  # the first time it is converted: some seconds
        encoder = open_embedder(embedder)
    return Memory.open(location, embedder=encoder, recipe=default(encoder, weights=weights))
