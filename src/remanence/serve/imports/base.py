"""What every importer shares: the shape of an importer, skipped items, stable ids, and reading values strictly.

An importer is lazy: it yields an `Observation` per message, or a `Skipped` that says where and why. Ids are the export's
own where it has any that are unique, else `stable_id` of what was read, so importing a file twice stores nothing twice, and
running an interrupted import again resumes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from remanence.seams import Observation
from remanence.types import Micros, Scope, to_micros

ROLES: Mapping[str, str] = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "model": "assistant",
    "ai": "assistant",
    "system": "system",
    "developer": "system",
    "tool": "tool",
    "function": "tool",
    "document": "document",
}
"""The roles that exports use -> ours."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that could not be imported: `line` counts from 1; 0 means the file as a whole."""

    path: str
    line: int
    reason: str


Item = Observation | Skipped


class Importer(Protocol):
    """Reads one format. `name` is what `--format` takes, `title` what a person calls it."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    def recognises(self, path: Path, sample: object) -> bool:
        """Whether `path` is of this format. `sample` is the first JSON value in it (an element, where the file is an
        array), or None where it is no JSON or a folder."""
        ...

    def read(self, path: Path, scope: Scope) -> Iterator[Item]:
        """Everything in `path`, in its order. Raises `BadImport` where nothing at all can be read."""
        ...


class Malformed(Exception):
    """A part of an export is not what its format says; importers turn it into a `Skipped`."""


def stable_id(*parts: str) -> str:
    """26 hex characters that depend on the parts alone: the same on every machine and in every run.

    >>> stable_id("notes.md", "hello") == stable_id("notes.md", "hello") != stable_id("notes.mdh", "ello")
    True
    """
    digest = hashlib.blake2b(digest_size=13)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


class Occurrences:
    """Ids for messages that have none: a digest of session, role and text, and how often the same came before.

    Counting equal messages instead of using the position keeps the ids of a log stable when lines are added to it."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def id(self, *parts: str) -> str:
        base = stable_id(*parts)
        count = self._seen[base] = self._seen.get(base, 0) + 1
        return base if count == 1 else stable_id(base, str(count))


def moment(value: object) -> Micros | None:
    """A time as exports write it, to microseconds: seconds since 1970 (int, float), or ISO 8601; None and "" are unknown.

    A time without a zone is taken as UTC, because that is what the exports mean by it. Raises `Malformed`.

    >>> moment("1970-01-01T01:00:00+01:00"), moment(1.5), moment(None)
    (0, 1500000, None)
    """
    if value is None or value == "":
        return None
    try:
        if isinstance(value, str):
            parsed = datetime.fromisoformat(value)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            parsed = datetime.fromtimestamp(value, UTC)
        else:
            raise Malformed(f"{value!r} is not a time")
    except (ValueError, OverflowError, OSError) as error:
        raise Malformed(f"{value!r} is not a time") from error
    return to_micros(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))


def obj(value: object, what: str) -> Mapping[str, object]:
    """The value as a JSON object, else `Malformed`."""
    if not isinstance(value, dict):
        raise Malformed(f"{what} is {kind(value)}, not an object")
    return value


def array(value: object, what: str) -> list[object]:
    """The value as a JSON array, else `Malformed`."""
    if not isinstance(value, list):
        raise Malformed(f"{what} is {kind(value)}, not an array")
    return value


def string(value: object, what: str) -> str:
    """The value as text; a missing one is empty; anything else is `Malformed`."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Malformed(f"{what} is {kind(value)}, not text")
    return value


def kind(value: object) -> str:
    """What JSON calls the type of a value."""
    names = {
        dict: "an object",
        list: "an array",
        str: "text",
        bool: "a boolean",
        type(None): "null",
    }
    return names.get(type(value), "a number")
