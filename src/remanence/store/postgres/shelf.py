"""The words of large spaces in pages that a term finds, so that a process need not hold them all.

Records are put away a segment at a time, in the order of their commits: their `(term hash, number, count)` entries are sorted by term and
cut into pages of less than 2 kB, which stay inside their row. The upper bits of a term's hash are its bucket, and the key begins with the
bucket: one range of the index has a term's pages of all segments. What came after the last whole segment is read by whoever follows the
space, as all of a small one is. A page goes with its space; what is forgotten is taken out of it in the same transaction.

No GIN index: its operators are not leakproof, so below row-level security the planner may not use it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from remanence.store.engine import Connecting, Database
from remanence.store.forgetting.erase import SLOTS
from remanence.store.ledger import find_space, last_event
from remanence.types import Scope

SEGMENT: Final = 16_384
"""Records that are put away together."""
BIG: Final = 200_000
"""Versions of a space above which its words and vectors stay here: `rmem bench engine` shows what that costs and saves."""
PAGE: Final = 208
"""Entries of a page: with its key it fits into a row that the server does not cut up."""
_SHIFT: Final = 20
"""Bits of a term's hash below its bucket: 4,096 buckets."""
_ENTRY: Final = np.dtype([("term", "<u4"), ("off", "<u4"), ("tf", "u1")])
"""`off`: the sequence number of the version, counted from the segment's."""
_ANALYZED: Final = np.dtype([("term", "<u4"), ("tf", "u1")])
Seqs = NDArray[np.int64]
Counts = NDArray[np.uint8]

_UNTIL: Final = "SELECT coalesce(max(until), 0) FROM segments WHERE space = ?"
_FULL: Final = "SELECT 1 FROM docs WHERE space = ? AND seq > ? ORDER BY seq OFFSET ? LIMIT 1"
_NEXT: Final = "SELECT seq, terms FROM docs WHERE space = ? AND seq > ? ORDER BY seq LIMIT ?"
_PUT: Final = (
    "INSERT INTO pages (space, bucket, segment, part, low, high, entries) "
    "SELECT ?, b, ?, p, l, h, e "
    "FROM unnest(?::text::bigint[], ?::text::bigint[], ?::text::bigint[], ?::text::bigint[], ?::bytea[]) AS t(b, p, l, h, e)"
)
_FIND: Final = (
    "SELECT p.segment, p.entries FROM unnest(?::text::bigint[], ?::text::bigint[]) AS j(bucket, term) CROSS JOIN LATERAL "
    "(SELECT segment, part, entries FROM pages WHERE space = ? AND bucket = j.bucket AND segment <= ? "
    "AND low <= j.term AND high >= j.term OFFSET 0) p ORDER BY p.segment, p.part"
)
_OF_SEGMENT: Final = "SELECT bucket, part, entries FROM pages WHERE space = ? AND segment = ?"
_SAMPLE: Final = "SELECT substring(entries FROM 1 FOR 9) FROM pages WHERE space = ? LIMIT 20000"
assert _ENTRY.itemsize == 9
_REWRITE: Final = (
    "UPDATE pages SET entries = ? WHERE space = ? AND bucket = ? AND segment = ? AND part = ?"
)
_DROP: Final = "DELETE FROM pages WHERE space = ? AND bucket = ? AND segment = ? AND part = ?"
_SLOT: Final = "SELECT slot FROM encoders WHERE id = ?"


