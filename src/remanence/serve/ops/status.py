"""Errors as they leave: the exit code of a command, the status of an HTTP answer, the same words in every door."""

from __future__ import annotations

from typing import Final

from remanence import errors
from remanence.errors import RemanenceError

STATUS: Final[tuple[tuple[type[RemanenceError], int], ...]] = (
    (errors.NotFound, 404),
    (errors.Conflict, 409),
    (errors.AccessDenied, 403),
    (errors.MissingExtra, 501),
    (errors.UsageError, 422),
    (errors.StoreBusy, 503),
    (errors.StoreFull, 507),
    (errors.ReadOnly, 403),
    (errors.StoreError, 500),
    (errors.WrongDimension, 500),
    (errors.ModelError, 502),
    (RemanenceError, 500),
)
"""The first that fits."""
EXITS: Final[tuple[tuple[type[RemanenceError], int], ...]] = (
    (errors.ModelError, 4),
    (errors.StoreError, 3),
    (RemanenceError, 2),
)
"""The first that fits; `rmem --help` says what they mean."""


def exit_code(error: RemanenceError) -> int:
    """The exit code of a command.

    >>> exit_code(errors.NotFound("no record 'x'")), exit_code(errors.StoreBusy("locked"))
    (2, 3)
    """
    return next(code for kind, code in EXITS if isinstance(error, kind))


def http_status(error: RemanenceError) -> int:
    """The status of an HTTP answer.

    >>> http_status(errors.NotFound("no record 'x'")), http_status(errors.StoreBusy("locked"))
    (404, 503)
    """
    return next(status for kind, status in STATUS if isinstance(error, kind))


def told(error: RemanenceError) -> dict[str, str]:
    """An error as JSON: `code` is stable, `message` and `hint` are for people."""
    return {"code": error.code, "message": error.message, "hint": error.hint}
