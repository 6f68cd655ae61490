"""Our own plain schema for a conversation in sessions, which `examples/conversation.json` uses.

    {"participants": [...], "sessions": [
        {"id": "s01", "at": "2025-01-11T09:30:00+00:00", "turns": [
            {"id": "s01:1", "speaker": "Ana", "role": "user", "text": "…", "caption": "…"}]}]}

A turn may have an `at` of its own; `id`, `role`, `caption` and `participants` may be absent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from remanence.seams import Observation
from remanence.serve.imports.base import (
    ROLES,
    Item,
    Malformed,
    Occurrences,
    Skipped,
    array,
    moment,
    obj,
    string,
)
from remanence.serve.imports.files import Document, Value, elements
from remanence.types import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """Reads a conversation in sessions. Session and id are the file's own; a missing id is a digest of session and text."""

    name: str = "sessions"
    title: str = 'conversation in sessions ({"sessions": [{"id", "at", "turns": […]}]})'

    def recognises(self, path: Path, sample: object) -> bool:
        return isinstance(sample, dict) and isinstance(sample.get("sessions"), list)

    def read(self, path: Path, scope: Scope) -> Iterator[Item]:
        ids = Occurrences()
        for value in elements(Document(str(path), path.read_bytes())):
            if isinstance(value, Skipped):
                yield value
                continue
            try:
                sessions = array(obj(value.json, "the file").get("sessions"), "sessions")
            except Malformed as error:
                yield Skipped(value.path, value.line, str(error))
                continue
            for number, session in enumerate(sessions, 1):
                yield from _session(value, number, session, path.stem, scope, ids)


def _session(
    value: Value, number: int, session: object, stem: str, scope: Scope, ids: Occurrences
) -> Iterator[Item]:
    try:
        found = obj(session, "it")
        name = string(found.get("id"), "id") or f"{stem}:{number}"
        at = moment(found.get("at"))
        turns = array(found.get("turns"), "turns")
    except Malformed as error:
        yield Skipped(value.path, value.line, f"session {number}: {error}")
        return
    for index, turn in enumerate(turns, 1):
        try:
            yield _turn(obj(turn, "it"), name, at, scope, ids)
        except Malformed as error:
            yield Skipped(value.path, value.line, f"session {name}, turn {index}: {error}")


def _turn(
    turn: Mapping[str, object], session: str, at: int | None, scope: Scope, ids: Occurrences
) -> Observation:
    text = string(turn.get("text"), "text")
    speaker = string(turn.get("speaker"), "speaker")
    given = string(turn.get("role"), "role")
    caption = string(turn.get("caption"), "caption")
    if given and given not in ROLES:
        raise Malformed(f"role is {given!r}, not one of {', '.join(ROLES)}")
    if not text and not caption:
        raise Malformed("text is empty")
    return Observation(
        text=text,
        scope=scope,
        id=string(turn.get("id"), "id") or ids.id("sessions", session, speaker, text),
        session=session,
        speaker=speaker,
        role=ROLES.get(given, ""),
        at=moment(turn["at"]) if turn.get("at") else at,
        fields={"caption": caption} if caption else {},
        origin="import:sessions",
    )
