"""A session of the OpenAI Agents SDK that is memory: what was said is found again, in this session and in later ones.

    session = RemanenceSession("chat-1", memory, user_id="ana")
    result = await Runner.run(agent, "I moved to Lisbon in March", session=session)
    memory.search("Where does Ana live?", user_id="ana")

It fills the protocol `agents.memory.Session` and needs nothing of the SDK to be imported. Every item is one record of the session:
messages with text are episodes of their role; tool calls, their results and reasoning are records of kind `step`, which searches look
at only when asked for that kind. The item itself stands in `meta["item"]`, equal to what was given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import uuid4

from remanence.errors import InvalidInput, NotFound
from remanence.integrations.binding import bound
from remanence.memory import Memory
from remanence.memory_bound import BoundMemory
from remanence.text.write.messages import MOST, word
from remanence.types import BEGINNING, Receipt, Record, to_micros

if TYPE_CHECKING:
    from agents.items import TResponseInputItem
    from agents.memory import SessionSettings

STEP: Final = "step"
"""Kind of what is no message with text."""
VIA: Final = "openai-agents"
"""`meta["via"]` of what a session wrote; other records of the same `session_id` are not among its items."""
_ROLES: Final = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
    "developer": "system",
    "tool": "tool",
}
_TEXTS: Final = ("text", "refusal", "transcript")
"""Keys under which a part of a content, an output or a summary has words."""


class RemanenceSession:
    """The items of one conversation, kept in one user's memory.

    `session_id`: its name, at most 512 characters; `memory`: a `Memory`, with whose it is in `user_id` and `agent_id`, or a
    `BoundMemory`. `user` and `assistant`: what the speakers are called, so that "I" in a message is known to be Ana.
    `session_settings`: the SDK's, of which `limit` bounds `get_items()`. `recheck`: read the store's files again after each removal
    and sign the receipt; without it what is removed is erased all the same. `receipt`: of the last removal.

    Raises: InvalidInput."""

    session_settings: SessionSettings | None

    def __init__(
        self,
        session_id: str,
        memory: Memory | BoundMemory,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        user: str = "",
        assistant: str = "",
        session_settings: SessionSettings | None = None,
        recheck: bool = False,
    ) -> None:
        if not word("session_id", session_id):
            raise InvalidInput("a session without a name", hint="give a session_id")
        self.session_id = session_id
        self.session_settings = session_settings
        self.receipt: Receipt | None = None
        self._memory = bound(memory, user_id, agent_id)
        self._speakers = {"user": word("user", user), "assistant": word("assistant", assistant)}
        self._recheck = recheck

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        """The items, oldest first: the latest `limit` of them, all where it is None or negative."""
        if limit is None and self.session_settings is not None:
            limit = self.session_settings.limit
        items = [_item(record) for record in await asyncio.to_thread(self._records)]
        return items if limit is None or limit < 0 else items[max(len(items) - limit, 0) :]

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        """Keep these items behind the others: durable, all or none, when this returns.

        Raises: InvalidInput, naming the item that is no JSON or that a guard refuses."""
        if items:
            await asyncio.to_thread(self._add, cast("Sequence[object]", items))

    async def pop_item(self) -> TResponseInputItem | None:
        """Erase the newest item, and what was derived from it, for good; the item, None where there is none."""
        return await asyncio.to_thread(self._pop)

    async def clear_session(self) -> None:
        """Erase all items of this session, and what was derived from them, for good."""
        await asyncio.to_thread(self._clear)

    def _records(self) -> list[Record]:
        found = self._memory.list(
            session_id=self.session_id,
            filters={"via": VIA},
            archived=True,
            quarantined=True,
            limit=MOST,
        )
        # A record that was reworded stands behind the others, its item where it was.
        return sorted(found, key=_place)

    def _add(self, items: Sequence[object]) -> None:
        messages = [self._message(item, place) for place, item in enumerate(items)]
        acks = self._memory.add(messages, session_id=self.session_id)
        for place, ack in enumerate(acks):
            if ack.status == "rejected":
                if stored := [one.id for one in acks if one.status == "stored"]:
                    self._memory.forget(stored, recheck=False, sign=False)
                raise InvalidInput(
                    f"item {place} is refused: {ack.reason}", hint="nothing was added"
                )

    def _message(self, item: object, place: int) -> dict[str, object]:
        if not isinstance(item, Mapping):
            raise InvalidInput(
                f"item {place} is a {type(item).__name__}", hint="give items as dicts"
            )
        role, text, said = _read(item)
        return {
            "id": uuid4().hex,  # the same words again are another item
            "role": role,
            "speaker": self._speakers.get(role, "") if said else "",
            "content": text,
            "kind": "episode" if said else STEP,
            "origin": role,
            "meta": {"via": VIA, "place": place, "item": dict(item)},
        }

    def _pop(self) -> TResponseInputItem | None:
        while records := self._records():
            try:
                self._forget(records[-1].id)
            except NotFound:  # somebody else popped it
                continue
            return _item(records[-1])
        return None

    def _clear(self) -> None:
        while records := self._records():
            try:
                self._forget([record.id for record in records])
            except NotFound:
                continue

    def _forget(self, ids: str | list[str]) -> None:
        self.receipt = self._memory.forget(ids, recheck=self._recheck, sign=self._recheck)


def _place(record: Record) -> tuple[int, int]:
    """When its items were added, and its place among them."""
    since = to_micros(record.valid_from) if record.valid_from else BEGINNING
    return since, cast(int, record.meta["place"])


def _item(record: Record) -> TResponseInputItem:
    return cast("TResponseInputItem", record.meta["item"])


def _read(item: Mapping[str, Any]) -> tuple[str, str, bool]:
    """Role and text of an item, and whether it is a message in words."""
    sort = item.get("type") or ("message" if "role" in item else "item")
    if sort == "message":
        role, text = _ROLES.get(str(item.get("role")), ""), _words(item.get("content"))
        return role, text or "[message]", bool(text)
    if str(sort).endswith("_output"):
        return "tool", _words(item.get("output")) or f"[{sort}]", False
    parts = [str(item["name"])] if item.get("name") else []
    parts += [
        words
        for key in ("arguments", "input", "summary", "content")
        if (words := _words(item.get(key)))
    ]
    return "assistant", " ".join(parts) or f"[{sort}]", False


def _words(content: object) -> str:
    """The words of a content: itself, or those of its parts, a line each; "" where there are none."""
    if isinstance(content, str):
        return content if content.strip() else ""
    if isinstance(content, Mapping):
        found = next((content[key] for key in _TEXTS if isinstance(content.get(key), str)), "")
        return found if found.strip() else ""
    if isinstance(content, Sequence) and not isinstance(content, (bytes, bytearray)):
        return "\n".join(words for part in content if (words := _words(part)))
    return ""
