"""JSON on one line. Apart from `wire.py`, so that who prints plain values need not load the nouns."""

from __future__ import annotations

import json
from typing import Final

_ENDS: Final = {end: f"\\u{ord(end):04x}" for end in "\x85\u2028\u2029"}
"""What some readers take for the end of a line."""


def dumps(value: object) -> bytes:
    r"""JSON on one line, UTF-8; a lone surrogate, which UTF-8 has no form for, stays the escape that JSON has for it.

    >>> dumps({"text": "a\u2028é"})
    b'{"text":"a\\u2028\xc3\xa9"}'
    """
    line = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for end, escape in _ENDS.items():
        line = line.replace(end, escape)
    return line.encode("utf-8", "backslashreplace")
