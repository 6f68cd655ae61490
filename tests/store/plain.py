"""An analyzer of a few lines, so that the store is tested without the text floor above it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from zlib import crc32

import numpy as np

from remanence.seams import Analyzed

ENTRY = np.dtype([("term", "<u4"), ("tf", "u1")])


def plain(text: str, fields: Mapping[str, str], meta: Mapping[str, object]) -> Analyzed:
    """Lower-case words between spaces; words of a field are prefixed by its name."""
    words = [word.strip(".,!?") for word in text.lower().split()]
    counts = Counter(_hash(word) for word in words)
    for name, value in fields.items():
        counts.update(_hash(f"{name}:{word}") for word in value.lower().split())
    counts.update(_hash(f"{name}={value!r}") for name, value in meta.items())
    entries = np.array([(t, min(n, 255)) for t, n in sorted(counts.items())], ENTRY)
    fold = _hash(" ".join(sorted(set(words)))) if len(set(words)) > 2 else 0
    return Analyzed(entries.tobytes(), len(words), fold)


def _hash(word: str) -> int:
    return crc32(word.encode("utf-8", "surrogatepass"))
