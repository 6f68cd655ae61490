"""Servers of the HTTP door: the application in this process, and real ones in processes of their own."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from remanence.serve.http import Settings, TokenFile, create_app
from remanence.serve.ops.op import Right

ALL = tuple(Right)
NDJSON = {"Content-Type": "application/x-ndjson"}


@dataclass
class Server:
    """`rmem serve` in a process of its own."""

    url: str
    process: subprocess.Popen[str]
    tokens: TokenFile
    errors: Path
    secrets: dict[str, str] = field(default_factory=dict)

    def token(self, *rights: Right, **bound: str) -> str:
        name = "-".join([*rights, *bound.values()]) or "all"
        if name not in self.secrets:
            self.secrets[name] = self.tokens.make(name, rights or ALL, **bound)[0]
        return self.secrets[name]

    def client(self, *rights: Right, **bound: str) -> httpx.Client:
        return httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {self.token(*rights, **bound)}"},
            timeout=60,
        )

    def stop(self, sig: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(sig)
        return self.process.wait(30)


def started(process: subprocess.Popen[str], seconds: float = 60) -> dict[str, str]:
    """The line that a server prints once it listens."""
    assert process.stdout is not None
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        ready, _, _ = select.select([process.stdout], [], [], 0.5)
        if ready:
            line = process.stdout.readline()
            assert line, process.wait(10)
            return dict(json.loads(line))
    raise AssertionError("the server says nothing")


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers, and ends them after the test."""
    running: list[Server] = []

    def start(
        *arguments: str, store: Path | str | None = None, tokens: Path | None = None
    ) -> Server:
        file = TokenFile(tokens or tmp_path / "tokens.json")
        if not file.all():
            secret = file.make("all", ALL)[0]
            file_secrets = {"all": secret}
            (tmp_path / "secret").write_text(secret)
        else:
            file_secrets = {"all": (tmp_path / "secret").read_text()}
        errors = tmp_path / f"errors-{len(running)}.txt"
        with errors.open("w") as log:
            process = subprocess.Popen(
                [
                    sys.executable, "-m", "remanence", "serve", "--json", "--port", "0", "--embedder", "none",
                    "--store", str(store or tmp_path / "m.rmem"), "--tokens", str(file.path), *arguments,
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, "REMANENCE_CONFIG": str(tmp_path / "config")},
            )  # fmt: skip
        server = Server("", process, file, errors, file_secrets)
        running.append(server)
        server.url = started(process)["url"]
        return server

    yield start
    for server in running:
        server.process.kill()
        server.process.wait()
        if server.process.stdout is not None:
            server.process.stdout.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        store=tmp_path / "m.rmem", tokens=TokenFile(tmp_path / "tokens.json"), embedder="none"
    )


class Client(TestClient):
    """A client of the application in this process, which can be somebody."""

    settings: Settings

    def as_(self, *rights: Right, **bound: str) -> Client:
        name = "-".join([*rights, *bound.values()]) or "all"
        secret = self.settings.tokens.make(name, rights or ALL, **bound)[0]
        client = Client(self.app, base_url="http://127.0.0.1:8765")
        client.settings = self.settings
        client.headers["Authorization"] = f"Bearer {secret}"
        return client


def client_of(settings: Settings) -> Client:
    client = Client(create_app(settings), base_url="http://127.0.0.1:8765")
    client.settings = settings
    return client


@pytest.fixture
def nobody(settings: Settings) -> Iterator[Client]:
    with client_of(settings) as client:
        yield client


@pytest.fixture
def owner(nobody: Client) -> Client:
    return nobody.as_()


def add(client: TestClient, content: Any, **more: Any) -> Any:
    answer = client.post("/v1/memories", json={"content": content, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def error(answer: Any, status: int, code: str) -> dict[str, str]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    told = answer.json()["error"]
    assert set(told) == {"code", "message", "hint"}
    assert told["code"] == code
    return dict(told)


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """An owner of a server that a module's tests share: for those that mind nobody else's memories."""
    folder = tmp_path_factory.mktemp("standing")
    settings = Settings(
        store=folder / "m.rmem", tokens=TokenFile(folder / "tokens.json"), embedder="none"
    )
    with client_of(settings) as client:
        yield client.as_()
