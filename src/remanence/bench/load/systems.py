"""The servers under load: ours and Chroma's, each as its users start it, and how each is asked to add, to search and to give back."""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from remanence import __version__
from remanence.bench.envs import ONE_THREAD, QUIET, find_peer, interpreter, surroundings
from remanence.bench.load.process import Process, connected, free_port
from remanence.bench.peers.wire import Vectors
from remanence.bench.systems.base import SystemFailed
from remanence.bench.tasks.base import Question, Turn, shown

K: Final = 10
BATCH: Final = 500
"""Records of one request when a memory is filled."""
_JSON: Final = {"Content-Type": "application/json"}
Body = dict[str, Any]


class Kept(NamedTuple):
    """Of what was acknowledged: ids that are not there, and ids with another text."""

    lost: list[str]
    changed: list[str]


class Server(ABC):
    """A server in a process, on the loopback interface. `url` and `headers` reach it; `trivial` is a path that costs it next to nothing."""

    trivial: str
    version: str

    def __init__(self, name: str, folder: Path) -> None:
        folder.mkdir()
        self.name, self.folder = name, folder
        self.url = ""
        self.headers: Mapping[str, str] = _JSON
        self.process: Process | None = None

    @abstractmethod
    def start(self) -> None:
        """Start it, again where it was if it ran before, and wait until it answers. Raises: SystemFailed."""

    def kill(self) -> None:
        """SIGKILL: it gets no chance to tidy up."""
        assert self.process is not None
        self.process.kill()

    def stop(self) -> None:
        """Ask it to end, if it was started."""
        if self.process is not None:
            self.process.stop()

    @property
    def pid(self) -> int:
        """Its process."""
        assert self.process is not None
        return self.process.process.pid

    @abstractmethod
    def fill(self, user: str, turns: Sequence[Turn]) -> None:
        """Make a user's memory of these turns."""

    def settle(self) -> None:
        """Wait until it is done with what it was given."""
        return

    @abstractmethod
    def add(self, user: str, turn: Turn) -> tuple[str, Body]:
        """The request that adds a turn."""

    @abstractmethod
    def search(self, user: str, question: Question) -> tuple[str, Body]:
        """The request for the ten that answer a question best."""

    def acknowledged(self, turn: Turn, answer: str) -> str:
        """The id under which a turn is kept by what was answered; "" where it was not taken."""
        return turn.id

    @abstractmethod
    def kept(self, user: str, acks: Mapping[str, Turn]) -> Kept:
        """Ask for each acknowledged id, and compare its text."""

    def problems(self) -> list[str] | None:
        """What is wrong by its own examination; None where it offers none."""
        return None

    def one(self, method: str, path: str, body: object = None) -> Any:
        """`ask` on a connection of its own."""
        with connected(self.url) as connection:
            return self.ask(connection, method, path, body)

    def ask(self, connection: HTTPConnection, method: str, path: str, body: object = None) -> Any:
        """The JSON that is answered; None for 404. Raises: SystemFailed."""
        sent = None if body is None else json.dumps(body)
        connection.request(method, path, sent, dict(self.headers))
        answer = connection.getresponse()
        told = answer.read()
        if answer.status == 404:
            return None
        if not 200 <= answer.status < 300:
            said = told[:200].decode("utf-8", "replace")
            raise SystemFailed(
                f"{self.name} answered {path.partition('?')[0]} with {answer.status}", hint=said
            )
        return json.loads(told)


