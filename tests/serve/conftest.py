"""A shell to type `rmem` into, with a store of its own and no encoder."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from remanence.serve.cli import main


@dataclass(frozen=True)
class Done:
    """What a command left: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def row(self) -> Any:
        [row] = self.rows
        return row


@pytest.fixture
def rmem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    for name in (
        *("USER", "AGENT", "TENANT", "KEYS", "POLICY", "ACTOR", "ASKER", "AUDIT_READS"),
        *("LLM_URL", "LLM_MODEL", "LLM_KEY", "DEBUG", "MODELS"),
    ):
        monkeypatch.delenv(f"REMANENCE_{name}", raising=False)
    monkeypatch.setenv("REMANENCE_STORE", str(tmp_path / "memory.rmem"))
    monkeypatch.setenv("REMANENCE_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("REMANENCE_EMBEDDER", "none")

    def run(*arguments: str, stdin: bytes = b"") -> Done:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8"))
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return run
