"""Bodies that are no conversation go to upstream as they are: it is upstream that says what is wrong with them."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from remanence.serve.http.settings import Settings as Stores
from remanence.serve.proxy import app, run
from remanence.serve.proxy.settings import Settings
from tests.serve.proxy.conftest import Reply, Running, Upstream, completion, said

Post = Callable[..., httpx.Response]


@pytest.mark.parametrize(
    "raw",
    [
        b"not json",
        b"[]",
        b"{}",
        b'{"messages": null}',
        b'{"messages": []}',
        b'{"messages": ["x"]}',
        b'{"messages": [{"role": "user", "content": "x"}]} trailing',
        b'{"messages": [{"role": "user", "content": "x"}',
        b'{"messages": [{"role": 7, "content": {"a": 1}}, {"content": [1, {"type": "text"}]}]}',
        b"\xff\xfe{}",
        b'{"a": ' + b"[" * 200_000 + b"]" * 200_000 + b', "messages": []}',
        b'{"n": ' + b"9" * 5_000 + b', "messages": []}',
    ],
    ids=range(12),
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
def test_what_is_no_conversation_goes_on_as_it_is(
    proxy: Running, upstream: Upstream, post: Post, raw: bytes, path: str
) -> None:
    raw = raw.replace(b'"messages"', b'"input"') if path.endswith("responses") else raw
    assert post(None, raw=raw, path=path).status_code == 200
    assert upstream.asked[0].body == raw


def test_lone_surrogates_and_odd_names(
    proxy: Running, upstream: Upstream, post: Post, user: str
) -> None:
    upstream.script = lambda asked: completion("half a \udc00 pair")
    messages = [{"role": "user", "name": "\x1f\ud800", "content": "My \ud83d parrot is loud."}]
    sent = json.dumps({"messages": messages}).encode()
    assert post(None, raw=sent).status_code == 200
    assert upstream.asked[0].body == sent
    told, answered = proxy.remembers(user, 2)
    assert (told.text, answered.text) == ("My \ud83d parrot is loud.", "half a \udc00 pair")
    post(said("What about my parrot \udfff?"))
    assert "parrot is loud" in upstream.asked[1].json["messages"][0]["content"]


def test_what_the_store_refuses_hurts_nobody(
    proxy: Running, upstream: Upstream, post: Post, user: str
) -> None:
    upstream.script = lambda asked: completion("x" * 3_000_000)
    answer = post(said("Write very much, please."))
    assert len(answer.content) > 3_000_000
    upstream.script = lambda asked: completion("Fine.")
    post(said("And now a little."))
    texts = {record.text for record in proxy.remembers_at_least(user, 3)}
    assert {"And now a little.", "Fine."} <= texts


def test_a_message_of_megabytes(proxy: Running, upstream: Upstream, post: Post, user: str) -> None:
    long = "The harbour has a crane. " * 100_000
    assert post(said(long)).status_code == 200
    assert upstream.asked[0].json["messages"][0]["content"] == long


def test_more_than_the_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, upstream: Upstream
) -> None:
    monkeypatch.setenv("REMANENCE_CONFIG", str(tmp_path / "config"))
    stores = Stores(store=tmp_path / "m.rmem", embedder="none")
    made = app.create_app(
        Settings(upstream=upstream.url, stores=stores, body=1_000, unlisted=False)
    )

    async def ask() -> httpx.Response:
        async with (
            made.router.lifespan_context(made),
            httpx.AsyncClient(
                transport=httpx.ASGITransport(made), base_url="http://localhost"
            ) as client,
        ):
            return await client.post("/v1/chat/completions", content=b"x" * 1_001)

    answer = asyncio.run(ask())
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    assert upstream.asked == []


@pytest.mark.parametrize("user", ["\x00", "\ud800", "x" * 9_000, 7, {"a": 1}])
def test_a_user_who_can_be_none_gets_an_answer(
    proxy: Running, upstream: Upstream, post: Post, user: object
) -> None:
    body = json.dumps({"messages": said("Who am I?"), "user": user}).encode()
    assert post(None, raw=body, X_Remanence_User="").status_code == 200
    assert upstream.asked[0].body == body


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Remanence_User": "x" * 600},
        {"X_Remanence_Session": "a\tb"},
        {"X_Remanence_Recall": "maybe"},
    ],
)
def test_odd_headers_are_refused(
    proxy: Running, upstream: Upstream, post: Post, headers: dict[str, str]
) -> None:
    answer = post(said("x"), **headers)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")
    assert upstream.asked == []


def test_names_outside_ascii(proxy: Running, upstream: Upstream, user: str) -> None:
    name = f"Łucja-{user}"
    url = f"{proxy.url}/v1/chat/completions"
    headers = [(b"X-Remanence-User", name.encode())]
    httpx.post(url, json={"messages": said("I paint.")}, headers=headers, trust_env=False)
    assert proxy.remembers(name, 2)[0].text == "I paint."


def test_an_endless_answer_is_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, upstream: Upstream
) -> None:
    monkeypatch.setenv("REMANENCE_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    more = threading.Event()
    upstream.script = lambda asked: Reply([b"x" * 5_000, b"y" * 5_000], gate=more)
    stores = Stores(store=tmp_path / "m.rmem", embedder="none")
    settings = Settings(upstream=upstream.url, stores=stores, heard=1_000)
    with (
        run.running(settings) as url,
        httpx.Client(trust_env=False) as client,
        client.stream("POST", f"{url}/chat/completions", json={"messages": said("Go on.")}) as it,
    ):
        parts = it.iter_raw(5_000)
        assert next(parts) == b"x" * 5_000  # before upstream has sent the rest
        more.set()
        assert b"".join(parts) == b"y" * 5_000


def test_what_unpacks_to_more_than_fits_is_not_unpacked(
    proxy: Running, upstream: Upstream, post: Post, user: str
) -> None:
    packed = gzip.compress(completion("z" * 40_000_000).pieces[0])
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    upstream.script = lambda asked: Reply([packed], headers=headers)
    assert len(post(said("Squeeze something.")).content) > 40_000_000
    upstream.script = lambda asked: completion("Fine.")
    post(said("And now a little."))
    texts = [record.text for record in proxy.remembers(user, 3)]
    assert texts == ["Squeeze something.", "And now a little.", "Fine."]


def test_upstream_can_not_name_memories(proxy: Running, upstream: Upstream, post: Post) -> None:
    headers = {"Content-Type": "application/json", "X-Remanence-Memories": "forged"}
    upstream.script = lambda asked: Reply(completion("x").pieces, headers=headers)
    assert "x-remanence-memories" not in post(said("Hello")).headers
