"""What each conversation was about, in its own sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from remanence.catalogue.declare import mechanism
from remanence.errors import NotFound
from remanence.seams import Step, Store, View
from remanence.text.analyze import terms
from remanence.text.keep.fade import ARCHIVED, QUARANTINED
from remanence.text.keep.rank import Floats, central, diverse, nearest_to_mean
from remanence.text.keep.sentences import spans
from remanence.text.keep.stored import Rarity, Vectors
from remanence.types import Add, Micros, Record, Scope, Source

SUMMARY: Final = "summary"
PREFIX: Final = "summary-"
"""How the ids of what is made here begin."""
MOST: Final = 500
"""Sentences of a session that are compared with each other; of longer sessions those nearest to the mean."""
_COLUMNS: Final = ("first", "valid_from", "fold", "chars", "length")


class Sentence(NamedTuple):
    """Characters `start:end` of the text of a record, and the stems in them."""

    record: int
    start: int
    end: int
    stems: Mapping[str, int]


@mechanism(
    seam="Sleeper",
    source="arXiv:1109.2128",
    title="LexRank: Graph-based Lexical Centrality as Salience in Text Summarization",
    year=2004,
    where="continuous LexRank, with maximal marginal relevance",
    fidelity="adapted",
)
@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSummaries:
    """A record of kind `summary` for each session: its most central sentences, verbatim, in order, a line each with who said it when.

    Sources: Erkan and Radev 2004, LexRank (idf-modified cosine, power iteration over the graph of sentences); Otterbacher, Erkan and
    Radev 2005 (jumps by a prior); Carbonell and Goldstein 1998, MMR (a sentence that repeats one already taken loses by it).
    Departs from the paper: most jumps go where much is said, the sum of a sentence's inverse document frequencies, for in talk likeness
    alone finds pleasantries; those frequencies are over the records that the scope sees; where two records have vectors, their cosine is
    mixed into that of their sentences' words; weak edges are cut and strong ones keep their weight (the paper does either); no sentence
    votes for itself; questions, short and overlong sentences are left out; of a session of more than `MOST` sentences those nearest
    to the mean are taken first, so that the work stays linear.

    The record's `sources` are the exact characters of each line's sentence, one a line. It begins to be true with the last record that it
    covers, where it supersedes the session's last summary. Its id is made of what it covers, so it is written once, and anew where
    something was said, changed or forgotten since. Records for another audience or purpose, and sensitive, archived and
    quarantined ones are not told from."""

    least: int = 8
    """Records that make a session worth it."""
    share: float = 0.15
    """Sentences of a summary for each record, between `shortest` and `longest`."""
    shortest: int = 3
    longest: int = 10
    vectors: float = 0.3
    """Weight of the records' cosine beside their words'."""
    threshold: float = 0.1
    damping: float = 0.85
    """Share of jumps."""
    relevance: float = 0.7
    """MMR's lambda: 1 minds no repetition."""
    kinds: tuple[str, ...] = ("episode",)
    words: tuple[int, int] = field(default=(3, 60))
    """Stems with content of a sentence, at least and at most."""

    @property
    def name(self) -> str:
        return "summaries"

    def steps(
        self, store: Store, scope: Scope, view: View, cursor: str, now: Micros
    ) -> Iterator[Step]:
        sessions = list(self._sessions(view))
        current = _current(view)
        due = [
            (id, ords, old)
            for ords in sessions
            for id, old in [(_id(view, ords), current.get(_place(view, ords), ()))]
            if id not in old and not _known(store, scope, id)
        ]
        every = np.concatenate([ords for _, ords, _ in due]) if due else np.empty(0, np.int64)
        vectors, rarity = Vectors(store, scope, view, every), Rarity(view)
        for number, (id, ords, old) in enumerate(due, 1):
            add = self._summary(view, ords, id, old, vectors, rarity)
            note = f"{view.names[int(view.rows['session'][ords[0]])]}: {len(ords)} records" if add else ""  # fmt: skip
            yield Step([add] if add else [], cursor, note, number / len(due))

    def _sessions(self, view: View) -> Iterator[NDArray[np.int64]]:
        """Ords of each session that is long enough, in the order of what was said; the sessions by their beginning in the ledger."""
        kinds = [code for code, name in enumerate(view.names) if name in self.kinds]
        rows = view.rows
        told = view.standing & (rows["session"] != 0) & (rows["slot"] == 0)
        told &= np.isin(rows["kind"], kinds) & ~view.marked(QUARANTINED)
        ords = np.flatnonzero(told)
        keys = (rows[name][ords] for name in ("first", "valid_from", "session", "tail"))
        ords = ords[np.lexsort(tuple(keys))]
        new = np.diff(rows["session"][ords]) != 0
        new |= np.diff(rows["tail"][ords]) != 0
        groups = np.split(ords, np.flatnonzero(new) + 1)
        long = [group for group in groups if len(group) >= self.least]
        yield from sorted(long, key=lambda group: int(rows["first"][group].min()))

    def _summary(
        self,
        view: View,
        ords: NDArray[np.int64],
        id: str,
        old: Sequence[str],
        vectors: Vectors,
        rarity: Rarity,
    ) -> Add | None:
        """None where nothing can be told."""
        told = ords[~view.marked(ARCHIVED)[ords]].astype(np.int32)
        records = {
            int(ord): record
            for ord, record in zip(told.tolist(), view.records(told), strict=True)
            if record and not (record.audience or record.purpose or record.sensitivity)
        }
        sentences = [s for ord, record in records.items() for s in self._sentences(ord, record)]
        if not sentences:
            return None
        weights, says = _weighted(rarity, sentences)
        if len(sentences) > MOST:
            chosen = np.sort(nearest_to_mean(weights, MOST))
            sentences = [sentences[int(place)] for place in chosen]
            weights, says = weights[chosen], says[chosen]
        alike = weights @ weights.T
        self._mix(vectors, sentences, alike)
        scores = central(alike, says, threshold=self.threshold, damping=self.damping)
        count = min(max(round(self.share * len(ords)), self.shortest), self.longest)
        best = [sentences[i] for i in sorted(diverse(alike, scores, count, self.relevance))]
        first = records[best[0].record]
        origins = {records[sentence.record].origin for sentence in best}
        return Add(
            scope=first.scope,
            id=id,
            text="\n".join(_line(records[s.record], s) for s in best),
            kind=SUMMARY,
            session=first.session,
            sources=tuple(Source(records[s.record].id, s.start, s.end) for s in best),
            origin=origins.pop() if len(origins) == 1 else "",
            trust=min(records[sentence.record].trust for sentence in best),
            supersedes=tuple(old),
            valid_from=int(view.rows["valid_from"][ords].max()),
        )

    def _sentences(self, ord: int, record: Record) -> Iterator[Sentence]:
        for start, end in spans(record.text):
            said = record.text[start:end]
            if len(said) > 20 * self.words[1] or said.endswith("?"):
                continue
            stems = Counter(terms(said))
            if self.words[0] <= len(stems) <= self.words[1]:
                yield Sentence(ord, start, end, stems)

    def _mix(self, vectors: Vectors, sentences: Sequence[Sentence], alike: Floats) -> None:
        """Let vectors speak too, for sentences of two records that both have one."""
        owners = np.array([sentence.record for sentence in sentences])
        has, rows = vectors.of(owners)
        both = np.ix_(has, has)
        cosines = np.maximum(rows @ rows.T, 0)
        other = owners[has][:, None] != owners[has][None, :]
        mixed = (1 - self.vectors) * alike[both] + self.vectors * cosines
        alike[both] = np.where(other, mixed, alike[both])


