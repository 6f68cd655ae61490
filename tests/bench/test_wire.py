"""The child's side of the wire: look-ups, timing, answers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from remanence.bench.peers.wire import Desk, Plain, Turns, Vectors, look_up, peak, size
from remanence.bench.vectors import write_rows

ROWS = np.eye(3, dtype=np.float32)


def test_look_up_serves_rows_by_text(tmp_path: Path) -> None:
    write_rows(tmp_path, ["a", "b  c", "d "], ROWS)
    vectors = look_up(str(tmp_path))
    assert vectors(["d", "a", " b c"]).tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]


def test_an_unknown_text_is_an_error_that_does_not_tell_it(tmp_path: Path) -> None:
    write_rows(tmp_path, ["a", "b", "c"], ROWS)
    with pytest.raises(LookupError, match="18 characters") as caught:
        look_up(str(tmp_path))(["a private sentence"])
    assert "private" not in str(caught.value)
    with pytest.raises(RuntimeError, match="needs none"):
        look_up("")(["a"])


class Slow(Plain):
    """Sleeps where the desk should look at its watch."""

    def open(self, folder: Path, vectors: Vectors, settings: dict[str, Any]) -> str:
        self.folder = folder
        return "7"

    def ingest(self, example: str, turns: Turns) -> None:
        (self.folder / "file").write_text("x" * 10)
        time.sleep(0.02)

    def wait(self) -> None:
        time.sleep(0.02)

    def query(self, example: str, text: str, k: int, at: str | None) -> list[str]:
        return [text][:k]


def test_desk(tmp_path: Path) -> None:
    desk = Desk(Slow())
    assert desk.open(str(tmp_path), "", {}) == {"version": "7"}
    ingested = desk.ingest("e", [])
    assert 0.02 <= ingested["added"] < ingested["ready"] - 0.015
    assert desk.query("e", "t", 1, None)["ids"] == ["t"]
    assert desk.context("e", "t", 100) == {"ids": None}
    closed = desk.close()
    assert closed["bytes"] == size(tmp_path) == 10
    assert 1_000_000 < closed["peak"] <= peak()
