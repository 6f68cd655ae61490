"""Claude's data export: `conversations.json`, alone, in a folder or in the zip.

A conversation has `chat_messages` in order, each with a `sender` (human or assistant), `content` blocks and `attachments`.
Kept are the text blocks, and the extracted text of an attachment as a document of its own beside the message. Left out
without a word are thoughts, calls of tools and what they returned. The export does not mark which of two edits is the
current one, so both are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from remanence.seams import Observation
from remanence.serve.imports.base import ROLES, Item, Malformed, Skipped, array, moment, obj, string
from remanence.serve.imports.files import Value, conversations
from remanence.types import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Claude:
    """Reads Claude exports. Session: the conversation; id: the message's own; title: the conversation's name."""

    name: str = "claude"
    title: str = "Claude export (conversations.json, or the zip)"

    def recognises(self, path: Path, sample: object) -> bool:
        return isinstance(sample, dict) and isinstance(sample.get("chat_messages"), list)

    def read(self, path: Path, scope: Scope) -> Iterator[Item]:
        return conversations(path, lambda value, number: _conversation(value, number, scope))


def _conversation(value: Value, number: int, scope: Scope) -> Iterator[Item]:
    where = f"conversation {number}"
    try:
        conversation = obj(value.json, "it")
        title = string(conversation.get("name"), "name")
        session = string(conversation.get("uuid"), "uuid")
        messages = array(conversation.get("chat_messages"), "chat_messages")
    except Malformed as error:
        yield Skipped(value.path, value.line, f"{where}: {error}")
        return
    for index, message in enumerate(messages, 1):
        try:
            yield from _message(obj(message, "it"), scope, session, title)
        except Malformed as error:
            yield Skipped(value.path, value.line, f"{where}, message {index}: {error}")


def _message(
    message: Mapping[str, object], scope: Scope, session: str, title: str
) -> list[Observation]:
    sender = string(message.get("sender"), "sender")
    role = ROLES.get(sender)
    if role is None:
        raise Malformed(f"sender is {sender!r}, not human or assistant")
    id = string(message.get("uuid"), "uuid")
    if not id:
        raise Malformed("it has no uuid")
    at = moment(message.get("created_at"))
    found = []
    if text := _text(message):
        found.append(
            Observation(
                text=text,
                scope=scope,
                id=id,
                session=session,
                role=role,
                at=at,
                title=title,
                origin="import:claude",
            )
        )
    for index, value in enumerate(array(message.get("attachments") or [], "attachments"), 1):
        attachment = obj(value, "an attachment")
        if extracted := string(attachment.get("extracted_content"), "extracted_content").strip():
            found.append(
                Observation(
                    text=extracted,
                    scope=scope,
                    id=f"{id}/attachment/{index}",
                    session=session,
                    role="document",
                    kind="document",
                    at=at,
                    title=string(attachment.get("file_name"), "file_name"),
                    origin="import:claude",
                )
            )
    return found


def _text(message: Mapping[str, object]) -> str:
    """The text blocks of `content`; older exports have only `text`."""
    blocks = [
        obj(block, "a content block") for block in array(message.get("content") or [], "content")
    ]
    spoken = [
        string(block.get("text"), "a block's text")
        for block in blocks
        if block.get("type") == "text"
    ]
    return "\n".join(filter(None, spoken)).strip() or string(message.get("text"), "text").strip()
