"""Facts that contradict each other and of which nobody has said which holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from remanence.errors import InvalidInput, NotFound
from remanence.seams import Store
from remanence.text.write.settle import CONFLICTS, SUPERSEDES
from remanence.types import BEGINNING, Change, Link, Micros, Record, Retract, Scope, to_micros

AGREES: Final = "agrees"
"""The relation of two facts that may both stand."""
BOTH: Final = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Two facts of one slot that both hold. `since`: when the later of them began; None: since ever."""

    older: Record
    newer: Record
    subject: str
    attribute: str
    since: datetime | None


def conflicts(store: Store, scope: Scope, *, now: Micros) -> list[Conflict]:
    """The open conflicts of a scope, oldest first: linked `conflicts`, both still hold at `now`, and neither `agrees` with
    nor `supersedes` the other."""
    pairs = [frozenset((src, dst)) for src, dst, _ in store.linked(scope, CONFLICTS)]
    if not pairs:
        return []
    done = agreed(store, scope) | _pairs(store, scope, SUPERSEDES)
    known: dict[str, Record | None] = {}
    found = []
    for pair in dict.fromkeys(pairs):
        if pair in done or len(pair) != 2:
            continue
        for id in pair - known.keys():
            known[id] = _read(store, scope, id)
        both = [known[id] for id in sorted(pair)]
        facts = [record for record in both if record is not None and _holds(record, now)]
        if len(facts) == 2 and facts[0].slot is not None and facts[1].slot is not None:
            older, newer = sorted(facts, key=_begin)
            slot = newer.slot or facts[0].slot
            found.append(
                Conflict(
                    older=older,
                    newer=newer,
                    subject=slot.subject,
                    attribute=slot.attribute,
                    since=newer.valid_from,
                )
            )
    return sorted(found, key=lambda conflict: _begin(conflict.newer))


def agreed(store: Store, scope: Scope) -> frozenset[frozenset[str]]:
    """Pairs of ids of facts that may both stand."""
    return _pairs(store, scope, AGREES)


def settle_conflict(scope: Scope, conflict: Conflict, keep: str) -> Sequence[Change]:
    """The changes that end a conflict. `keep`: the id of the fact, or of the record that it was read out of, that holds; or "both".

    What does not hold is closed where the later of the two began, and linked: what was kept `supersedes` it.
    Raises: InvalidInput where `keep` names neither."""
    pair = (conflict.older, conflict.newer)
    if keep == BOTH:
        return [Link(scope=scope, src=conflict.newer.id, relation=AGREES, dst=conflict.older.id)]
    kept = [fact for fact in pair if keep == fact.id]
    kept = kept or [fact for fact in pair if fact.sources and keep == fact.sources[0].id]
    if len(kept) != 1:
        raise InvalidInput(
            f"keep={keep!r} is neither of the two",
            hint=f'give {conflict.older.id!r}, {conflict.newer.id!r} or "both"',
        )
    (other,) = (fact for fact in pair if fact is not kept[0])
    return [
        Retract(scope=scope, id=other.id, at=_begin(conflict.newer)),
        Link(scope=scope, src=kept[0].id, relation=SUPERSEDES, dst=other.id),
    ]


def _pairs(store: Store, scope: Scope, relation: str) -> frozenset[frozenset[str]]:
    return frozenset(frozenset((src, dst)) for src, dst, _ in store.linked(scope, relation))


def _read(store: Store, scope: Scope, id: str) -> Record | None:
    try:
        return store.get(scope, id)
    except NotFound:  # forgotten since the links were read
        return None


def _begin(record: Record) -> Micros:
    return to_micros(record.valid_from) if record.valid_from else BEGINNING


def _holds(record: Record, now: Micros) -> bool:
    return record.valid_to is None or to_micros(record.valid_to) > now