class PostgresShelf:
    """See `remanence.seams.Shelf`. `segment`: records that are put away together."""

    def __init__(self, connections: Connecting, scope: Scope, segment: int = SEGMENT) -> None:
        self._connections = connections
        self._scope = scope
        self.segment = segment

    def extend(self) -> int:
        """Put away every whole segment that waits, each in a transaction of its own."""
        while True:
            with self._connections.reading() as db:
                space = find_space(db, self._scope)
                if space is None:
                    return 0
                until: int = db.execute(_UNTIL, (space.id,)).fetchone()[0]
                if self._connections.read_only or last_event(db)[0] - until < self.segment:
                    return until
                full = db.execute(_FULL, (space.id, until, self.segment - 1)).fetchone()
            if full is None:
                return until
            with self._connections.writing() as db:
                _put_away(db, space.id, self.segment)

    def find(self, terms: Sequence[int], until: int) -> list[tuple[Seqs, Counts]]:
        """For each term the versions up to `until` that hold it, ascending, and how often each does."""
        wanted = sorted(set(terms))
        with self._connections.reading() as db:
            space = find_space(db, self._scope)
            rows = (
                db.execute(
                    _FIND,
                    (
                        _listed([term >> _SHIFT for term in wanted]),
                        _listed(wanted),
                        space.id,
                        until,
                    ),
                ).fetchall()
                if space is not None
                else []
            )
        sizes = np.fromiter((len(row[1]) for row in rows), np.int64, len(rows)) // _ENTRY.itemsize
        entries = np.frombuffer(b"".join([row[1] for row in rows]), _ENTRY)
        segments = np.repeat(np.fromiter((row[0] for row in rows), np.int64, len(rows)), sizes)
        found = []
        for term in terms:
            here = np.flatnonzero(entries["term"] == np.uint32(term))
            seqs = segments[here] + entries["off"][here]
            # A page with two of the terms came twice.
            seqs, places = np.unique(seqs, return_index=True)
            here = here[places[: np.searchsorted(seqs, until, side="right")]]
            found.append((seqs[: len(here)], entries["tf"][here]))
        return found

    def vectors(self, encoder: str, after: int, limit: int) -> tuple[Seqs, Seqs, NDArray[np.int8]]:
        """The next versions behind `after` that have a vector: their numbers, those of the vectors, and the vectors."""
        with self._connections.reading() as db:
            space, slot = find_space(db, self._scope), _slot(db, encoder)
            rows = db.execute(_VECTORS, (slot, space.id, after, limit)).fetchall() if space else []
        numbers = np.array([row[:2] for row in rows], np.int64).reshape(-1, 2)
        return numbers[:, 0], numbers[:, 1], _matrix([row[2] for row in rows])

    def chosen(self, encoder: str, numbers: Seqs) -> tuple[Seqs, NDArray[np.int8]]:
        """Of these vectors those that are there, ascending, with their numbers."""
        with self._connections.reading() as db:
            slot = _slot(db, encoder)
            rows = db.execute(
                "SELECT id, vector FROM dense WHERE id = ANY(?::text::bigint[]) ORDER BY id",
                (_listed((numbers * SLOTS + slot).tolist()),),
            ).fetchall()
        found = np.fromiter((row[0] for row in rows), np.int64, len(rows)) // SLOTS
        return found, _matrix([row[1] for row in rows])


_VECTORS: Final = (
    "SELECT d.seq, d.base, v.vector FROM (SELECT seq, base FROM docs WHERE space = ?2 AND seq > ?3 ORDER BY seq) d "
    "CROSS JOIN LATERAL (SELECT vector FROM dense WHERE id = d.base * 16 + ?1 OFFSET 0) v LIMIT ?4"
)


def _slot(db: Database, encoder: str) -> int:
    row = db.execute(_SLOT, (encoder,)).fetchone()
    return row[0] if row else -1  # no vector's number leaves that rest


def _listed(numbers: Sequence[int]) -> str:
    """An array as the server writes it: the driver would give lists of small numbers other types."""
    return "{" + ",".join(map(str, numbers)) + "}"


def _matrix(vectors: Sequence[bytes]) -> NDArray[np.int8]:
    return np.frombuffer(b"".join(vectors), np.int8).reshape(
        len(vectors), len(vectors[0]) if vectors else 0
    )


