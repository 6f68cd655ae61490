"""The chat endpoint against a real HTTP server on loopback that speaks the Chat Completions protocol."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from remanence.errors import EndpointError, InvalidInput
from remanence.llm.endpoint import ChatEndpoint, from_environment

KEY = "sk-very-secret"
ASK = [{"role": "user", "content": "Wer? \ud800 ñ"}]


class Server:
    """Answers with `script` in turn (the last one again and again) and keeps what it was asked."""

    def __init__(self) -> None:
        self.script: list[tuple[int, dict[str, str], bytes]] = []
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.asked.append((self.path, dict(self.headers), json.loads(body)))
                status, headers, data = (
                    outer.script[0] if len(outer.script) == 1 else outer.script.pop(0)
                )
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(data))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                with suppress(BrokenPipeError):  # the client had stopped waiting
                    self.wfile.write(data)

            def log_message(self, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    def says(self, content: object, status: int = 200, **headers: str) -> None:
        completion = {
            "choices": [{"index": 0, "message": {"role": "assistant", "content": content}}]
        }
        self.raw(json.dumps(completion).encode(), status, **headers)

    def raw(self, data: bytes, status: int = 200, **headers: str) -> None:
        self.script.append((status, {k.replace("_", "-"): v for k, v in headers.items()}, data))

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def endpoint(server: Server) -> Callable[..., ChatEndpoint]:
    def make(**more: Any) -> ChatEndpoint:
        return ChatEndpoint(
            **({"url": server.url, "model": "m", "key": KEY, "patience": 0.0} | more)
        )

    return make


def test_it_asks_as_the_protocol_says(
    server: Server, endpoint: Callable[..., ChatEndpoint]
) -> None:
    server.says(" Ana. ")
    assert endpoint(max_tokens=9).chat(ASK) == "Ana."
    [(path, headers, body)] = server.asked
    assert (path, headers["Authorization"]) == ("/v1/chat/completions", f"Bearer {KEY}")
    assert body == {
        "model": "m",
        "messages": ASK,
        "temperature": 0.0,
        "stream": False,
        "max_tokens": 9,
    }


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
def test_the_base_url_may_be_written_in_several_ways(
    server: Server, endpoint: Callable[..., ChatEndpoint], path: str
) -> None:
    server.says("x")
    endpoint(url=server.url + path).chat(ASK)
    assert server.asked[0][0] == "/v1/chat/completions"


def test_a_schema_gives_an_object(server: Server, endpoint: Callable[..., ChatEndpoint]) -> None:
    schema = {"type": "object", "required": ["who"]}
    server.says('{"who": "Ana"}')
    assert endpoint().chat(ASK, schema=schema) == {"who": "Ana"}
    assert server.asked[0][2]["response_format"]["json_schema"]["schema"] == schema
    server.script.clear()
    server.says("Ana")
    with pytest.raises(EndpointError, match="asked for JSON"):
        endpoint().chat(ASK, schema=schema)
    server.script.clear()
    server.says("{}")
    with pytest.raises(EndpointError, match="left out who"):
        endpoint().chat(ASK, schema=schema)


@pytest.mark.parametrize("status", [429, 503])
def test_what_passes_is_tried_again(
    server: Server, endpoint: Callable[..., ChatEndpoint], status: int
) -> None:
    server.raw(b"busy", status)
    server.raw(b"busy", status, Retry_After="0")
    server.says("done")
    assert endpoint().chat(ASK) == "done"
    assert len(server.asked) == 3


def test_it_gives_up_after_its_attempts(
    server: Server, endpoint: Callable[..., ChatEndpoint]
) -> None:
    server.raw(b'{"error": {"message": "overloaded"}}', 503)
    with pytest.raises(EndpointError, match="answered 503: overloaded - try again later"):
        endpoint(attempts=2).chat(ASK)
    assert len(server.asked) == 2


def test_a_refusal_is_final_says_how_to_mend_it_and_hides_the_key(
    server: Server, endpoint: Callable[..., ChatEndpoint]
) -> None:
    server.raw(json.dumps({"error": {"message": f"Incorrect key {KEY}"}}).encode(), 401)
    with pytest.raises(
        EndpointError, match=r"answered 401: Incorrect key \*\*\* - .*REMANENCE_LLM_KEY"
    ) as caught:
        endpoint().chat(ASK)
    assert len(server.asked) == 1
    assert KEY not in str(caught.value) + repr(endpoint()) + endpoint().id


def test_a_redirect_is_not_followed(server: Server, endpoint: Callable[..., ChatEndpoint]) -> None:
    server.raw(b"", 307, Location=server.url + "/elsewhere")
    with pytest.raises(EndpointError, match="307"):
        endpoint().chat(ASK)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "data", [b"<html>", b"[]", b"{}", b'{"choices": []}', b"\xff", b"[" * 100_000]
)
def test_something_else_than_a_completion(
    server: Server, endpoint: Callable[..., ChatEndpoint], data: bytes
) -> None:
    server.raw(data)
    with pytest.raises(EndpointError, match="chat completion"):
        endpoint().chat(ASK)


@pytest.mark.parametrize("content", [None, "", "  ", ["x"]])
def test_an_empty_answer_is_an_error(
    server: Server, endpoint: Callable[..., ChatEndpoint], content: object
) -> None:
    server.says(content)
    with pytest.raises(EndpointError, match="answered nothing"):
        endpoint().chat(ASK)


def test_an_answer_that_breaks_off(server: Server, endpoint: Callable[..., ChatEndpoint]) -> None:
    server.raw(b"{", Content_Length="100", Connection="close")
    with pytest.raises(EndpointError, match=r"can't be reached|chat completion"):
        endpoint(timeout=2.0).chat(ASK)


def test_nobody_there(server: Server, endpoint: Callable[..., ChatEndpoint]) -> None:
    lost = endpoint()
    server.close()
    with pytest.raises(EndpointError, match=r"can't be reached: .*is it running"):
        lost.chat(ASK)


def test_it_does_not_wait_for_ever(server: Server, endpoint: Callable[..., ChatEndpoint]) -> None:
    gate = threading.Event()

    class Slow(list[Any]):
        def __len__(self) -> int:
            gate.wait(10)
            return 1

    server.says("late")
    server.script = Slow(server.script)
    with pytest.raises(EndpointError, match="timed out"):
        endpoint(timeout=0.05, attempts=1).chat(ASK)
    gate.set()


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "ftp://x/v1"},
        {"url": "localhost:8080"},
        {"url": "http://me:pw@host/v1"},
        {"model": ""},
        {"key": "a\nb"},
        {"timeout": 0},
        {"attempts": 0},
    ],
)
def test_wrong_settings(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        ChatEndpoint(**({"url": "http://x", "model": "m"} | wrong))


def test_from_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("URL", "MODEL", "KEY"):
        monkeypatch.delenv(f"REMANENCE_LLM_{name}", raising=False)
    assert from_environment() is None
    with pytest.raises(InvalidInput, match="REMANENCE_LLM_URL"):
        from_environment(model="m")
    monkeypatch.setenv("REMANENCE_LLM_URL", "http://host:1/v1")
    monkeypatch.setenv("REMANENCE_LLM_KEY", KEY)
    with pytest.raises(InvalidInput, match="REMANENCE_LLM_MODEL"):
        from_environment()
    found = from_environment(model="m")
    assert found is not None
    assert (found.id, found.key) == ("m@host:1", KEY)
