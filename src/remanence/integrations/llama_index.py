"""`RemanenceMemoryBlock`: long-term memory for LlamaIndex's `Memory`.

    block = RemanenceMemoryBlock(memory=memory, user_id="ana", budget=800)
    chat = llama_index.core.memory.Memory.from_defaults(session_id="monday", memory_blocks=[block])

Messages that no longer fit into the chat history flow into the block; what answers the latest messages flows back, cited.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Sequence
from typing import Any, Final

from remanence.errors import InvalidInput, MissingExtra
from remanence.integrations.binding import bound
from remanence.memory import Memory
from remanence.memory_bound import BoundMemory
from remanence.types import Context

try:
    from llama_index.core.base.llms.types import ChatMessage
    from llama_index.core.bridge.pydantic import Field, PrivateAttr
    from llama_index.core.memory import BaseMemoryBlock
except ImportError as absent:
    raise MissingExtra(
        "the LlamaIndex memory block needs llama-index-core", hint="pip install llama-index-core"
    ) from absent

ROLES: Final = {
    "user": "user",
    "assistant": "assistant",
    "chatbot": "assistant",
    "model": "assistant",
    "system": "system",
    "developer": "system",
    "tool": "tool",
    "function": "tool",
}
SPARE: Final = 1.5
"""How many of our tokens are cut for each that LlamaIndex wants cut: its tokenizer may count fewer of them in a text, and a block
that is still too long is thrown away."""
_log = logging.getLogger(__name__)


class RemanenceMemoryBlock(BaseMemoryBlock[str]):
    """Keeps what leaves the chat history, and gives back what answers the latest messages, in at most `budget` tokens.

    What it gives back is the text of `Memory.context`: memories in conversation order, each under a number; `cited` has the
    context behind the latest text, so that `[2]` is `cited.hits[1].record`. `window`: how many of the latest messages make the
    question. `this_session`: ask only what was said in the chat's own session (default: in all of the user's). A message that the
    policy refuses is logged, without its words, and left out. The work is done in threads."""

    name: str = "long_term_memory"
    memory: Memory | BoundMemory = Field(exclude=True, repr=False)
    user_id: str | None = None
    agent_id: str | None = None
    budget: int = Field(default=1000, ge=1)
    window: int = Field(default=3, ge=1)
    this_session: bool = False
    origin: str = ""
    audience: str = ""
    purpose: str = ""
    _bound: BoundMemory = PrivateAttr()
    _asked: tuple[str, str] | None = PrivateAttr(default=None)
    _cited: Context | None = PrivateAttr(default=None)

    def model_post_init(self, context: Any, /) -> None:
        """Check whose memory it is."""
        super().model_post_init(context)
        self._bound = bound(self.memory, self.user_id, self.agent_id)

    @property
    def cited(self) -> Context | None:
        """The context that was given back last; None before that."""
        return self._cited

    async def _aget(
        self,
        messages: list[ChatMessage] | None = None,
        session_id: str | None = None,
        **block_kwargs: Any,
    ) -> str:
        said = (text(message) for message in (messages or [])[-self.window :])
        question = "\n".join(line for line in said if line)
        if not question:
            return ""
        self._asked = question, (session_id or "") if self.this_session else ""
        return await self._context(self.budget)

    async def atruncate(self, content: str, tokens_to_truncate: int) -> str | None:
        """The same question answered in that much less; None where nothing is left."""
        known = self._cited.tokens if self._cited is not None else 0
        left = known - math.ceil(SPARE * tokens_to_truncate)
        if left < 1 or self._asked is None:
            return None
        return await self._context(left) or None

    async def _context(self, budget: int) -> str:
        assert self._asked is not None
        question, session = self._asked
        self._cited = await asyncio.to_thread(
            self._bound.context,
            question,
            budget=budget,
            session_id=session,
            audience=self.audience,
            purpose=self.purpose,
        )
        return self._cited.text

    async def _aput(self, messages: list[ChatMessage]) -> None:
        kept = [_message(message) for message in messages if text(message)]
        if kept:
            await asyncio.to_thread(self._keep, kept)

    def _keep(self, messages: Sequence[dict[str, object]]) -> None:
        for ack in self._bound.add(list(messages), origin=self.origin):
            if ack.status == "rejected":
                _log.warning("a message was not remembered: %s", ack.reason)


def text(message: ChatMessage) -> str:
    """The words of a message; "" where there are none."""
    return (message.content or "").strip()


def _message(message: ChatMessage) -> dict[str, object]:
    more = message.additional_kwargs
    session, speaker = more.get("session_id"), more.get("name")
    if not isinstance(session, (str, type(None))):
        raise InvalidInput(f"session_id is a {type(session).__name__}", hint="give a string")
    return {
        "content": text(message),
        "role": ROLES.get(message.role.value, ""),
        "name": speaker if isinstance(speaker, str) else "",
        "session_id": session or "",
    }
