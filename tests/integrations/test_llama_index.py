"""LlamaIndex's own `Memory` with our block: what flows in, what flows back, what is cited."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.llms import MockLLM
from llama_index.core.memory import Memory as ChatMemory
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from remanence import BoundMemory, Memory
from remanence.integrations.llama_index import RemanenceMemoryBlock
from remanence.text.guard.policy import Policy


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(tmp_path / "m.rmem", embedder="none") as opened:
        yield opened


@pytest.fixture
def block(memory: Memory) -> RemanenceMemoryBlock:
    return RemanenceMemoryBlock(memory=memory, user_id="ana")


def user(text: str, **more: Any) -> ChatMessage:
    return ChatMessage(role="user", content=text, additional_kwargs=more)


def words(text: str) -> list[str]:
    return text.split()


def chat(block: RemanenceMemoryBlock, session: str = "monday", **more: Any) -> ChatMemory:
    """A small chat memory: what is beyond some twenty words flows into the block. Its history is a file beside ours."""
    beside = Path(block.memory.status().path).with_suffix(".history")  # type: ignore[union-attr]
    settings: dict[str, Any] = {
        "token_limit": 200,
        "chat_history_token_ratio": 0.1,
        "token_flush_size": 5,
        "tokenizer_fn": words,
        # Theirs leaves pooled connections open for the garbage collector to complain of.
        "async_engine": create_async_engine(f"sqlite+aiosqlite:///{beside}", poolclass=NullPool),
        **more,
    }
    return ChatMemory.from_defaults(session_id=session, memory_blocks=[block], **settings)


async def flood(memory: ChatMemory) -> None:
    """What pushes everything earlier out of the history."""
    for turn in range(4):
        await memory.aput(user(f"and now for something else entirely, number {turn} of many"))
        await memory.aput(ChatMessage(role="assistant", content=f"certainly, that was {turn}"))


# --- in LlamaIndex's memory -----------------------------------------------------------------------------------------


def test_what_leaves_the_history_comes_back_when_it_is_asked_for(
    memory: Memory, block: RemanenceMemoryBlock
) -> None:
    async def talk() -> list[ChatMessage]:
        chatting = chat(block)
        await chatting.aput(user("My sister Lena lives in Porto."))
        await chatting.aput(ChatMessage(role="assistant", content="Noted."))
        await flood(chatting)
        history = await chatting.aget_all()
        assert history  # theirs keeps all that was said; ours is asked below
        return await chatting.aget(input="Where does Lena live?")

    shown = asyncio.run(talk())
    assert shown[0].role == "system"
    assert "<long_term_memory>" in (shown[0].content or "")
    assert "Lena lives in Porto" in (shown[0].content or "")
    assert all("Lena" not in (message.content or "") for message in shown[1:])
    record = memory.search("Lena", user_id="ana")[0].record
    assert (record.session, record.role) == ("monday", "user")


def test_another_chat_of_the_same_user_knows_it_too(memory: Memory) -> None:
    async def talk() -> None:
        block = RemanenceMemoryBlock(memory=memory, user_id="ana")
        monday = chat(block)
        await monday.aput(user("My sister Lena lives in Porto."))
        await flood(monday)
        for whose, session, alone, known in (
            ("ana", "tuesday", False, True),
            ("ana", "tuesday", True, False),
            ("ana", "monday", True, True),
            ("ben", "monday", False, False),
        ):
            other = RemanenceMemoryBlock(memory=memory, user_id=whose, this_session=alone)
            shown = await chat(other, session).aget(input="Where does Lena live?")
            assert any("Porto" in (message.content or "") for message in shown) is known

    asyncio.run(talk())


def test_it_works_without_a_loop_of_the_callers(block: RemanenceMemoryBlock) -> None:
    chatting = chat(block)
    chatting.put(user("My sister Lena lives in Porto."))
    for turn in range(6):
        chatting.put(user(f"and now for something else entirely, number {turn} of many"))
    assert "Porto" in (chatting.get(input="Where does Lena live?")[0].content or "")


def test_a_chat_engine_puts_it_before_the_model(block: RemanenceMemoryBlock) -> None:
    chatting = chat(block)
    chatting.put(user("My sister Lena lives in Porto."))
    asyncio.run(flood(chatting))
    engine = SimpleChatEngine.from_defaults(llm=MockLLM(), memory=chatting)
    answer = str(engine.chat("Where does Lena live?"))  # their mock model says what it was shown
    assert "My sister Lena lives in Porto." in answer


def test_a_block_that_may_be_cut_is_cut_to_what_fits(memory: Memory) -> None:
    memory.add(
        [f"Lena told me story {n} of her long journey through Portugal" for n in range(40)],
        user_id="ana",
    )

    async def shown(limit: int) -> str:
        block = RemanenceMemoryBlock(memory=memory, user_id="ana", priority=1, budget=600)
        messages = await chat(block, token_limit=limit).aget(input="What did Lena tell?")
        return "".join(message.content or "" for message in messages)

    large, small = asyncio.run(shown(5000)), asyncio.run(shown(250))
    assert 0 < small.count("Lena") < large.count("Lena")


# --- the block alone ------------------------------------------------------------------------------------------------


def test_what_is_given_back_can_be_cited(memory: Memory, block: RemanenceMemoryBlock) -> None:
    memory.add(["Lena lives in Porto.", "Lena likes tea."], user_id="ana")
    assert block.cited is None
    text = asyncio.run(block.aget([user("Where does Lena live?")]))
    assert block.cited is not None
    assert block.cited.text == text
    place = next(n for n, hit in enumerate(block.cited.hits, 1) if "Porto" in hit.record.text)
    line = next(line for line in text.splitlines() if "Porto" in line)
    assert f"[{place}]" in line


def test_without_a_question_nothing_is_given_back(
    memory: Memory, block: RemanenceMemoryBlock
) -> None:
    memory.add("Lena lives in Porto.", user_id="ana")
    picture = ChatMessage(role="user", blocks=[ImageBlock(url="http://example.org/x.png")])
    assert asyncio.run(block.aget(None)) == ""
    assert asyncio.run(block.aget([])) == ""
    assert asyncio.run(block.aget([user("  "), picture])) == ""


def test_the_latest_messages_make_the_question(memory: Memory) -> None:
    memory.add(
        [f"Porto story {n}: rain again and nothing to see" for n in range(60)] + ["Faro is warm."],
        user_id="ana",
    )
    block = RemanenceMemoryBlock(memory=memory, user_id="ana", budget=40, window=1)
    text = asyncio.run(block.aget([user("Tell me of Porto"), user("Is Faro warm?")]))
    assert "Faro is warm." in text


def test_roles_speakers_and_sessions_are_kept(memory: Memory, block: RemanenceMemoryBlock) -> None:
    said = [
        user("I am here", name="Ana"),
        ChatMessage(role="developer", content="be kind"),
        ChatMessage(role="chatbot", content="hello"),
        ChatMessage(role="function", content="42"),
        ChatMessage(role="assistant", blocks=[TextBlock(text="two"), TextBlock(text="parts")]),
        ChatMessage(role="assistant", content=""),
    ]
    asyncio.run(block.aput(said, session_id="monday"))
    records = memory.list(user_id="ana", session_id="monday")
    assert [(one.role, one.speaker) for one in records] == [
        ("user", "Ana"),
        ("system", ""),
        ("assistant", ""),
        ("tool", ""),
        ("assistant", ""),
    ]
    assert all(part in records[-1].text for part in ("two", "parts"))


def test_it_may_be_closed_to_what_leaves_the_history(memory: Memory) -> None:
    block = RemanenceMemoryBlock(memory=memory, user_id="ana", accept_short_term_memory=False)
    asyncio.run(block.aput([user("hello")], from_short_term_memory=True, session_id="monday"))
    assert memory.list(user_id="ana") == []
    asyncio.run(block.aput([user("hello")]))
    assert len(memory.list(user_id="ana")) == 1


def test_what_the_policy_refuses_is_logged_without_its_words(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[privacy]\nemail = "reject"\n', encoding="utf-8")
    with Memory.open(tmp_path / "p.rmem", embedder="none", policy=Policy.load(policy)) as memory:
        block = RemanenceMemoryBlock(memory=memory)
        with caplog.at_level(logging.WARNING):
            asyncio.run(block.aput([user("I am ana@example.org"), user("hello")]))
        assert [one.text for one in memory.list()] == ["hello"]
    assert "email" in caplog.text
    assert "ana@example.org" not in caplog.text


def test_bad_settings_are_refused(memory: Memory) -> None:
    bound = BoundMemory(memory, user_id="ana")
    assert RemanenceMemoryBlock(memory=bound).cited is None
    for bad in ({"budget": 0}, {"window": 0}, {"memory": "m.rmem"}):
        with pytest.raises(ValidationError):
            RemanenceMemoryBlock(**{"memory": memory, **bad})
    with pytest.raises(ValueError, match="bound already"):
        RemanenceMemoryBlock(memory=bound, user_id="ben")
    with pytest.raises(ValueError, match="session_id"):
        asyncio.run(RemanenceMemoryBlock(memory=memory).aput([user("hello", session_id=7)]))


def test_without_llama_index_the_error_says_what_to_install() -> None:
    absent = (
        "import sys; sys.modules['llama_index.core'] = None\n"
        "import remanence\n"
        "try: import remanence.integrations.llama_index\n"
        "except remanence.MissingExtra as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", absent], capture_output=True, text=True, check=True
    )
    assert "pip install llama-index-core" in done.stdout
