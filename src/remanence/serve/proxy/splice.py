"""Where the parts of a JSON text lie in it, so that one can be put in and every other character stays as it was sent.

Parsing and writing anew would change what only looks the same (spaces, escapes, large numbers, doubled names), and with it what upstream
has cached or what the app has signed.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

_DECODER: Final = json.JSONDecoder()
_SPACE: Final = re.compile(r"[ \t\n\r]*")


class Part(NamedTuple):
    """A value, and the characters `start:end` that it was read from."""

    start: int
    end: int
    value: Any


def members(text: str) -> dict[str, Part]:
    """The members of a text that is one JSON object; of two with one name the last, as most parsers have it.

    Raises: ValueError where it is none; RecursionError where it is nested too deeply.

    >>> members('{"a": [1, 2] }')["a"]
    Part(start=6, end=12, value=[1, 2])
    """
    found: dict[str, Part] = {}
    at, more = _opened(text, _past(text, 0), "{", "}")
    while more:
        name, at = _DECODER.raw_decode(text, at)
        if not isinstance(name, str):
            raise ValueError("a member without a name")
        start = _past(text, _expected(text, _past(text, at), ":"))
        value, end = _DECODER.raw_decode(text, start)
        found[name] = Part(start, end, value)
        at, more = _next(text, end, "}")
    if _past(text, at) != len(text):
        raise ValueError("there is more behind the object")
    return found


def items(text: str, array: Part) -> list[Part]:
    """The items of an array.

    Raises: ValueError where the part is none.

    >>> items("[7, {}]", Part(0, 7, [7, {}]))[1]
    Part(start=4, end=6, value={})
    """
    found: list[Part] = []
    at, more = _opened(text, array.start, "[", "]")
    while more:
        value, end = _DECODER.raw_decode(text, at)
        found.append(Part(at, end, value))
        at, more = _next(text, end, "]")
    return found


def _past(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _expected(text: str, at: int, mark: str) -> int:
    if text[at : at + 1] != mark:
        raise ValueError(f"no {mark} at {at}")
    return at + 1


def _opened(text: str, at: int, opening: str, closing: str) -> tuple[int, bool]:
    """Where the first entry begins and that there is one; or where it goes on behind an empty one."""
    at = _past(text, _expected(text, at, opening))
    empty = text[at : at + 1] == closing
    return (at + 1 if empty else at), not empty


def _next(text: str, at: int, closing: str) -> tuple[int, bool]:
    """Where the next entry begins and that there is one; or where it goes on behind the last."""
    at = _past(text, at)
    if text[at : at + 1] == closing:
        return at + 1, False
    return _past(text, _expected(text, at, ",")), True
