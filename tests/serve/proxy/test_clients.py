"""OpenAI's own client works through the proxy as without it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import httpx
import openai
import pytest

from tests.serve.proxy.conftest import (
    KEY,
    Reply,
    Running,
    Upstream,
    chunk,
    completion,
    said,
    stream,
)

CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"q": 1}'}}


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


def test_a_whole_answer(client: openai.OpenAI, upstream: Upstream) -> None:
    answer = client.chat.completions.create(model="m", messages=said("Hello"), logprobs=True)  # type: ignore[call-overload]
    assert answer.choices[0].message.content == "All right."
    assert answer.usage.total_tokens == 12
    [asked] = upstream.asked
    assert (asked.path, asked.headers["authorization"]) == (
        "/v1/chat/completions",
        f"Bearer {KEY}",
    )
    assert asked.json["logprobs"] is True


def test_a_stream_with_usage(client: openai.OpenAI, upstream: Upstream) -> None:
    upstream.script = lambda asked: stream("One", " two", " three")
    pieces = list(
        client.chat.completions.create(
            model="m",
            messages=said("Count"),  # type: ignore[arg-type]
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    words = [piece.choices[0].delta.content or "" for piece in pieces if piece.choices]
    assert "".join(words) == "One two three"
    assert pieces[-1].usage is not None
    assert upstream.asked[0].json["stream_options"] == {"include_usage": True}


def test_the_raw_response_names_the_memories(
    client: openai.OpenAI, upstream: Upstream, proxy: Running, user: str
) -> None:
    client.chat.completions.create(model="m", messages=said("My bike is green."))  # type: ignore[call-overload]
    told, _ = proxy.remembers(user, 2)
    raw = client.chat.completions.with_raw_response.create(
        model="m",
        messages=said("What colour has my bike?"),  # type: ignore[arg-type]
    )
    assert told.id in raw.headers["x-remanence-memories"].split(",")
    assert raw.parse().choices[0].message.content == "All right."


def test_tools_go_through(
    client: openai.OpenAI, upstream: Upstream, proxy: Running, user: str
) -> None:
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    upstream.script = lambda asked: completion(None, "tool_calls", tool_calls=[CALL])
    answer = client.chat.completions.create(
        model="m",
        messages=said("Look it up."),  # type: ignore[arg-type]
        tools=[tool],  # type: ignore[list-item]
    )
    assert answer.choices[0].message.tool_calls[0].function.arguments == '{"q": 1}'
    assert upstream.asked[0].json["tools"] == [tool]
    assert [record.text for record in proxy.remembers(user, 1)] == ["Look it up."]


def test_streamed_tool_calls_go_through(client: openai.OpenAI, upstream: Upstream) -> None:
    pieces = [
        chunk({"role": "assistant", "tool_calls": [{"index": 0, **CALL}]}),
        chunk({}, "tool_calls"),
        b"data: [DONE]\n\n",
    ]
    events = {"Content-Type": "text/event-stream"}
    upstream.script = lambda asked: Reply(pieces, headers=events, chunked=True)
    found = list(client.chat.completions.create(model="m", messages=said("Go"), stream=True))  # type: ignore[call-overload]
    assert found[0].choices[0].delta.tool_calls[0].function.name == "look"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
    ],
)
def test_errors_are_those_of_upstream(
    client: openai.OpenAI,
    upstream: Upstream,
    proxy: Running,
    user: str,
    status: int,
    kind: type[openai.APIStatusError],
) -> None:
    body = {"error": {"message": "no", "type": "t", "param": "p", "code": "c"}}
    headers = {"Content-Type": "application/json", "Retry-After": "7", "x-request-id": "req-1"}
    upstream.script = lambda asked: Reply([json.dumps(body).encode()], status, headers)
    with pytest.raises(kind) as caught:
        client.chat.completions.create(model="m", messages=said("I am a plumber."))  # type: ignore[call-overload]
    assert caught.value.body == body["error"]
    assert caught.value.response.headers["retry-after"] == "7"
    assert caught.value.request_id == "req-1"
    upstream.script = lambda asked: completion("Yes.")
    client.chat.completions.create(model="m", messages=said("I am a baker."))  # type: ignore[call-overload]
    assert [record.text for record in proxy.remembers(user, 2)] == ["I am a baker.", "Yes."]


def test_an_error_in_a_stream(client: openai.OpenAI, upstream: Upstream) -> None:
    reply = stream("One")
    reply.pieces[2:] = [b'data: {"error": {"message": "overloaded", "code": "x"}}\n\n']
    upstream.script = lambda asked: reply
    with pytest.raises(openai.APIError, match="overloaded"):
        list(client.chat.completions.create(model="m", messages=said("Go"), stream=True))  # type: ignore[call-overload]


def test_the_other_routes_work(client: openai.OpenAI, upstream: Upstream) -> None:
    listed = {"object": "list", "data": [{"id": "m", "object": "model", "created": 1}]}
    vectors = {
        "object": "list",
        "model": "m",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
    }
    upstream.script = lambda asked: Reply(
        [json.dumps(listed if asked.method == "GET" else vectors).encode()]
    )
    assert [model.id for model in client.models.list()] == ["m"]
    found = client.embeddings.create(model="m", input="x", encoding_format="float")
    assert found.data[0].embedding == [0.5]
    assert [asked.path for asked in upstream.asked] == ["/v1/models", "/v1/embeddings"]


def test_sixteen_streams_at_once(upstream: Upstream, proxy: Running, user: str) -> None:
    def script(asked: object) -> Reply:
        name = asked.json["messages"][-1]["content"]  # type: ignore[attr-defined]
        return stream(*(f"{name}:{n} " for n in range(30)))

    async def one(client: openai.AsyncOpenAI, name: str) -> str:
        stream_ = await client.chat.completions.create(
            model="m",
            messages=said(name),  # type: ignore[arg-type]
            stream=True,
            extra_headers={"X-Remanence-User": f"{user}-{name}"},
        )
        words = [p.choices[0].delta.content or "" async for p in stream_ if p.choices]
        return "".join(words)

    async def all_of_them() -> list[str]:
        async with openai.AsyncOpenAI(
            base_url=f"{proxy.url}/v1",
            api_key=KEY,
            max_retries=0,
            http_client=httpx.AsyncClient(trust_env=False),
        ) as client:
            return await asyncio.gather(*(one(client, f"n{n}") for n in range(16)))

    upstream.script = script
    for place, text in enumerate(asyncio.run(all_of_them())):
        assert text == "".join(f"n{place}:{n} " for n in range(30))
        [_, answered] = proxy.remembers(f"{user}-n{place}", 2)
        assert answered.text == text.strip()
