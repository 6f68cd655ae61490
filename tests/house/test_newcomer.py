"""The README's lines that open a door, run as they stand there by somebody who has read nothing else."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.cookiejar import CookieJar
from pathlib import Path
from queue import Queue

import pytest

README = Path(__file__).resolve().parents[2] / "README.md"
LINES = {
    line.split()[1]: line.partition("#")[0].strip()
    for line in README.read_text(encoding="utf-8").splitlines()
    if re.match(r"rmem (serve|ui|mcp|proxy)\b", line)
}


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody new: an empty home, no browser, `rmem` in the path."""
    kept = {name: os.environ[name] for name in ("XDG_CACHE_HOME", "LANG") if name in os.environ}
    cache = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    scripts = Path(sys.executable).parent
    env = {
        **kept,
        "PATH": f"{scripts}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": cache,  # converted encoders: minutes of work that is not what is tested
        "BROWSER": "true",
    }
    subprocess.run(
        ["rmem", "add", "My sister Lena lives in Porto.", "--speaker", "Ana"], env=env, check=True
    )
    return env


@contextmanager
def door(name: str, env: dict[str, str]) -> Iterator[Queue[str]]:
    """A door opened by its line in the README, in a terminal: what it says."""
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        shlex.split(LINES[name]), env=env, stdout=terminal, stderr=terminal, cwd=env["HOME"]
    )
    os.close(terminal)
    said: Queue[str] = Queue()

    def listen() -> None:
        with suppress(OSError), open(screen, encoding="utf-8") as lines:
            for line in lines:
                said.put(line)

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        yield said
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        listener.join()


def found(said: Queue[str], pattern: str) -> str:
    """The first thing that it says which looks like this."""
    heard = []
    while True:
        heard.append(said.get(timeout=60))
        if match := re.search(pattern, heard[-1]):
            return match[1]


def test_the_readme_opens_every_door() -> None:
    assert set(LINES) == {"serve", "ui", "mcp", "proxy"}


def test_serve_prints_a_token_and_answers(home: dict[str, str]) -> None:
    with door("serve", home) as said:
        heard, token, url = [], "", ""
        while not (token and url):
            heard.append(said.get(timeout=60))
            token = token or next(iter(re.findall(r"\brmem_\S+", heard[-1])), "")
            url = url or next(iter(re.findall(r"http://127\.0\.0\.1:\d+", heard[-1])), "")
        asked = urllib.request.Request(
            f"{url}/v1/search",
            json.dumps({"query": "Where does Lena live?"}).encode(),
            {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked, timeout=60) as answer:
            items = json.load(answer)["items"]
    assert items[0]["record"]["text"] == "My sister Lena lives in Porto."


def test_ui_shows_a_page(home: dict[str, str]) -> None:
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    with door("ui", home) as said:
        url = found(said, r"(http://127\.0\.0\.1:\d+/\S+)")
        with browser.open(url, timeout=60) as page:
            assert b"<title>Remanence" in page.read()


def test_mcp_answers_an_agent(home: dict[str, str]) -> None:
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "newcomer", "version": "1"},
        },
    }
    ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    asked = {
        "jsonrpc": "2.0",
        "id": 2,
        "method": "tools/call",
        "params": {"name": "search_memory", "arguments": {"query": "Where does Lena live?"}},
    }
    process = subprocess.Popen(
        shlex.split(LINES["mcp"]),
        env=home,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    answers = []
    for messages in ([hello], [ready, asked]):
        process.stdin.write("".join(json.dumps(message) + "\n" for message in messages))
        process.stdin.flush()
        answers.append(json.loads(process.stdout.readline()))
    process.stdin.close()
    assert process.wait(30) == 0
    process.stdout.close()
    assert "Porto" in json.dumps(answers[1]["result"])


def test_proxy_says_what_to_set(home: dict[str, str]) -> None:
    with door("proxy", home) as said:
        url = found(said, r"OPENAI_BASE_URL=(\S+)")
        with urllib.request.urlopen(url.removesuffix("/v1") + "/health", timeout=60) as answer:
            assert answer.status == 200
