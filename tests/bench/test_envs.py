"""Environments of peers: found by name, quiet, and removed when they can't be made."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from remanence.bench import envs
from remanence.bench.envs import PEERS, Peer, cache, find_peer, interpreter, surroundings
from remanence.errors import InvalidInput, MissingExtra


def test_every_peer_has_a_script_and_pins() -> None:
    for peer in PEERS.values():
        assert (envs.SCRIPTS / peer.script).is_file()
        assert all("==" in package for package in (*peer.before, *peer.packages))


def test_environments_are_shared_by_equal_pins_only() -> None:
    assert PEERS["bm25s"].digest == PEERS["bm25s-stem"].digest
    assert PEERS["bm25s"].digest != PEERS["chroma"].digest


def test_find_peer() -> None:
    assert find_peer("mem0").name == "mem0"
    with pytest.raises(InvalidInput, match="did you mean mem0"):
        find_peer("memo0")


def test_a_peer_without_packages_runs_in_our_interpreter() -> None:
    assert interpreter(PEERS["fts5"], print) == Path(sys.executable)


def test_surroundings_are_quiet_and_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    around = surroundings(tmp_path)
    assert "PYTHONPATH" not in around
    assert around["HOME"] == str(tmp_path)
    assert around["MEM0_TELEMETRY"] == "False"
    assert around["HF_HUB_OFFLINE"] == "1"
    assert around["OMP_NUM_THREADS"] == "1"


@pytest.mark.slow
def test_what_can_not_be_installed_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    broken = Peer(name="broken", script="fts5_peer.py", packages=("./there-is-no-such-folder",))
    said: list[str] = []
    with pytest.raises(MissingExtra, match="broken could not be installed"):
        interpreter(broken, said.append)
    assert said
    assert list(cache().iterdir()) == []
