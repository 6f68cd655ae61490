"""Results as text that a model can read and cite: the part of an answer beside its structured content."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from remanence.serve.mcp.wording import mended
from remanence.serve.ops import wire
from remanence.types import Ack, Context, Hit, Hits, Record


def tell(result: object, answer: Mapping[str, Any]) -> str:
    """A result in words where it is memories or acknowledgements, else its `answer` as JSON."""
    if isinstance(result, Context):
        text = f"{result.text}\n\n{_ids(result.hits)}" if result.hits else "Nothing found."
        return _with_withheld(text, result.withheld)
    if isinstance(result, Hits):
        return _with_withheld(_numbered((hit.record, hit.notes) for hit in result), result.withheld)
    if isinstance(result, Record):
        return _numbered([(result, ())])
    if isinstance(result, Ack):
        return _acked(result)
    if isinstance(result, Sequence) and not isinstance(result, (str, bytes)):
        if result and all(isinstance(one, Record) for one in result):
            return _numbered((one, ()) for one in result)
        if result and all(isinstance(one, Ack) for one in result):
            return "\n".join(_acked(one) for one in result)
        if not result:
            return "Nothing found."
    return wire.dumps(mended(answer)).decode()


def _ids(hits: Iterable[Hit]) -> str:
    """Which memory each number stands for."""
    return "ids: " + ", ".join(f"[{number}] {hit.record.id}" for number, hit in enumerate(hits, 1))


def _numbered(found: Iterable[tuple[Record, Sequence[str]]]) -> str:
    lines = []
    for number, (record, notes) in enumerate(found, 1):
        # What a memory says stays behind its number: a line of it can't pass for another memory.
        text = record.text.replace("\n", "\n    ")
        lines.append(f"[{number}] {text}\n    ({_about(record)})")
        lines += [f"    note: {note}".replace("\n", " ") for note in notes]
    return "\n".join(lines) or "Nothing found."


def _about(record: Record) -> str:
    whose = record.speaker or record.role
    states = (
        f"{record.slot.subject}, {record.slot.attribute}: {record.slot.value}"
        if record.slot
        else ""
    )
    until = f"until {_day(record.valid_to)}" if record.valid_to else ""
    parts = (
        f"id {record.id}",
        _day(record.valid_from),
        until,
        whose,
        "" if record.kind == "episode" else record.kind,
        states,
        ", ".join(record.marks),
    )
    return ", ".join(part.replace("\n", " ") for part in parts if part)


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else ""


def _acked(ack: Ack) -> str:
    head = f"{ack.status} {ack.id}".rstrip()
    return f"{head}: {ack.reason}" if ack.reason else head


def _with_withheld(text: str, withheld: Sequence[str]) -> str:
    return "\n".join([text, *(f"withheld: {line}" for line in withheld)])
