"""What a fact had closed holds again when the fact turns out never to have held, or is forgotten."""

from __future__ import annotations

from collections.abc import Collection

from remanence.seams import Store
from remanence.text.write.settle import SUPERSEDES
from remanence.types import Change, Link, Retract, Scope, Undo, to_micros


def revived(store: Store, scope: Scope, gone: Collection[str]) -> list[Change]:
    """The changes that take back what these records superseded; what itself superseded one of them closes the revived one instead.

    Each may be refused where somebody has changed the older record since: then it stays as it is."""
    links = store.linked(scope, SUPERSEDES)
    heirs = {dst: src for src, dst, _ in links}
    changes: list[Change] = []
    for src, dst, seq in reversed(links):
        if src not in gone or dst in gone:
            continue
        # Closing and linking are written one after the other.
        closing = next(iter(store.events(scope, after=seq - 2, limit=1)), None)
        if closing is None or (closing.seq, closing.op, closing.id) != (seq - 1, "retract", dst):
            continue
        changes += [Undo(scope=scope, seq=seq), Undo(scope=scope, seq=seq - 1)]
        fact, heir = store.get(scope, src), heirs.get(src)
        if heir is not None and heir not in gone and fact is not None and fact.valid_to is not None:
            changes.append(Retract(scope=scope, id=dst, at=to_micros(fact.valid_to)))
            changes.append(Link(scope=scope, src=heir, relation=SUPERSEDES, dst=dst))
    return changes
