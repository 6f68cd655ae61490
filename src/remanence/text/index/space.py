"""One space of a store, followed in memory: columns, posting lists, vectors; and views of it for single questions.

A `Space` holds nothing that the store does not: before every read it asks the store whether anything happened and takes in what
did, also what other processes wrote. Records are numbered by `ord`, their place in the order of commits.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from remanence.errors import WrongDimension
from remanence.seams import Delta, Embedder, Store
from remanence.store.rows import ROW, pack_unit
from remanence.text.analyze import term_hash
from remanence.text.index.marks import Marks, Used
from remanence.text.index.postings import Inverted
from remanence.text.index.vectors import Dense, Tokens
from remanence.text.index.view import ALONE, HIDDEN, SpaceView, look
from remanence.types import FOREVER, Query, Scope

TOKEN_BYTES = 256 * 2**20
"""Token states kept in memory for one space; beyond it they are read from the store for each question."""


class Space:
    """Follows one space; thread-safe. `view(query, now)` is what retrievers read."""

    def __init__(self, store: Store, scope: Scope, encoder: Embedder | None) -> None:
        self.scope = scope[:2]
        self.store = store
        self.encoder = encoder
        self.lock = threading.RLock()
        self.state = 0
        """Grows with every change of what a view can see."""
        self._start()

    def postings(self, term: str, field: str = "") -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """Records that hold a term in a field, ascending, and how often each does."""
        return self.holding(term_hash(term, field))

    def expect(self, terms: Sequence[str]) -> None:
        """These words are about to be asked for: nothing to do where all are here."""

    def holding(self, term: int) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """The same for a term's hash."""
        return self.inverted.find(term)

    def _start(self) -> None:
        """Know nothing yet."""
        self._pulse = -1
        self._head = 0
        self._buffer: NDArray[Any] = np.zeros(256, ROW)
        self.n = 0
        self.inverted = Inverted()
        self.dense = self._vectors(self.encoder) if self.encoder else None
        self.tokens = (
            Tokens(self.encoder.token_dim) if self.encoder and self.encoder.token_dim else None
        )
        self.chains = Chains()
        self.marks = Marks()
        self.used = Used()
        self._origin: NDArray[np.int32] = np.zeros(256, np.int32)
        self.names: Sequence[str] = [""]
        """Code -> text, as of the last change."""
        self.codes: dict[str, int] = {"": 0}
        self._current: SpaceView | None = None
        self._until = 0
        self.memo: dict[str, tuple[int, object]] = {}

    @property
    def rows(self) -> NDArray[Any]:
        """(n,) columns of `ROW`, in commit order."""
        return self._buffer[: self.n]

    @property
    def origin(self) -> NDArray[np.int32]:
        """(n,) the ord of the first version of each version's record."""
        return self._origin[: self.n]

    def marked(self, mark: str, known_at: int | None, n: int) -> NDArray[np.bool_]:
        """(n,) which of the first n versions are of a record that bore a mark at a known time (None: now)."""
        bearing = np.zeros(self.n, np.bool_)
        code = self.codes.get(mark)
        if code is not None:
            bearing[self._ords(self.marks.firsts(code, known_at))] = True
        return bearing[self.origin[:n]] if bearing.any() else bearing[:n]

    def _ords(self, seqs: NDArray[np.int64]) -> NDArray[np.int64]:
        """Ords of versions that are here, by sequence number."""
        ords = np.searchsorted(self.rows["seq"], seqs)
        return ords[ords < self.n]

    def view(self, query: Query, now: int) -> SpaceView:
        """What this query may see at this moment, everything acknowledged included."""
        with self.lock:
            self.refresh()
            plain = query.as_of is None and query.known_at is None
            plain = plain and not (query.archived or query.quarantined)
            if not plain or query.filters or query.kinds or len(query.scope) > 2:
                return SpaceView(self, look(self, query, now), query.known_at, memo=None)
            if self._current is None or now >= self._until:
                self.state += (
                    self._current is not None
                )  # time alone made a record visible, or ended one
                rows = self.rows
                seen = look(self, query, now)
                later = rows["valid_from"][rows["valid_from"] > now]
                closing = rows["valid_to"][rows["valid_to"] > now]
                self._until = min(later.min(initial=FOREVER), closing.min(initial=FOREVER))
                self._current = SpaceView(self, seen, None, memo=self.memo)
            return self._current

    def refresh(self) -> None:
        """Take in what was committed since the last time."""
        pulse = self.store.pulse()
        if pulse == self._pulse:
            return
        delta = self._delta()
        if len(delta.rows) or delta.gone or len(delta.marks):
            names = self.store.names(self.scope)
            if len(names) < len(self.names):  # the whole space was forgotten: this is another one
                self.state += 1
                self._start()
                self.refresh()
                return
            if delta.gone:
                self.memo.clear()  # what was computed with it may hold words of what is erased
            self.names = names
            self.codes = {name: code for code, name in enumerate(self.names)}
            self._take_rows(delta.rows, list(delta.terms))
            for seq in delta.gone:
                self._erase(seq)
            self.marks.take(delta.marks)
            self.state += 1
            self._current = None
        if len(delta.uses):  # seen by what asks for them, and by nothing that was computed without
            ords = np.searchsorted(self.rows["seq"], delta.uses["first"])
            self.used.take(ords, delta.uses)
        self._head = delta.seq
        self._take_vectors()
        self._pulse = pulse

    def _vectors(self, encoder: Embedder) -> Dense:
        return Dense(encoder.dim)

    def _delta(self) -> Delta:
        return self.store.delta(self.scope, self._head)

    def _take_rows(self, rows: NDArray[Any], terms: list[bytes]) -> None:
        last = int(self.rows["seq"][-1]) if self.n else 0
        fresh = rows["seq"] > last
        aside = [self.codes[kind] for kind in (*HIDDEN, *ALONE) if kind in self.codes]
        for row in rows[~fresh]:  # a version that a later one closed
            self._buffer[self.ord(int(row["seq"]))] = row
        closed = rows["kind"][~fresh]
        changed = len(closed) > 0 and not np.isin(closed, aside).all()
        added = rows[fresh]
        need = self.n + len(added)
        if need > len(self._buffer):
            wider = np.zeros(max(need, 2 * len(self._buffer)), ROW)
            wider[: self.n] = self.rows
            self._buffer = wider
            origin = np.zeros(len(wider), np.int32)
            origin[: self.n] = self.origin
            self._origin = origin
        start, self.n = self.n, need
        self._buffer[start:need] = added
        self._origin[start:need] = np.searchsorted(self.rows["seq"], added["first"])
        if len(added):
            self.inverted.extend([t for t, new in zip(terms, fresh, strict=True) if new])
        self.chains.extend(self.rows, aside, changed)

    def _take_vectors(self) -> None:
        if self.dense is None or self.encoder is None or not self.n:
            return
        has = self.dense.has[: self.n]
        first = int(np.argmin(has)) if not has.all() else len(has)
        if first >= self.n:
            return
        after = int(self.rows["seq"][first]) - 1
        found = list(self.store.vectors(self.scope, self.encoder.id, after))
        if not found:
            return
        seqs = np.fromiter((seq for seq, _ in found), np.int64, len(found))
        ords = np.searchsorted(self.rows["seq"], seqs).astype(np.int32)
        known = ords < self.n  # vectors of rows committed after our delta wait for the next one
        packed = np.frombuffer(b"".join(vector for _, vector in found), np.int8)
        stored = packed.reshape(len(found), -1)
        self._fitting(stored)
        self.dense.put(ords[known], stored[known])

    def _fitting(self, stored: NDArray[np.int8]) -> None:
        """Raises: WrongDimension where the store's vectors are not the encoder's."""
        if self.dense is None or self.encoder is None or stored.shape[1] == self.dense.dim:
            return
        raise WrongDimension(
            f"the store's vectors of {self.encoder.id} have {stored.shape[1]} numbers, the encoder's {self.dense.dim}",
            hint="an encoder of another size needs another id",
        )

    def recall(self) -> float | None:
        """Recall@10 of the approximate search on the questions last asked; None where search is exact."""
        with self.lock:
            return (
                self.dense.recall(look(self, Query(text="", scope=self.scope), FOREVER - 1).visible)
                if self.dense
                else None
            )

    def ord(self, seq: int) -> int:
        """The place of a version, by its sequence number."""
        return int(np.searchsorted(self.rows["seq"], seq))

    def _erase(self, seq: int) -> None:
        ord = self.ord(seq)
        if ord >= self.n or self.rows["seq"][ord] != seq:
            return
        # An interval that is empty both ways is visible to no query.
        self._buffer[ord]["known_to"] = self._buffer[ord]["known_from"]
        self._buffer[ord]["fold"] = 0
        if self.dense is not None:
            self.dense.erase(ord)
        if self.tokens is not None:
            self.tokens.erase(ord)

    def token_best(
        self, states: NDArray[np.float32], ords: NDArray[np.int32]
    ) -> NDArray[np.float32]:
        """(q, c) best cosine of each query token over each record's tokens, loading states as needed."""
        if self.tokens is None or self.encoder is None:
            return np.zeros((len(states), len(ords)), np.float32)
        with self.lock:
            kept = self.tokens
            if kept.used * kept.width > TOKEN_BYTES:
                kept = Tokens(kept.width)
                self._load(kept, ords, np.arange(len(ords), dtype=np.int32))
                return kept.best(states, np.arange(len(ords), dtype=np.int32))
            absent = kept.missing(ords)
            self._load(kept, absent, absent)
            return kept.best(states, ords)

    def _load(self, into: Tokens, ords: NDArray[np.int32], places: NDArray[np.int32]) -> None:
        encoder = self.encoder
        if encoder is None or not len(ords):
            return
        packed = self.store.tokens(self.scope, encoder.id, self.rows["seq"][ords].tolist())
        arrived = np.array([len(p) > 0 for p in packed])
        has = self.dense.having(ords) if self.dense is not None else arrived
        done = arrived | has  # a text without tokens is complete, a text not yet encoded is not
        packed = [p for p, ready in zip(packed, done, strict=True) if ready]
        raw = np.frombuffer(b"".join(packed), np.uint8).reshape(-1, encoder.token_bytes)
        counts = np.fromiter((len(p) for p in packed), np.int64, len(packed)) // encoder.token_bytes
        states = (
            raw.view(np.int8)
            if encoder.token_bytes == encoder.token_dim
            else pack_unit(encoder.unpack(raw))
        )
        into.put(places[done], states, counts)


