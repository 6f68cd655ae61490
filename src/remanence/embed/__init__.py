"""Encoders: texts to vectors. The seam is `seams.Embedder`."""

# Written by `make gen`: below this line by the catalogue, above it by hand.

from typing import TYPE_CHECKING

from remanence.catalogue.lazy import attach

if TYPE_CHECKING:
    from remanence.embed.endpoint import Endpoint as Endpoint
    from remanence.embed.minilm import MiniLM as MiniLM
    from remanence.embed.static import Static as Static
else:
    __getattr__, __dir__ = attach(
        __name__,
        {
            "Endpoint": "remanence.embed.endpoint",
            "MiniLM": "remanence.embed.minilm",
            "Static": "remanence.embed.static",
        },
    )

__all__ = [
    "Endpoint",
    "MiniLM",
    "Static",
]
