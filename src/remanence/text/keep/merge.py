"""What was told twice in the same words is kept once: the best copy stays, the others go to the archive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from remanence.catalogue.declare import mechanism
from remanence.errors import NotFound
from remanence.seams import Step, Store, View
from remanence.text.keep.fade import ARCHIVED, QUARANTINED
from remanence.text.keep.stored import Vectors
from remanence.text.keep.strengths import PINNED
from remanence.text.keep.wording import wording
from remanence.types import BEGINNING, Change, Link, Mark, Micros, Record, Scope, to_micros

DUPLICATES: Final = "duplicates"
"""The relation of a copy to the one that was kept."""
WHY: Final = "duplicate: "
"""How the reasons of our marks begin."""
AT_ONCE: Final = 500
"""Groups of equal words that are looked at together."""
COMPUTED: Final = frozenset(("dates",))
"""Fields that the moment of a message makes, not what it says."""
Mask = NDArray[np.bool_]


@mechanism(
    seam="Sleeper",
    source="Remanence",
    title="Duplicates kept once",
    year=2026,
    fidelity="ours",
)
@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """Archives what repeats a record in the same words, and links it `duplicates` to the one that stays. Nothing is lost or rewritten:
    the archive is asked for by `archived=True`, and where the kept one is forgotten, retracted, quarantined or reworded, its copies come
    back.

    Two records are duplicates if the index counts the same stems in them, their `wording` is one, and so are scope, kind, speaker,
    role, origin (who repeats another supports him), fields, meta, end of validity and whom they are for. Where both have vectors whose
    texts differ at all, these must agree (`cosine`) too; near vectors alone are no sign: "before" is nearer to "after" than .97.
    Messages must also have been said within `apart` seconds: the same words on another day tell of another day. Texts of fewer than three
    words with content are left alone.

    The best copy: the most trusted, then the one used most, then the first. Never archived: what is pinned, or was read a
    fact out of that is in force. Work goes by sequence number, so that what people undid is not done again."""

    apart: float = 86_400.0
    cosine: float = 0.97
    moments: tuple[str, ...] = ("episode",)
    """Kinds that tell of a moment: `apart` holds for them."""
    skip: tuple[str, ...] = ("document", "fact", "lesson", "procedure", "profile", "summary")
    """Kinds that are never merged."""

    @property
    def name(self) -> str:
        return "merge"

    def steps(
        self, store: Store, scope: Scope, view: View, cursor: str, now: Micros
    ) -> Iterator[Step]:
        back = list(_orphans(store, scope, now))
        if back:
            yield Step(back, cursor, f"{len(back)} back: the kept copy is gone")
        groups = self._groups(view, int(cursor or 0))
        every = np.concatenate(groups) if groups else np.empty(0, np.int64)
        vectors = Vectors(store, scope, view, every)
        protected = view.marked(PINNED) | _sources_in_force(view)
        for start in range(0, len(groups), AT_ONCE):
            some = groups[start : start + AT_ONCE]
            changes = list(self._merged(view, some, protected, vectors))
            last = int(view.rows["seq"][some[-1]].max())
            done = (start + len(some)) / len(groups)
            note = f"{len(changes) // 2} archived as duplicates" if changes else ""
            yield Step(changes, str(last), note, done)
        if view.n and int(view.rows["seq"][-1]) > int(cursor or 0):
            yield Step((), str(int(view.rows["seq"][-1])), "", 1.0)

    def _groups(self, view: View, after: int) -> list[NDArray[np.int64]]:
        """Ords that share stems, scope, kind, speaker and role, in groups with something new, by when that came."""
        may = view.standing & (view.rows["slot"] == 0) & (view.rows["fold"] != 0)
        may &= ~view.marked(ARCHIVED) & ~view.marked(QUARANTINED)
        skipped = [code for code, name in enumerate(view.names) if name in self.skip]
        ords = np.flatnonzero(may & ~np.isin(view.rows["kind"], skipped))
        rows = view.rows[ords]
        names = ("role", "speaker", "kind", "tail", "fold")
        order = np.lexsort((rows["first"], *(rows[name] for name in names)))
        ords, rows = ords[order], rows[order]
        differs = np.zeros(max(len(ords) - 1, 0), np.bool_)
        for name in names:
            differs |= rows[name][1:] != rows[name][:-1]
        groups = np.split(ords, np.flatnonzero(differs) + 1)
        newest = [(int(view.rows["seq"][group].max()), group) for group in groups if len(group) > 1]
        fresh = [pair for pair in newest if pair[0] > after]
        return [group for _, group in sorted(fresh, key=lambda pair: pair[0])]

    def _merged(
        self,
        view: View,
        groups: Sequence[NDArray[np.int64]],
        protected: Mask,
        vectors: Vectors,
    ) -> Iterator[Change]:
        every = np.concatenate(groups).astype(np.int32)
        records = dict(zip(every.tolist(), view.records(every), strict=True))
        uses = np.diff(view.uses().start)
        for group in groups:
            alike: dict[object, list[int]] = {}
            for ord in group.tolist():
                record = records[ord]
                if record is not None:  # forgotten since
                    alike.setdefault(_told(record), []).append(ord)
            for copies in alike.values():
                known = {ord: record for ord in copies if (record := records[ord]) is not None}
                for cluster in self._clusters(known):
                    best = max(cluster, key=lambda o: (protected[o], known[o].trust, uses[o], -o))
                    for ord in cluster:
                        if ord != best and not protected[ord] and self._near(vectors, known, ord, best):  # fmt: skip
                            yield from _archive(known[ord], known[best])

    def _clusters(self, known: Mapping[int, Record]) -> Iterator[list[int]]:
        """Those that were said at about one moment."""
        cluster: list[int] = []
        for ord in sorted(known, key=lambda ord: (_moment(known[ord]), ord)):
            since = _moment(known[cluster[0]]) if cluster else 0
            apart = _moment(known[ord]) - since > self.apart * 1e6
            if cluster and apart and known[ord].kind in self.moments:
                yield cluster
                cluster = []
            cluster.append(ord)
        yield cluster

    def _near(self, vectors: Vectors, known: Mapping[int, Record], one: int, other: int) -> bool:
        if known[one].text == known[other].text:
            return True
        has, rows = vectors.of(np.array([one, other]))
        return not has.all() or float(rows[0] @ rows[1]) >= self.cosine


def _archive(record: Record, kept: Record) -> Iterator[Change]:
    yield Mark(scope=record.scope, id=record.id, mark=ARCHIVED, why=f"{WHY}told in the same words")
    yield Link(scope=record.scope, src=record.id, relation=DUPLICATES, dst=kept.id)


def _told(record: Record) -> object:
    """Equal for records that are duplicates if they were told at one moment."""
    fields = sorted((name, value) for name, value in record.fields.items() if name not in COMPUTED)
    beside: Any = (record.valid_to, record.audience, record.purpose, record.sensitivity)
    return wording(record.text), record.origin, repr(fields), repr(sorted(record.meta.items())), beside  # fmt: skip


def _moment(record: Record) -> Micros:
    return to_micros(record.valid_from) if record.valid_from else BEGINNING


def _sources_in_force(view: View) -> Mask:
    """(n,) records that facts in force were read out of."""
    sources = np.unique(view.rows["source"][view.standing & (view.rows["slot"] != 0)])
    mask: Mask = np.isin(view.rows["first"], sources[sources != 0])
    return mask


def _orphans(store: Store, scope: Scope, now: Micros) -> Iterator[Change]:
    """Marks to take off, of copies whose kept one no longer stands for them."""
    ours = [one.id for one in store.marked(scope, ARCHIVED) if one.why.startswith(WHY)]
    kept = {src: dst for src, dst, _ in store.linked(scope, DUPLICATES)} if ours else {}
    for id in ours:
        copy = store.get(scope, id)
        if copy is not None and not _stands(store, scope, kept.get(id, ""), copy, now):
            why = f"{WHY}the kept one is gone"
            yield Mark(scope=copy.scope, id=id, mark=ARCHIVED, on=False, why=why)


def _stands(store: Store, scope: Scope, id: str, copy: Record, now: Micros) -> bool:
    try:
        kept = store.get(scope, id, as_of=now) if id else None
    except NotFound:  # forgotten
        return False
    return (
        kept is not None
        and QUARANTINED not in kept.marks
        and wording(kept.text) == wording(copy.text)
    )
