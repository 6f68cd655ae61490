"""Any OpenAI-compatible `/v1/embeddings` endpoint, spoken with the standard library."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from email.message import Message
from http.client import HTTPException
from typing import IO, Any, Final, Self
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import numpy as np
from numpy.typing import NDArray

from remanence.catalogue.declare import mechanism
from remanence.embed.pack import unit
from remanence.embed.pieces import without_surrogates
from remanence.errors import EndpointError, InvalidInput, WrongDimension
from remanence.seams import Encoded, EncodedQuery

Floats = NDArray[np.float32]

PASSING: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""Statuses that may be gone at the next attempt."""
MOST_BYTES: Final = 256 * 2**20
LARGEST: Final = 1e15
"""Components of embeddings are near 1; NaN and infinity are not below it either."""
LONGEST_PAUSE: Final = 30.0


class _NoRedirect(HTTPRedirectHandler):
    """A redirect becomes an `HTTPError`: following it could carry the key to another host."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        return None


_OPENER: Final = build_opener(_NoRedirect)


@mechanism(
    seam="Embedder",
    source="https://platform.openai.com/docs/api-reference/embeddings/create",
    title="OpenAI-compatible embeddings endpoint",
    year=2022,
    where="POST /v1/embeddings",
    fidelity="adapted",
)
@dataclass(frozen=True, kw_only=True, eq=False)
class Endpoint:
    """Vectors from a server: unit rows as `dense`, no token states.

    Requests that time out, find nobody or are refused for the moment (429, 5xx) are sent again. Redirects are not followed, so
    the key goes nowhere but to `url`; it is in no message, log, id or repr. That a text gets the same vector in any batch is the
    server's to keep. Departs from the interface in that empty texts, which servers refuse, are not sent and get a zero vector,
    and that long ones are cut.
    """

    url: str = "http://127.0.0.1:8080/v1"
    """The base, which `/embeddings` is added to."""
    model: str = "default"
    dim: int = 0
    """0: not known yet; `open` asks."""
    key: str = field(default="", repr=False)
    timeout: float = 30.0
    """Seconds that one attempt may stay silent."""
    attempts: int = 4
    patience: float = 0.5
    """Seconds before the second attempt; each further wait is twice as long. A `Retry-After` of up to 30 s is honoured."""
    batch: int = 64
    """Texts a request."""
    longest: int = 32_000
    """Characters of a text that are sent."""
    token_dim: int = 0
    token_bytes: int = 0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidInput(
                f"{self.url!r} is not the URL of an endpoint", hint="write https://host/v1#model"
            )
        if parts.username or parts.password or parts.query:
            raise InvalidInput(
                "the endpoint's URL holds credentials or a query",
                hint="give the key as `key` or in REMANENCE_EMBED_KEY",
            )
        if not self.model:
            raise InvalidInput("no model is named", hint="write https://host/v1#model")
        if not self.key.isascii() or not self.key.isprintable():
            raise InvalidInput(
                "the key holds characters that no key has", hint="is it cut from a file?"
            )
        if self.timeout <= 0 or self.attempts < 1 or self.batch < 1:
            raise InvalidInput(
                f"timeout is {self.timeout}, attempts {self.attempts} and batch {self.batch}",
                hint="all must be positive",
            )

    @classmethod
    def open(cls, url: str, model: str, *, key: str | None = None, **settings: Any) -> Self:
        """An endpoint that knows its dimension: the server is asked once where `dim` is not given. `key` None: from
        REMANENCE_EMBED_KEY, or for api.openai.com from OPENAI_API_KEY. Raises `EndpointError`, `InvalidInput`."""
        if key is None:
            key = os.environ.get("REMANENCE_EMBED_KEY", "")
            if not key and urlsplit(url).hostname == "api.openai.com":
                key = os.environ.get("OPENAI_API_KEY", "")
        base = url.rstrip("/").removesuffix("/embeddings")
        made = cls(url=base, model=model, key=key, **settings)
        return made if made.dim else replace(made, dim=len(made._vectors(["dimension"])[0]))

    @property
    def id(self) -> str:
        """Two servers may serve different weights under one name, so the host is part of it."""
        return f"endpoint/{urlsplit(self.url).netloc}/{self.model}/{self.dim}"

    def encode(self, texts: Sequence[str]) -> Encoded:
        """n texts to `dense` (n, dim), and n empty token strings. Raises `EndpointError`, `WrongDimension`."""
        if not self.dim:
            raise InvalidInput(
                f"the dimension of {self.model} is not known", hint="use Endpoint.open"
            )
        dense = np.zeros((len(texts), self.dim), np.float32)
        full = [i for i, text in enumerate(texts) if text.strip()]
        for start in range(0, len(full), self.batch):
            some = full[start : start + self.batch]
            rows = self._vectors([without_surrogates(texts[i][: self.longest]) for i in some])
            dense[some] = unit(np.array(rows, np.float64)).astype(np.float32)
        return Encoded(dense, [b""] * len(texts))

    def query(self, text: str) -> EncodedQuery:
        return EncodedQuery(self.encode([text]).dense[0], np.zeros((0, 0), np.float32), [])

    def unpack(self, packed: NDArray[np.uint8]) -> Floats:
        """There are no token states: (0, 0)."""
        return np.zeros((len(packed), 0), np.float32)

    def _vectors(self, texts: list[str]) -> list[list[float]]:
        """One request, checked: as many vectors as texts, in their order, all of plausible size and of length `dim` (0: of one length)."""
        answer = self._post({"model": self.model, "input": texts, "encoding_format": "float"})
        try:
            items = {
                int(item["index"]): [float(x) for x in item["embedding"]] for item in answer["data"]
            }
        except (KeyError, TypeError, ValueError) as error:
            raise self._bad(f"answered no list of embeddings ({error!r})") from error
        if sorted(items) != list(range(len(texts))) or len(answer["data"]) != len(texts):
            raise self._bad(f"answered {len(answer['data'])} embeddings for {len(texts)} texts")
        rows = [items[i] for i in range(len(texts))]
        wanted = self.dim or len(rows[0])
        for row in rows:
            if len(row) != wanted or not row:
                raise WrongDimension(
                    f"{self.model} at {self.url} answered {len(row)} dimensions, not {wanted}",
                    hint="open the endpoint again without dim=, and re-embed",
                )
            if not all(abs(x) < LARGEST for x in row):
                raise self._bad("answered a number that is no component of a vector")
        return rows

    def _post(self, body: dict[str, Any]) -> Any:
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": "remanence",
        }
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        url, data = f"{self.url}/embeddings", json.dumps(body).encode("ascii")
        request = Request(url, data, headers, method="POST")  # noqa: S310 - the scheme was checked
        wait = self.patience
        for left in reversed(range(self.attempts)):
            try:
                with _OPENER.open(request, timeout=self.timeout) as answer:
                    return json.loads(answer.read(MOST_BYTES))
            except HTTPError as error:
                with error:
                    told = self._without_key(error.read(300).decode("utf-8", "replace"))
                    pause = _retry_after(error.headers)
                failure = self._bad(f"answered {error.code}: {' '.join(told.split())}")
                if error.code not in PASSING:
                    raise failure from error
            except (ValueError, RecursionError) as error:
                raise self._bad("answered something that is not JSON") from error
            except (OSError, HTTPException) as error:
                reason = getattr(error, "reason", error)
                failure, pause = (
                    self._bad(f"can't be reached: {reason or type(error).__name__}"),
                    None,
                )
            if left:
                time.sleep(wait if pause is None else pause)
                wait *= 2
        raise failure

    def _without_key(self, text: str) -> str:
        return text.replace(self.key, "***") if self.key else text

    def _bad(self, what: str) -> EndpointError:
        return EndpointError(
            f"{self.model} at {self.url} {what}",
            hint="check the address, the model's name and the key",
        )


def _retry_after(headers: Message) -> float | None:
    """Seconds that the server asks to wait; None where it asks nothing that can be kept (a date, too long)."""
    value = headers.get("Retry-After", "")
    return min(float(value), LONGEST_PAUSE) if value.isdecimal() else None
