"""A space too large to be held whole: its rows in memory, its words and vectors where the store keeps them.

Of each version a process has the fixed columns and one bit a dimension of its vector; `rmem bench engine` says what that saves. So
everything that decides what a question may see, who follows whom and how much there is works on the same arrays as in a small space,
and is as exact; the words of a question are asked for by their terms, and the vectors that its codes choose by their numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from remanence.seams import Delta, Embedder, Shelf, Store
from remanence.text.analyze import term_hash
from remanence.text.index.codes import Codes
from remanence.text.index.postings import Inverted
from remanence.text.index.space import Space
from remanence.text.index.vectors import RESCORED, Bytes, Dense, Floats, Ords, grown, norms
from remanence.text.index.view import look
from remanence.types import FOREVER, Query, Scope

BESIDE: Final = ("", "title", "caption", "dates")
"""Fields that are asked for together: who wants a word in one wants it in all."""
FORMS: Final = tuple(term_hash(form, "form") for form in ("question", "time", "number"))
"""What most questions ask for besides (`read.shape`)."""
KEPT_ENTRIES: Final = 4_000_000
"""Entries of posting lists that are kept for the next questions: 20 MB."""
KEPT_VECTORS: Final = 16_384
"""Vectors that are kept for the next steps of a question: 6 MB of 384 dimensions."""
AT_ONCE: Final = 16_384
"""Vectors that are read together where all are."""
Numbers = NDArray[np.int64]
Found = tuple[NDArray[np.int32], NDArray[np.uint8]]


class LargeSpace(Space):
    """See `Space`: the same views, of the same numbers."""

    def __init__(self, store: Store, scope: Scope, encoder: Embedder | None, shelf: Shelf) -> None:
        self.shelf = shelf
        super().__init__(store, scope, encoder)

    def _start(self) -> None:
        super()._start()
        self._away = 0
        """The version up to which words are in the store's pages; those of later ones are in `inverted`."""
        self._lists: dict[int, Found] = {}
        self._entries = 0
        self._recall: tuple[tuple[int, int], float | None] | None = None

    def _vectors(self, encoder: Embedder) -> Dense:
        return Distant(encoder.dim, lambda numbers: self.shelf.chosen(encoder.id, numbers))

    def postings(self, term: str, field: str = "") -> Found:
        hashes = [term_hash(term, each) for each in dict.fromkeys((field, *BESIDE))]
        self._fetch(hashes if field in BESIDE else hashes[:1])
        return self.holding(hashes[0])

    def expect(self, terms: Sequence[str]) -> None:
        fields = {term_hash(term, field) for term in terms for field in BESIDE}
        with self.lock:
            self._fetch([*fields, *FORMS])

    def holding(self, term: int) -> Found:
        self._fetch([term])
        ords, tf = self._lists[term]
        late, counts = self.inverted.find(term)
        return np.concatenate((ords, late)), np.concatenate((tf, counts))

    def _fetch(self, terms: list[int]) -> None:
        """Have the lists of these terms, as far as words were put away."""
        missing = [term for term in terms if term not in self._lists]
        if not missing:
            return
        if self._entries > KEPT_ENTRIES:
            self._lists, self._entries = {}, 0
            missing = terms
        known = self.rows["seq"]
        found = self.shelf.find(missing, self._away) if self._away else [_NONE] * len(missing)
        for term, (seqs, tf) in zip(missing, found, strict=True):
            ords = np.minimum(np.searchsorted(known, seqs), max(self.n - 1, 0)).astype(np.int32)
            here = known[ords] == seqs if len(seqs) else np.zeros(0, np.bool_)
            self._lists[term] = ords[here], tf[here]
            self._entries += int(np.count_nonzero(here))

    def refresh(self) -> None:
        if self.store.pulse() == self._pulse:
            return
        away, waiting = self.shelf.extend(), self.inverted
        if self._head == 0:
            self._away = away
        super().refresh()
        if away != self._away and self.inverted is waiting:  # else it has begun anew
            self._put_away(away)

    def _delta(self) -> Delta:
        return self.store.delta(self.scope, self._head, bare=0 if self._head else self._away)

    def _put_away(self, away: int) -> None:
        """Words up to here are in the pages now (or no longer, where all was derived anew): let go of them, and have the others."""
        self._away, self._lists, self._entries = away, {}, 0
        delta = self.store.delta(self.scope, away)
        terms = [b""] * self.n
        for seq, entries in zip(delta.rows["seq"].tolist(), delta.terms, strict=True):
            ord = self.ord(seq)
            if seq > away and ord < self.n:
                terms[ord] = entries
        self.inverted = Inverted()
        self.inverted.extend(terms)

    def _take_vectors(self) -> None:
        dense, encoder = self.dense, self.encoder
        if encoder is None or not isinstance(dense, Distant) or not self.n:
            return
        has = dense.has[: self.n]
        first = int(np.argmin(has)) if not has.all() else len(has)
        if first >= self.n:
            return
        self._read_vectors(dense, encoder, int(self.rows["seq"][first]) - 1)
        if dense.outgrown:
            dense.again()
            self._read_vectors(dense, encoder, 0)
            dense.settled = dense.count

    def _read_vectors(self, dense: Distant, encoder: Embedder, after: int) -> None:
        while True:
            seqs, numbers, stored = self.shelf.vectors(encoder.id, after, AT_ONCE)
            if not len(seqs):
                return
            self._fitting(stored)
            ords = self._ords(seqs).astype(np.int32)
            dense.take(ords, numbers[: len(ords)], stored[: len(ords)])
            after = int(seqs[-1])

    def recall(self) -> float | None:
        with self.lock:
            if not isinstance(self.dense, Distant) or self.encoder is None:
                return None
            known = self.state, self.dense.questions
            if self._recall is None or self._recall[0] != known:
                everybody = look(self, Query(text="", scope=self.scope), FOREVER - 1).visible
                self._recall = known, self.dense.recalled(everybody, self._parts(self.encoder.id))
            return self._recall[1]

    def _parts(self, encoder: str) -> Iterator[tuple[Ords, Bytes]]:
        after = 0
        while True:
            seqs, _, stored = self.shelf.vectors(encoder, after, AT_ONCE)
            if not len(seqs):
                return
            ords = self._ords(seqs).astype(np.int32)
            yield ords, stored[: len(ords)]
            after = int(seqs[-1])


