"""A route for each operation, made from the table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

from fastapi import FastAPI, Request, Response

from remanence.errors import Conflict, InvalidInput
from remanence.serve.cli import GROUPS
from remanence.serve.http import schemas
from remanence.serve.http.answers import Refusal, answered, expected, link, next_page, refused, tag
from remanence.serve.http.asking import READS, parameters
from remanence.serve.http.door import Door
from remanence.serve.http.gate import OP, SLASH, WHO
from remanence.serve.http.streams import slept, wants_events
from remanence.serve.ops import wire
from remanence.serve.ops.op import Op
from remanence.serve.ops.shapes import Shapes
from remanence.serve.ops.status import told
from remanence.serve.ops.table import TABLE

Endpoint = Callable[[Request], Awaitable[Response]]
_WORDS: Final = {
    304: "Not changed since the tag in If-None-Match",
    400: "The body ends too early",
    401: "No valid token",
    403: "The token may not do that, or a page of another origin calls",
    404: "There is no such thing",
    408: "The body came too slowly",
    409: "Something stands against it: another version, another content for that key",
    412: "It is no longer the version in If-Match",
    413: "The body is too large",
    415: "The body is not JSON",
    421: "Called by a host name that is not this server's",
    422: "A value can't be used",
    429: "Too many calls: Retry-After says when to come again",
    500: "Something is wrong with the server or its store",
    501: "The server lacks an optional package",
    502: "A model answered badly",
    503: "Busy: Retry-After says when to come again",
    507: "The disk is full",
}
ALWAYS: Final = (401, 403, 421, 422, 429, 500, 501, 502, 503, 507)
_BODY: Final = (400, 408, 413, 415)


def guarded(name: str, work: Endpoint) -> Endpoint:
    """An endpoint that answers errors in their shape, and is counted under a name."""

    async def endpoint(request: Request) -> Response:
        request.scope[OP] = name
        try:
            return await work(request)
        except Exception as error:
            return refused(error)

    endpoint.__name__ = name
    return endpoint


def add_operations(app: FastAPI, door: Door, shapes: Shapes) -> None:
    """Every operation of the table that has a route."""
    for op, group in _grouped():
        method, _, path = op.route.partition(" ")
        shown: dict[str, Any] = {"parameters": [*schemas.parameters(op), *_headers(op)]}
        if method not in READS:
            shape = schemas.body(op)
            body = {"content": {"application/json": {"schema": shape}}}
            shown["requestBody"] = {**body, "required": bool(shape.get("required"))}
        app.add_api_route(
            f"/v1{path}",
            guarded(op.name, _endpoint(op, door)),
            methods=[method],
            name=op.name,
            operation_id=op.name,
            tags=[group],
            summary=op.help.partition("\n")[0],
            description=op.help,
            response_class=Response,
            response_model=None,
            responses=_responses(op, shapes),
            openapi_extra=shown,
        )


def _grouped() -> Iterator[tuple[Op, str]]:
    """Operations with the group that the command line has them in."""
    groups = {
        command.name: group for group, lines in GROUPS.items() for line in lines for command in line
    }
    group = ""
    for op in TABLE:
        group = groups.get(op.command.partition(" ")[0], group)
        if op.route:
            yield op, group


def _endpoint(op: Op, door: Door) -> Endpoint:
    async def work(request: Request) -> Response:
        who = door.enter(request)
        request.scope[WHO] = who.caller.name
        door.allow(who, op)
        given = await parameters(op, request, door.settings)
        if "id" in request.path_params:
            given["id"] = request.path_params["id"].replace(SLASH, "/")
        if "timeout" in op.parameters:
            most = door.settings.patience
            given["timeout"] = min(given.get("timeout") or most, most)
        matching = _preconditions(op, request, given)
        if op.name == "sleep" and wants_events(request):
            return await slept(door, who, op, given)

        def respond(result: object) -> Response:
            return _respond(op, request, given, wire.answer(result))

        try:
            return await door.do(who, op, given, respond)
        except Conflict as conflict:
            if not matching:
                raise
            about = told(conflict)
            raise Refusal(412, about["code"], about["message"], about["hint"]) from None

    return work


def _preconditions(op: Op, request: Request, given: dict[str, Any]) -> bool:
    """Headers that mean parameters; whether `If-Match` is among them. Raises: InvalidInput."""
    if (key := request.headers.get("idempotency-key")) is not None and request.method not in READS:
        if "key" not in op.parameters:
            raise InvalidInput(
                f"Idempotency-Key with {op.name}",
                hint="add and import take it; If-Match makes update and retract safe to repeat",
            )
        given["key"] = key
    match = request.headers.get("if-match")
    if match is None or "expect" not in op.parameters:
        return False
    given["expect"] = expected(match)
    return True


def _respond(op: Op, request: Request, given: dict[str, Any], found: dict[str, Any]) -> Response:
    if op.name == "get":
        etag = tag(found)
        known = [
            one.strip().removeprefix("W/")
            for one in request.headers.get("if-none-match", "").split(",")
        ]
        if etag in known or "*" in known:
            return Response(status_code=304, headers={"ETag": etag})
        return answered(found, ETag=etag)
    if schemas.paged(op):
        limit = given.get("limit", op.parameters["limit"].default)
        newest = "newest" in op.parameters and given.get("newest", True)
        after = next_page(found, given, limit, newest=newest)
        if after is not None:
            query = request.query_params.multi_items()
            return answered({**found, "next": after}, Link=link(request.url.path, query, after))
    return answered(found)


def _headers(op: Op) -> list[dict[str, Any]]:
    known = {
        "Idempotency-Key": ("key" in op.parameters, "Makes a retry safe: as `key`.", None),
        "If-Match": (
            "expect" in op.parameters,
            "The ETag, or the version in quotes, that it must have: as `expect`.",
            r'^(\*|"[!#-~]+")$',
        ),
        "If-None-Match": (op.name == "get", "An ETag: 304 where it still is that.", None),
    }
    return [
        {
            "name": name,
            "in": "header",
            "required": False,
            "description": words,
            "schema": {"type": "string", **({"pattern": pattern} if pattern else {})},
        }
        for name, (there, words, pattern) in known.items()
        if there
    ]


def _responses(op: Op, shapes: Shapes) -> dict[int | str, dict[str, Any]]:
    method, _, path = op.route.partition(" ")
    codes = {*ALWAYS, 409}
    codes |= {404} if "{id}" in path or op.personal else set()
    codes |= set(_BODY) if method not in READS else set()
    codes |= {412} if "expect" in op.parameters else set()
    good: dict[str, Any] = {"application/json": {"schema": schemas.answer(op, shapes)}}
    if op.name == "sleep":
        good["text/event-stream"] = {"schema": {"type": "string"}}
    found: dict[int | str, dict[str, Any]] = {200: {"description": "Done", "content": good}}
    if op.name == "get":
        found[200]["headers"] = {"ETag": {"schema": {"type": "string"}}}
        found[304] = {"description": _WORDS[304]}
    return found | errors(*codes)


def errors(*codes: int) -> dict[int | str, dict[str, Any]]:
    """Errors as OpenAPI lists them."""
    shape = {"application/json": {"schema": {"$ref": f"{schemas.PLACE}Error"}}}
    return {code: {"description": _WORDS[code], "content": shape} for code in sorted(codes)}