class Chains:
    """Who follows whom inside a session: kept up while records arrive in order, recomputed when one does not."""

    def __init__(self) -> None:
        self.n = 0
        self._previous: NDArray[np.int32] = np.full(256, -1, np.int32)
        self._next: NDArray[np.int32] = np.full(256, -1, np.int32)
        self._last: dict[int, int] = {}

    def extend(self, rows: NDArray[Any], aside: Sequence[int] = (), changed: bool = False) -> None:
        """Take in the rows from `self.n` on. `aside`: codes of kinds that are not said in a conversation, and follow nobody;
        `changed`: older rows are no longer known."""
        start, self.n = self.n, len(rows)
        if self.n > len(self._next):
            spare = np.full(max(self.n, 2 * len(self._next)), -1, np.int32)
            self._previous = np.concatenate((self._previous[:start], spare[start:]))
            self._next = np.concatenate((self._next[:start], spare[start:]))
        if changed or self.n - start > 512:
            self._recompute(rows, aside)
            return
        self._previous[start : self.n] = self._next[start : self.n] = -1
        for ord in range(start, self.n):
            row = rows[ord]
            if row["kind"] in aside:
                continue
            before = self._last.get(int(row["session"]), -1)
            if row["first"] != row["seq"] or (
                before >= 0 and row["valid_from"] < rows[before]["valid_from"]
            ):
                self._recompute(rows, aside)
                return
            self._previous[ord], self._next[ord] = before, -1
            if before >= 0:
                self._next[before] = ord
            self._last[int(row["session"])] = ord

    def _recompute(self, rows: NDArray[Any], aside: Sequence[int]) -> None:
        # Of each record only the newest version stands in the chain; all of a session's rows sort together.
        newest = np.flatnonzero((rows["known_to"] == FOREVER) & ~np.isin(rows["kind"], aside))
        order = newest[
            np.lexsort((rows["first"][newest], rows["valid_from"][newest], rows["session"][newest]))
        ].astype(np.int32)
        self._previous[: self.n] = self._next[: self.n] = -1
        same = rows["session"][order[1:]] == rows["session"][order[:-1]]
        self._previous[order[1:][same]] = order[:-1][same]
        self._next[order[:-1][same]] = order[1:][same]
        ends = np.concatenate((~same, [True])) if len(order) else np.zeros(0, np.bool_)
        self._last = {int(rows["session"][o]): int(o) for o in order[ends]}

    def step(self, step: int) -> NDArray[np.int32]:
        """(n,) the record `step` places later in its session (negative: earlier), -1 where none."""
        link = (self._next if step > 0 else self._previous)[: self.n]
        at = link.copy()
        for _ in range(abs(step) - 1):
            at = np.where(at >= 0, link[at], -1).astype(np.int32)
        return at
