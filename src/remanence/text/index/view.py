"""A space as one question sees it: the `View` seam over the in-memory index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from remanence.errors import InvalidInput
from remanence.seams import Postings, Uses
from remanence.store.rows import ROLES
from remanence.text.index.terms import filterable, meta_hash
from remanence.types import FOREVER, Query, Record

if TYPE_CHECKING:
    from remanence.text.index.space import Space

T = TypeVar("T")
KEPT = 256
"""Posting lists that a view remembers."""
HIDDEN: Final = ("document", "fact", "lesson", "step", "summary")
"""Kinds of records that are read only when asked for by kind: a whole page, whose passages are records too; what was extracted
from a record that is there itself; what was learnt from a failure, for the guards; what an agent did between two messages."""
ALONE: Final = ("item",)
"""Kinds of records that are said in no conversation: those beside them in a session lend them no words."""
ASIDE: Final = ("archived", "quarantined")
"""Marks of records that are read only when asked for."""
Floats = NDArray[np.float32]
Ords = NDArray[np.int32]


class SpaceView:
    """See `remanence.seams.View`. Cheap to make; keeps what it computes for the next question where it may.

    The space goes on under it, in other threads: what it reads there, it reads under the space's lock."""

    def __init__(
        self,
        space: Space,
        seen: Seen,
        known_at: int | None,
        memo: dict[str, tuple[int, object]] | None,
    ) -> None:
        self._space = space
        self._known_at = known_at
        self._memo = {} if memo is None else memo
        self._own: dict[str, tuple[int, object]] = {}
        self._state = space.state
        self.rows: NDArray[Any] = space.rows
        self.n = len(self.rows)
        self.visible, self.standing = seen
        self.count = int(np.count_nonzero(self.visible))
        self._all = self.count == self.n
        self.encoder = space.encoder
        self.names = space.names
        self._marked: dict[str, NDArray[np.bool_]] = {}
        self._uses: tuple[int, Uses] | None = None
        self._neighbours: dict[int, Ords] = {}
        self._lengths: Floats | None = None
        self._postings: dict[tuple[str, str], Postings] = {}

    @property
    def embedded(self) -> bool:
        """Whether any record has a vector: a query need not be encoded where none has."""
        return self._space.dense is not None and bool(self._space.dense.has.any())

    def postings(self, term: str, field: str = "") -> Postings:
        known = self._postings.get((term, field))
        if known is not None:  # several mechanisms ask for the words of one question
            return known
        with self._space.lock:
            ords, tf = self._space.postings(term, field)
        if len(ords) and ords[-1] >= self.n:  # committed after this view was made
            ords, tf = ords[: (end := int(np.searchsorted(ords, self.n)))], tf[:end]
        if not self._all:
            here = self.visible[ords]
            ords, tf = ords[here], tf[here]
        if len(self._postings) >= KEPT:
            self._postings.clear()
        found = self._postings[term, field] = Postings(ords, tf.astype(np.float32))
        return found

    def expect(self, terms: Sequence[str]) -> None:
        """These words are about to be asked for, so that they can be fetched together where they are elsewhere."""
        self._space.expect(terms)

    def lengths(self) -> Floats:
        if self._lengths is None:
            self._lengths = self.rows["length"].astype(np.float32)
        return self._lengths

    def neighbour(self, step: int) -> Ords:
        if step not in self._neighbours:
            with self._space.lock:
                at = self._space.chains.step(step)[: self.n]
            at[at >= self.n] = -1
            if not self._all:
                at[(at >= 0) & ~self.visible[at]] = -1
            self._neighbours[step] = at
        return self._neighbours[step]

    def nearest(self, vector: Floats, k: int) -> tuple[Ords, Floats]:
        if self._space.dense is None:
            return np.empty(0, np.int32), np.empty(0, np.float32)
        with self._space.lock:
            return self._space.dense.nearest(vector, k, self.visible)

    def cosine(self, vector: Floats, ords: Ords) -> Floats:
        if self._space.dense is None:
            return np.zeros((len(ords), *vector.shape[1:]), np.float32)
        with self._space.lock:
            return self._space.dense.cosine(vector, ords)

    def token_max(self, states: Floats, ords: Ords) -> Floats:
        return self._space.token_best(states, ords)

    def marked(self, mark: str) -> NDArray[np.bool_]:
        if mark not in self._marked:
            with self._space.lock:
                self._marked[mark] = self._space.marked(mark, self._known_at, self.n)
        return self._marked[mark]

    def uses(self) -> Uses:
        # A use changes no view, so this one asks again.
        with self._space.lock:
            state = self._space.used.state
            if self._uses is None or self._uses[0] != state:
                origin = self._space.origin[: self.n]
                self._uses = state, self._space.used.of(origin, self._known_at)
            return self._uses[1]

    def texts(self, ords: Ords) -> list[str]:
        return [record.text if record else "" for record in self.records(ords)]

    def titles(self, ords: Ords) -> list[str]:
        return [record.fields.get("title", "") if record else "" for record in self.records(ords)]

    def records(self, ords: Ords) -> list[Record | None]:
        """None for what was forgotten since this view was made."""
        seqs = self.rows["seq"][ords].tolist()
        found = self._space.store.found(self._space.scope, seqs, known_at=self._known_at)
        return [found.get(seq) for seq in seqs]

    def derived(self, name: str, build: Callable[[SpaceView, T | None], T]) -> T:
        state, value = self._memo.get(name, (-1, None))
        if state > self._state:  # another thread has seen more already, which this view must not
            state, value = self._own.get(name, (-1, None))
            if state != self._state:
                value = build(self, None)
                self._own[name] = (self._state, value)
        elif state < self._state:
            value = build(self, value)  # type: ignore[arg-type]
            self._memo[name] = (self._state, value)
        return value  # type: ignore[return-value]