class Ours(Server):
    """`rmem serve` with a token, as it comes. `store`: a path or URL; `tenant`: in a database."""

    trivial = "/v1/health"
    version = __version__

    def __init__(
        self, name: str, folder: Path, *, store: str, embedder: str, tenant: str = ""
    ) -> None:
        super().__init__(name, folder)
        self.port = "0"
        # A URL may hold a password, and command lines can be read by others.
        self.surroundings = {"REMANENCE_STORE": store, "REMANENCE_EMBEDDER": embedder}
        self.surroundings |= {
            "REMANENCE_TOKENS": str(folder / "tokens"),
            "REMANENCE_TENANT": tenant,
        }

    def start(self) -> None:
        command = [sys.executable, "-m", "remanence", "serve", "--json", "--quiet"]
        command += ["--port", self.port]
        sources = str(Path(__file__).parents[3])
        path = os.pathsep.join(filter(None, (sources, os.environ.get("PYTHONPATH", ""))))
        environment = dict(os.environ) | QUIET | self.surroundings | {"PYTHONPATH": path}
        self.process = process = Process(self.name, command, environment, self.folder)
        for _ in process.waiting("did not start"):
            if process.out.read_bytes().endswith(b"\n"):
                break
        told = json.loads(process.out.read_bytes())
        self.url = told["url"]
        self.port = self.url.rpartition(":")[2]
        if "token" in told:  # only the first time
            self.headers = {**_JSON, "Authorization": f"Bearer {told['token']}"}
        process.answers(self.url, "/v1/ready")

    def fill(self, user: str, turns: Sequence[Turn]) -> None:
        with connected(self.url) as connection:
            for start in range(0, len(turns), BATCH):
                content = [_message(turn) for turn in turns[start : start + BATCH]]
                body = {"content": content, "user_id": user}
                acks = self.ask(connection, "POST", "/v1/memories", body)["items"]
                if any(ack["status"] != "stored" for ack in acks):
                    raise SystemFailed(f"{self.name} did not take what it was filled with")

    def settle(self) -> None:
        while self.one("GET", "/v1/status")["pending"]:
            time.sleep(0.2)

    def add(self, user: str, turn: Turn) -> tuple[str, Body]:
        return "/v1/memories", {"content": _message(turn), "user_id": user}

    def search(self, user: str, question: Question) -> tuple[str, Body]:
        return "/v1/search", {"query": question.text, "user_id": user, "k": K}

    def acknowledged(self, turn: Turn, answer: str) -> str:
        (ack,) = json.loads(answer)["items"]
        return str(ack["id"]) if ack["status"] in ("stored", "duplicate") else ""

    def kept(self, user: str, acks: Mapping[str, Turn]) -> Kept:
        found = Kept([], [])
        whose = urlencode({"user_id": user})
        with connected(self.url) as connection:
            for id, turn in acks.items():
                path = f"/v1/memories/{quote(id, safe='')}?{whose}"
                record = self.ask(connection, "GET", path)
                if record is None:
                    found.lost.append(id)
                elif record["text"] != turn.text:
                    found.changed.append(id)
        return found

    def problems(self) -> list[str]:
        return list(self.one("POST", "/v1/verify", {})["problems"])


def _message(turn: Turn) -> Body:
    return {
        "content": turn.text,
        "role": turn.role,
        "name": turn.speaker,
        "session_id": turn.session,
        "id": turn.id,
        "at": turn.at.isoformat() if turn.at else None,
    }


class Chroma(Server):
    """`chroma run`: one collection a user, cosine, vectors given with each request, so that it encodes nothing."""

    trivial = "/api/v2/heartbeat"

    def __init__(
        self, name: str, folder: Path, *, vectors: Vectors, say: Callable[[str], None]
    ) -> None:
        super().__init__(name, folder)
        peer = find_peer("chroma")
        self.version = peer.packages[0].rpartition("==")[2]
        self.program = interpreter(peer, say).parent / "chroma"
        self.vectors = vectors
        self.port = str(free_port())
        self.url = f"http://127.0.0.1:{self.port}"
        self.base = "/api/v2/tenants/default_tenant/databases/default_database/collections"
        self.collections: dict[str, str] = {}

    def start(self) -> None:
        command = [str(self.program), "run", "--path", str(self.folder / "data")]
        command += ["--host", "127.0.0.1", "--port", self.port]
        environment = surroundings(self.folder)
        for name in ONE_THREAD:  # a server may use the machine
            environment.pop(name)
        self.process = Process(self.name, command, environment, self.folder)
        self.process.answers(self.url, self.trivial)

    def fill(self, user: str, turns: Sequence[Turn]) -> None:
        with connected(self.url) as connection:
            made = {"name": user, "configuration": {"hnsw": {"space": "cosine"}}}
            self.collections[user] = self.ask(connection, "POST", self.base, made)["id"]
            for start in range(0, len(turns), BATCH):
                path, body = self._add(user, turns[start : start + BATCH])
                self.ask(connection, "POST", path, body)

    def add(self, user: str, turn: Turn) -> tuple[str, Body]:
        return self._add(user, [turn])

    def _add(self, user: str, turns: Sequence[Turn]) -> tuple[str, Body]:
        texts = [shown(turn) for turn in turns]
        # Base64 is what Chroma's own client sends.
        rows = [base64.b64encode(row.tobytes()).decode() for row in self.vectors(texts)]
        ids = [turn.id for turn in turns]
        body = {"ids": ids, "embeddings": rows, "documents": texts, "metadatas": None, "uris": None}
        return f"{self.base}/{self.collections[user]}/add", body

    def search(self, user: str, question: Question) -> tuple[str, Body]:
        body = {
            "query_embeddings": self.vectors([question.text]).tolist(),
            "n_results": K,
            "include": ["documents", "distances", "metadatas"],
        }
        return f"{self.base}/{self.collections[user]}/query", body

    def kept(self, user: str, acks: Mapping[str, Turn]) -> Kept:
        found = Kept([], [])
        with connected(self.url) as connection:
            for ids in _parts(list(acks)):
                body = {"ids": ids, "limit": len(ids), "include": ["documents"]}
                path = f"{self.base}/{self.collections[user]}/get"
                told = self.ask(connection, "POST", path, body)
                there = dict(zip(told["ids"], told["documents"], strict=True))
                found.lost.extend(id for id in ids if id not in there)
                found.changed.extend(
                    id for id in ids if id in there and there[id] != shown(acks[id])
                )
        return found


def _parts(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), 100):
        yield ids[start : start + 100]
