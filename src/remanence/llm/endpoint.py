"""A chat model behind any OpenAI-compatible endpoint: OpenAI, vLLM, llama.cpp, Ollama, LM Studio and others.

Speaks `POST {url}/chat/completions` with the standard library alone. Nothing is sent before `chat` is called.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPException
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from remanence.catalogue.declare import mechanism
from remanence.errors import EndpointError, InvalidInput

_PASSING = {408, 409, 425, 429, 500, 502, 503, 504, 529}
"""Statuses that may be gone at the next attempt."""
_HINTS = {
    400: "the endpoint does not take this request: is the model's name right?",
    401: "is REMANENCE_LLM_KEY set to a key of this endpoint?",
    403: "is REMANENCE_LLM_KEY set to a key that may use this model?",
    404: "is the URL the base, such as http://localhost:11434/v1, and the model's name right?",
}
_MOST_BYTES = 64 * 2**20


@mechanism(
    seam="ChatModel",
    source="https://platform.openai.com/docs/api-reference/chat",
    title="Chat Completions",
    year=2023,
    where="POST /v1/chat/completions",
    fidelity="adapted",
)
@dataclass(frozen=True, slots=True, kw_only=True)
class ChatEndpoint:
    """A chat model over HTTP. Source: the Chat Completions interface, without streaming.

    Redirects are not followed, so the key goes nowhere but to `url`; it is in no message, log or repr. Departs from the
    interface in one point: where a schema is asked for, the answer is checked to be JSON with the schema's required members.
    """

    url: str = "http://127.0.0.1:8080/v1"
    """The base, with or without `/chat/completions`; a URL without a path gets `/v1`."""
    model: str = "default"
    key: str = field(default="", repr=False)
    temperature: float = 0.0
    max_tokens: int | None = None
    """None: the endpoint's own limit."""
    timeout: float = 60.0
    """Seconds that one attempt may stay silent."""
    attempts: int = 3
    patience: float = 0.5
    """Seconds before the second attempt; each further wait is twice as long. A `Retry-After` of up to 30 s is honoured."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidInput(
                f"{self.url!r} is not the URL of an endpoint",
                hint="write it like http://host:8080/v1",
            )
        if parts.username or parts.password or parts.query:
            raise InvalidInput(
                "the endpoint's URL holds credentials or a query",
                hint="give the key as `key` instead",
            )
        if not self.model:
            raise InvalidInput("no model is named", hint="set REMANENCE_LLM_MODEL or give `model`")
        if "\n" in self.key or "\r" in self.key or not self.key.isascii():
            raise InvalidInput(
                "the key holds characters that no key has",
                hint="is REMANENCE_LLM_KEY cut from a file?",
            )
        if self.timeout <= 0 or self.attempts < 1:
            raise InvalidInput(
                f"timeout is {self.timeout} and attempts {self.attempts}",
                hint="both must be positive",
            )

    @property
    def id(self) -> str:
        """`model@host`: what answered, without the key."""
        return f"{self.model}@{urlsplit(self.url).netloc}"

    def chat(
        self, messages: Sequence[Mapping[str, str]], *, schema: Mapping[str, Any] | None = None
    ) -> Any:
        """The answer's text, or the object in it where `schema` is given. Raises `EndpointError`."""
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [dict(message) for message in messages],
            "temperature": self.temperature,
            "stream": False,
        }
        if self.max_tokens is not None:
            body["max_tokens"] = self.max_tokens
        if schema is not None:
            form = {"name": "answer", "schema": dict(schema), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        text = self._text(self._post(body))
        return text if schema is None else self._object(text, schema)

    def _post(self, body: Mapping[str, Any]) -> bytes:
        parts = urlsplit(self.url)
        path = (parts.path.rstrip("/") or "/v1").removesuffix("/chat/completions")
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": "remanence",
        }
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        request = Request(  # noqa: S310 - the scheme was checked to be http or https
            f"{parts.scheme}://{parts.netloc}{path}/chat/completions",
            data=json.dumps(body).encode(
                "ascii"
            ),  # JSON escapes everything else, lone surrogates too
            headers=headers,
            method="POST",
        )
        wait = self.patience
        for attempt in range(1, self.attempts + 1):
            try:
                with build_opener(_NoRedirect).open(request, timeout=self.timeout) as response:
                    data: bytes = response.read(_MOST_BYTES + 1)
            except HTTPError as error:
                with error:
                    failure = self._refused(error)
                    pause = _retry_after(error.headers)
                if error.code not in _PASSING:
                    raise failure from error
            except (URLError, HTTPException, OSError) as error:
                reason = getattr(error, "reason", error)
                failure = EndpointError(
                    f"{self.id} can't be reached: {reason or type(error).__name__}",
                    hint="is it running, and is the URL right?",
                )
                pause = None
            else:
                if len(data) > _MOST_BYTES:
                    raise EndpointError(f"{self.id} answered more than {_MOST_BYTES >> 20} MiB")
                return data
            if attempt < self.attempts:
                time.sleep(wait if pause is None else pause)
                wait *= 2
        raise failure

    def _refused(self, error: HTTPError) -> EndpointError:
        """What the endpoint said, cut short; the key is blanked in case the endpoint quotes it."""
        try:
            said = error.read(2000).decode("utf-8", "replace")
        except (OSError, HTTPException) as unread:
            said = f"(its explanation broke off: {type(unread).__name__})"
        said = _explanation(said)
        said = " ".join((said.replace(self.key, "***") if self.key else said).split())[:300]
        hint = _HINTS.get(error.code, "try again later" if error.code in _PASSING else "")
        return EndpointError(
            f"{self.id} answered {error.code}{': ' if said else ''}{said}", hint=hint
        )

    def _text(self, data: bytes) -> str:
        try:
            message = json.loads(data)["choices"][0]["message"]
            content = message["content"]
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise EndpointError(
                f"{self.id} did not answer with a chat completion",
                hint="is the URL an OpenAI-compatible endpoint?",
            ) from error
        if not isinstance(content, str) or not content.strip():
            refusal = message.get("refusal")
            raise EndpointError(f"{self.id} answered nothing{f': {refusal}' if refusal else ''}")
        return content.strip()

    def _object(self, text: str, schema: Mapping[str, Any]) -> Any:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise EndpointError(
                f"{self.id} was asked for JSON and answered text",
                hint="the model or its server has no structured output",
            ) from error
        missing = [
            name
            for name in schema.get("required", ())
            if not isinstance(found, dict) or name not in found
        ]
        if missing:
            raise EndpointError(
                f"{self.id} left out {', '.join(missing)} of the object it was asked for"
            )
        return found


