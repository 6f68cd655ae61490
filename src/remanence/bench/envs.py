"""Environments of the peers: each has a virtual environment of its own in the user's cache, made when it is first asked for."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any

from remanence.errors import InvalidInput, MissingExtra

SCRIPTS = Path(__file__).parent / "peers"
TORCH = ("torch==2.13.0",)
"""Before what needs torch: this release's plain build is small, newer ones bring several GB of CUDA."""

QUIET = {
    "ANONYMIZED_TELEMETRY": "False",
    "DO_NOT_TRACK": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "LANGCHAIN_TRACING_V2": "false",
    "LANGSMITH_TRACING": "false",
    "LANCEDB_TELEMETRY": "0",
    "MEM0_TELEMETRY": "False",
    "OTEL_SDK_DISABLED": "true",
    "POSTHOG_DISABLED": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_OFFLINE": "1",
}
"""No peer calls home or out while it is measured."""

ONE_THREAD = {
    name: "1"
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")
}
"""Everybody is measured on one thread, as far as they can be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A system that runs outside: its script in `peers/`, and what pip installs for it."""

    name: str
    script: str
    packages: tuple[str, ...] = ()
    """Pinned. None: the script runs in our own interpreter."""
    before: tuple[str, ...] = ()
    """Installed first, in a call of its own."""
    vectors: bool = True
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def digest(self) -> str:
        """Names the environment: the same packages and Python share one, other pins make another."""
        text = "\n".join((*self.before, "", *self.packages, sys.version))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


BM25S = ("bm25s==0.3.16", "PyStemmer==3.1.0")
LANCEDB = ("lancedb==0.40.0",)
PEERS: Mapping[str, Peer] = MappingProxyType(
    {
        peer.name: peer
        for peer in (
            Peer(name="fts5", script="fts5_peer.py", vectors=False),
            Peer(name="fts5-all", script="fts5_peer.py", vectors=False, settings={"stop": False}),
            Peer(
                name="tantivy",
                script="tantivy_peer.py",
                packages=("tantivy==0.27.0",),
                vectors=False,
            ),
            Peer(name="bm25s", script="bm25s_peer.py", packages=BM25S, vectors=False),
            Peer(
                name="bm25s-stem",
                script="bm25s_peer.py",
                packages=BM25S,
                vectors=False,
                settings={"stem": True},
            ),
            Peer(name="chroma", script="chroma_peer.py", packages=("chromadb==1.5.9",)),
            Peer(name="mem0", script="mem0_peer.py", packages=("mem0ai==2.2.1",)),
            Peer(
                name="langgraph",
                script="langgraph_peer.py",
                packages=("langgraph==1.2.22", "numpy==2.4.6"),
            ),
            Peer(name="txtai", script="txtai_peer.py", packages=("txtai==9.14.0",), before=TORCH),
            Peer(name="lancedb", script="lancedb_peer.py", packages=LANCEDB),
            Peer(
                name="lancedb-hybrid",
                script="lancedb_peer.py",
                packages=LANCEDB,
                settings={"mode": "hybrid"},
            ),
        )
    }
)


def find_peer(name: str) -> Peer:
    """The peer of that name; `InvalidInput` with near matches where there is none."""
    if name in PEERS:
        return PEERS[name]
    near = get_close_matches(name, PEERS, n=2)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(PEERS)}"
    raise InvalidInput(f"no system {name!r}", hint=hint)


def cache() -> Path:
    """The folder of all environments: `$XDG_CACHE_HOME/remanence/peers`, else `~/.cache/remanence/peers`."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "remanence" / "peers"


def interpreter(peer: Peer, say: Callable[[str], None]) -> Path:
    """The Python that runs a peer, its environment made first where it is missing. Needs a package index then, and only then.

    Raises: MissingExtra, with the last line of pip, where the environment can't be made. What was half made is removed.
    """
    if not peer.packages:
        return Path(sys.executable)
    folder = cache() / peer.digest
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if ready.exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    say(f"{peer.name}: making its environment, once ({', '.join((*peer.before, *peer.packages))})")
    try:
        run([sys.executable, "-m", "venv", str(folder)], peer)
        for packages in filter(None, (peer.before, peer.packages)):
            pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            run([*pip, *packages], peer)
    except MissingExtra:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    ready.touch()
    return python


def run(command: list[str], peer: Peer) -> None:
    """Run to the end; `MissingExtra` with its last line where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise MissingExtra(
            f"{peer.name} could not be installed: {lines[-1] if lines else f'exit {done.returncode}'}",
            hint="check the package index and the disk, or leave this system out",
        )


def surroundings(home: Path) -> dict[str, str]:
    """Environment variables of a peer's process: ours, quiet, on one thread, at home in a scratch folder."""
    private = {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "MEM0_DIR": str(home / "mem0"),
    }
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "VIRTUAL_ENV"))
    }
    return inherited | QUIET | ONE_THREAD | private
