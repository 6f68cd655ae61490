"""Messages as OpenAI's interfaces write them: `{"role": …, "content": …}`, as JSON Lines or as one JSON file.

A line (or an element of an array, or the file's only value) is one message, or a conversation `{"messages": [message, …]}`.
`content` is text or a list of parts, of which the text parts are kept; a message that only calls tools is passed over. Read
where they are present: `id`, `name` or `speaker`, `at`, `timestamp`, `created_at` or `create_time`, `session_id`, `session` or
`conversation_id`, and `title`. Ids that the file does not give are digests of session, role and content.
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
from remanence.serve.imports.files import Document, Value, elements, is_json_lines, lines
from remanence.text.write.sessions import Sittings
from remanence.types import Scope

_TIMES = ("at", "timestamp", "created_at", "create_time")
_SESSIONS = ("session_id", "session", "conversation_id")
_TEXT_PARTS = {"text", "input_text", "output_text"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """Reads messages in OpenAI's style.

    Session: as given, else the file's name, with the number of the line where a line is a conversation, and
    cut at long silences where a line is a message."""

    name: str = "messages"
    title: str = 'messages as JSON Lines or JSON ({"role", "content"} or {"messages": […]} each)'

    def recognises(self, path: Path, sample: object) -> bool:
        if not isinstance(sample, dict):
            return False
        return isinstance(sample.get("messages"), list) or (
            "role" in sample and "content" in sample
        )

    def read(self, path: Path, scope: Scope) -> Iterator[Item]:
        as_lines = path.suffix.lower() in (".jsonl", ".ndjson") or is_json_lines(path)
        values = lines(path) if as_lines else elements(Document(str(path), path.read_bytes()))
        ids, cut = Occurrences(), Sittings().cutter()
        for number, value in enumerate(values, 1):
            if isinstance(value, Skipped):
                yield value
                continue
            try:
                found = obj(value.json, "it")
                if "messages" not in found:
                    for message in _message(found, path.stem, "", scope, ids):
                        yield cut(message) if message.session == path.stem else message
                    continue
                session = _first(found, (*_SESSIONS, "id")) or f"{path.stem}:{number}"
                title = string(found.get("title"), "title")
                messages = array(found["messages"], "messages")
            except Malformed as error:
                yield Skipped(value.path, value.line, str(error))
            else:
                yield from _conversation(value, messages, session, title, scope, ids)


def _conversation(
    value: Value, messages: list[object], session: str, title: str, scope: Scope, ids: Occurrences
) -> Iterator[Item]:
    for index, message in enumerate(messages, 1):
        try:
            yield from _message(obj(message, "it"), session, title, scope, ids)
        except Malformed as error:
            yield Skipped(value.path, value.line, f"message {index}: {error}")


def _message(
    message: Mapping[str, object], session: str, title: str, scope: Scope, ids: Occurrences
) -> list[Observation]:
    given = string(message.get("role"), "role")
    role = ROLES.get(given)
    if role is None:
        raise Malformed(f"role is {given!r}, not one of {', '.join(ROLES)}")
    text = _text(message)
    if not text.strip():
        if message.get("tool_calls") or message.get("function_call"):
            return []
        raise Malformed("content is empty")
    session = _first(message, _SESSIONS) or session
    return [
        Observation(
            text=text,
            scope=scope,
            id=_first(message, ("id",)) or ids.id("messages", session, role, text),
            session=session,
            speaker=_first(message, ("speaker", "name")),
            role=role,
            at=moment(next((message[key] for key in _TIMES if message.get(key)), None)),
            title=string(message.get("title"), "title") or title,
            origin="import:messages",
        )
    ]


def _text(message: Mapping[str, object]) -> str:
    content = message.get("content")
    if content is None or isinstance(content, str):
        return content or ""
    parts = [obj(part, "a part of content") for part in array(content, "content")]
    return "\n".join(
        string(part.get("text"), "text") for part in parts if part.get("type") in _TEXT_PARTS
    )


def _first(message: Mapping[str, object], keys: tuple[str, ...]) -> str:
    """The first of these that is there, as text; numbers count as names."""
    for key in keys:
        value = message.get(key)
        if isinstance(value, (str, int)) and value != "" and not isinstance(value, bool):
            return str(value)
        if value is not None and value != "":
            raise Malformed(f"{key} is neither text nor a number")
    return ""
