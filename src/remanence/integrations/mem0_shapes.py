"""mem0's dicts: what it is told, checked, and a record of ours as it shows memories."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from hashlib import md5
from pathlib import Path
from typing import Any, Final

from remanence.errors import InvalidInput
from remanence.types import Hit, Record

NOBODY: Final = "no user"
"""Whose memory it is where only an agent or a run is named; mem0 allows no user with a blank in the name."""
ENTITIES: Final = ("user_id", "agent_id", "run_id")
EXPIRES: Final = "expiration_date"
PATH: Final = "memory.rmem"


def shown(record: Record) -> dict[str, Any]:
    """A memory as mem0 shows it."""
    created = record.valid_from or record.known_from
    updated = created if record.version == 1 else record.known_from
    meta = {name: value for name, value in record.meta.items() if name != EXPIRES}
    item: dict[str, Any] = {
        "id": record.id,
        "memory": record.text,
        "hash": md5(
            record.text.encode("utf-8", "surrogatepass"), usedforsecurity=False
        ).hexdigest(),
        "metadata": meta or None,
        "created_at": created.isoformat() if created else None,
        "updated_at": updated.isoformat() if updated else None,
    }
    promoted = {
        "user_id": record.scope[1] if record.scope[1] != NOBODY else "",
        "agent_id": record.scope[2] if len(record.scope) > 2 else "",
        "run_id": record.session,
        "actor_id": record.speaker,
        "role": record.role,
    }
    item |= {name: value for name, value in promoted.items() if value}
    if EXPIRES in record.meta:
        item[EXPIRES] = record.meta[EXPIRES]
    return item


def fields_of(record: Record) -> dict[str, object]:
    """What filters look at: metadata, and what stands beside it."""
    item = shown(record)
    return {**(item["metadata"] or {}), **item, "data": record.text}


def score_of(hit: Hit) -> float:
    """Between 0 and 1, in the order of the hit's own score."""
    return 1 / (1 + math.exp(-max(min(hit.score, 500.0), -500.0)))


def is_expired(shown: Mapping[str, Any]) -> bool:
    """Whether the day until which a memory is shown is over, in UTC."""
    try:
        return date.fromisoformat(str(shown.get(EXPIRES))) < datetime.now(UTC).date()
    except ValueError:  # no day at all
        return False


def names_of(given: Mapping[str, object]) -> dict[str, str]:
    """The names that are given, without blanks around them. Raises: InvalidInput for a name that mem0 allows none of."""
    found = {}
    for name, value in given.items():
        if value is None:
            continue
        text = str(value).strip() if isinstance(value, (str, int)) else ""
        if not text or any(character.isspace() for character in text):
            raise InvalidInput(f"{name} is {value!r}", hint="give a name without blanks")
        found[name] = text
    return found


def metadata_of(metadata: object) -> dict[str, object]:
    """The caller's metadata. Raises: InvalidInput where it says whose memory it is."""
    if metadata is None:
        return {}
    if not isinstance(metadata, Mapping):
        raise InvalidInput(f"metadata is a {type(metadata).__name__}", hint="give a dict")
    if taken := [name for name in (*ENTITIES, "actor_id") if name in metadata]:
        raise InvalidInput(
            f"metadata can't say {taken[0]}", hint="give user_id, agent_id and run_id by themselves"
        )
    return dict(metadata)


def messages_of(given: object) -> list[Mapping[str, Any]]:
    """A list of messages, of whatever mem0 takes for one. Raises: InvalidInput."""
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    found = [given] if isinstance(given, Mapping) else given
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise InvalidInput(
            "messages must be text, a dict, or a list of dicts", hint='{"role": …, "content": …}'
        )
    return found


def day_of(value: object) -> str:
    """A day as ISO 8601. Raises: InvalidInput."""
    if isinstance(value, datetime):
        return value.date().isoformat()
    try:
        return (value if isinstance(value, date) else date.fromisoformat(str(value))).isoformat()
    except ValueError:
        raise InvalidInput(f"expiration_date={value!r}", hint="write 2027-03-01") from None


def count_of(top_k: int | None, limit: int | None) -> int:
    """How many results are wanted: mem0 gives 20 where nobody says. Raises: InvalidInput."""
    count = next((given for given in (limit, top_k) if given is not None), 20)
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise InvalidInput(f"top_k={count!r}", hint="give a whole number from 0 on")
    return count


def store_beside(config: Mapping[str, Any]) -> str | Path:
    """Where the store is that stands for a configuration of mem0's."""
    store = config.get("vector_store")
    inner = store.get("config") if isinstance(store, Mapping) else None
    theirs = config.get("history_db_path") or (
        inner.get("path") if isinstance(inner, Mapping) else None
    )
    return Path(theirs).parent / PATH if isinstance(theirs, (str, Path)) else PATH