def _weighted(rarity: Rarity, sentences: Sequence[Sentence]) -> tuple[Floats, NDArray[np.float64]]:
    """(s, w) unit rows: how often each stem occurs times its inverse document frequency; and (s,) the sum of these."""
    column: dict[str, int] = {}
    for sentence in sentences:
        for stem in sentence.stems:
            column.setdefault(stem, len(column))
    weights = np.zeros((len(sentences), len(column)), np.float32)
    for row, sentence in enumerate(sentences):
        for stem, times in sentence.stems.items():
            weights[row, column[stem]] = times * rarity.of(stem)
    unit = np.asarray(weights / np.linalg.norm(weights, axis=1, keepdims=True), np.float32)
    return unit, weights.sum(axis=1, dtype=np.float64)


def _line(record: Record, sentence: Sentence) -> str:
    who = record.speaker or record.role
    day = f"{record.valid_from:%Y-%m-%d}" if record.valid_from else ""
    before = f"{who} ({day}): " if who and day else f"{who or day}: " if who or day else ""
    return before + record.text[sentence.start : sentence.end]


def _place(view: View, ords: NDArray[np.int64]) -> tuple[int, int]:
    row = view.rows[ords[0]]
    return int(row["tail"]), int(row["session"])


def _id(view: View, ords: NDArray[np.int64]) -> str:
    """Of what is covered: equal again where it is undone, another one where a record was changed or forgotten."""
    rows = view.rows[ords]
    raw = b"".join(np.ascontiguousarray(rows[name]).tobytes() for name in _COLUMNS)
    return PREFIX + blake2b(raw, digest_size=12).hexdigest()


def _current(view: View) -> dict[tuple[int, int], list[str]]:
    """(scope tail, session) -> ids of its summaries that stand and were made here."""
    kinds = [code for code, name in enumerate(view.names) if name == SUMMARY]
    ords = np.flatnonzero(view.standing & np.isin(view.rows["kind"], kinds)).astype(np.int32)
    found: dict[tuple[int, int], list[str]] = {}
    for ord, record in zip(ords.tolist(), view.records(ords), strict=True):
        if record is not None and record.id.startswith(PREFIX):
            found.setdefault(_place(view, np.array([ord])), []).append(record.id)
    return found


def _known(store: Store, scope: Scope, id: str) -> bool:
    """Whether there ever was a record of this id: what was taken back or forgotten isn't made again."""
    try:
        return bool(store.history(scope, id))
    except NotFound:
        return True