class Seen(NamedTuple):
    """(n,) each: what a query may see, and what stands whether it may be seen or not."""

    visible: NDArray[np.bool_]
    standing: NDArray[np.bool_]


def look(space: Space, query: Query, now: int) -> Seen:
    """Which versions the query's scope, moments, kinds, marks and filters let it see, and which its scope and moments alone.

    Without `known_at` the newest version of each record counts; without `as_of`, what is valid now."""
    rows = space.rows
    standing: NDArray[np.bool_]
    if query.known_at is None:
        standing = rows["known_to"] == FOREVER
    else:
        standing = (rows["known_from"] <= query.known_at) & (query.known_at < rows["known_to"])
    at = now if query.as_of is None else query.as_of
    standing &= (rows["valid_from"] <= at) & (at < rows["valid_to"])
    if len(query.scope) > 2:
        tail = "\x1f".join(query.scope[2:])
        codes = [
            c
            for c, name in enumerate(space.names)
            if name == tail or name.startswith(tail + "\x1f")
        ]
        standing &= np.isin(rows["tail"], codes)
    mask = standing.copy()
    if query.kinds:
        mask &= np.isin(rows["kind"], _codes(space, query.kinds))
    elif "kind" not in query.filters and (hidden := _codes(space, HIDDEN)):
        mask &= ~np.isin(rows["kind"], hidden)
    for mark, shown in zip(ASIDE, (query.archived, query.quarantined), strict=True):
        if not shown and mark in space.codes:
            mask &= ~space.marked(mark, query.known_at, space.n)
    for key, wanted in query.filters.items():
        options = list(wanted) if isinstance(wanted, (list, tuple, set, frozenset)) else [wanted]
        if key in ("session", "speaker", "kind"):
            mask &= np.isin(rows[key], _codes(space, options))
        elif key == "role":
            mask &= np.isin(rows["role"], [ROLES.index(o) for o in options if o in ROLES])
        else:
            mask &= _having(space, key, options)
    return Seen(mask, standing)


def _codes(space: Space, wanted: Sequence[object]) -> list[int]:
    return [space.codes[w] for w in wanted if isinstance(w, str) and w in space.codes]


def _having(space: Space, key: str, options: Sequence[object]) -> NDArray[np.bool_]:
    """(n,) records whose meta has one of these values under `key`: written into the lexical rows as terms of their own."""
    mask = np.zeros(space.n, np.bool_)
    for option in options:
        if not filterable(option):
            raise InvalidInput(
                f"filter {key}={option!r}",
                hint="filter by a string, number, boolean or None, or a list of them",
            )
        mask[space.holding(meta_hash(key, option))[0]] = True
    return mask
