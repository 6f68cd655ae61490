"""A scripted model's endpoint on loopback, and `rmem proxy` before it, in a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from remanence import Memory
from remanence.types import Record

KEY = "sk-very-secret-upstream-key"


@dataclass
class Reply:
    """What upstream answers: pieces of a body, written one by one; `chunked` or with a length; `breaks`: closes without an end."""

    pieces: list[bytes]
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    chunked: bool = False
    breaks: bool = False
    gate: threading.Event | None = None
    """Waited for between the first piece and the others."""


@dataclass
class Asked:
    """What upstream was asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Upstream:
    """Answers each request by what `script` says for it, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.script: Callable[[Asked], Reply] = lambda asked: completion("All right.")
        self.gone = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def _answer(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, self.path, headers, self._body())
                outer.asked.append(asked)
                reply = outer.script(asked)
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if reply.chunked:
                    self.send_header("Transfer-Encoding", "chunked")
                elif reply.status != 204:
                    self.send_header("Content-Length", str(sum(map(len, reply.pieces))))
                self.end_headers()
                if self.command == "HEAD":
                    return
                try:
                    self._write(reply)
                except OSError:
                    outer.gone.set()
                    self.close_connection = True

            def _write(self, reply: Reply) -> None:
                for number, piece in enumerate(reply.pieces):
                    if number == 1 and reply.gate is not None:
                        reply.gate.wait(20)
                    if reply.breaks and not reply.chunked and number == len(reply.pieces) - 1:
                        self.close_connection = True
                        return
                    framed = b"%x\r\n%s\r\n" % (len(piece), piece) if reply.chunked else piece
                    self.wfile.write(framed)
                    self.wfile.flush()
                if reply.breaks:
                    self.close_connection = True
                elif reply.chunked:
                    self.wfile.write(b"0\r\n\r\n")

            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding", "") == "chunked":
                    body = b""
                    while size := int(self.rfile.readline(), 16):
                        body += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                    return body
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _answer

            def log_message(self, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._http.block_on_close = False
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


def completion(content: object, finish: str = "stop", **more: Any) -> Reply:
    """A whole answer."""
    message = {"role": "assistant", "content": content, **more}
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m"}
    return Reply([json.dumps({**body, "choices": [choice], "usage": usage}).encode()])


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    """An event of a stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return b"data: " + json.dumps({**body, "choices": [choice], **more}).encode() + b"\n\n"


def stream(*words: str, **more: Any) -> Reply:
    """An answer in pieces, as events."""
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
    last = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    pieces = [
        chunk({"role": "assistant", "content": ""}),
        *(chunk({"content": word}) for word in words),
        chunk({}, "stop"),
        b"data: " + json.dumps({**last, "choices": [], "usage": usage}).encode() + b"\n\n",
        b"data: [DONE]\n\n",
    ]
    return Reply(pieces, headers={"Content-Type": "text/event-stream"}, chunked=True, **more)


@dataclass
class Running:
    """A proxy that is running, and the store behind it."""

    url: str
    store: Path
    process: subprocess.Popen[str]
    log: Path

    def health(self) -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(f"{self.url}/health", trust_env=False).json()
        return found

    def remembers(self, user: str, count: int, **more: Any) -> list[Record]:
        """What is stored of a user, once it is `count` records (it is stored behind the answer's back)."""
        found = self.remembers_at_least(user, count, **more)
        assert len(found) == count, [record.text for record in found]
        return found

    def remembers_at_least(self, user: str, count: int, **more: Any) -> list[Record]:
        for _ in range(200):
            with Memory.open(self.store, embedder="none", read_only=True) as memory:
                found = memory.list(user_id=user, **more)
            if len(found) >= count:
                break
            time.sleep(0.05)
        return found


@contextmanager
def running(folder: Path, upstream: str, *options: str, **environment: str) -> Iterator[Running]:
    """`rmem proxy` before an endpoint, until the block ends."""
    folder.mkdir(exist_ok=True)
    store, log = folder / "memory.rmem", folder / "log.txt"
    command = [sys.executable, "-m", "remanence", "proxy", "--upstream", upstream, "--port", "0"]
    command += ["--store", str(store), "--embedder", "none", *options]
    with log.open("w") as errors:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={
                **os.environ,
                "REMANENCE_CONFIG": str(folder / "config"),
                "NO_PROXY": "127.0.0.1",
                **environment,
            },
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"OPENAI_BASE_URL=(http://\S+)/v1", line)
    assert found, line + log.read_text()
    try:
        proxy = Running(found[1], store, process, log)
        proxy.health()
        yield proxy
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.stdout.close()
        process.wait()


@pytest.fixture(scope="session")
def endpoint() -> Iterator[Upstream]:
    upstream = Upstream()
    yield upstream
    upstream.close()


@pytest.fixture
def upstream(endpoint: Upstream) -> Upstream:
    endpoint.asked.clear()
    endpoint.gone.clear()
    endpoint.script = lambda asked: completion("All right.")
    return endpoint


@pytest.fixture(scope="session")
def shared(endpoint: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("proxy") / "p", endpoint.url, "--budget", "600") as proxy:
        yield proxy


@pytest.fixture
def proxy(shared: Running, upstream: Upstream) -> Running:
    return shared


@pytest.fixture
def user() -> str:
    """A user whom no other test has."""
    return f"user-{uuid4().hex[:8]}"


@pytest.fixture
def post(proxy: Running, user: str) -> Callable[..., httpx.Response]:
    """Sends a conversation to the proxy, as this user."""

    def send(
        messages: object, *, path: str = "/v1/chat/completions", raw: bytes = b"", **headers: str
    ) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named = {"Authorization": f"Bearer {KEY}", "X-Remanence-User": user, **named}
        named["Content-Type"] = "application/json"
        key = "input" if path.endswith("responses") else "messages"
        body = raw or json.dumps({"model": "m", key: messages}).encode()
        return httpx.post(f"{proxy.url}{path}", content=body, headers=named, trust_env=False)

    return send


def said(*texts: str) -> list[dict[str, str]]:
    """Messages of user and assistant in turn."""
    return [
        {"role": ("user", "assistant")[place % 2], "content": text}
        for place, text in enumerate(texts)
    ]