def from_environment(*, url: str = "", model: str = "") -> ChatEndpoint | None:
    """The endpoint that the arguments, or else REMANENCE_LLM_URL and REMANENCE_LLM_MODEL, name; None where none is named.

    The key comes from REMANENCE_LLM_KEY only: an argument would be seen in the process list."""
    url = url or os.environ.get("REMANENCE_LLM_URL", "")
    model = model or os.environ.get("REMANENCE_LLM_MODEL", "")
    if not url and not model:
        return None
    if not url:
        raise InvalidInput(
            f"the model {model!r} has no endpoint",
            hint="set REMANENCE_LLM_URL, such as http://localhost:11434/v1",
        )
    return ChatEndpoint(url=url, model=model, key=os.environ.get("REMANENCE_LLM_KEY", ""))


class _NoRedirect(HTTPRedirectHandler):
    """A redirect becomes an `HTTPError`: following it could carry the key to another host."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        return None


def _explanation(said: str) -> str:
    """The `error.message` of a refusal; all of it where it is not JSON, as with the HTML of many proxies."""
    try:
        found = json.loads(said)
    except ValueError:
        return said
    detail = found.get("error", found) if isinstance(found, dict) else found
    return str(detail.get("message", detail) if isinstance(detail, dict) else detail)


def _retry_after(headers: Message) -> float | None:
    """Seconds that the endpoint asks to wait; None where it asks nothing that can be kept (a date, too long)."""
    value = headers.get("Retry-After", "")
    return min(float(value), 30.0) if value.isdecimal() else None
