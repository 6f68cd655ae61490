"""What a new fact does to the facts that held its slot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from remanence.catalogue.declare import mechanism
from remanence.seams import Holder
from remanence.text.slots.words import COUNT, WHEN, ended, same_value
from remanence.types import Add, Change, Link, Micros, Retract, Slot

SUPERSEDES: Final = "supersedes"
CONFLICTS: Final = "conflicts"
Decision = Literal["closes", "conflicts", "neither"]


@mechanism(
    seam="Settler",
    source="Remanence",
    title="A newer value of an exclusive slot closes the older one; what is unsure is a conflict",
    year=2026,
    fidelity="ours",
)
@dataclass(frozen=True, slots=True, kw_only=True)
class Settle:
    """Closes what is clearly replaced, links what clearly contradicts, and otherwise leaves both alone.

    A fact closes an older one of the same slot with another value (`Retract` at the moment where the newer one begins, and a link
    `supersedes`) if its words correct it, or if it comes from the same origin. It does not, and both are linked `conflicts`, where
    they begin at one moment and neither corrects the other, where the newer one is less trusted than the older, where either waits
    for confirmation, where origins differ and no word says that something changed, and where a count shrinks without such a word:
    it may count something else. Members of a list are only closed by a statement that they are over ("no longer likes tea").
    A fact that arrives late is itself closed by the next later one, under the same rules.
    """

    slack: float = 1e-6
    """How much less trusted counts as equal."""

    def settle(self, add: Add, id: str, at: Micros, held: Sequence[Holder]) -> list[Change]:
        if add.slot is None:
            return []
        new = Holder(
            id,
            add.slot,
            at,
            add.valid_to,
            add.origin,
            add.trust,
            add.sources,
            "quarantined" in add.marks,
        )
        changes: list[Change] = []
        for old in held:
            if old.id != id and old.valid_from <= at < old.valid_to:
                changes += self._against(add, new, old)
        for later in sorted(held, key=lambda holder: holder.valid_from):
            if later.id == id or later.valid_from <= at:
                continue
            decision = self._decide(later, new)
            if decision == "closes":
                changes.append(Retract(scope=add.scope, id=id, at=later.valid_from))
                changes.append(Link(scope=add.scope, src=later.id, relation=SUPERSEDES, dst=id))
                break
            if decision == "conflicts":
                changes.append(Link(scope=add.scope, src=later.id, relation=CONFLICTS, dst=id))
        return changes

    def _against(self, add: Add, new: Holder, old: Holder) -> Iterator[Change]:
        decision = self._decide(new, old)
        if decision == "closes":
            yield Retract(scope=add.scope, id=old.id, at=new.valid_from)
            yield Link(scope=add.scope, src=new.id, relation=SUPERSEDES, dst=old.id)
        elif decision == "conflicts":
            yield Link(scope=add.scope, src=new.id, relation=CONFLICTS, dst=old.id)

    def _decide(self, newer: Holder, older: Holder) -> Decision:
        """What the newer of two does to the older; equal moments count as newer for the one that came last."""
        if not _opposed(newer.slot, older.slot):
            return "neither"
        if newer.quarantined or older.quarantined or newer.trust < older.trust - self.slack:
            return "conflicts" if newer.slot.exclusive else "neither"
        if not newer.slot.exclusive:
            return "closes"
        at_once = newer.valid_from == older.valid_from
        if newer.slot.corrects and not (
            at_once and older.slot.corrects and not _same_source(newer, older)
        ):
            return "closes"
        if at_once or newer.origin != older.origin or _shrinks(newer.slot, older.slot):
            return "conflicts"
        return "closes"


def _opposed(newer: Slot, older: Slot) -> bool:
    """Whether one value leaves no room for the other."""
    over, was_over = ended(newer.value), ended(older.value)
    if over and was_over:
        return False
    if over:
        return same_value(over, older.value)
    if was_over:
        return newer.exclusive or same_value(newer.value, was_over)
    # "I have a call on Friday" may be one of several calls, until "the call was moved to Monday" says which it was.
    alone = older.exclusive or (newer.corrects and older.attribute.startswith(f"{WHEN} "))
    return newer.exclusive and alone and not same_value(newer.value, older.value)


def _same_source(one: Holder, other: Holder) -> bool:
    """Whether two facts were read out of one record: then the second sentence goes on from the first."""
    return bool(one.sources and other.sources) and one.sources[0].id == other.sources[0].id


def _shrinks(newer: Slot, older: Slot) -> bool:
    """Whether a count became less: "I've read 2 books" after 12 is of another shelf, unless it says so."""
    if not newer.attribute.startswith(f"{COUNT} "):
        return False
    first, second = _leading(newer.value), _leading(older.value)
    return first is None or second is None or first < second


_NUMBERS: Final = {
    name: value
    for value, name in enumerate("one two three four five six seven eight nine ten eleven twelve".split(), 1)
}  # fmt: skip


def _leading(value: str) -> float | None:
    """The number that a value begins with."""
    first = value.split(None, 1)[0].replace(",", "").lower()
    try:
        return float(_NUMBERS.get(first, first))
    except ValueError:
        return None