def _put_away(db: Database, space: int, segment: int) -> None:
    """The next segment, in the caller's transaction; nothing where somebody else was first."""
    until = db.execute(_UNTIL, (space,)).fetchone()[0]
    rows = db.execute(_NEXT, (space, until, segment)).fetchall()
    if len(rows) < segment:
        return
    base = rows[0][0]
    sizes = np.fromiter((len(row[1]) for row in rows), np.int64, len(rows)) // _ANALYZED.itemsize
    analyzed = np.frombuffer(b"".join([row[1] for row in rows]), _ANALYZED)
    entries = np.empty(len(analyzed), _ENTRY)
    entries["term"], entries["tf"] = analyzed["term"], analyzed["tf"]
    entries["off"] = np.repeat(np.fromiter((row[0] - base for row in rows), np.int64, len(rows)), sizes)  # fmt: skip
    entries = entries[np.argsort(entries["term"], kind="stable")]
    edges = np.flatnonzero(np.diff(entries["term"] >> _SHIFT)) + 1
    pages: list[tuple[int, int, int, int, bytes]] = []
    for bucket in np.split(entries, edges):
        for part, start in enumerate(range(0, len(bucket), PAGE)):
            page = bucket[start : start + PAGE]
            low, high = int(page["term"][0]), int(page["term"][-1])
            pages.append((low >> _SHIFT, part, low, high, page.tobytes()))
    for start in range(0, len(pages), 1024):
        *numbers, packed = (list(c) for c in zip(*pages[start : start + 1024], strict=True))
        db.execute(_PUT, (space, base, *map(_listed, numbers), packed))
    db.execute("INSERT INTO segments VALUES (?, ?, ?)", (space, base, rows[-1][0]))


def take_out(db: Database, struck: Sequence[tuple[int, ...]]) -> list[bytes]:
    """Take versions (space, seq) that were erased out of the pages, in the caller's transaction. An empty tuple: all were, to be
    derived anew. Returns entries that no page has any more: all of them, or where a whole space went the first of each page."""
    if () in struck:
        put_back(db)
        return []
    entries: list[bytes] = []
    by_space: defaultdict[int, list[int]] = defaultdict(list)
    for space, seq in struck:
        by_space[space].append(seq)
    for space, seqs in by_space.items():
        segments = db.execute(
            "SELECT segment, until FROM segments WHERE space = ?", (space,)
        ).fetchall()
        if not segments:
            continue
        if db.execute("SELECT 1 FROM docs WHERE space = ? LIMIT 1", (space,)).fetchone() is None:
            entries += [raw for (raw,) in db.execute(_SAMPLE, (space,))]
            put_back(db, space)
            continue
        gone = np.unique(np.array(seqs, np.int64))
        for segment, until in segments:
            here = gone[(gone >= segment) & (gone <= until)] - segment
            if len(here):
                entries += _without(db, space, segment, here.astype(np.uint32))
    return entries


def put_back(db: Database, space: int | None = None) -> None:
    """Forget where the words of a space stand (None: of all): whoever needs it puts them away again."""
    if space is None:
        db.execute("DELETE FROM pages")
        db.execute("DELETE FROM segments")
    else:
        db.execute("DELETE FROM pages WHERE space = ?", (space,))
        db.execute("DELETE FROM segments WHERE space = ?", (space,))


def _without(db: Database, space: int, segment: int, gone: NDArray[Any]) -> list[bytes]:
    entries: list[bytes] = []
    for bucket, part, raw in db.execute(_OF_SEGMENT, (space, segment)).fetchall():
        page = np.frombuffer(raw, _ENTRY)
        out = np.isin(page["off"], gone)
        if not out.any():
            continue
        kept = page[~out]
        entries += [entry.tobytes() for entry in page[out]]
        key = (space, bucket, segment, part)
        if len(kept):
            db.execute(_REWRITE, (kept.tobytes(), *key))
        else:
            db.execute(_DROP, key)
    return entries
