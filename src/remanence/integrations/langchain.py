"""LangChain over a `Memory`: `RemanenceRetriever` finds, `RemanenceChatMessageHistory` keeps what was said.

retriever = RemanenceRetriever(memory=memory, user_id="ana", k=5)
chain = retriever | format_docs | prompt | model
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from remanence.errors import InvalidInput, MissingExtra
from remanence.integrations.binding import bound
from remanence.memory import Memory
from remanence.memory_bound import BoundMemory
from remanence.types import Hit, Record

try:
    from langchain_core.callbacks import (
        AsyncCallbackManagerForRetrieverRun,
        CallbackManagerForRetrieverRun,
    )
    from langchain_core.chat_history import BaseChatMessageHistory
    from langchain_core.documents import Document
    from langchain_core.messages import BaseMessage, message_to_dict, messages_from_dict
    from langchain_core.retrievers import BaseRetriever
    from pydantic import Field, model_validator
except ImportError as absent:
    raise MissingExtra(
        "the LangChain integration needs langchain-core", hint="pip install langchain-core"
    ) from absent

EVERY: Final = 2**62
ROLES: Final = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool"}


class RemanenceRetriever(BaseRetriever):
    """The memories of a user that answer a question, best first, as documents; `ainvoke` works in a thread.

    The fields are those of `Memory.search`; `invoke(question, k=3, filters={…})` overrides them for one call. A document's
    metadata is JSON: `id`, `score` (comparable within one result only), `signals`, `kind`, `speaker`, `role`, `session`, `origin`, `trust`,
    `valid_from`, `valid_to`, `citations` (id and characters of what it was read out of, or of itself), `notes` and `meta`.
    Raises: as `Memory.search`."""

    memory: Memory | BoundMemory = Field(exclude=True, repr=False)
    user_id: str | None = None
    agent_id: str | None = None
    session_id: str = ""
    k: int = 10
    kinds: tuple[str, ...] = ()
    filters: dict[str, Any] = Field(default_factory=dict)
    as_of: datetime | str | None = None
    known_at: datetime | str | None = None
    asker: str = ""
    audience: str = ""
    purpose: str = ""

    @model_validator(mode="after")
    def _bound(self) -> RemanenceRetriever:
        bound(self.memory, self.user_id, self.agent_id)
        return self

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **how: Any
    ) -> list[Document]:
        return self._found(query, how)

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, **how: Any
    ) -> list[Document]:
        return await asyncio.to_thread(self._found, query, how)

    def _found(self, query: str, how: Mapping[str, Any]) -> list[Document]:
        fields = {name: getattr(self, name) for name in _HOW}
        if unknown := sorted(how.keys() - fields.keys()):
            raise InvalidInput(f"unknown option {unknown[0]!r}", hint=f"one of {', '.join(_HOW)}")
        memory = bound(self.memory, self.user_id, self.agent_id)
        return [document_of(hit) for hit in memory.search(query, **{**fields, **how})]


_HOW: Final = (
    "session_id",
    "k",
    "kinds",
    "filters",
    "as_of",
    "known_at",
    "asker",
    "audience",
    "purpose",
)


def document_of(hit: Hit) -> Document:
    """A hit as LangChain's document: its text, and in the metadata where it comes from."""
    record = hit.record
    return Document(
        id=record.id,
        page_content=record.text,
        metadata={
            "id": record.id,
            "score": hit.score,
            "signals": dict(hit.signals),
            "kind": record.kind,
            "speaker": record.speaker,
            "role": record.role,
            "session": record.session,
            "origin": record.origin,
            "trust": record.trust,
            "valid_from": _iso(record.valid_from),
            "valid_to": _iso(record.valid_to),
            "citations": _citations(record),
            "notes": list(hit.notes),
            "meta": dict(record.meta),
        },
    )


def _citations(record: Record) -> list[dict[str, object]]:
    own = [(record.id, 0, len(record.text))]
    return [{"id": id, "start": start, "end": end} for id, start, end in (record.sources or own)]


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


class RemanenceChatMessageHistory(BaseChatMessageHistory):
    """The messages of one session, each a memory that searches find, given back exactly as they were added.

    `clear` forgets the session: its messages and what was read out of them are erased, for good. The async twins work in a
    thread. Raises: InvalidInput where the policy refuses a message; the others of that call are kept."""

    def __init__(
        self,
        memory: Memory | BoundMemory,
        session_id: str,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
    ) -> None:
        if not isinstance(session_id, str) or not session_id:
            raise InvalidInput(f"session_id={session_id!r}", hint="name the conversation")
        self._memory = bound(memory, user_id, agent_id)
        self._session = session_id

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]  # theirs is a plain attribute
        """All of them, oldest first."""
        records = self._memory.list(session_id=self._session, archived=True, limit=EVERY)
        kept = [record.meta["langchain"] for record in records if "langchain" in record.meta]
        return messages_from_dict([message for message in kept if isinstance(message, dict)])

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Keep these, in one transaction."""
        if not messages:
            return
        acks = self._memory.add([_message(one) for one in messages], session_id=self._session)
        if refused := next((ack for ack in acks if ack.status == "rejected"), None):
            raise InvalidInput(f"a message was not kept: {refused.reason}")

    def clear(self) -> None:
        """Forget the session, for good."""
        if self._memory.list(session_id=self._session, archived=True, quarantined=True, limit=1):
            self._memory.forget(session_id=self._session, recheck=False, sign=False)

    async def aget_messages(self) -> list[BaseMessage]:
        """See `messages`."""
        return await asyncio.to_thread(lambda: self.messages)

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """See `add_messages`."""
        await asyncio.to_thread(self.add_messages, list(messages))

    async def aclear(self) -> None:
        """See `clear`."""
        await asyncio.to_thread(self.clear)


def _message(message: BaseMessage) -> dict[str, object]:
    kept = json.loads(json.dumps(message_to_dict(message)))
    said = str(message.text)
    if not said.strip():  # a call of tools, an image: there is something to keep, in no words
        said = f"({message.type}: {', '.join(_calls(kept)) or 'no text'})"
    return {
        # The same words said twice are two messages.
        "id": f"message-{uuid.uuid4().hex}",
        "content": said,
        "role": ROLES.get(message.type, ""),
        "name": message.name or "",
        "meta": {"langchain": kept},
    }


def _calls(kept: Mapping[str, Any]) -> list[str]:
    return [f"calls {call['name']}" for call in kept["data"].get("tool_calls") or ()]
