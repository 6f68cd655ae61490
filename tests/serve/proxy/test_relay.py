"""What goes through the proxy is what upstream sent, when it sent it, and as far as it came."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.serve.proxy.conftest import (
    KEY,
    Reply,
    Running,
    Upstream,
    chunk,
    completion,
    running,
    said,
    stream,
)

Post = Callable[..., httpx.Response]
ASK = {"model": "m", "stream": True, "messages": said("Tell me of the sea.")}


def test_chunks_are_those_of_upstream(
    proxy: Running, upstream: Upstream, post: Post, user: str
) -> None:
    odd = [
        b": a comment\r\n\r\n",
        chunk({"content": "Ä"}).replace(b"\\u00c4", "Ä".encode())[:-7],
        chunk({"content": "Ä"}).replace(b"\\u00c4", "Ä".encode())[-7:],
        b"event: x\ndata: not json\n\n" + chunk({"content": " sea"}),
        chunk({}, "stop", x_unknown={"a": [1.0, None]}),
        b"data: [DONE]\n\n",
    ]
    headers = {"Content-Type": "text/event-stream; charset=utf-8", "X-Own": "1", "Keep-Alive": "5"}
    upstream.script = lambda asked: Reply(odd, headers=headers, chunked=True)
    answer = post(None, raw=json.dumps(ASK).encode())
    assert answer.content == b"".join(odd)
    assert answer.headers["x-own"] == "1"
    assert "keep-alive" not in answer.headers
    assert proxy.remembers(user, 2)[1].text == "Ä sea"


def test_a_chunk_is_not_kept_back(proxy: Running, upstream: Upstream, user: str) -> None:
    gate = threading.Event()
    upstream.script = lambda asked: stream("One", gate=gate)
    headers = {"X-Remanence-User": user}
    with httpx.Client(trust_env=False) as client:
        url = f"{proxy.url}/v1/chat/completions"
        with client.stream("POST", url, json=ASK, headers=headers) as answer:
            parts = answer.iter_raw()
            assert b"assistant" in next(parts)  # and upstream has not sent more
            gate.set()
            assert b"[DONE]" in b"".join(parts)


def test_a_client_that_leaves_ends_upstream_too(
    proxy: Running, upstream: Upstream, user: str
) -> None:
    gate = threading.Event()
    # More than the buffers of two connections hold: only who goes away ends it.
    many = stream(*("water " * 400 for _ in range(20_000)))
    many.gate = gate
    upstream.script = lambda asked: many
    headers = {"X-Remanence-User": user}
    with httpx.Client(trust_env=False) as client:
        url = f"{proxy.url}/v1/chat/completions"
        with client.stream("POST", url, json=ASK, headers=headers) as answer:
            next(answer.iter_raw())
    gate.set()
    assert upstream.gone.wait(20)
    # What the user said is kept, half an answer is not.
    assert [one.text for one in proxy.remembers(user, 1)] == ["Tell me of the sea."]


def test_a_stream_that_breaks_between_events_says_so(
    proxy: Running, upstream: Upstream, post: Post, user: str
) -> None:
    reply = stream("The sea is not")
    reply.pieces, reply.breaks = reply.pieces[:2], True
    upstream.script = lambda asked: reply
    answer = post(None, raw=json.dumps(ASK).encode())
    assert answer.content.startswith(b"".join(reply.pieces))
    error = json.loads(answer.content[len(b"".join(reply.pieces)) :].removeprefix(b"data: "))
    assert error["error"]["code"] == "upstream_broken"
    assert [one.text for one in proxy.remembers(user, 1)] == ["Tell me of the sea."]


def test_a_stream_that_breaks_inside_an_event_breaks(
    proxy: Running, upstream: Upstream, post: Post
) -> None:
    reply = stream("One")
    reply.pieces, reply.breaks = [reply.pieces[0], reply.pieces[1][:20]], True
    upstream.script = lambda asked: reply
    with pytest.raises(httpx.RemoteProtocolError):
        post(None, raw=json.dumps(ASK).encode())


def test_a_whole_answer_that_breaks_is_an_error(
    proxy: Running, upstream: Upstream, post: Post
) -> None:
    whole = completion("Never").pieces[0]
    upstream.script = lambda asked: Reply([whole[:9], whole[9:]], breaks=True)
    answer = post(said("Hello"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_broken")


def test_nobody_there_and_too_late(tmp_path: Path, upstream: Upstream) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, never answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with running(tmp_path / "a", url, "--timeout", "0.2") as proxy:
            late = httpx.post(f"{proxy.url}/v1/chat/completions", json=ASK, trust_env=False)
            assert (late.status_code, late.json()["error"]["code"]) == (504, "upstream_timeout")
            silent.close()
            gone = httpx.post(f"{proxy.url}/v1/chat/completions", json=ASK, trust_env=False)
            assert gone.status_code == 502
            assert gone.json()["error"]["code"] == "upstream_unreachable"
            assert gone.json()["error"]["type"] == "server_error"


def test_a_packed_answer_stays_packed_and_is_remembered(
    proxy: Running, upstream: Upstream, post: Post, user: str
) -> None:
    packed = gzip.compress(completion("Squeezed.").pieces[0])
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    upstream.script = lambda asked: Reply([packed], headers=headers)
    answer = post(said("Hello there"))
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.json()["choices"][0]["message"]["content"] == "Squeezed."
    assert proxy.remembers(user, 2)[1].text == "Squeezed."


def test_other_routes_pass_untouched_in_both_directions(proxy: Running, upstream: Upstream) -> None:
    def pieces() -> object:
        for n in range(5):
            yield bytes([n]) * 10_000

    packed = gzip.compress(b"\x00\xff" * 500)
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/octet-stream"}
    upstream.script = lambda asked: Reply([packed], 201, headers)
    answer = httpx.put(
        f"{proxy.url}/v1/files/a%2Fb?x=1&x=%20",
        content=pieces(),  # type: ignore[arg-type]
        headers={b"X-Odd": b"\xe9", b"Connection": b"x-drop", b"X-Drop": b"1", b"Cookie": b"c=1"},
        trust_env=False,
    )
    assert (answer.status_code, answer.content) == (201, b"\x00\xff" * 500)
    [asked] = upstream.asked
    assert (asked.method, asked.path) == ("PUT", "/v1/files/a%2Fb?x=1&x=%20")
    assert asked.body == b"".join(bytes([n]) * 10_000 for n in range(5))
    assert {"x-odd", "cookie"} <= asked.headers.keys()
    assert "x-drop" not in asked.headers
    assert asked.headers["host"] == upstream.url.split("/")[2]


def test_a_redirect_is_the_clients_to_follow(proxy: Running, upstream: Upstream) -> None:
    upstream.script = lambda asked: Reply([b""], 307, {"Location": "http://elsewhere.example/"})
    answer = httpx.get(f"{proxy.url}/v1/models", trust_env=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "http://elsewhere.example/")


@pytest.mark.parametrize("path", ["/", "/v2/models", "/v1/../admin", "/v1/%2e%2E/admin"])
def test_there_is_nothing_but_v1(proxy: Running, upstream: Upstream, path: str) -> None:
    with socket.create_connection(("127.0.0.1", httpx.URL(proxy.url).port)) as raw:
        inside = httpx.URL(proxy.url).path
        raw.sendall(
            f"GET {inside}{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        answer = b"".join(iter(lambda: raw.recv(9999), b""))
    assert answer.startswith(b"HTTP/1.1 404")
    assert b'"code":"not_found"' in answer
    assert upstream.asked == []


def test_what_waits_is_stored_before_the_end(tmp_path: Path, upstream: Upstream) -> None:
    with running(tmp_path / "b", upstream.url) as proxy:
        httpx.post(f"{proxy.url}/v1/chat/completions", json=ASK, trust_env=False)
        proxy.process.terminate()
        assert proxy.process.wait(20) == 0
        assert len(proxy.remembers("default", 2)) == 2
        assert "Traceback" not in proxy.log.read_text()


def test_secrets_and_words_are_in_no_log(proxy: Running, upstream: Upstream, post: Post) -> None:
    upstream.script = lambda asked: Reply([b"\x00 not an answer"])
    post(said("A word like xylophone."))
    post(said("\x00 xylophone"))
    time.sleep(0.2)
    log = proxy.log.read_text()
    assert KEY not in log
    assert "xylophone" not in log
