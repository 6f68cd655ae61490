"""Who comes in, how often, and how many at once; and doing an operation for them in a thread of its own."""

from __future__ import annotations

import time
from asyncio import Semaphore, timeout
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any, Final, TypeVar

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request

from remanence.errors import AccessDenied
from remanence.memory.core import Status
from remanence.serve.http.answers import Refusal
from remanence.serve.http.asking import READS
from remanence.serve.http.memories import Memories
from remanence.serve.http.metrics import Metrics
from remanence.serve.http.sessions import Sessions, Who
from remanence.serve.http.settings import Settings
from remanence.serve.http.tokens import Token
from remanence.serve.ops.op import OWNER, Caller, Op

COOKIE: Final = "remanence"
HEADER: Final = "x-remanence"
"""What a page has to send along with a cookie: a form of another site can't."""
LONG: Final = frozenset(
    "confirm export fade flush forget plan_forget rebuild reject sleep verify".split()
)
"""Operations that may take seconds and more."""
_CALLERS: Final = 10_000
"""Callers whose calls are counted; the one unseen for longest leaves first."""
_Result = TypeVar("_Result")


class Door:
    """What all routes of a server share."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.memories = Memories(settings)
        self.metrics = Metrics()
        self.sessions = Sessions()
        self.rates = Rates(settings.rate)
        self.ready = False
        self.closing = False
        self._streams = 0
        self._short = Semaphore(settings.threads)
        self._long = Semaphore(settings.long)
        self._threads = CapacityLimiter(settings.threads + settings.long)

    def end(self) -> None:
        """What goes on for long stops at its next step."""
        self.closing = True

    def enter(self, request: Request) -> Who:
        """Who calls. Raises: Refusal for who is not known, calls too often, or sends a cookie that somebody else's page made him send."""
        who = self._known(request)
        if who is None:
            raise Refusal(
                401,
                "Unauthorized",
                "no valid token",
                "Authorization: Bearer TOKEN; rmem token new NAME makes one",
                WWW_Authenticate='Bearer realm="remanence"',
            )
        if who.cookie and request.method not in READS and HEADER not in request.headers:
            raise AccessDenied(
                "a call with a cookie says that it comes from the page",
                hint="send the header X-Remanence: 1",
            )
        wait = self.rates.wait(who.key)
        if wait:
            hint = f"wait {wait} s"
            raise Refusal(429, "TooMany", "too many calls", hint, Retry_After=str(wait))
        return who

    def knows(self, request: Request, who: Who) -> bool:
        """Whether a caller who came in before could come in again: his token may have been revoked."""
        return self._known(request) == who

    def _known(self, request: Request) -> Who | None:
        if self.settings.open_to_all:
            return Who(caller=Caller(name="http", rights=OWNER.rights))
        if "authorization" in request.headers:
            token = self.token(request)
            if token is None:
                return None
            return Who(caller=token.caller, tenant=token.tenant, key=token.id)
        cookie = request.cookies.get(cookie_name(request))
        return self.sessions.who(cookie, self._alive) if cookie else None

    def token(self, request: Request) -> Token | None:
        """The token that a request brings; None where it brings none of ours."""
        kind, _, secret = request.headers.get("authorization", "").partition(" ")
        return self.settings.tokens.who(secret.strip()) if kind.lower() == "bearer" else None

    def _alive(self, token: Token) -> bool:
        return self.settings.tokens.has(token)

    def allow(self, who: Who, op: Op) -> None:
        """Raises: AccessDenied for what the caller may not do, before anything of it is read."""
        op.allow(who.caller)
        if who.tenant and self.memories.in_file and not op.personal and op.name != "users":
            raise AccessDenied(
                f"{op.name} is about the whole file, and other tenants are in it",
                hint="use a token without a tenant, or give each tenant a file: a folder as the store",
            )

    async def do(
        self,
        who: Who,
        op: Op,
        given: Mapping[str, object],
        then: Callable[[Any], _Result],
        **more: object,
    ) -> _Result:
        """An operation for a caller, and `then` with its result, in a thread."""

        def work() -> _Result:
            with self.memories.using(who.tenant) as memory:
                return then(op.call(memory, given, who.caller, **more))

        return await self.in_thread(work, long=op.name in LONG)

    def statuses(self) -> list[Status]:
        """How the stores that are open are doing."""
        found = []
        for tenant in self.memories.opened():
            with self.memories.using(tenant) as memory:
                found.append(memory.status())
        return found

    async def in_thread(self, work: Callable[[], _Result], *, long: bool = False) -> _Result:
        """What would keep others waiting, in a thread of its own; `long` work has threads apart, so that it holds up no search.

        Raises: Refusal where there is none free for long."""
        turns = self._long if long else self._short
        try:
            async with timeout(self.settings.patience):
                await turns.acquire()
        except TimeoutError:
            raise Refusal(
                503, "Busy", "all threads are at work", "try again", Retry_After="1"
            ) from None
        try:
            return await to_thread.run_sync(work, limiter=self._threads)
        finally:
            turns.release()

    def refuse_more_streams(self) -> None:
        """Raises: Refusal where too many streams are open."""
        if self._streams >= self.settings.streams:
            raise Refusal(503, "Busy", "too many streams are open", "close one", Retry_After="5")

    @contextmanager
    def streaming(self) -> Iterator[None]:
        """Counts what goes on for long."""
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1


class Rates:
    """Token buckets: so many calls a second for each caller, with bursts of twice that."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._most = max(2 * rate, 1.0)
        self._clock = clock
        self._lock = Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str) -> int:
        """Whole seconds that this caller has to wait; 0 where the call is his."""
        if not self._rate:
            return 0
        now = self._clock()
        with self._lock:
            left, seen = self._left.pop(key, (self._most, now))
            left = min(self._most, left + (now - seen) * self._rate)
            self._left[key] = (left - 1 if left >= 1 else left), now
            if len(self._left) > _CALLERS:
                self._left.popitem(last=False)
        return 0 if left >= 1 else max(1, round((1 - left) / self._rate + 0.5))


def cookie_name(request: Request) -> str:
    """Browsers send cookies to every port of a host: each server has its own."""
    return f"{COOKIE}-{request.url.port or request.url.scheme}"
