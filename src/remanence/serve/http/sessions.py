"""Who is logged in from a browser: a cookie that stands for a token, or for the owner who opened the page."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from threading import Lock
from typing import Final

from remanence.serve.http.tokens import Token
from remanence.serve.ops.op import OWNER, Caller

HOURS: Final = 12
MOST: Final = 1_000
"""Sessions kept; the oldest leaves first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Who calls. `key`: whose calls are counted together; `cookie`: whether a browser sent this by itself."""

    caller: Caller
    tenant: str = ""
    key: str = ""
    cookie: bool = False


@dataclass(frozen=True, slots=True)
class _Session:
    token: Token | None
    """None: the owner's."""
    ends: float


class Sessions:
    """Sessions of browsers, in memory: they end with the server. Only hashes of what cookies hold are kept."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._sessions: dict[str, _Session] = {}
        self._codes: set[str] = set()

    def code(self) -> str:
        """A new code that lets whoever brings it first in as the owner."""
        code = secrets.token_urlsafe(32)
        with self._lock:
            self._codes.add(_hash(code))
        return code

    def redeem(self, code: str) -> str | None:
        """A session for a code, once; None for one that is not known (any more)."""
        with self._lock:
            if _hash(code) not in self._codes:
                return None
            self._codes.discard(_hash(code))
        return self.begin(None)

    def begin(self, token: Token | None) -> str:
        """A new session; what its cookie has to hold."""
        cookie = secrets.token_urlsafe(32)
        with self._lock:
            self._sessions[_hash(cookie)] = _Session(token, self._clock() + HOURS * 3600)
            if len(self._sessions) > MOST:
                del self._sessions[next(iter(self._sessions))]
        return cookie

    def who(self, cookie: str, alive: Callable[[Token], bool]) -> Who | None:
        """Whose session it is; None where it has ended, or `alive` says that its token has."""
        with self._lock:
            found = self._sessions.get(_hash(cookie))
        if found is None or found.ends <= self._clock():
            return None
        if found.token is None:
            return Who(
                caller=Caller(name="http/owner", rights=OWNER.rights), key="owner", cookie=True
            )
        if not alive(found.token):
            return None
        token = found.token
        return Who(caller=token.caller, tenant=token.tenant, key=token.id, cookie=True)

    def end(self, cookie: str) -> None:
        """Log out."""
        with self._lock:
            self._sessions.pop(_hash(cookie), None)


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
