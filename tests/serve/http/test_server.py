"""`rmem serve` and `rmem ui` as processes of their own, called over the network."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from remanence.memory import Memory
from remanence.serve.http import Settings, TokenFile, running
from remanence.serve.ops.op import Right

from .conftest import NDJSON, Server, started

Serve = Callable[..., Server]
Command = Callable[..., Any]


@pytest.fixture
def command(rmem: Callable[..., Any]) -> Command:
    """Runs `rmem` and sees to its exit code."""

    def run(*arguments: str, code: int = 0) -> Any:
        done = rmem(*arguments)
        assert done.code == code, done.err
        return done

    return run


def texts(client: httpx.Client, limit: int = 1000, **more: str) -> list[str]:
    answer = client.get("/v1/memories", params={"limit": limit, **more})
    answer.raise_for_status()
    return [one["text"] for one in answer.json()["items"]]


def test_what_eight_writers_were_told_is_stored_is_there(serve: Serve) -> None:
    server = serve("--quiet")
    each = 25

    def write(writer: int) -> list[str]:
        with server.client() as client:
            found = []
            for number in range(each):
                body = {"content": f"note {number} of {writer}"}
                answer = client.post("/v1/memories", json=body)
                answer.raise_for_status()
                found += [one["id"] for one in answer.json()["items"]]
            return found

    with ThreadPoolExecutor(8) as pool:
        ids = [id for found in pool.map(write, range(8)) for id in found]
    with server.client() as client:
        listed = client.get("/v1/memories?limit=1000").json()["items"]
        assert sorted(ids) == sorted(one["id"] for one in listed)
        assert len(set(ids)) == 8 * each
        assert client.post("/v1/verify").json()["ok"] is True


def test_two_servers_over_one_file(serve: Serve) -> None:
    servers = [serve("--quiet"), serve("--quiet")]

    def write(writer: int) -> None:
        with servers[writer % 2].client() as client:
            for number in range(10):
                client.post(
                    "/v1/memories", json={"content": f"{writer}/{number}"}
                ).raise_for_status()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    for server in servers:
        with server.client() as client:
            assert len(texts(client)) == 40
    servers[0].stop()
    with servers[1].client() as client:
        assert client.post("/v1/verify").json()["ok"] is True


def test_sigterm_brings_calls_to_their_end(serve: Serve, tmp_path: Path) -> None:
    server = serve("--quiet")
    told: list[str] = []
    refused = threading.Event()

    def write(writer: int) -> None:
        with server.client() as client:
            for number in range(10_000):
                text = f"{writer}/{number}"
                try:
                    answer = client.post("/v1/memories", json={"content": text})
                except httpx.TransportError:
                    refused.set()
                    return
                if answer.status_code == 200:
                    told.append(text)

    writers = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for writer in writers:
        writer.start()
    while len(told) < 20:
        time.sleep(0.01)
    with server.client() as client, client.stream("GET", "/v1/events/stream") as stream:
        next(stream.iter_lines())
        assert server.stop() == 0, (
            "to be told to end is no failure, and a stream does not hold it up"
        )
    for writer in writers:
        writer.join()
    assert refused.is_set()
    with Memory.open(tmp_path / "m.rmem", embedder="none") as memory:
        stored = {record.text for record in memory.list(limit=100_000)}
        assert set(told) <= stored
        assert memory.verify().ok
    assert not (tmp_path / "m.rmem-wal").exists(), "it was closed"


def test_the_ledger_can_be_followed_and_gone_on_with(serve: Serve) -> None:
    server = serve("--quiet")

    def follow(client: httpx.Client, count: int, **headers: str) -> Iterator[tuple[int, str]]:
        with client.stream("GET", "/v1/events/stream", headers=headers) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            lines = stream.iter_lines()
            seen = 0
            while seen < count:
                line = next(lines)
                if line.startswith("id: "):
                    kind, data = next(lines), next(lines)
                    seen += 1
                    assert json.loads(data.removeprefix("data: "))["seq"] == int(line[4:])
                    yield int(line[4:]), kind.removeprefix("event: ")

    with server.client() as client, server.client() as writer:
        writer.post("/v1/memories", json={"content": "one", "id": "a"})
        events = follow(client, 3)
        assert next(events) == (1, "add")
        writer.post("/v1/memories/a/mark", json={"mark": "pinned"})
        assert next(events) == (2, "mark")
        writer.post("/v1/memories", json={"content": "two"})
        assert next(events) == (3, "add")
        assert list(follow(client, 1, **{"Last-Event-ID": "2"})) == [(3, "add")]
        wrong = client.get("/v1/events/stream", headers={"Last-Event-ID": "x"})
        assert wrong.status_code == 422


def test_who_goes_away_ends_the_sleep(serve: Serve) -> None:
    server = serve("--quiet")
    lines = [{"content": f"I like number {n}{end}"} for n in range(150) for end in ("", "!")]
    body = "\n".join(json.dumps(line) for line in lines)
    left = 0
    with server.client() as client:
        # A quick sleep may be over before the server hears that nobody listens: then another user's turn comes.
        for user in ("ana", "bo", "cleo", "dora", "eve"):
            whose = {"user_id": user}
            client.post("/v1/import", params=whose, content=body, headers=NDJSON)
            events = {"Accept": "text/event-stream"}
            with client.stream("POST", "/v1/sleep", json=whose, headers=events) as sleep:
                assert next(sleep.iter_lines()) == "event: progress"
            again = client.post("/v1/sleep", json=whose).json()
            assert again["done"] is True
            left = sum(one["steps"] for one in again["sleepers"])
            if left > 1:
                break
        assert left > 1, "the first left some to do"
        assert client.post("/v1/verify").json()["ok"] is True


def test_a_sender_that_stops_is_not_waited_for(tmp_path: Path) -> None:
    tokens = TokenFile(tmp_path / "t.json")
    secret = tokens.make("a")[0]
    settings = Settings(store=tmp_path / "m.rmem", tokens=tokens, embedder="none", patience=0.3)
    with running(settings) as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as line:
            head = f"POST /v1/memories HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\n"
            line.sendall(
                f"{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode()
            )
            assert b" 408 " in line.recv(4096)
        sent = httpx.get(f"{url}/v1/health")
        assert sent.status_code == 200


def test_a_large_import_streams_through(serve: Serve) -> None:
    server = serve("--quiet", "--max-body", "1")
    count = 4_000

    def lines() -> Iterator[bytes]:
        for number in range(count):
            yield (
                json.dumps({"content": f"note {number} " + "x" * 400, "user_id": "ana"}).encode()
                + b"\n"
            )

    with server.client() as client:
        answer = client.post("/v1/import", content=lines(), headers=NDJSON)
        told = [json.loads(line) for line in answer.text.splitlines()]
        assert told[-1] == {"done": True, "stored": count, "duplicate": 0, "rejected": 0}
        assert [one["line"] for one in told[:-1]] == list(range(1, count + 1))
        assert client.get("/v1/status").json()["records"] == count


def test_ids_reach_a_real_server(serve: Serve) -> None:
    server = serve("--quiet")
    with server.client() as client:
        for id in ("a/b", "..", "%2F", "a b", "名", "a?b#c"):
            path = "".join(f"%{byte:02X}" for byte in id.encode())
            client.post("/v1/memories", json={"content": f"x {id}", "id": id}).raise_for_status()
            assert client.get(f"/v1/memories/{path}/history").json()["items"][0]["id"] == id


def test_it_does_not_listen_to_the_world_unguarded(command: Command, tmp_path: Path) -> None:
    tokens = ("--tokens", str(tmp_path / "tokens.json"))
    world = ("serve", "--host", "0.0.0.0", "--port", "0", "--embedder", "none", *tokens)
    assert "token" in command(*world, code=2).err
    command("token", "new", "a", *tokens)
    assert "anybody" in command(*world, "--no-auth", code=2).err


def test_a_port_that_is_taken_is_said_to_be(command: Command, tmp_path: Path) -> None:
    tokens = ("--tokens", str(tmp_path / "tokens.json"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = command("serve", "--port", port, "--embedder", "none", *tokens, code=2)
    assert done.err.startswith(f"error: can't listen on 127.0.0.1, port {port}")


@pytest.mark.parametrize("command", ["serve", "ui"])
def test_the_first_start_lets_its_owner_in(tmp_path: Path, command: str) -> None:
    more = ["--no-browser"] if command == "ui" else ["--quiet"]
    process = subprocess.Popen(
        [
            sys.executable, "-m", "remanence", command, "--json", "--port", "0", "--embedder", "none",
            "--store", str(tmp_path / "m.rmem"), *more,
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "REMANENCE_CONFIG": str(tmp_path / "config")},
    )  # fmt: skip
    try:
        told = started(process)
        with httpx.Client(base_url=told["url"], follow_redirects=True) as client:
            if command == "ui":
                assert client.get(told["link"]).status_code == 200
                client.headers["X-Remanence"] = "1"
            else:
                client.headers["Authorization"] = f"Bearer {told['token']}"
            assert client.post("/v1/memories", json={"content": "hello"}).status_code == 200
            assert set(client.get("/v1/session").json()["rights"]) == {one.value for one in Right}
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_tokens_from_the_command_line(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    tokens = ("--tokens", str(file))
    bound = ("--right", "read", "--user", "ana", "--expires", "90d")
    secret = command("token", "new", "phone", *bound, *tokens).out.strip()
    token = TokenFile(file).who(secret)
    assert token is not None
    assert (token.name, token.rights, token.user_id) == ("phone", {Right.read}, "ana")
    listed = command("token", "list", "--json", *tokens)
    assert listed.row["name"] == "phone"
    assert secret not in listed.out
    assert not {"hash", "salt"} & set(listed.row)
    assert "phone" in command("token", "list", *tokens).out
    command("token", "new", "phone", *tokens, code=2)
    command("token", "revoke", "phone", *tokens)
    command("token", "revoke", "phone", *tokens, code=2)
    command("token", "list", *tokens, code=1)
    assert TokenFile(file).who(secret) is None


def test_a_file_of_tokens_that_others_can_read_is_refused(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    command("token", "new", "a", "--tokens", str(file))
    file.chmod(0o644)
    assert "chmod 600" in command("token", "list", "--tokens", str(file), code=2).err
    file.chmod(0o600)
    file.write_text("[]")
    assert "holds no tokens" in command("token", "list", "--tokens", str(file), code=2).err
