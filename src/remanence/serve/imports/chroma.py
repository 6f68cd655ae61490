"""A persistent Chroma database: the folder that `chromadb.PersistentClient` keeps, or the `chroma.sqlite3` in it.

Documents, metadata, ids and times are read from its SQLite tables, of every collection of every database; vectors are not, since
ours come from another encoder. An entry without a document (or, as mem0 keeps its memories there, `data` in its metadata) has no words
to remember and is reported.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from remanence.errors import BadImport
from remanence.seams import Observation
from remanence.serve.imports.base import ROLES, Item, Malformed, Skipped, moment, stable_id, string
from remanence.serve.imports.database import has_columns, reading
from remanence.serve.imports.mem0 import whose
from remanence.types import Scope

FILE: Final = "chroma.sqlite3"
_DOCUMENT: Final = "chroma:document"
_LONGEST_ID: Final = 512
_TOLD: Final = frozenset(
    ("user_id", "agent_id", "run_id", "session_id", "actor_id", "speaker", "role", "created_at")
)
"""Keys of metadata that become something else than meta, as mem0 and others write them."""
_MEM0: Final = frozenset(("data", "hash", "text_lemmatized"))
_COLLECTIONS: Final = """
    SELECT c.id, c.name, d.name, d.tenant_id FROM collections c JOIN databases d ON d.id = c.database_id
    ORDER BY d.tenant_id, d.name, c.name
"""
_ENTRIES: Final = """
    SELECT e.id, e.embedding_id, e.created_at FROM embeddings e JOIN segments s ON s.id = e.segment_id
    WHERE s.collection = ? AND s.scope = 'METADATA' ORDER BY e.id
"""
_METADATA: Final = """
    SELECT key, string_value, int_value, float_value, bool_value FROM embedding_metadata WHERE id = ? ORDER BY key
"""
_ARRAYS: Final = """
    SELECT key, string_value, int_value, float_value, bool_value FROM embedding_metadata_array WHERE id = ? ORDER BY key, rowid
"""
_USUAL: Final = ("default_tenant", "default_database")


class Entry(NamedTuple):
    """One entry of a collection as Chroma keeps it."""

    id: str
    created_at: str
    metadata: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chroma:
    """Reads Chroma databases. Id: `<collection>/<id>`, since ids are a collection's own; `meta["collection"]`: its name; user, agent,
    session and role where the metadata names them."""

    name: str = "chroma"
    title: str = "Chroma database (the folder with chroma.sqlite3)"

    def recognises(self, path: Path, sample: object) -> bool:
        if path.is_dir():
            return (path / FILE).is_file()
        return has_columns(path, "collections", {"id", "name", "database_id"})

    def read(self, path: Path, scope: Scope) -> Iterator[Item]:
        file = _file(path)
        if not has_columns(file, "embedding_metadata", {"id", "key", "string_value"}):
            raise BadImport("no Chroma database of version 0.4 or later", path=str(file))
        arrays = has_columns(file, "embedding_metadata_array", {"id", "key", "string_value"})
        with reading(file) as db:
            for key, name, database, tenant in db.execute(_COLLECTIONS).fetchall():
                usual = (tenant, database) == _USUAL
                collection = name if usual else f"{tenant}/{database}/{name}"
                for number, id, created in db.execute(_ENTRIES, (key,)):
                    try:
                        entry = Entry(str(id), str(created), _metadata(db, number, arrays))
                        yield _observation(entry, collection, scope)
                    except Malformed as error:
                        yield Skipped(str(file), 0, f"{collection}/{id}: {error}")


def _file(path: Path) -> Path:
    return path / FILE if path.is_dir() else path


def _metadata(db: sqlite3.Connection, number: int, arrays: bool) -> dict[str, object]:
    found: dict[str, object] = {row[0]: _value(row) for row in db.execute(_METADATA, (number,))}
    if arrays:
        for row in db.execute(_ARRAYS, (number,)):
            several = found.setdefault(row[0], [])
            if isinstance(several, list):
                several.append(_value(row))
    return found


def _value(row: tuple[str, object, object, object, object]) -> object:
    """The one of its columns that is filled."""
    _, text, whole, real, flag = row
    if flag is not None:
        return bool(flag)
    return next((value for value in (text, whole, real) if value is not None), None)


def _observation(entry: Entry, collection: str, scope: Scope) -> Observation:
    found = entry.metadata
    text = string(found.get(_DOCUMENT) or found.get("data"), "its document")
    if not text.strip():
        raise Malformed("it has no document")
    apart = _TOLD | (_MEM0 if _DOCUMENT not in found and "hash" in found else frozenset())
    role = found.get("role")
    beside = {name: value for name, value in found.items() if name not in {*apart, _DOCUMENT}}
    if role is not None and role not in ROLES:  # of something else than a conversation
        beside["role"] = role
    session = found.get("run_id") or found.get("session_id")
    id = f"{collection}/{entry.id}"
    return Observation(
        text=text,
        scope=whose(found, scope),
        id=id if len(id) <= _LONGEST_ID else stable_id("chroma", collection, entry.id),
        session=string(session, "session_id"),
        speaker=string(found.get("actor_id") or found.get("speaker"), "speaker"),
        role=ROLES.get(str(role), ""),
        at=_when(found.get("created_at"), entry.created_at),
        origin="import:chroma",
        meta={"collection": collection, **beside},
    )


def _when(told: object, kept: str) -> int | None:
    """When its metadata says that it was made, else when Chroma kept it first."""
    try:
        return moment(told or kept)
    except Malformed:
        return moment(kept)
