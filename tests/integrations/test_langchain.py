"""LangChain over a memory: what its standard tests ask of a retriever, chains, metadata, and a chat history."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from langchain_core.chat_history import BaseChatMessageHistory, InMemoryChatMessageHistory
from langchain_core.documents import Document
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnablePassthrough
from langchain_core.runnables.history import RunnableWithMessageHistory
from pydantic import ValidationError

from remanence import BoundMemory, InvalidInput, Memory
from remanence.integrations.langchain import RemanenceChatMessageHistory, RemanenceRetriever
from remanence.text.guard.policy import Policy

# LangChain recommends LangGraph's persistence instead; its own classes are what ours is compared with.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The class `InMemoryChatMessageHistory` was deprecated"),
    pytest.mark.filterwarnings("ignore:RunnableWithMessageHistory is deprecated"),
]
MARCH = datetime(2025, 3, 1, 9, tzinfo=UTC)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(tmp_path / "m.rmem", embedder="none") as opened:
        yield opened


@pytest.fixture
def told(memory: Memory) -> Memory:
    said = [
        ("a1", "Ana", "monday", "I moved to Lisbon in March."),
        ("a2", "Ana", "monday", "Lisbon has good coffee."),
        ("a3", "Ben", "tuesday", "Is Lisbon warm in winter?"),
        ("a4", "Ana", "tuesday", "My sister Lena lives in Porto."),
    ]
    memory.add(
        [
            {
                "id": id,
                "role": "user",
                "name": name,
                "content": text,
                "session_id": session,
                "meta": {"topic": "city"},
            }
            for id, name, session, text in said
        ],
        user_id="ana",
        at=MARCH,
    )
    return memory


@pytest.fixture
def retriever(told: Memory) -> RemanenceRetriever:
    return RemanenceRetriever(memory=told, user_id="ana")


# --- what LangChain's standard tests ask ----------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 3])
def test_k_of_the_retriever_and_of_a_call(
    told: Memory, retriever: RemanenceRetriever, k: int
) -> None:
    found = RemanenceRetriever(memory=told, user_id="ana", k=k).invoke("Lisbon")
    assert len(found) == k
    assert all(isinstance(one, Document) for one in found)
    assert retriever.invoke("Lisbon", k=k) == found


def test_awaiting_gives_the_same(retriever: RemanenceRetriever) -> None:
    assert asyncio.run(retriever.ainvoke("Lisbon", k=2)) == retriever.invoke("Lisbon", k=2)
    assert asyncio.run(retriever.abatch(["Lisbon", "Porto"])) == retriever.batch(
        ["Lisbon", "Porto"]
    )


# --- documents ------------------------------------------------------------------------------------------------------


def test_a_document_says_where_it_comes_from(retriever: RemanenceRetriever) -> None:
    found = retriever.invoke("Where does Lena live?")[0]
    assert (found.id, found.page_content) == ("a4", "My sister Lena lives in Porto.")
    meta = found.metadata
    assert meta["score"] > 0
    assert meta["signals"]["bm25"] > 0
    assert (meta["speaker"], meta["role"], meta["session"]) == ("Ana", "user", "tuesday")
    assert meta["valid_from"] == MARCH.isoformat()
    assert meta["valid_to"] is None
    assert meta["citations"] == [{"id": "a4", "start": 0, "end": len(found.page_content)}]
    assert meta["meta"] == {"topic": "city"}
    json.dumps(meta)


def test_a_fact_cites_the_words_it_was_read_out_of(
    told: Memory, retriever: RemanenceRetriever
) -> None:
    found = retriever.invoke("Lisbon", kinds=("fact",))[0]
    cited = found.metadata["citations"][0]
    source = told.get(cited["id"], user_id="ana").text
    assert found.page_content in source
    assert source[cited["start"] : cited["end"]] == found.page_content


def test_what_a_reader_must_know_is_in_the_notes(
    told: Memory, retriever: RemanenceRetriever
) -> None:
    later = datetime(2025, 6, 1, tzinfo=UTC)
    told.add(
        {"role": "user", "name": "Ana", "content": "I moved to Faro."}, user_id="ana", at=later
    )
    old = next(one for one in retriever.invoke("Where did Ana move?") if one.id == "a1")
    assert any("2025-06-01" in note for note in old.metadata["notes"])


def test_narrowing(told: Memory, retriever: RemanenceRetriever) -> None:
    def ids(**how: Any) -> set[str | None]:
        return {one.id for one in retriever.invoke("Lisbon Porto", **how)}

    assert ids() == {"a1", "a2", "a3", "a4"}
    assert ids(session_id="tuesday") == {"a3", "a4"}
    assert ids(filters={"speaker": "Ben"}) == {"a3"}
    assert ids(as_of=datetime(2025, 2, 1, tzinfo=UTC)) == set()
    assert {
        one.id
        for one in RemanenceRetriever(
            memory=told, user_id="ana", filters={"speaker": "Ben"}
        ).invoke("Lisbon")
    } == {"a3"}
    assert RemanenceRetriever(memory=told, user_id="ben").invoke("Lisbon") == []


def test_a_bound_memory_is_its_users(told: Memory) -> None:
    bound = BoundMemory(told, user_id="ana")
    assert RemanenceRetriever(memory=bound).invoke("Porto")[0].id == "a4"
    with pytest.raises(ValidationError, match="bound already"):
        RemanenceRetriever(memory=bound, user_id="ben")


def test_wrong_calls_are_refused(retriever: RemanenceRetriever) -> None:
    with pytest.raises(InvalidInput, match="unknown option 'top_k'"):
        retriever.invoke("Lisbon", top_k=3)
    with pytest.raises(InvalidInput):
        retriever.invoke("Lisbon", k=0)
    with pytest.raises(ValidationError):
        RemanenceRetriever(memory="m.rmem")  # type: ignore[arg-type]


def test_a_chain(retriever: RemanenceRetriever) -> None:
    def noted(documents: list[Document]) -> str:
        return "\n".join(f"[{one.id}] {one.page_content}" for one in documents)

    seen: list[str] = []

    def looked(prompt: Any) -> Any:
        seen.append(prompt.to_string())
        return prompt

    chain = (
        {"context": retriever | noted, "question": RunnablePassthrough()}
        | ChatPromptTemplate.from_template("{context}\n\n{question}")
        | looked
        | GenericFakeChatModel(messages=iter([AIMessage("In Porto [a4]."), AIMessage("Porto.")]))
        | StrOutputParser()
    )
    assert chain.invoke("Where does Lena live?") == "In Porto [a4]."
    assert "[a4] My sister Lena lives in Porto." in seen[0]
    assert asyncio.run(chain.ainvoke("Where does Lena live?")) == "Porto."


# --- chat history: theirs and ours by the same tests ----------------------------------------------------------------

TALK = [
    SystemMessage("Be brief."),
    HumanMessage("Where does Lena live?", name="Ana", id="m1"),
    AIMessage(
        "",
        tool_calls=[{"name": "search", "args": {"query": "Lena"}, "id": "t1", "type": "tool_call"}],
    ),
    ToolMessage("Lena lives in Porto", tool_call_id="t1"),
    AIMessage("In Porto.", response_metadata={"tokens": 3}),
    HumanMessage("yes"),
    HumanMessage("yes"),
    HumanMessage(
        [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "x"}}]
    ),
]


@pytest.fixture(params=["theirs", "ours"])
def history(request: pytest.FixtureRequest, memory: Memory) -> BaseChatMessageHistory:
    if request.param == "theirs":
        return InMemoryChatMessageHistory()
    return RemanenceChatMessageHistory(memory, "monday", user_id="ana")


def test_messages_come_back_as_they_were(history: BaseChatMessageHistory) -> None:
    history.add_messages(TALK[:3])
    history.add_messages([])
    history.add_messages(TALK[3:])
    assert history.messages == TALK


def test_a_cleared_history_is_empty_and_goes_on(history: BaseChatMessageHistory) -> None:
    history.clear()
    history.add_messages(TALK)
    history.clear()
    assert history.messages == []
    history.add_messages(TALK[:2])
    assert history.messages == TALK[:2]


def test_awaited(history: BaseChatMessageHistory) -> None:
    async def talk() -> None:
        await history.aadd_messages(TALK)
        assert await history.aget_messages() == TALK
        await history.aclear()
        assert await history.aget_messages() == []

    asyncio.run(talk())


def test_what_was_said_is_remembered_beyond_the_session(memory: Memory) -> None:
    monday = RemanenceChatMessageHistory(memory, "monday", user_id="ana")
    tuesday = RemanenceChatMessageHistory(memory, "tuesday", user_id="ana")
    monday.add_messages([HumanMessage("My sister Lena lives in Porto.")])
    tuesday.add_messages([HumanMessage("Good morning!")])
    assert [one.text for one in tuesday.messages] == ["Good morning!"]
    found = RemanenceRetriever(memory=memory, user_id="ana").invoke("Where does Lena live?")
    assert found[0].metadata["session"] == "monday"
    assert RemanenceChatMessageHistory(memory, "monday", user_id="ben").messages == []
    monday.clear()
    assert memory.search("Lena Porto", user_id="ana") == []
    assert [one.text for one in tuesday.messages] == ["Good morning!"]


def test_in_a_conversation(memory: Memory) -> None:
    model = GenericFakeChatModel(
        messages=iter([AIMessage("Hello Ana."), AIMessage("You are Ana.")])
    )
    talk = RunnableWithMessageHistory(
        model, lambda session_id: RemanenceChatMessageHistory(memory, session_id, user_id="ana")
    )
    session = {"configurable": {"session_id": "monday"}}
    talk.invoke([HumanMessage("I am Ana.")], config=session)
    talk.invoke([HumanMessage("Who am I?")], config=session)
    kept = RemanenceChatMessageHistory(memory, "monday", user_id="ana").messages
    assert [one.text for one in kept] == ["I am Ana.", "Hello Ana.", "Who am I?", "You are Ana."]


def test_what_the_policy_refuses_is_said(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[privacy]\nemail = "reject"\n', encoding="utf-8")
    with Memory.open(tmp_path / "p.rmem", embedder="none", policy=Policy.load(policy)) as memory:
        history = RemanenceChatMessageHistory(memory, "monday")
        with pytest.raises(InvalidInput, match="email"):
            history.add_messages([HumanMessage("hello"), HumanMessage("I am ana@example.org")])
        assert [one.text for one in history.messages] == ["hello"]


@pytest.mark.parametrize("session", ["", None, 1])
def test_a_conversation_has_a_name(memory: Memory, session: Any) -> None:
    with pytest.raises(InvalidInput):
        RemanenceChatMessageHistory(memory, session)


def test_without_langchain_the_error_says_what_to_install() -> None:
    absent = (
        "import sys; sys.modules['langchain_core'] = None\n"
        "import remanence\n"
        "try: import remanence.integrations.langchain\n"
        "except remanence.MissingExtra as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", absent], capture_output=True, text=True, check=True
    )
    assert "pip install langchain-core" in done.stdout
