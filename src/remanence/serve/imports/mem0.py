"""mem0's memories: a JSON dump of `get_all()`, its `history.db`, or a memory that is open in this process.

A dump is what `json.dump(memory.get_all(filters={"user_id": …}, top_k=…))` writes, `{"results": [{"id", "memory", …}]}`, or the list
alone, and knows everything. `history.db` knows the words, who said them and when, but neither user nor metadata; what was deleted
there is not brought back, though mem0 keeps its text. The vectors of a local Qdrant are pickles, which nothing here reads: a program that
has mem0 open hands it to `from_mem0`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from remanence.errors import InvalidInput
from remanence.seams import Observation
from remanence.serve.imports.base import ROLES, Item, Malformed, Skipped, array, moment, obj, string
from remanence.serve.imports.database import has_columns, reading
from remanence.serve.imports.files import Document, Value, elements
from remanence.text.write.messages import TENANT, USER
from remanence.types import Scope

_OURS: Final = frozenset(
    (
        *("id", "memory", "hash", "score", "score_details", "metadata", "user_id", "agent_id"),
        *("run_id", "actor_id", "role", "created_at", "updated_at", "event"),
    )
)
"""Keys of a memory that become something else than meta."""
_PAYLOAD: Final = frozenset(("data", "hash", "text_lemmatized"))
_HISTORY: Final = {"memory_id", "new_memory", "event", "created_at", "is_deleted"}
_NEWEST: Final = """
    SELECT memory_id, new_memory, created_at, actor_id, role, is_deleted
    FROM history ORDER BY memory_id, created_at, updated_at, rowid
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mem0:
    """Reads what mem0 has. Id: its own; user and agent: the memory's own, else those of the import; session: its run."""

    name: str = "mem0"
    title: str = "mem0 (JSON of get_all(), or history.db)"

    def recognises(self, path: Path, sample: object) -> bool:
        if sample is None:
            return has_columns(path, "history", _HISTORY)
        if not isinstance(sample, dict):
            return False
        found = sample.get("results")
        if isinstance(found, list):
            return not found or _is_memory(found[0])
        return _is_memory(sample)

    def read(self, path: Path, scope: Scope) -> Iterator[Item]:
        if has_columns(path, "history", _HISTORY):
            yield from _history(path, scope)
            return
        for value in elements(Document(str(path), path.read_bytes())):
            if isinstance(value, Skipped):
                yield value
            else:
                yield from _dump(value, scope)


def from_mem0(memory: Any, scope: Scope = (TENANT, USER)) -> Iterator[Observation]:
    """Every memory of an open `mem0.Memory`, of all its users, for `remanence.Memory.observe`.

    It is asked through its vector store's own `list`. `scope`: where memories go that name no user.
    Raises: InvalidInput where it is no mem0, or one of its memories is malformed."""
    listing = getattr(getattr(memory, "vector_store", None), "list", None)
    if not callable(listing):
        raise InvalidInput(f"a {type(memory).__name__} is no mem0 memory", hint="give mem0.Memory")
    listed = listing(filters=None, top_k=2**31 - 1)
    rows = listed[0] if isinstance(listed, (list, tuple)) and listed else listed
    for row in rows if isinstance(rows, Iterable) else ():
        try:
            yield from_payload(str(row.id), obj(row.payload, "its payload"), scope)
        except Malformed as error:
            raise InvalidInput(
                f"mem0's memory {row.id}: {error}", hint="mend or delete it"
            ) from error


def from_payload(id: str, payload: Mapping[str, object], scope: Scope) -> Observation:
    """A memory as mem0 keeps it in a vector store: `data` is its text, everything else stands beside it. Raises: Malformed."""
    own = {name: value for name, value in payload.items() if name not in _PAYLOAD}
    return _memory({**own, "id": id, "memory": payload.get("data")}, scope)


def _is_memory(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("memory"), str) and "id" in value


def _dump(value: Value, scope: Scope) -> Iterator[Item]:
    try:
        found = obj(value.json, "it")
        several = array(found["results"], "results") if "results" in found else [found]
    except Malformed as error:
        yield Skipped(value.path, value.line, str(error))
        return
    for number, one in enumerate(several, 1):
        try:
            yield _memory(obj(one, "it"), scope)
        except Malformed as error:
            yield Skipped(value.path, value.line, f"memory {number}: {error}")


def _history(path: Path, scope: Scope) -> Iterator[Item]:
    """The last state of every memory that was not deleted."""
    last: dict[str, tuple[Any, ...]] = {}
    first: dict[str, object] = {}
    with reading(path) as db:
        for row in db.execute(_NEWEST):
            last[str(row[0])] = row
            first.setdefault(str(row[0]), row[2])
    for id, (_, text, _, actor, role, deleted) in last.items():
        if deleted or text is None:
            continue
        try:
            told = {"id": id, "memory": text, "actor_id": actor, "role": role}
            yield _memory({**told, "created_at": first[id]}, scope)
        except Malformed as error:
            yield Skipped(str(path), 0, f"memory {id}: {error}")


def _memory(found: Mapping[str, object], scope: Scope) -> Observation:
    text, given = string(found.get("memory"), "memory"), string(found.get("role"), "role")
    if not text.strip():
        raise Malformed("memory is empty")
    if given and given not in ROLES:
        raise Malformed(f"role is {given!r}, not one of {', '.join(ROLES)}")
    created, updated = found.get("created_at"), found.get("updated_at")
    beside = {
        name: value for name, value in found.items() if name not in _OURS and value is not None
    }
    if updated and updated != created:
        beside["updated_at"] = updated
    return Observation(
        text=text,
        scope=whose(found, scope),
        id=string(found.get("id"), "id"),
        session=string(found.get("run_id"), "run_id"),
        speaker=string(found.get("actor_id"), "actor_id"),
        role=ROLES.get(given, ""),
        at=moment(created),
        origin="import:mem0",
        meta={**obj(found.get("metadata") or {}, "metadata"), **beside},
    )


def whose(found: Mapping[str, object], scope: Scope) -> Scope:
    """Whose memory it is: the `user_id` and `agent_id` that it names, else those of `scope`. Raises: Malformed."""
    user, agent = string(found.get("user_id"), "user_id"), string(found.get("agent_id"), "agent_id")
    if user and user != scope[1]:
        return (scope[0], user, agent) if agent else (scope[0], user)
    return (scope[0], scope[1], agent) if agent else scope
