"""The Responses interface has memory too."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pytest

from tests.serve.proxy.conftest import KEY, Reply, Running, Upstream

Post = Callable[..., httpx.Response]


def response(text: str, id: str = "resp_1", **more: Any) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    message = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed"}
    return {
        "id": id,
        "object": "response",
        "created_at": 1,
        "model": "m",
        "status": "completed",
        "output": [{**message, "content": content}],
        "parallel_tool_calls": True,
        "tools": [],
        "tool_choice": "auto",
        **more,
    }


def whole(text: str, id: str = "resp_1", **more: Any) -> Reply:
    return Reply([json.dumps(response(text, id, **more)).encode()])


def events(*words: str) -> Reply:
    place = {"output_index": 0, "content_index": 0, "item_id": "msg_1", "logprobs": []}
    told = [
        {"type": "response.created", "response": response("", status="in_progress")},
        *({"type": "response.output_text.delta", "delta": word, **place} for word in words),
        {"type": "response.completed", "response": response("".join(words))},
    ]
    pieces = [
        f"event: {one['type']}\ndata: {json.dumps({**one, 'sequence_number': n})}\n\n".encode()
        for n, one in enumerate(told)
    ]
    return Reply(pieces, headers={"Content-Type": "text/event-stream"}, chunked=True)


@pytest.fixture
def client(proxy: Running, user: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        base_url=f"{proxy.url}/v1",
        api_key=KEY,
        max_retries=0,
        default_headers={"X-Remanence-User": user},
        http_client=httpx.Client(trust_env=False),
    ) as made:
        yield made


def test_it_is_remembered_and_told(
    client: openai.OpenAI, proxy: Running, upstream: Upstream, user: str
) -> None:
    upstream.script = lambda asked: whole("Noted.")
    client.responses.create(model="m", input="My boat is called Anni.")
    assert upstream.asked[0].json["input"] == "My boat is called Anni."
    told, answered = proxy.remembers(user, 2)
    assert (answered.text, answered.origin) == ("Noted.", "proxy:assistant")
    raw = client.responses.with_raw_response.create(
        model="m", input="What is my boat called?", instructions="Be brief."
    )
    assert raw.headers["x-remanence-memories"].split(",")[0] == told.id
    assert raw.parse().output_text == "Noted."
    note, question = upstream.asked[1].json["input"]
    assert (note["role"], note["type"]) == ("developer", "message")
    assert "Anni" in note["content"]
    assert question["content"] == "What is my boat called?"
    assert upstream.asked[1].json["instructions"] == "Be brief."


def test_a_stream_goes_through_and_is_remembered(
    client: openai.OpenAI, proxy: Running, upstream: Upstream, user: str
) -> None:
    reply = events("A ", "long ", "story.")
    upstream.script = lambda asked: reply
    content = [{"type": "input_text", "text": "Tell me one."}]
    with client.responses.with_streaming_response.create(
        model="m",
        input=[{"role": "user", "content": content}],  # type: ignore[list-item,misc]
        stream=True,
    ) as raw:
        assert raw.read() == b"".join(reply.pieces)
    assert [one.text for one in proxy.remembers(user, 2)] == ["Tell me one.", "A long story."]


def test_where_upstream_keeps_the_conversation_it_is_one_session(
    client: openai.OpenAI, proxy: Running, upstream: Upstream, user: str
) -> None:
    upstream.script = lambda asked: whole("Yes.", f"resp_{user}")
    client.responses.create(model="m", input="I grow tomatoes.")
    client.responses.create(
        model="m", input="What do I grow, tomatoes?", previous_response_id=f"resp_{user}"
    )
    # Upstream has told the model of it already.
    assert upstream.asked[1].json["input"] == "What do I grow, tomatoes?"
    assert len({record.session for record in proxy.remembers(user, 4)}) == 1
    client.responses.create(model="m", input="I grow leeks.", conversation="conv_1")
    assert proxy.remembers(user, 2, session_id="conv_1")[0].text == "I grow leeks."


def test_what_a_tool_brought_is_trusted_like_a_tool(
    client: openai.OpenAI, proxy: Running, upstream: Upstream, user: str
) -> None:
    search = {"id": "ws_1", "type": "web_search_call", "status": "completed"}
    answer = response("The market opens at nine.")
    answer["output"].insert(0, search)
    upstream.script = lambda asked: Reply([json.dumps(answer).encode()])
    client.responses.create(model="m", input="When does the market open?")
    assert proxy.remembers(user, 2)[1].trust == 0.4


@pytest.mark.parametrize(
    "more", [{"status": "failed"}, {"status": "in_progress"}, {"output": None}]
)
def test_what_is_no_answer_is_not_remembered(
    post: Post, proxy: Running, upstream: Upstream, user: str, more: dict[str, Any]
) -> None:
    upstream.script = lambda asked: whole("half", **more)
    post("I fish.", path="/v1/responses")
    assert [one.text for one in proxy.remembers(user, 1)] == ["I fish."]
