"""Results as JSON: the same in every door.

A noun is an object with the names of its fields, and of what it works out of them; times are ISO 8601 with their zone, or null.
What finds several things is an object with `items` (and `withheld`, where reads leave something out), so that there is room beside
them; the command line prints its items one a line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from remanence.serve.ops.line import dumps as dumps
from remanence.store.forgetting import receipts
from remanence.text.keep.fade import Moved
from remanence.types import (
    Add,
    Forget,
    Hit,
    Hits,
    Link,
    Mark,
    Receipt,
    Record,
    Retract,
    Revise,
    Slot,
    Source,
    Touch,
    Undo,
    to_datetime,
)

SHOWN: Final[Mapping[type, tuple[str, ...]]] = {
    Hit: ("score", "record", "signals", "notes"),
    Moved: ("id", "archived", "strength", "why"),
}
"""What is shown of nouns of which not all is: the rest is for code that goes on with them."""
_CHANGES: Final = (Add, Revise, Retract, Link, Touch, Mark, Undo, Forget)
TIMES: Final = ("valid_from", "valid_to", "at")
"""Fields of changes that are micros."""


def answer(result: object) -> dict[str, Any]:
    """The result of an operation as the object that every door answers with."""
    if isinstance(result, Hits):
        return {"items": plain(list(result)), "withheld": list(result.withheld)}
    if isinstance(result, (list, tuple)) and not hasattr(result, "_asdict"):
        return {"items": plain(result)}
    found = plain(result)
    return found if isinstance(found, dict) else {"done": found if found is not None else True}


def plain(value: object) -> Any:
    """A value as JSON's own kinds."""
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Receipt):
        return json.loads(receipts.to_json(value))
    if isinstance(value, (Source, Slot)):
        return value._asdict()
    if type(value) in SHOWN:
        return {name: plain(getattr(value, name)) for name in SHOWN[type(value)]}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "_asdict"):
        return {key: plain(item) for key, item in value._asdict().items()}
    if is_dataclass(value) and not isinstance(value, type):
        found = {field.name: plain(getattr(value, field.name)) for field in fields(value)}
        if isinstance(value, _CHANGES):
            for name in TIMES:
                if found.get(name) is not None:
                    found[name] = plain(to_datetime(found[name]))
            return {"change": type(value).__name__.lower(), **found}
        worked_out = [name for name, one in vars(type(value)).items() if isinstance(one, property)]
        return found | {name: plain(getattr(value, name)) for name in worked_out}
    if isinstance(value, Sequence):
        if len(value) == 2 and isinstance(value[0], Record) and isinstance(value[1], str):
            return {"record": plain(value[0]), "why": value[1]}
        return [plain(item) for item in value]
    raise TypeError(f"a {type(value).__name__} has no JSON form")
