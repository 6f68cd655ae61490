"""What callers hand over, checked and made into observations: plain text, chat messages, or lists of either.

A message is a mapping in the shape that chat APIs use: `content` (text, or a list of parts of which the text ones count) and
any of `role`, `name` or `speaker`, `at`, `id`, `session_id`, `title`, `caption`, `origin`, `kind`, `meta`.
Everything is checked before anything is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import index
from typing import cast

from remanence.errors import InvalidInput
from remanence.seams import Observation
from remanence.store.rows import ROLES
from remanence.types import Micros, Scope, to_micros

TENANT = "default"
USER = "default"
"""Whose memory it is where nobody says."""
AHEAD: Micros = 60_000_000
"""How far the clock of whoever stamped a message may be ahead of ours."""
MOST = 2**62 - 1
"""No count or place is larger: two of them add up to a 64-bit integer."""
KNOWN = frozenset(
    (
        "content",
        "text",
        "role",
        "name",
        "speaker",
        "at",
        "id",
        "session_id",
        "title",
        "caption",
        "origin",
        "kind",
        "meta",
    )
)


def as_scope(user_id: str | None, agent_id: str | None, tenant: str | None = None) -> Scope:
    """`(tenant, user)` or `(tenant, user, agent)`."""
    parts = [
        _name("tenant", tenant) or TENANT,
        _name("user_id", user_id) or USER,
        _name("agent_id", agent_id),
    ]
    return tuple(parts if parts[2] else parts[:2])


def moment(name: str, value: datetime | str | None) -> Micros | None:
    """A moment in micros. Strings are ISO 8601; a date alone is midnight UTC; a time of day needs its zone."""
    if value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
        try:
            parsed = datetime.fromisoformat(text)
        except ValueError:
            raise InvalidInput(
                f"{name}={value!r} is no date", hint="write 2025-03-01 or 2025-03-01T09:30:00+01:00"
            ) from None
        if len(text) <= 10:
            parsed = datetime.fromisoformat(f"{parsed.date()}T00:00:00+00:00")
    elif isinstance(value, datetime):
        parsed = value
    else:
        raise InvalidInput(
            f"{name} is a {type(value).__name__}", hint="give a datetime or an ISO 8601 string"
        )
    if parsed.tzinfo is None:
        raise InvalidInput(
            f"{name}={value!s} has no time zone",
            hint="memory is asked across zones and years: use datetime.now(UTC) or add the offset",
        )
    return to_micros(parsed)


def as_observations(
    content: str | Mapping[str, object] | Sequence[str | Mapping[str, object]],
    *,
    scope: Scope,
    now: Micros,
    session: str = "",
    id: str = "",
    at: Micros | None = None,
    origin: str = "",
    meta: Mapping[str, object] | None = None,
) -> list[Observation]:
    """One observation for each text or message; what a message does not say comes from the keyword arguments.

    Raises: InvalidInput, naming the message that is wrong."""
    if isinstance(content, (str, Mapping)):
        messages: Sequence[str | Mapping[str, object]] = [content]
    elif isinstance(content, Sequence) and not isinstance(content, (bytes, bytearray, memoryview)):
        messages = content
    else:
        raise InvalidInput(
            f"content is a {type(content).__name__}",
            hint="give text, a message dict, or a list of them",
        )
    if id and len(messages) != 1:
        raise InvalidInput(
            f"one id for {len(messages)} messages", hint='put an "id" into each message'
        )
    if meta is not None and not isinstance(meta, Mapping):
        raise InvalidInput(f"meta is a {type(meta).__name__}", hint="give a dict")
    found = []
    for number, message in enumerate(messages):
        where = f"message {number}: " if len(messages) > 1 else ""
        given: Mapping[str, object]
        if isinstance(message, str):
            given = {"content": message}
        elif isinstance(message, Mapping):
            given = message
        else:
            raise InvalidInput(
                f"{where}is a {type(message).__name__}", hint="give text or a message dict"
            )
        if unknown := sorted(str(key) for key in given if key not in KNOWN):
            raise InvalidInput(
                f"{where}unknown key {unknown[0]!r}",
                hint=f"known are {', '.join(sorted(KNOWN))}; what is yours goes into meta",
            )
        found.append(
            _observation(given, where, scope, session, id, at, origin, dict(meta or {}), now)
        )
    return found


def whole(name: str, value: int, *, least: int) -> int:
    """A whole number from `least` on, at most what an SQLite integer and a slice hold.

    Raises: InvalidInput."""
    try:
        number = index(value)
    except TypeError:
        raise InvalidInput(
            f"{name} is a {type(value).__name__}", hint="give a whole number"
        ) from None
    if number < least:
        raise InvalidInput(f"{name}={number}", hint=f"give a whole number from {least} on")
    return min(number, MOST)


def word(name: str, value: object) -> str:
    """A short string as it was given; "" for None.

    Raises: InvalidInput."""
    found = _name(name, value)
    try:
        found.encode()
    except UnicodeEncodeError:
        raise InvalidInput(f"{name} has a lone surrogate", hint="decode the text first") from None
    return found


def several(name: str, values: object) -> tuple[str, ...]:
    """A list of strings, or one of them alone; None is none.

    Raises: InvalidInput."""
    if values is None:
        return ()
    if isinstance(values, str):
        return (values,)
    if isinstance(values, Iterable) and not isinstance(values, (bytes, bytearray, memoryview)):
        found = tuple(values)
        if all(isinstance(value, str) for value in found):
            return found
    raise InvalidInput(
        f"{name} is a {type(values).__name__}", hint="give a string, or a list of strings"
    )


def equalities(name: str, value: object) -> dict[str, object]:
    """What to filter by; None is nothing.

    Raises: InvalidInput."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise InvalidInput(
            f"{name} is a {type(value).__name__}",
            hint='give a dict by name, such as {"speaker": "Ana"}',
        )
    return dict(value)


