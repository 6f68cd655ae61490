"""What the lexical rows of a record hold: the words of its text and fields, and what it can be filtered by."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from remanence.seams import Analyzed
from remanence.text.analyze import ENTRY, analyze, term_hash


def record_terms(text: str, fields: Mapping[str, str], meta: Mapping[str, object]) -> Analyzed:
    """The analyzer of our stores: words, and one further term for each plain value of `meta`."""
    words = analyze(text, fields)
    wanted = {meta_hash(key, value) for key, value in meta.items() if filterable(value)}
    if not wanted:
        return words
    entries = np.frombuffer(words.terms, ENTRY)
    new = np.array(
        [(term, 1) for term in sorted(wanted.difference(entries["term"].tolist()))], ENTRY
    )
    merged = np.sort(np.concatenate((entries, new)), order="term")
    return words._replace(terms=merged.tobytes())


def meta_hash(key: str, value: object) -> int:
    """The term under which a key and value of `meta` are found. 1, 1.0 and True are three values, as in JSON."""
    return term_hash(f"{key}={value!r}", "meta")


def filterable(value: object) -> bool:
    """Whether a value can be asked for: what is equal to nothing but itself."""
    return value is None or isinstance(value, (str, int, float, bool))
