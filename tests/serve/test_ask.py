"""`rmem ask` with and without a chat model: a scripted OpenAI-compatible server on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from remanence.serve.answer import citations

Rmem = Callable[..., Any]


class Model(ThreadingHTTPServer):
    """Writes the answers it was given, one after another, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Completions)
        self.answers: list[str] = []
        self.asked: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Completions(BaseHTTPRequestHandler):
    server: Model

    def do_POST(self) -> None:
        self.server.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        message = {"role": "assistant", "content": self.server.answers.pop(0)}
        data = json.dumps(
            {"object": "chat.completion", "choices": [{"index": 0, "message": message}]}
        ).encode()
        self.send_response(200 if self.path == "/v1/chat/completions" else 404)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[Model]:
    server = Model()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("REMANENCE_LLM_URL", server.url)
    monkeypatch.setenv("REMANENCE_LLM_MODEL", "scripted")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def boat(rmem: Rmem) -> Rmem:
    rmem("add", "We painted the boat blue.", "--speaker", "Ana", "--at", "2025-03-01", "--id", "b1")
    rmem("add", "The boat is green now.", "--speaker", "Ben", "--at", "2025-04-01", "--id", "b2")
    return rmem


def test_without_a_model_it_cites_memories(boat: Rmem) -> None:
    done = boat("ask", "What colour is the boat?")
    assert done.code == 0
    assert {"[1] ", "[2] "} <= {line[:4] for line in done.out.splitlines()}
    row = boat("ask", "What colour is the boat?", "--json").row
    assert (row["answer"], row["model"], [hit["n"] for hit in row["hits"]]) == (None, None, [1, 2])
    assert boat("ask", "boat", "--user", "nobody").code == 1


def test_the_answer_and_the_memories_it_cites(boat: Rmem, model: Model) -> None:
    model.answers = ["It is green [2]."]
    done = boat("ask", "What colour is the boat?")
    lines = done.out.splitlines()
    assert lines[0] == "It is green [2]."
    assert lines[2].startswith("[2] Ben  1 Apr 2025")
    assert "blue" not in done.out
    [asked] = model.asked
    assert asked["model"] == "scripted"
    assert "[1]" in asked["messages"][1]["content"]
    assert asked["messages"][1]["content"].endswith("Question: What colour is the boat?")


def test_the_answer_for_programs(boat: Rmem, model: Model) -> None:
    model.answers = ["First blue [1], then green [2][9]."]
    row = boat("ask", "colour of the boat", "--json").row
    assert (row["answer"], row["cited"]) == ("First blue [1], then green [2][9].", [1, 2])
    assert [(hit["n"], hit["record"]["id"]) for hit in row["hits"]] == [(1, "b1"), (2, "b2")]


def test_an_answer_without_citation_is_asked_for_again(boat: Rmem, model: Model) -> None:
    model.answers = ["Green.", "Green [2]."]
    assert boat("ask", "colour of the boat").out.startswith("Green [2].")
    assert [message["role"] for message in model.asked[1]["messages"]] == [
        "system",
        "user",
        "assistant",
        "user",
    ]
    model.answers = ["Green.", "Green, I said [7]."]
    notes = boat("ask", "colour of the boat").err
    assert "no memory has the number 7" in notes
    assert "cites no memory" in notes


def test_the_memories_are_there_when_the_model_is_not(boat: Rmem, model: Model) -> None:
    model.answers = [" "]
    done = boat("ask", "colour of the boat")
    assert done.code == 4
    assert "The boat is green now." in done.out
    assert done.err.startswith("error: scripted@127.0.0.1")
    assert "Traceback" not in done.err


def test_a_model_is_not_asked_where_nothing_is_known_or_wanted(boat: Rmem, model: Model) -> None:
    assert boat("ask", "boat", "--user", "nobody").code == 1
    assert boat("ask", "boat", "--only-memories").code == 0
    assert model.asked == []


def test_citations() -> None:
    assert citations("a [1], b [2, 10] and [x] [3") == [1, 2, 10]
