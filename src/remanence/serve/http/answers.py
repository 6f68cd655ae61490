"""What goes out: JSON, errors in one shape, links to the next page, and tags of versions."""

from __future__ import annotations

import inspect
import logging
import traceback
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import Response

from remanence.errors import InvalidInput, RemanenceError, StoreError
from remanence.serve.ops import status, wire

log: Final = logging.getLogger("remanence.http")
JSON: Final = "application/json"


class Refusal(Exception):
    """What only HTTP has to refuse: answered with this status, in the shape of all errors."""

    def __init__(
        self, status: int, code: str, message: str, hint: str = "", **headers: str
    ) -> None:
        super().__init__(message)
        self.status = status
        self.told = {"code": code, "message": message, "hint": hint}
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def answered(value: Mapping[str, Any], status: int = 200, **headers: str) -> Response:
    """A JSON answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(wire.dumps(value), status, named, JSON)


def refused(error: Exception) -> Response:
    """Any error as an answer. What went wrong in here is told in the log; callers learn of what kind it is, and no paths."""
    if isinstance(error, Refusal):
        return answered({"error": error.told}, error.status, **error.headers)
    if isinstance(error, StoreError):
        log.error("%s: %s", error.code, error)
        told = {"code": error.code, "message": _about(error), "hint": "the server's log has more"}
        return _told(told, status.http_status(error))
    if isinstance(error, RemanenceError):
        return _told(status.told(error), status.http_status(error))
    # The message may hold what somebody remembers: the log gets where it was, not what.
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("%s in\n%s", type(error).__name__, where)
    told = {"code": "InternalError", "message": "something went wrong in the server"}
    return _told({**told, "hint": "the server's log has more"}, 500)


def _about(error: RemanenceError) -> str:
    return inspect.cleandoc(type(error).__doc__ or "").partition("\n\n")[0]


def _told(told: Mapping[str, str], status: int) -> Response:
    retry = {"Retry-After": "1"} if status == 503 else {}
    return Response(wire.dumps({"error": told}), status, retry, JSON)


def tag(record: Mapping[str, Any]) -> str:
    """The entity tag of a record as it is answered: its digest, and a hash of all else that may change (marks, valid time)."""
    seal = blake2b(wire.dumps(record), digest_size=6).hexdigest()
    return f'"{record["digest"]}-{seal}"'


def expected(header: str) -> int | str | None:
    """What an `If-Match` header expects: a tag that an answer carried, a digest, or a version; None for `*`.

    Raises: InvalidInput."""
    given = header.strip()
    if given == "*":
        return None
    quoted = len(given) > 2 and given[0] == given[-1] == '"' and '"' not in given[1:-1]
    if not quoted:
        raise InvalidInput(
            f"If-Match: {header}",
            hint='give one strong tag as an answer\'s ETag has it, or a version: "3"',
        )
    digest = given[1:-1].partition("-")[0]
    return int(digest) if digest.isdecimal() and len(digest) < 19 else digest


def next_page(
    answer: Mapping[str, Any], given: Mapping[str, object], limit: object, *, newest: bool
) -> int | None:
    """What `after` has to be for what follows this answer; None where nothing does."""
    items = answer.get("items", [])
    if not isinstance(limit, int) or not 0 < limit <= len(items) or newest:
        return None
    if "seq" in items[-1]:
        return int(items[-1]["seq"])
    after = given.get("after", 0)
    return (after if isinstance(after, int) else 0) + len(items)


def link(path: str, query: list[tuple[str, str]], after: int) -> str:
    """A `Link` header to the next page: the same question from there on."""
    again = [(name, value) for name, value in query if name != "after"]
    asked = urlencode([*again, ("after", str(after))], errors="replace")
    return f'<{path}?{asked}>; rel="next"'
