"""What comes in: bodies read up to a limit, JSON and queries checked against the parameters of an operation."""

from __future__ import annotations

import json
from asyncio import timeout
from collections.abc import AsyncIterator
from functools import cache
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin

from pydantic import ValidationError
from starlette.requests import ClientDisconnect, Request

from remanence.errors import InvalidInput
from remanence.serve.http.answers import Refusal
from remanence.serve.http.settings import Settings
from remanence.serve.ops.op import Op

if TYPE_CHECKING:
    from pydantic import BaseModel

READS: Final = ("GET", "HEAD")
_CAPPED: Final = ("limit", "k")


@cache
def model_of(name: str) -> type[BaseModel]:
    """The pydantic model of an operation's parameters that are not in its path."""
    from remanence.serve.ops.table import OPS

    op = OPS[name]
    method, _, path = op.route.partition(" ")
    return op.model(strict=method not in READS, without=("id",) if "{id}" in path else ())


async def parameters(op: Op, request: Request, settings: Settings) -> dict[str, Any]:
    """What a request gives to an operation, by name. Raises: Refusal, InvalidInput."""
    if request.method in READS:
        given = _query(op, request)
    else:
        if request.query_params:
            raise InvalidInput(
                f"{op.name} takes no query", hint="give its parameters as JSON in the body"
            )
        given = _json(op, request, await body(request, settings))
    for name in _CAPPED:
        if isinstance(given.get(name), int):
            given[name] = min(given[name], settings.most)
    return given


async def body(request: Request, settings: Settings) -> bytes:
    """The whole body, refused before more than the limit of it is held. Raises: Refusal."""
    _check_length(request, settings.body)
    found = bytearray()
    async for part in parts(request, settings):
        found += part
        if len(found) > settings.body:
            raise _too_large(settings.body)
    return bytes(found)


async def parts(request: Request, settings: Settings) -> AsyncIterator[bytes]:
    """A body as it arrives. Raises: Refusal where its sender is too slow or goes away."""
    stream = request.stream()
    while True:
        try:
            async with timeout(settings.patience):
                part = await anext(stream, None)
        except TimeoutError:
            slow = f"nothing came for {settings.patience:g} seconds"
            raise Refusal(408, "TimedOut", slow, "send it again", Connection="close") from None
        except ClientDisconnect:
            raise Refusal(400, "Disconnected", "the body ends before its end") from None
        if part is None:
            return
        yield part


def _check_length(request: Request, most: int) -> None:
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > most:
        raise _too_large(most)


def _too_large(most: int) -> Refusal:
    hint = "send several, or use /v1/import"
    return Refusal(413, "TooLarge", f"a body is at most {most} bytes", hint, Connection="close")


def _json(op: Op, request: Request, raw: bytes) -> dict[str, Any]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if raw and kind != "application/json":
        hint = "Content-Type: application/json"
        raise Refusal(415, "InvalidInput", "the body is not said to be JSON", hint)
    return _checked(op, raw or b"{}")


def _query(op: Op, request: Request) -> dict[str, Any]:
    model = model_of(op.name)
    given: dict[str, Any] = {}
    for name in request.query_params:
        values = request.query_params.getlist(name)
        kind = _kind(model, name)
        if kind is list:
            given[name] = values
        elif len(values) > 1:
            raise InvalidInput(f"{name} is given {len(values)} times", hint="give it once")
        elif kind is dict:
            given[name] = _object(name, values[0])
        else:
            given[name] = values[0]
    return _checked(op, given)


def _kind(model: type[BaseModel], name: str) -> Any:
    field = model.model_fields.get(name)
    if field is None:
        return None
    kinds = {field.annotation, *get_args(field.annotation)}
    return next((get_origin(kind) for kind in kinds if get_origin(kind) in (list, dict)), None)


def _object(name: str, text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidInput(
            f"{name} is no JSON", hint=f'give an object: {name}={{"speaker":"Ana"}}'
        ) from None


def _checked(op: Op, given: bytes | dict[str, Any]) -> dict[str, Any]:
    """Raises: InvalidInput, for the first thing that is wrong."""
    model = model_of(op.name)
    try:
        found = (
            model.model_validate_json(given)
            if isinstance(given, bytes)
            else model.model_validate(given)
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        takes = ", ".join(op.parameters)
        raise InvalidInput(
            f"{where}: {first['msg']}" if where else first["msg"],
            hint=f"{op.name} takes {takes}" if takes else f"{op.name} takes nothing",
        ) from None
    chosen = found.model_dump(by_alias=True, exclude_unset=True)
    return {name: value for name, value in chosen.items()}