def empty(observation: Observation) -> bool:
    """Whether there is nothing in it to remember."""
    return not observation.text.strip() and not observation.fields


def refusal(observation: Observation, now: Micros) -> str:
    """Why it can't be remembered; empty where it can."""
    if empty(observation):
        return "content is empty: there is nothing to remember in it"
    if observation.at is not None and observation.at > now + AHEAD:
        return "at lies in the future: it is when it was said"
    return ""


def _observation(
    given: Mapping[str, object],
    where: str,
    scope: Scope,
    session: str,
    id: str,
    at: Micros | None,
    origin: str,
    meta: dict[str, object],
    now: Micros,
) -> Observation:
    text = _text(given.get("content", given.get("text")), where)
    when = moment(f"{where}at", cast("datetime | str | None", given.get("at")))
    when = at if when is None else when
    if when is not None and when > now + AHEAD:
        raise InvalidInput(
            f"{where}at lies in the future",
            hint="at is when it was said; check the zone of the clock",
        )
    role = _name(f"{where}role", given.get("role"))
    if role not in ROLES:
        raise InvalidInput(
            f"{where}role {role!r}", hint=f"use one of {', '.join(r for r in ROLES if r)}"
        )
    own = given.get("meta", {})
    if not isinstance(own, Mapping) or not all(isinstance(key, str) for key in own):
        raise InvalidInput(
            f"{where}meta is no mapping of strings", hint='meta={"project": "atlas"}'
        )
    caption = _name(f"{where}caption", given.get("caption"), longest=100_000)
    return Observation(
        text=text,
        scope=scope,
        id=_name(f"{where}id", given.get("id")) or id,
        session=_name(f"{where}session_id", given.get("session_id")) or session,
        speaker=_name(f"{where}speaker", given.get("speaker", given.get("name"))),
        role=role,
        at=when,
        now=now,
        title=_name(f"{where}title", given.get("title"), longest=10_000),
        origin=_name(f"{where}origin", given.get("origin")) or _name("origin", origin),
        kind=_name(f"{where}kind", given.get("kind")) or "episode",
        fields={"caption": caption} if caption else {},
        meta={**meta, **own},
    )


def _text(content: object, where: str) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence) and not isinstance(content, (bytes, bytearray, memoryview)):
        parts = [
            part.get("text")
            for part in content
            if isinstance(part, Mapping)
            and part.get("type") in ("text", "input_text", "output_text")
        ]
        return "\n".join(part for part in parts if isinstance(part, str))
    kind = "missing" if content is None else f"a {type(content).__name__}"
    raise InvalidInput(f"{where}content is {kind}", hint="content is text; decode bytes first")


def _name(what: str, value: object, *, longest: int = 512) -> str:
    """A short string, or "" for None."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidInput(f"{what} is a {type(value).__name__}", hint="give a string")
    if len(value) > longest:
        raise InvalidInput(f"{what} has {len(value)} characters", hint=f"at most {longest}")
    if "\x1f" in value or "\x00" in value:
        raise InvalidInput(f"{what} has a control character", hint="leave out U+0000 and U+001F")
    return value