class Distant(Dense):
    """See `Dense`: vectors stay in the store, of each there are its code and its number here. Always by codes, with the exactly best of
    those whose codes come nearest."""

    def __init__(self, dim: int, chosen: Callable[[Numbers], tuple[Numbers, Bytes]]) -> None:
        super().__init__(dim)
        self._chosen = chosen
        self._kept: dict[int, bytes] = {}
        self.questions = 0
        """How many were asked so far."""
        self.again()

    def again(self) -> None:
        """Know no vector yet."""
        self.has: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self.number: Numbers = np.zeros(0, np.int64)
        self.codes = Codes(self.dim)
        self.count = self.settled = 0
        """Vectors; and how many there were when the centre of the codes was chosen."""

    @property
    def outgrown(self) -> bool:
        """Whether the centre was chosen among much fewer vectors than there are."""
        return self.count > 4 * self.settled

    def take(self, ords: Ords, numbers: Numbers, vectors: Bytes) -> None:
        """Vectors of these records, (m, dim), and their numbers."""
        if len(ords):
            self.put(ords, vectors)
            self.number[ords] = numbers

    def put(self, ords: Ords, vectors: Bytes) -> None:
        if not len(ords):
            return
        need = int(ords.max()) + 1
        if need > len(self.has):
            size = max(need, 2 * len(self.has), 64)
            self.has, self.number = grown(self.has, size, False), grown(self.number, size, 0)
        unit = vectors.astype(np.float32) / norms(vectors)[:, None]
        if not self.count:
            self.codes.centre, self.settled = unit.mean(axis=0), len(unit)
        self.count += int(np.count_nonzero(~self.has[ords]))
        self.codes.write(ords, unit)
        self.has[ords] = True

    def erase(self, ord: int) -> None:
        super().erase(ord)
        self.number[ord] = 0
        self._kept.pop(ord, None)

    def cosine(self, vector: Floats, ords: Ords) -> Floats:
        rows = self._rows(ords)
        exact: Floats = ((rows.astype(np.float32) @ vector).T / norms(rows)).T
        return exact

    def nearest(self, vector: Floats, k: int, visible: NDArray[np.bool_]) -> tuple[Ords, Floats]:
        usable = self._usable(visible)
        if not usable.any() or k < 1:
            return np.empty(0, np.int32), np.empty(0, np.float32)
        self.asked.append(vector)
        self.questions += 1
        return self._found(vector, k, usable)

    def recalled(
        self, visible: NDArray[np.bool_], parts: Iterable[tuple[Ords, Bytes]], k: int = 10
    ) -> float | None:
        """See `recall`; `parts`: all vectors, a part at a time. None where so few are visible that all are compared."""
        usable = self._usable(visible)
        if np.count_nonzero(usable) <= RESCORED or not self.asked:
            return None
        asked = np.stack(list(self.asked))
        best = np.full((len(asked), k), -np.inf, np.float32)
        places = np.full((len(asked), k), -1, np.int32)
        for ords, vectors in parts:
            known = np.flatnonzero(ords < len(usable))
            known = known[usable[ords[known]]]
            here = vectors[known]
            cosines = (here.astype(np.float32) @ asked.T / norms(here)[:, None]).T
            both = np.hstack((best, cosines))
            names = np.hstack((places, np.broadcast_to(ords[known], cosines.shape)))
            order = np.argsort(-both, axis=1, kind="stable")[:, :k]
            best, places = np.take_along_axis(both, order, 1), np.take_along_axis(names, order, 1)
        shares = [
            len(np.intersect1d(exact, self._found(vector, k, usable)[0])) / k
            for vector, exact in zip(asked, places, strict=True)
        ]
        return float(np.mean(shares))

    def _usable(self, visible: NDArray[np.bool_]) -> NDArray[np.bool_]:
        n = min(len(visible), len(self.has))
        return visible[:n] & self.has[:n]

    def _found(self, vector: Floats, k: int, usable: NDArray[np.bool_]) -> tuple[Ords, Floats]:
        near = self.codes.near(vector, usable, max(RESCORED, 20 * k)).astype(np.int32)
        return self._best(vector, near, min(k, len(near)))

    def _rows(self, ords: Ords) -> Bytes:
        """(c, dim) vectors of these records, zeros where there is none."""
        places = ords.tolist()
        having = self.having(ords).tolist()
        missing = [o for o, has in zip(places, having, strict=True) if has and o not in self._kept]
        if missing:
            if len(self._kept) + len(missing) > KEPT_VECTORS:
                self._kept.clear()
                missing = [o for o, has in zip(places, having, strict=True) if has]
            numbers = self.number[np.unique(missing)]
            found, vectors = self._chosen(np.unique(numbers))
            raw = dict(zip(found.tolist(), map(bytes, vectors), strict=True))
            for ord, number in zip(np.unique(missing).tolist(), numbers.tolist(), strict=True):
                if number in raw:
                    self._kept[ord] = raw[number]
        none = bytes(self.dim)
        joined = b"".join([self._kept.get(ord, none) for ord in places])
        return np.frombuffer(joined, np.int8).reshape(len(places), self.dim)


_NONE: Final = (np.empty(0, np.int64), np.empty(0, np.uint8))
