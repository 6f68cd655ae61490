"""The page for people, its files as they are; and logging in to it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from remanence.serve.http.answers import Refusal, answered
from remanence.serve.http.door import Door, cookie_name
from remanence.serve.http.sessions import HOURS, Who

WEB: Final = Path(__file__).parents[1] / "web"
POLICY: Final = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"


class _Page(StaticFiles):
    """Files that may load and run what this server has, and nothing else."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            if error.status_code == 404:
                raise Refusal(
                    404, "NotFound", "there is no such page", "/ui/ is where it begins"
                ) from None
            raise
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        response.headers["Cache-Control"] = "no-cache"
        return response


def add_page(app: FastAPI) -> None:
    """The files of the page below /ui/."""
    app.mount("/ui", _Page(directory=WEB, html=True, check_dir=False), name="ui")


async def home(_: Request) -> Response:
    """Where people arrive."""
    return RedirectResponse("/ui/", 303)


async def login(door: Door, request: Request) -> Response:
    """The link that `rmem ui` opens: its code becomes a session, once."""
    cookie = door.sessions.redeem(request.query_params.get("code", ""))
    if cookie is None:
        hint = "start rmem ui again, or give the page a token"
        raise Refusal(401, "Unauthorized", "this link was used before, or is none of ours", hint)
    response = RedirectResponse("/ui/", 303)
    _set_cookie(response, request, cookie)
    return response


async def begin(door: Door, request: Request) -> Response:
    """Log in with a token: the page need not keep it."""
    token = door.token(request)
    if token is None:
        door.enter(request)
        raise Refusal(
            422, "InvalidInput", "a session begins with a token", "Authorization: Bearer TOKEN"
        )
    response = answered(_told(door.enter(request)))
    _set_cookie(response, request, door.sessions.begin(token))
    return response


async def current(door: Door, request: Request) -> Response:
    """Who calls, and what he may."""
    return answered(_told(door.enter(request)))


async def end(door: Door, request: Request) -> Response:
    """Log out."""
    name = cookie_name(request)
    if cookie := request.cookies.get(name):
        door.sessions.end(cookie)
    response = answered({"done": True})
    response.delete_cookie(name, httponly=True, samesite="strict")
    return response


def _told(who: Who) -> dict[str, object]:
    caller = who.caller
    return {
        "name": caller.name,
        "rights": sorted(caller.rights),
        "tenant": who.tenant,
        "user_id": caller.user_id,
        "agent_id": caller.agent_id,
        "cookie": who.cookie,
    }


def _set_cookie(response: Response, request: Request, cookie: str) -> None:
    response.set_cookie(
        cookie_name(request),
        cookie,
        max_age=HOURS * 3600,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
