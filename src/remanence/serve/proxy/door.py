"""Who comes in, whose memory is meant, and what of it is wanted."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from starlette.requests import Request

from remanence.serve.hosts import stranger
from remanence.serve.http.tokens import Token
from remanence.serve.ops.op import Caller
from remanence.serve.proxy.refusal import Refusal
from remanence.serve.proxy.settings import Settings

SHOWN: Final = "x-remanence-token"
_SWITCH: Final = {"": True, "on": True, "true": True, "1": True, "yes": True} | {
    word: False for word in ("off", "false", "0", "no")
}
NAME: Final = "proxy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request as it was let in: in whose name memory is asked and written (`user` None: as the request's body says), which session
    its headers name, and whether to recall and to store."""

    caller: Caller
    tenant: str = ""
    user: str | None = None
    session: str = ""
    recall: bool = True
    store: bool = True


class Door:
    """Lets requests in."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def enter(self, request: Request) -> Visit:
        """Raises: Refusal for who may not come in, and for headers that can't be understood; what `TokenFile.who` raises."""
        self._from_here(request)
        token = self._token(request)
        named = _header(request, "user")
        user = token.user_id if token else None
        if user is not None and named not in ("", user):
            raise Refusal(403, "AccessDenied", "this token is bound to another user")
        agent = (token.agent_id if token else None) or self._settings.agent
        caller = token.caller if token else Caller()
        return Visit(
            caller=replace(
                caller, name=f"{NAME}/{token.name}" if token else NAME, user_id=user, agent_id=agent
            ),
            tenant=token.tenant if token else "",
            user=user or named or None,
            session=_header(request, "session"),
            recall=_switch(request, "recall"),
            store=_switch(request, "store"),
        )

    def _from_here(self, request: Request) -> None:
        """A page in a browser could send requests here that its user knows nothing of."""
        settings = self._settings
        strange = stranger(request.headers, settings.origins, loopback=settings.local)
        if strange == "host":
            raise Refusal(403, "forbidden_host", "this proxy does not go by that name")
        if strange == "origin":
            raise Refusal(
                403, "forbidden_origin", "pages of this origin may not call (rmem proxy --origin)"
            )

    def _token(self, request: Request) -> Token | None:
        """The token that a request shows: in a header of our own, or as the key where the client needs none of upstream's."""
        given = request.headers.get(SHOWN, "")
        where = "X-Remanence-Token: TOKEN"
        if self._settings.key:
            kind, _, bearer = request.headers.get("authorization", "").partition(" ")
            given = given or (bearer.strip() if kind.lower() == "bearer" else "")
            where = "Authorization: Bearer TOKEN"
        if not given and not self._settings.guarded:
            return None
        token = self._settings.stores.tokens.who(given)
        # The key that an app sends because its client wants one is no token, and where none is needed none is missed.
        if token is None and (self._settings.guarded or SHOWN in request.headers):
            raise Refusal(
                401,
                "invalid_api_key",
                f"no valid token of the proxy's - {where}; rmem token new NAME makes one",
                WWW_Authenticate='Bearer realm="remanence"',
            )
        return token


def _header(request: Request, name: str) -> str:
    value = request.headers.get(f"x-remanence-{name}", "")
    with suppress(UnicodeError):  # headers arrive as Latin-1
        value = value.encode("latin-1").decode("utf-8")
    if len(value) > 512 or not value.isprintable():
        raise Refusal(400, "InvalidInput", f"X-Remanence-{name.title()} is no name")
    return value


def _switch(request: Request, name: str) -> bool:
    value = request.headers.get(f"x-remanence-{name}", "")
    found = _SWITCH.get(value.strip().lower())
    if found is None:
        raise Refusal(400, "InvalidInput", f"X-Remanence-{name.title()} is neither on nor off")
    return found
