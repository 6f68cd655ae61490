"""The encoder that a name stands for."""

from __future__ import annotations

import difflib
from typing import Final

import remanence.embed as embed
from remanence.embed.cache import Cached
from remanence.errors import InvalidInput, ModelMissing
from remanence.seams import Embedder

NAMES: Final = ("auto", "minilm", "static", "none")


def open_embedder(spec: str | Embedder | None = "auto") -> Embedder | None:
    """`auto`: MiniLM where its weights are on this machine, else none, and `why_none` says why; `minilm`; `static`; `none` or None:
    lexical search only; `https://host/v1#model`: an OpenAI-compatible endpoint. An encoder is returned as it is.

    Raises `InvalidInput` for another name, `ModelMissing` where `minilm` or `static` is asked for and absent, `EndpointError`.
    """
    if spec is None or not isinstance(spec, str):
        return spec
    name = spec.strip().lower()
    if name == "none":
        return None
    if name == "auto":
        try:
            return Cached(inner=embed.MiniLM.open())
        except ModelMissing:
            return None  # lexical search works without; `why_none` has the message
    if name == "minilm":
        return Cached(inner=embed.MiniLM.open())
    if name == "static":
        return embed.Static.open()
    if name.startswith(("http://", "https://")):
        url, _, model = spec.strip().partition("#")
        return Cached(inner=embed.Endpoint.open(url, model))
    near = difflib.get_close_matches(name, NAMES, n=1)
    raise InvalidInput(
        f"there is no encoder {spec!r}",
        hint=f"did you mean {near[0]!r}?"
        if near
        else f"known are {', '.join(NAMES)}, and https://host/v1#model",
    )


def why_none() -> str:
    """Why `auto` finds no encoder here and how to mend it; empty where it finds one."""
    try:
        embed.MiniLM.open()
    except ModelMissing as error:
        return str(error)
    return ""
