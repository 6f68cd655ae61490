"""Text on its way through the protocol's JSON, which has no form for lone surrogates: they become U+FFFD."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_ESCAPE: Final = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2}|.)"
)
_LONE: Final = re.compile(r"[\ud800-\udfff]")
_REPLACEMENT: Final = "\ufffd"
_ONE: Final = len(r"\ud800")


def mended(value: Any) -> Any:
    r"""A value with every lone surrogate replaced, as deep as it goes.

    >>> mended({"a": ["x\ud800"]}) == {"a": ["x\ufffd"]}
    True
    """
    if isinstance(value, str):
        return _LONE.sub(_REPLACEMENT, value) if not value.isascii() else value
    if isinstance(value, Mapping):
        return {mended(key): mended(item) for key, item in value.items()}
    return [mended(item) for item in value] if isinstance(value, (list, tuple)) else value


def mended_json(line: str) -> str:
    r"""A line of JSON with the escapes of lone surrogates replaced, which a strict parser refuses together with the whole message.

    >>> mended_json(r'["\ud800", "\ud83d\ude00", "\\ud800", "\udc00"]') == r'["\ufffd", "\ud83d\ude00", "\\ud800", "\ufffd"]'
    True
    """
    return _ESCAPE.sub(_kept, line) if r"\u" in line else line


def _kept(escape: re.Match[str]) -> str:
    found = escape[0]
    lone = (
        len(found) == _ONE and found[1] == "u" and found[2] in "dD" and found[3] in "89abcdefABCDEF"
    )
    return r"\ufffd" if lone else found
