"""A query parsed once for all retrievers: terms, times, encodings, and how the encoder's tokens match the terms."""

from __future__ import annotations

from collections import Counter

import numpy as np

from remanence.errors import WrongDimension
from remanence.seams import Embedder, Question, View
from remanence.text.analyze import spanned_terms
from remanence.text.read.people import named
from remanence.text.write.dates import asked
from remanence.types import Micros, Query

LONGEST = 2_000
"""Characters of a query that are read: a question that long has said what it is about."""


def parse(query: Query, *, encoder: Embedder | None = None, now: Micros = 0) -> Question:
    """Read a query: its stems and where they stand, the times it names as seen from `now` (or from `as_of`), and, with an
    encoder, its vectors. Costs one run of the encoder. Raises: WrongDimension, and what the encoder raises."""
    text = query.text[:LONGEST]
    moment = now if query.as_of is None else query.as_of
    found = spanned_terms(text)
    encoded = encoder.query(text) if encoder is not None and text.strip() else None
    if encoder is not None and encoded is not None and encoded.dense.shape != (encoder.dim,):
        raise WrongDimension(
            f"a query's vector of shape {encoded.dense.shape} from {encoder.id}",
            hint=f"give the {encoder.dim} numbers that dim says",
        )
    return Question(
        query=query,
        terms=tuple(term for term, _, _ in found),
        spans=tuple((start, end) for _, start, end in found),
        encoded=encoded,
        dates=asked(text, moment),
        now=moment,
    )


def sought(question: Question, view: View) -> Counter[str]:
    """The terms to look for in what was said, and how often the question has each.

    Names of people whose words the space holds are left out where anything else is left: they say who spoke, which
    `people` scores, and the speakers' names fill their conversation anyway."""
    names = named(question, view).terms
    rest = [term for term in question.terms if term not in names]
    return Counter(rest or question.terms)


def token_terms(question: Question) -> list[str]:
    """(q,) the term that each of the encoder's tokens belongs to; empty for tokens of stop words."""
    encoded = question.encoded
    if encoded is None:
        return []
    starts = np.array([start for start, _ in question.spans], np.int64)
    ends = np.array([end for _, end in question.spans], np.int64)
    found = []
    for start, end in encoded.spans:
        inside = np.flatnonzero((starts < max(end, start + 1)) & (start < ends))
        found.append(question.terms[int(inside[0])] if len(inside) else "")
    return found
