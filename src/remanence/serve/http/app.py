"""The application: routes, errors, and the description of them all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from anyio import to_thread
from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Match

from remanence import __version__
from remanence.errors import AccessDenied
from remanence.serve.http import bulk, pages, streams
from remanence.serve.http.answers import Refusal, answered, refused
from remanence.serve.http.door import HEADER, Door
from remanence.serve.http.gate import Gate
from remanence.serve.http.metrics import KIND as METRICS
from remanence.serve.http.routes import ALWAYS, add_operations, errors, guarded
from remanence.serve.http.schemas import ERROR, IMPORTED, PLACE
from remanence.serve.http.settings import Settings
from remanence.serve.ops.shapes import Schema, Shapes
from remanence.serve.ops.table import OPS

_ABOUT: Final = (
    "Memory for language models and agents. Each verb of `remanence.Memory` is a route; answers are JSON, errors are "
    '`{"error": {code, message, hint}}`. Callers bring a token: `Authorization: Bearer TOKEN`.'
)
_OPEN: Final[dict[str, Any]] = {"security": []}
_STRING: Final[Schema] = {"type": "string"}


def create_app(settings: Settings) -> FastAPI:
    """A server of the store in `settings`, as an ASGI application; `app.state.door` is what its routes share.

    The store is opened when the application starts, or with the first call where its host starts nothing, and closed when it ends."""
    door = Door(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await to_thread.run_sync(door.memories.warm)
        door.ready, door.closing = True, False
        try:
            yield
        finally:
            door.closing, door.ready = True, False
            await to_thread.run_sync(door.memories.close)

    app = FastAPI(
        title="Remanence",
        version=__version__,
        description=_ABOUT,
        openapi_url=None,  # below: as wire.dumps writes it
        docs_url=None,  # they load from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.door = door
    shapes = Shapes(PLACE)
    add_operations(app, door, shapes)
    _add_bulk(app, door)
    _add_streams(app, door)
    _add_looking_after(app, door)
    _add_sessions(app, door)
    pages.add_page(app)
    _describe(app, shapes)
    app.add_exception_handler(HTTPException, _unrouted(app))
    app.add_exception_handler(Refusal, _refused)
    app.add_middleware(Gate, settings=settings, metrics=door.metrics)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=[
                "Authorization",
                "Content-Type",
                "Idempotency-Key",
                "If-Match",
                "If-None-Match",
                "Last-Event-ID",
                HEADER,
            ],
            expose_headers=["ETag", "Link", "Retry-After"],
        )
    return app


def _add(
    app: FastAPI,
    route: str,
    name: str,
    work: Callable[[Request], Awaitable[Response]],
    *,
    tag: str,
    about: str,
    good: dict[int | str, dict[str, Any]],
    codes: tuple[int, ...],
    extra: dict[str, Any] | None = None,
) -> None:
    method, _, path = route.partition(" ")
    app.add_api_route(
        path,
        guarded(name, work),
        methods=[method],
        name=name,
        operation_id=name,
        tags=[tag],
        summary=about.partition("\n")[0],
        description=about,
        response_class=Response,
        response_model=None,
        responses=good | errors(*codes),
        openapi_extra=extra or {},
    )


def _in_query(name: str, about: str, shape: Schema = _STRING) -> Schema:
    return {"name": name, "in": "query", "required": False, "description": about, "schema": shape}


def _good(shape: Schema, kind: str = "application/json") -> dict[int | str, dict[str, Any]]:
    return {200: {"description": "Done", "content": {kind: {"schema": shape}}}}


def _add_bulk(app: FastAPI, door: Door) -> None:
    async def import_(request: Request) -> Response:
        return await bulk.imported(door, request)

    async def export(request: Request) -> Response:
        return await bulk.exported(door, request)

    words = {
        "session_id": "The conversation of lines that name none.",
        "origin": "The channel that they came through, of lines that name none.",
        "user_id": "Whose memory, of lines that name nobody.",
        "agent_id": "Which agent's part of it, of lines that name none.",
    }
    key = {"name": "Idempotency-Key", "in": "header", "required": False, "schema": _STRING}
    _add(
        app,
        "POST /v1/import",
        "import",
        import_,
        tag="Remember",
        about=(bulk.imported.__doc__ or "")
        + "\n\nA line is a message as `add` takes it, with `user_id` and `agent_id` if need be.",
        good=_good({"$ref": f"{PLACE}Imported"}, bulk.KIND),
        codes=(*ALWAYS, 400, 408, 415),
        extra={
            "parameters": [*(_in_query(*one) for one in words.items()), key],
            "requestBody": {
                "required": True,
                "content": {bulk.KIND: {"schema": {"type": "string"}}},
            },
        },
    )
    _add(
        app,
        "GET /v1/export",
        "export",
        export,
        tag="Keep",
        about=OPS["export"].help,
        good=_good({"type": "string"}, bulk.KIND),
        codes=ALWAYS,
    )


def _add_streams(app: FastAPI, door: Door) -> None:
    async def follow(request: Request) -> Response:
        return await streams.followed(door, request)

    _add(
        app,
        "GET /v1/events/stream",
        "follow",
        follow,
        tag="Account",
        about=streams.followed.__doc__ or "",
        good=_good(_STRING, streams.KIND),
        codes=ALWAYS,
        extra={
            "parameters": [
                _in_query(
                    "after",
                    "The last event that is known.",
                    {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
                ),
                _in_query("user_id", "Whose memory."),
                _in_query("agent_id", "Which agent's part of it."),
            ]
        },
    )


def _add_looking_after(app: FastAPI, door: Door) -> None:
    async def health(_: Request) -> Response:
        return answered({"status": "ok", "version": __version__})

    async def ready(_: Request) -> Response:
        if door.closing or not door.ready:
            raise Refusal(503, "NotReady", "the store is not open", "ask again", Retry_After="1")
        return answered({"status": "ready"})

    async def metrics(request: Request) -> Response:
        if not door.settings.open_metrics:
            who = door.enter(request)
            door.allow(who, OPS["status"])
            if who.tenant:
                raise AccessDenied(
                    "the figures are of all tenants together", hint="use a token without a tenant"
                )
        text = await door.in_thread(lambda: door.metrics.text(door.statuses()))
        return Response(text, media_type=METRICS)

    async def openapi(_: Request) -> Response:
        return answered(app.openapi())

    shape: Schema = {"type": "object", "properties": {"status": _STRING}, "required": ["status"]}
    for route, name, work, about, kind, codes, extra in (
        ("GET /v1/health", "health", health, "Whether the server runs.", shape, (421,), _OPEN),
        ("GET /v1/ready", "ready", ready, "Whether its store is open.", shape, (421, 503), _OPEN),
        (
            "GET /v1/openapi.json",
            "openapi",
            openapi,
            "This description.",
            {"type": "object"},
            (421,),
            _OPEN,
        ),
    ):
        _add(
            app,
            route,
            name,
            work,
            tag="Keep",
            about=about,
            good=_good(kind),
            codes=codes,
            extra=dict(extra),
        )
    _add(
        app,
        "GET /metrics",
        "metrics",
        metrics,
        tag="Keep",
        about="Figures for Prometheus.",
        good=_good(_STRING, "text/plain"),
        codes=ALWAYS,
    )


def _add_sessions(app: FastAPI, door: Door) -> None:
    def of(
        work: Callable[[Door, Request], Awaitable[Response]],
    ) -> Callable[[Request], Awaitable[Response]]:
        return lambda request: work(door, request)

    who: Schema = {
        "type": "object",
        "properties": {"name": _STRING, "rights": {"type": "array", "items": _STRING}},
        "required": ["name", "rights"],
    }
    done: Schema = {"type": "object", "properties": {"done": {"type": "boolean"}}}
    for route, name, work, shape, codes, extra in (
        ("POST /v1/session", "log_in", pages.begin, who, ALWAYS, {}),
        ("GET /v1/session", "whoami", pages.current, who, ALWAYS, {}),
        ("DELETE /v1/session", "log_out", pages.end, done, (403, 421, 500), _OPEN),
    ):
        about = work.__doc__ or ""
        _add(
            app,
            route,
            name,
            of(work),
            tag="Page",
            about=about,
            good=_good(shape),
            codes=codes,
            extra=dict(extra),
        )
    app.add_route("/ui/login", guarded("login", of(pages.login)), include_in_schema=False)
    app.add_route("/", guarded("home", pages.home), include_in_schema=False)


def _describe(app: FastAPI, shapes: Shapes) -> None:
    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(
                title=app.title, version=app.version, description=app.description, routes=app.routes
            )
            held = made.setdefault("components", {})
            held.setdefault("schemas", {}).update(
                {"Error": ERROR, "Imported": IMPORTED, **shapes.named}
            )
            held["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            made["security"] = [{"token": []}]
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _unrouted(app: FastAPI) -> Callable[[Request, Exception], Response]:
    """Answers what no route answers."""

    def answer(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            return refused(error)
        if error.status_code == 405:
            there = {
                method
                for route in app.routes
                if route.matches(request.scope)[0] is not Match.NONE
                for method in getattr(route, "methods", None) or ()
            }
            allow = ", ".join(sorted(there))
            return refused(
                Refusal(
                    405,
                    "MethodNotAllowed",
                    f"{request.method} is not for this",
                    f"it takes {allow}",
                    Allow=allow,
                )
            )
        if error.status_code == 404:
            return refused(
                Refusal(
                    404,
                    "NotFound",
                    "there is nothing here",
                    "GET /v1/openapi.json says what there is",
                )
            )
        return refused(Refusal(error.status_code, "HTTPError", str(error.detail)))

    return answer


def _refused(_: Request, error: Exception) -> Response:
    return refused(error)
