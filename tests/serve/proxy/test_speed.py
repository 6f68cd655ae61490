"""What the proxy adds to a request, measured: `pytest -m slow -s tests/serve/proxy/test_speed.py`.

`direct`: without it; `untouched`: a route that it does not read; `neither`: a conversation without recall and store; `recall`: with
recall; `both`: the same user asks again before the disk has what the last answer said, and is kept waiting for it."""

from __future__ import annotations

import json
import statistics
import time
from collections import defaultdict
from pathlib import Path

import httpx
import pytest

from remanence import Memory
from tests.serve.proxy.conftest import Upstream, running, said, stream

ROUNDS = 200
THINGS = "tent kayak piano garden recipe passport dentist harbour concert bicycle".split()


@pytest.mark.slow
@pytest.mark.parametrize("embedder", ["none", "auto"])
@pytest.mark.parametrize("memories", [0, 10_000])
def test_what_it_adds(tmp_path: Path, upstream: Upstream, embedder: str, memories: int) -> None:
    folder = tmp_path / "p"
    folder.mkdir()
    with Memory.open(folder / "memory.rmem", embedder=embedder) as memory:
        for start in range(0, memories, 2_000):
            texts = [
                f"Note {n}: the {THINGS[n % 10]} goes to place {n % 97} with friend {n % 31}."
                for n in range(start, start + 2_000)
            ]
            memory.add(texts)
            memory.add(texts, user_id="other")
        assert memory.flush(300)
    upstream.script = lambda asked: stream("One", " two")
    body = {"model": "m", "stream": True}
    taken: dict[str, list[float]] = defaultdict(list)
    with (
        running(folder, upstream.url, "--embedder", embedder) as proxy,
        httpx.Client(trust_env=False) as client,
    ):
        off = {"X-Remanence-Recall": "off", "X-Remanence-Store": "off"}
        routes = {
            "direct": (upstream.url, {}),
            "untouched": (f"{proxy.url}/v1", {}),
            "neither": (f"{proxy.url}/v1", off),
            "recall": (f"{proxy.url}/v1", {**off, "X-Remanence-Recall": "on"}),
            "both": (f"{proxy.url}/v1", {"X-Remanence-User": "other"}),
        }
        for n in range(ROUNDS + 10):
            question = f"Where did I put the {THINGS[n % 10]}, was it place {n % 97}?"
            for name, (url, headers) in routes.items():
                path = "/completions" if name == "untouched" else "/chat/completions"
                sent = json.dumps({**body, "messages": said(question)})
                begun = time.perf_counter()
                with client.stream("POST", url + path, content=sent, headers=headers) as answer:
                    parts = answer.iter_raw()
                    next(parts)
                    took = time.perf_counter() - begun
                    assert b"[DONE]" in b"".join(parts)
                if n >= 10:
                    taken[name].append(took * 1000)
        given = proxy.health()["given"]
    assert given >= (ROUNDS if memories else 0)
    print(f"\n{memories:,} memories, embedder {embedder}: ms to the first byte")
    for name, values in taken.items():
        values.sort()
        print(
            f"  {name:10} p50 {statistics.median(values):6.2f}  p95 {values[-len(values) // 20]:6.2f}"
        )
