"""Where the sentences of a text begin and end."""

from __future__ import annotations

import re
from typing import Final

_SENTENCE: Final = re.compile(r"[^\n]*?[.!?]+(?=[\s\"')\]\u201d]|$)[\"')\]\u201d]*|[^\n]+")
_SHORT: Final = re.compile(r"\b(?:Dr|Mr|Mrs|Ms|St|Prof|vs|approx|e\.g|i\.e|[A-Z])\.$|\b[ap]\.m\.$")


def spans(text: str) -> list[tuple[int, int]]:
    """Characters `start:end` of each sentence of a text; a line break ends one too.

    >>> text = "Dr. Lee called. All good!"
    >>> [text[start:end] for start, end in spans(text)]
    ['Dr. Lee called.', 'All good!']
    """
    found: list[tuple[int, int]] = []
    joined = False
    for match in _SENTENCE.finditer(text):
        start, end = match.span()
        if joined and found and "\n" not in text[found[-1][1] : end]:
            start = found.pop()[0]
        joined = _SHORT.search(text, max(start, end - 8), end) is not None
        start += len(text[start:end]) - len(text[start:end].lstrip())
        end = start + len(text[start:end].rstrip())
        if end > start:
            found.append((start, end))
    return found
