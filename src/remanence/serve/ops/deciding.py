"""Calls that would decide on what waits for confirmation, or unlearn what was rejected, by another verb than `confirm` and `reject`.

An agent that was steered may write, and so may mark, undo, update and retract; it must not let through what steers it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from remanence.errors import RemanenceError
from remanence.memory import Memory
from remanence.store.people import LogLine
from remanence.text.guard.lessons import KIND

DECISIONS: Final = ("quarantined", "confirmed")
"""Marks that `confirm` and `reject` set and take off."""


def marks_so(_: Memory, given: Mapping[str, Any]) -> bool:
    """Whether a call of `mark` is about one of those."""
    return given["mark"] in DECISIONS


def undoes_so(memory: Memory, given: Mapping[str, Any]) -> bool:
    """Whether a call of `undo` takes back an event that set or took off one of those, or of a lesson. Sleeps never do."""
    what = given["what"]
    if not isinstance(what, int) or what < 1:
        return False
    whose = {name: given[name] for name in ("user_id", "agent_id") if name in given}
    lines = memory.log(**whose, after=what - 1, limit=1, newest=False)
    return any(
        (line.op == "mark" and _mark(line) in DECISIONS)
        or _of_a_lesson(memory, {**whose, "id": line.id})
        for line in lines
        if line.seq == what
    )


def unlearns(memory: Memory, given: Mapping[str, Any]) -> bool:
    """Whether a call that changes a record is about a lesson. Forgetting has a right of its own."""
    return _of_a_lesson(memory, given)


def _of_a_lesson(memory: Memory, given: Mapping[str, Any]) -> bool:
    scope = memory._scope(given.get("user_id"), given.get("agent_id"))
    try:  # not by `get`, which would be noted as a read
        record = memory._store.get(scope, given["id"])
    except RemanenceError:  # the verb itself will say what is wrong
        return False
    return record is not None and record.kind == KIND


def _mark(line: LogLine) -> str:
    return line.what.removeprefix("no longer ").partition(":")[0]
