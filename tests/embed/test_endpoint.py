"""The endpoint against a real HTTP server on loopback that speaks the embeddings protocol."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from remanence.embed.endpoint import Endpoint
from remanence.errors import EndpointError, InvalidInput, RemanenceError, WrongDimension
from tests.embed.contract import EmbedderContract

KEY = "sk-very-secret"
DIM = 6
Reply = tuple[int, dict[str, str], bytes]


def vector(text: str) -> list[float]:
    """Not of length one, and different for different texts."""
    draw = np.random.default_rng(list(text.encode("utf-8", "surrogatepass")))
    return [float(x) for x in 3 * draw.normal(size=DIM)]


def answer(texts: list[str], *, dim: int = DIM) -> dict[str, Any]:
    rows = [
        {"object": "embedding", "index": i, "embedding": vector(t)[:dim]}
        for i, t in enumerate(texts)
    ]
    return {
        "object": "list",
        "model": "m",
        "data": rows,
        "usage": {"prompt_tokens": 1, "total_tokens": 1},
    }


class Server:
    """Answers as a server does; replies in `script` go first, in turn. `asked` keeps path, headers and body of every request."""

    def __init__(self) -> None:
        self.script: list[Reply | Callable[[list[str]], Any]] = []
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append((self.path, dict(self.headers), body))
                status, headers, data = outer.reply(body)
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(data))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                with suppress(BrokenPipeError):  # the client had stopped waiting
                    self.wfile.write(data)

            def log_message(self, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/v1"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,))
        self.thread.start()

    def reply(self, body: dict[str, Any]) -> Reply:
        texts = body["input"]
        step = self.script.pop(0) if self.script else answer
        if callable(step):
            return 200, {"Content-Type": "application/json"}, json.dumps(step(texts)).encode()
        return step

    def close(self) -> None:
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture
def endpoint(server: Server) -> Endpoint:
    return Endpoint(url=server.url, model="m", dim=DIM, key=KEY, patience=0.001, batch=4)


class TestContract(EmbedderContract):
    @pytest.fixture
    def encoder(self, endpoint: Endpoint) -> Endpoint:
        return endpoint


def test_what_is_sent_and_what_comes_back(server: Server, endpoint: Endpoint) -> None:
    texts = [f"text {i} \ud800" for i in range(9)] + ["", " \n"]
    dense, tokens = endpoint.encode(texts)
    assert [len(body["input"]) for _, _, body in server.asked] == [4, 4, 1]
    path, headers, body = server.asked[0]
    assert path == "/v1/embeddings"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert body == {
        "model": "m",
        "encoding_format": "float",
        "input": [f"text {i} \ufffd" for i in range(4)],
    }
    wanted = np.array([vector(f"text {i} \ufffd") for i in range(9)])
    assert np.allclose(dense[:9], wanted / np.linalg.norm(wanted, axis=1, keepdims=True), atol=1e-6)
    assert not dense[9:].any()
    assert list(tokens) == [b""] * 11


def test_items_in_another_order_are_put_in_theirs(server: Server, endpoint: Endpoint) -> None:
    def backwards(texts: list[str]) -> Any:
        return {**answer(texts), "data": answer(texts)["data"][::-1]}

    wanted = endpoint.encode(["a", "b", "c"]).dense
    server.script = [backwards]
    assert (endpoint.encode(["a", "b", "c"]).dense == wanted).all()


def test_open_asks_for_the_dimension_and_the_environment_for_the_key(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "for another host")
    monkeypatch.setenv("REMANENCE_EMBED_KEY", KEY)
    opened = Endpoint.open(server.url + "/embeddings", "m")
    assert opened.dim == DIM
    assert server.asked[0][1]["Authorization"] == f"Bearer {KEY}"
    monkeypatch.delenv("REMANENCE_EMBED_KEY")
    opened = Endpoint.open(server.url, "m")
    assert "Authorization" not in server.asked[1][1]
    assert opened.id == f"endpoint/{server.url.split('/')[2]}/m/{DIM}"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_passing_trouble_is_tried_again(server: Server, endpoint: Endpoint, status: int) -> None:
    server.script = [(status, {"Retry-After": "0"}, b"later"), (status, {}, b"later")]
    assert endpoint.encode(["a"]).dense.any()
    assert len(server.asked) == 3


def test_it_gives_up_after_so_many_attempts(server: Server, endpoint: Endpoint) -> None:
    server.script = [(503, {}, b"busy")] * 9
    with pytest.raises(EndpointError, match="503: busy"):
        endpoint.encode(["a"])
    assert len(server.asked) == 4


@pytest.mark.parametrize("status", [400, 401, 404])
def test_lasting_trouble_is_not(server: Server, endpoint: Endpoint, status: int) -> None:
    server.script = [(status, {}, b'{"error": {"message": "no"}}')]
    with pytest.raises(EndpointError, match=str(status)):
        endpoint.encode(["a"])
    assert len(server.asked) == 1


def test_a_redirect_is_not_followed(server: Server, endpoint: Endpoint) -> None:
    server.script = [(302, {"Location": f"{server.url}/elsewhere"}, b"")]
    with pytest.raises(EndpointError, match="302"):
        endpoint.encode(["a"])
    assert len(server.asked) == 1


def test_nobody_there_and_silence(server: Server) -> None:
    lost = Endpoint(url="http://127.0.0.1:9/v1", model="m", dim=DIM, attempts=2, patience=0.001)
    with pytest.raises(EndpointError, match="can't be reached"):
        lost.encode(["a"])
    release = threading.Event()
    server.script = [lambda texts: release.wait(10)]
    slow = Endpoint(url=server.url, model="m", dim=DIM, attempts=1, timeout=0.05)
    with pytest.raises(EndpointError, match="can't be reached"):
        slow.encode(["a"])
    release.set()


def all_are(row: list[Any]) -> Callable[[list[str]], Any]:
    return lambda texts: {"data": [{"index": i, "embedding": row} for i in range(len(texts))]}


@pytest.mark.parametrize(
    "wrong",
    [
        lambda texts: {"data": answer(texts)["data"][:-1]},
        lambda texts: {"data": answer(texts)["data"] * 2},
        lambda texts: {"data": [{**item, "index": 0} for item in answer(texts)["data"]]},
        lambda texts: {"error": "no"},
        lambda texts: [1, 2],
        all_are([math.nan] * DIM),
        all_are([math.inf] * DIM),
        all_are(["x"] * DIM),
        all_are([1e300] * DIM),
        (200, {}, b"<html>"),
        (200, {}, b"[" * 100_000),
    ],
)
def test_wrong_answers_are_refused(server: Server, endpoint: Endpoint, wrong: Any) -> None:
    server.script = [wrong]
    with pytest.raises(EndpointError):
        endpoint.encode(["a", "b"])


@pytest.mark.parametrize("dim", [0, 5])
def test_another_dimension_is_refused(server: Server, endpoint: Endpoint, dim: int) -> None:
    server.script = [lambda texts: answer(texts, dim=dim)]
    with pytest.raises(WrongDimension):
        endpoint.encode(["a"])


def test_the_key_shows_nowhere(server: Server, endpoint: Endpoint) -> None:
    server.script = [(401, {}, f"Incorrect API key provided: {KEY}".encode())]
    with pytest.raises(EndpointError) as caught:
        endpoint.encode(["a"])
    assert KEY not in str(caught.value) + repr(endpoint) + endpoint.id


@pytest.mark.parametrize(
    ("url", "settings"),
    [
        ("ftp://host/v1", {}),
        ("file:///etc/passwd", {}),
        ("host/v1", {}),
        ("https://user:word@host/v1", {}),
        ("https://host/v1?key=x", {}),
        ("https://host/v1", {"key": "a\nb"}),
        ("https://host/v1", {"timeout": 0}),
        ("https://host/v1", {"attempts": 0}),
        ("https://host/v1", {"model": ""}),
    ],
)
def test_settings_that_cannot_work(url: str, settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        Endpoint(**{"url": url, "model": "m", "dim": 3} | settings)


def test_a_dimension_that_is_not_known() -> None:
    with pytest.raises(RemanenceError, match=r"Endpoint\.open"):
        Endpoint(url="https://host/v1", model="m").encode(["a"])
