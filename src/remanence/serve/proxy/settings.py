"""What a proxy is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from remanence.errors import InvalidInput
from remanence.serve.http.settings import MIB
from remanence.serve.http.settings import Settings as Stores


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How `create_app` stands between an app and its model.

    `upstream`: the model's endpoint, such as https://api.openai.com/v1. `key`: its key, in place of the client's own; the client then
    shows a token of ours instead. `stores`: which memory, and which tokens there are. `budget`: tokens of memory in a request, heading
    included. `user`, `agent`: whose memory where nobody says. `guarded`: whether a token is needed, as always with a `key`. `unlisted`:
    where none is, the URL holds a word that others on this machine can't guess. `local`: it is called by names of this machine alone, so
    that a page in a browser can't reach it under one of its own. `origins`: web pages that may call. `body`: bytes of a request with a
    conversation. `heard`: bytes of an answer that are kept to remember it. `patience`: seconds that recall may take before the request
    goes without. `silence`: seconds that upstream may say nothing."""

    upstream: str
    stores: Stores
    key: str = field(default="", repr=False)
    budget: int = 1000
    user: str | None = None
    agent: str | None = None
    guarded: bool = False
    unlisted: bool = True
    local: bool = True
    origins: tuple[str, ...] = ()
    body: int = 64 * MIB
    heard: int = 32 * MIB
    patience: float = 2.0
    silence: float = 600.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.upstream)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidInput(
                f"{self.upstream!r} is not the URL of an endpoint",
                hint="write it like https://api.openai.com/v1",
            )
        if parts.username or parts.password or parts.query:
            raise InvalidInput(
                "the URL of upstream holds credentials or a query",
                hint="let clients send the key, or name its variable with --upstream-key-env",
            )
        if not self.key.isascii() or not self.key.isprintable() or " " in self.key:
            raise InvalidInput(
                "the key of upstream holds characters that no key has",
                hint="is the variable cut from a file?",
            )
        if self.key:  # whoever may call would spend it
            object.__setattr__(self, "guarded", True)
        if self.guarded:
            object.__setattr__(self, "unlisted", False)
        if self.budget < 0:
            raise InvalidInput(f"a budget of {self.budget} tokens", hint="give 0 or more")

    @property
    def base(self) -> str:
        """Upstream's URL without a slash at its end; one without a path gets `/v1`."""
        base = self.upstream.rstrip("/")
        return base if urlsplit(base).path else f"{base}/v1"
