"""Whose memory, and what may be a name: the checks that every key of the store goes through."""

from __future__ import annotations

from typing import Final

from remanence.errors import InvalidInput
from remanence.types import Scope

LONGEST_NAME: Final = 512
"""Characters of an id, a scope part, a relation, an actor or an idempotency key."""
SEPARATOR: Final = "\x1f"
"""Joins the parts of a scope below its space, which is what the space's `names` hold."""


def check_name(value: object, what: str) -> str:
    """A string that can be a key: not too long, no control characters, no lone surrogates.

    Raises: InvalidInput."""
    if not isinstance(value, str):
        raise InvalidInput(f"{what} is a {type(value).__name__}", hint="give a string")
    if len(value) > LONGEST_NAME:
        raise InvalidInput(
            f"{what} has {len(value)} characters", hint=f"at most {LONGEST_NAME} are allowed"
        )
    if not value.isprintable() and any(
        c < " " or "\x7f" <= c < "\xa0" or "\ud800" <= c <= "\udfff" for c in value
    ):
        raise InvalidInput(
            f"{what} {value!r} has control characters or lone surrogates", hint="use another name"
        )
    return value


def space_of(scope: Scope) -> tuple[str, str]:
    """(tenant, user) of a scope; a scope of one part has the user "".

    Raises: InvalidInput."""
    _check(scope)
    return scope[0], scope[1] if len(scope) > 1 else ""


def tail_of(scope: Scope) -> str:
    """What narrows a scope inside its space, as one name; "" where nothing does."""
    return SEPARATOR.join(scope[2:])


def scope_of(tenant: str, user: str, tail: str) -> Scope:
    """The inverse of `space_of` and `tail_of`."""
    return (tenant, user, *tail.split(SEPARATOR)) if tail else (tenant, user)


def inside(tail: str, narrowed: str) -> bool:
    r"""Whether a record under `tail` can be seen by a read narrowed to `narrowed`.

    >>> inside("agent\x1frun", "agent"), inside("agents", "agent"), inside("", "agent")
    (True, False, False)
    """
    return not narrowed or tail == narrowed or tail.startswith(narrowed + SEPARATOR)


def _check(scope: object) -> None:
    if not isinstance(scope, tuple) or not scope:
        raise InvalidInput(
            f"scope {scope!r}", hint='give a tuple of strings: ("tenant", "user", …)'
        )
    for place, part in enumerate(scope):
        check_name(part, "a scope part")
        if not part and place != 1:
            raise InvalidInput(
                f"scope {scope!r} has an empty part", hint="only the user may be empty"
            )
