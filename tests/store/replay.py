"""A memory that is too simple to be wrong, to hold a store against: valid time is a dictionary of points, known time a list of
snapshots, and undoing sets a thing back to what it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

POINTS = range(13)
"""Valid moments that are looked at; changes use 0 to 10, and the last two stand for ever after."""
ALWAYS = float("inf")


@dataclass(frozen=True)
class Truth:
    """One record: what is true at each point, and where truth ends."""

    at: dict[int, str] = field(default_factory=dict)
    end: float = 0.0
    last: str = ""
    """What is told last, also where it is true of no moment any more."""

    def paint(self, start: int, end: float, text: str) -> Truth:
        return Truth(self.at | {p: text for p in POINTS if start <= p < end}, end, text)

    def revise(self, start: int | None, text: str) -> Truth:
        if start is not None:
            return self.paint(start, self.end if start < self.end else ALWAYS, text)
        at = {p: text if now == self.last else now for p, now in self.at.items()}
        return Truth(at, self.end, text)

    def retract(self, moment: float) -> Truth:
        if moment >= self.end:
            return self
        at = {p: text for p, text in self.at.items() if p < moment}
        if not at:
            return Truth(at, moment, self.last)
        return Truth(at, max(at) + 1, at[max(at)])


Cell = tuple[str, ...]
"""What a change changes: ("record", id), ("mark", id, mark), ("link", src, relation, dst) or ("use", id, number of the change)."""


@dataclass(frozen=True)
class Node:
    """What a cell holds. `by`: the change that set it, `below`: what it was before. `undos`: changes that took others back, and what
    the cell was before them."""

    value: Any = None
    by: int = 0
    below: Node | None = None
    undos: dict[int, Node] = field(default_factory=dict)


NOTHING = Node()


class Fact(NamedTuple):
    """The slot of a fact, which record it was made of, and by which change."""

    slot: str
    origin: str
    made: int


class Replay:
    """The whole memory, and what it was at each known time."""

    def __init__(self) -> None:
        self.cells: dict[Cell, Node] = {}
        self.gone: set[str] = set()
        self.facts: dict[str, Fact] = {}
        self.known: list[tuple[int, dict[Cell, Any]]] = []
        self.changed: dict[int, list[Cell]] = {}
        """Cells that each change touched, in order."""
        self.number = 0

    def value(self, *cell: str) -> Any:
        return self.cells.get(cell, NOTHING).value

    def truth(self, id: str) -> Truth | None:
        truth: Truth | None = self.value("record", id)
        return truth

    def put(self, value: Any, *cell: str) -> None:
        before = self.cells.get(cell, NOTHING)
        if before.value == value:
            return
        if before.by == self.number:  # twice in one change
            self.cells[cell] = replace(before, value=value)
            return
        self.cells[cell] = Node(value, self.number, before)
        self.changed.setdefault(self.number, []).append(cell)

    def apply(self, number: int, op: str, *given: Any) -> bool:
        """Whether the change is made; `number` names it."""
        self.number = number
        before = dict(self.cells)
        made: bool | None = getattr(self, op)(*given)
        return made is True or (made is None and before != self.cells)

    def add(
        self, id: str, start: int, end: int | None, text: str, source: str, older: tuple[str, ...]
    ) -> None:
        if ("record", id) in self.cells or id in self.gone or source in self.gone:
            return
        if (end is not None and end <= start) or any(self.truth(old) is None for old in older):
            return
        self.put(Truth().paint(start, ALWAYS if end is None else end, text), "record", id)
        self.facts[id] = Fact("", source, self.number)
        for old in older:
            self.supersede(id, old, start)

    def state(self, id: str, start: int, slot: str, text: str, source: str) -> None:
        """Add a fact, settled as `Simple` does."""
        if ("record", id) in self.cells or id in self.gone or source in self.gone:
            return
        self.put(Truth().paint(start, ALWAYS, text), "record", id)
        others = [
            (min(truth.at, default=ALWAYS), truth.end, other)
            for other, fact in self.facts.items()
            if fact.slot == slot and (truth := self.truth(other)) and truth.at and truth.end > start
        ]
        self.facts[id] = Fact(slot, source, self.number)
        for begins, _, other in sorted(others):
            if begins <= start:
                self.supersede(id, other, start)
        later = [(begins, other) for begins, _, other in others if begins > start]
        if later:
            begins, other = min(later)
            self.supersede(other, id, int(begins))

    def supersede(self, new: str, old: str, at: int) -> None:
        truth = self.truth(old)
        assert truth is not None
        self.put(truth.retract(at), "record", old)
        self.put(True, "link", new, "supersedes", old)

    def revise(self, id: str, start: int | None, text: str) -> None:
        if truth := self.truth(id):
            self.put(truth.revise(start, text), "record", id)

    def retract(self, id: str, moment: int) -> None:
        if truth := self.truth(id):
            self.put(truth.retract(moment), "record", id)

    def mark(self, id: str, mark: str, on: bool) -> None:
        if self.truth(id):
            self.put(on or None, "mark", id, mark)

    def link(self, src: str, dst: str) -> None:
        if self.truth(src) and self.truth(dst):
            self.put(True, "link", src, "r", dst)

    def touch(self, id: str) -> None:
        if self.truth(id):
            self.put(True, "use", id, str(self.number))

    def undo(self, change: int) -> bool:
        cells = self.changed.get(change, [])
        if not cells or any(cell[1] in self.gone or cell[-1] in self.gone for cell in cells):
            return False
        # What was there first is taken back last.
        back: dict[Cell, Node] = {}
        for cell in cells:
            node = self.cells[cell]
            if node.by == change:
                below = node.below or NOTHING
            elif change in node.undos and cell[0] == "record":
                below = node.undos[change]
            else:
                return False
            back[cell] = replace(below, undos=below.undos | {self.number: node})
        after = self.cells | back
        for cell, node in back.items():
            if cell[0] == "record" and node.value is None and self.followed(cell[1], after):
                return False
        self.cells = after
        self.changed[self.number] = cells
        return True

    def followed(self, id: str, cells: dict[Cell, Node]) -> bool:
        for cell, node in cells.items():
            if cell[0] == "link" and id in (cell[1], cell[3]) and node.value:
                return True
            if cell[0] == "record" and node.value:
                fact = self.facts[cell[1]]
                if fact.origin == id and fact.made > self.facts[id].made:
                    return True
        return False

    def forget(self, id: str) -> bool:
        # Also what was taken back.
        if ("record", id) not in self.cells:
            return False
        kin = [id]
        for parent in kin:
            made = [child for child, fact in self.facts.items() if fact.origin == parent]
            kin += [child for child in made if child not in kin]
        for lost in kin:
            self.gone.add(lost)
            self.facts.pop(lost, None)
        for cell in [cell for cell in self.cells if self.dead(cell)]:
            del self.cells[cell]
        return True

    def dead(self, cell: Cell) -> bool:
        ends = (cell[1], cell[3]) if cell[0] == "link" else (cell[1],)
        return any(end in self.gone for end in ends)

    def commit(self, at: int) -> None:
        now = {cell: node.value for cell, node in self.cells.items() if node.value is not None}
        self.known.append((at, now))

    def then(self, known: int | None) -> dict[Cell, Any]:
        """What was known at a moment (None: now), what was forgotten since apart."""
        state: dict[Cell, Any] = {}
        for at, now in self.known:
            if known is None or at <= known:
                state = now
        return {cell: value for cell, value in state.items() if not self.dead(cell)}

    def records(self, known: int | None, valid: int) -> Iterator[tuple[str, str]]:
        for cell, value in self.then(known).items():
            if cell[0] == "record" and valid in value.at:
                yield cell[1], value.at[valid]

    def marked(self, known: int | None, mark: str) -> set[str]:
        return {cell[1] for cell in self.then(known) if cell[0] == "mark" and cell[2] == mark}
