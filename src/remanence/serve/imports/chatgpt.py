"""ChatGPT's data export: `conversations.json` (or several `conversations-*.json`), alone, in a folder or in the zip.

A conversation is a tree: `mapping` holds nodes by id, each with a `message`, a `parent` and `children`; editing a question or
regenerating an answer makes a branch. What is imported is the branch one sees, from `current_node` up to the root.

Kept is what the person and the assistant said to one another: messages of roles user and assistant to the recipient `all`,
with their text and the transcripts of their voice. Left out without a word are system prompts, hidden messages, calls of tools
and what they returned, and the assistant's notes to itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from remanence.seams import Observation
from remanence.serve.imports.base import Item, Malformed, Skipped, array, moment, obj, string
from remanence.serve.imports.files import Value, conversations
from remanence.types import Scope

_SPOKEN = {"text", "multimodal_text"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatGPT:
    """Reads ChatGPT exports. Session: the conversation; id: the message's own; title: the conversation's."""

    name: str = "chatgpt"
    title: str = "ChatGPT export (conversations.json, or the zip)"

    def recognises(self, path: Path, sample: object) -> bool:
        return isinstance(sample, dict) and isinstance(sample.get("mapping"), dict)

    def read(self, path: Path, scope: Scope) -> Iterator[Item]:
        return conversations(path, lambda value, number: _conversation(value, number, scope))


def _conversation(value: Value, number: int, scope: Scope) -> Iterator[Item]:
    where = f"conversation {number}"
    try:
        conversation = obj(value.json, "it")
        title = string(conversation.get("title"), "title")
        session = string(
            conversation.get("conversation_id") or conversation.get("id"), "conversation_id"
        )
        branch = _branch(conversation)
    except Malformed as error:
        yield Skipped(value.path, value.line, f"{where}: {error}")
        return
    session = session or (branch[0][0] if branch else "")
    for node, message in branch:
        try:
            observation = _message(node, message, scope, session, title)
        except Malformed as error:
            yield Skipped(value.path, value.line, f"{where}, message {node}: {error}")
        else:
            if observation is not None:
                yield observation


def _branch(conversation: Mapping[str, object]) -> list[tuple[str, object]]:
    """(node id, message) from the root to the current node; the newest leaf where the export names no current node."""
    mapping = obj(conversation.get("mapping"), "mapping")
    node = conversation.get("current_node")
    if not isinstance(node, str) or node not in mapping:
        leaves = [
            name
            for name, value in mapping.items()
            if not obj(value, f"node {name}").get("children")
        ]
        node = max(leaves, key=lambda name: _created(mapping[name]), default=None)
    branch: list[tuple[str, object]] = []
    seen: set[str] = set()
    while isinstance(node, str) and node in mapping:
        if node in seen:
            raise Malformed(f"node {node} is its own ancestor")
        seen.add(node)
        content = obj(mapping[node], f"node {node}")
        branch.append((node, content.get("message")))
        node = content.get("parent")
    return branch[::-1]


def _created(node: object) -> float:
    message = obj(node, "a node").get("message")
    created = message.get("create_time") if isinstance(message, dict) else None
    return float(created) if isinstance(created, (int, float)) else 0.0


def _message(
    node: str, value: object, scope: Scope, session: str, title: str
) -> Observation | None:
    if value is None:  # the root
        return None
    message = obj(value, "message")
    role = string(obj(message.get("author"), "author").get("role"), "author.role")
    metadata = message.get("metadata") or {}
    hidden = obj(metadata, "metadata").get("is_visually_hidden_from_conversation")
    content = obj(message.get("content"), "content")
    to_all = message.get("recipient") in (None, "all")
    if (
        role not in ("user", "assistant")
        or hidden
        or not to_all
        or content.get("content_type") not in _SPOKEN
    ):
        return None
    text = "\n".join(filter(None, map(_part, array(content.get("parts"), "content.parts")))).strip()
    if not text:  # an image alone, or an answer that was stopped before its first word
        return None
    return Observation(
        text=text,
        scope=scope,
        id=string(message.get("id"), "id") or node,
        session=session,
        role=role,
        at=moment(message.get("create_time")),
        title=title,
        origin="import:chatgpt",
    )


def _part(part: object) -> str:
    """The text of a part: itself, or an audio part's transcript; images have none."""
    if isinstance(part, str):
        return part
    return string(obj(part, "a part").get("text"), "the text of a part")
