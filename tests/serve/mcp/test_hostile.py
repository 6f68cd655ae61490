"""Whatever a client sends, it gets an answer, and the next call works."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError

from remanence.serve.mcp.about import GRAPH, TOOLS
from tests.serve.mcp.conftest import USER, Here

DEEP: Any = "x"
for _ in range(60):
    DEEP = [DEEP]
WRONG: list[tuple[str, dict[str, Any]]] = [
    ("nothing of the kind", {}),
    ("", {}),
    ("search_memory", {}),
    ("search_memory", {"query": None}),
    ("search_memory", {"query": 7}),
    ("search_memory", {"query": "x", "k": 0}),
    ("search_memory", {"query": "x", "k": "ten"}),
    ("search_memory", {"query": "x", "unknown": 1}),
    ("search_memory", {"query": "x", "as_of": "yesterday"}),
    ("search_memory", {"query": "x", "user_id": "bob"}),
    ("search_memory", {"query": "x", "asker": "somebody else"}),
    ("get_context", {"query": "x", "budget": -1}),
    ("get_memory", {"id": "a\x00b"}),
    ("add_memory", {"content": {"content": DEEP}}),
    ("add_memory", {"content": {"role": "king", "content": "x"}}),
    ("add_memory", {"content": 1e999}),
    ("list_memories", {"limit": -1}),
    ("undo", {"what": 10**30}),
    ("undo", {"what": "no such run"}),
    ("create_entities", {"entities": "x"}),
    ("create_entities", {"entities": [{"name": "x"}]}),
    ("create_entities", {"entities": [{"name": " ", "entityType": "x", "observations": []}]}),
    ("add_observations", {"observations": [{"entityName": "x", "contents": ["y"]}]}),
    ("open_nodes", {"names": [1]}),
]


@pytest.mark.parametrize(("name", "arguments"), WRONG, ids=range(len(WRONG)))
def test_a_wrong_call_is_an_error_of_the_tool(
    here: Here, name: str, arguments: dict[str, Any]
) -> None:
    here.memory.add("a red kettle", user_id=USER)
    before = here.memory.state_digest()

    async def work(client: Client) -> tuple[Any, Any]:
        wrong = await client.call_tool(name, arguments)
        return wrong, await client.call_tool("search_memory", {"query": "kettle"})

    wrong, right = here.ask(work)
    assert wrong.is_error
    assert wrong.structured_content["error"]["code"] in ("InvalidInput", "NotFound", "Conflict")
    assert len(wrong.content[0].text) < 1_000
    assert right.structured_content["items"]
    assert here.memory.state_digest() == before


def test_what_is_too_large_is_rejected_item_by_item(here: Here) -> None:
    for arguments in ({"content": "x" * (17 * 2**20)}, {"content": "x", "id": "y" * 10_000}):
        (ack,) = here.call("add_memory", **arguments).structured_content["items"]
        assert ack["status"] == "rejected"
        assert "at most" in ack["reason"]
    assert here.memory.list(user_id=USER) == []


def test_the_largest_numbers_are_as_good_as_any(here: Here) -> None:
    here.memory.add("a red kettle", user_id=USER)
    for name, arguments in (
        ("search_memory", {"query": "kettle", "k": 10**30}),
        ("list_memories", {"limit": 10**30}),
        ("list_memories", {"after": 10**30}),
        ("get_context", {"query": "kettle", "budget": 10**30}),
    ):
        assert not here.call(name, **arguments).is_error


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(("content", "query", "id", "ids", "k", "entities", "names", "at", "meta"))


@given(
    calls=st.lists(
        st.tuples(
            st.sampled_from((*TOOLS, *GRAPH)).filter(lambda name: name != "sleep"),
            st.dictionaries(NAMES | st.text(max_size=5), VALUES, max_size=4),
        ),
        min_size=1,
        max_size=8,
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_anything_gets_an_answer(here: Here, calls: list[tuple[str, dict[str, Any]]]) -> None:
    async def work(client: Client) -> None:
        for name, arguments in calls:
            result = await client.call_tool(name, arguments)
            assert result.content
            if result.is_error:
                assert result.structured_content["error"]["code"] != "RemanenceError"
        assert (await client.list_tools()).tools

    here.ask(work)


def test_what_has_no_form_in_json_does_not_end_the_server(here: Here) -> None:
    here.memory.add("half a letter \ud83d here", user_id=USER, id="half")
    result = here.call("get_memory", id="half")
    assert result.structured_content["text"] == "half a letter \ufffd here"
    assert "\ufffd" in result.content[0].text
    assert (
        "\ufffd"
        in here.ask(lambda client: client.read_resource("memory://records/half")).contents[0].text
    )


@pytest.mark.parametrize(
    "uri",
    [
        "memory://nothing",
        "memory://recent/more",
        "memory://records/",
        "memory://records/none",
        "memory://context",
        "memory://context?query=x&budget=many",
        "memory://context?query=x&budget=0",
        "file:///etc/passwd",
        "memory://[",
        "x",
        "",
    ],
)
def test_a_wrong_resource_is_an_error_of_the_protocol(here: Here, uri: str) -> None:
    async def work(client: Client) -> None:
        with pytest.raises(MCPError):
            await client.read_resource(uri)
        assert (await client.list_tools()).tools

    here.ask(work)


def test_a_wrong_prompt_is_an_error_of_the_protocol(here: Here) -> None:
    async def work(client: Client) -> None:
        for name, arguments in (("recall", {}), ("another", {"question": "x"})):
            with pytest.raises(MCPError):
                await client.get_prompt(name, arguments)

    here.ask(work)


def test_a_client_with_a_strange_name_is_named_in_the_ledger_all_the_same(here: Here) -> None:
    from mcp_types import Implementation

    async def work(name: str) -> None:
        client = Client(
            here.door().server(),
            mode="legacy",
            client_info=Implementation(name=name, version="1"),
        )
        async with client:
            await client.call_tool("add_memory", {"content": json.dumps(name)})

    for name in ("Claude Code", "a\nb\x00c", "x" * 5_000, ""):
        anyio.run(work, name)
    actors = [one.actor for one in here.memory.events(user_id=USER) if one.op == "add"]
    assert actors == ["mcp/Claude Code", "mcp/a b c", "mcp/" + "x" * 60, "mcp/unknown"]
