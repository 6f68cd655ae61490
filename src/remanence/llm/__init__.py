"""Ports to chat models."""

# Written by `make gen`: below this line by the catalogue, above it by hand.

from typing import TYPE_CHECKING

from remanence.catalogue.lazy import attach

if TYPE_CHECKING:
    from remanence.llm.endpoint import ChatEndpoint as ChatEndpoint
else:
    __getattr__, __dir__ = attach(
        __name__,
        {
            "ChatEndpoint": "remanence.llm.endpoint",
        },
    )

__all__ = [
    "ChatEndpoint",
]
