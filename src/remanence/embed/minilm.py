"""all-MiniLM-L6-v2 on ONNX Runtime: int8 weights, states of its tokens in 64 dimensions of 4 bits, the same bytes for the same text."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from safetensors.numpy import load

from remanence.catalogue.declare import mechanism
from remanence.embed.bert import bert_graph
from remanence.embed.pack import pack_states, unit, unpack_states
from remanence.embed.pieces import Cutter, Pieces
from remanence.embed.weights import (
    PINS,
    REVISION,
    TOKENIZER,
    WEIGHTS,
    cache_folder,
    find,
    made,
    read_pinned,
    sha256,
)
from remanence.seams import Encoded, EncodedQuery

Floats = NDArray[np.float32]

LAYERS, HEADS, DIM = 6, 12, 384
LAYOUT = 2
"""Raise it with every change of the graph."""
KEPT = "t64x4"
"""Names which pieces are kept and how their states are packed; part of the encoder's id."""
GRAPH = "model.onnx"
PROJECTION = Path(__file__).with_name("projection.npy")


@mechanism(
    seam="Embedder",
    source="arXiv:2002.10957",
    title="MiniLM: Deep Self-Attention Distillation for Task-Agnostic Compression of Pre-Trained Transformers",
    year=2020,
    where="the sentence-transformers fine-tuning all-MiniLM-L6-v2",
    fidelity="adapted",
)
@dataclass(frozen=True, kw_only=True, eq=False)
class MiniLM:
    """Mean of the last hidden states as `dense`; the states of its word pieces, projected and packed, as `tokens`.

    Departs from the original by int8 weights with one activation scale per token (`embed/bert.py`; cosine to fp32 .995) and by
    running every text alone: the shape of a batch can change the last bit, and what is stored must not depend on what it
    was stored with. Texts without a single word piece get a zero vector and no tokens. Longer texts than 256 pieces are cut.

    `threads` texts are encoded at the same time, each on one core; the result does not depend on it.
    """

    id: str
    session: onnxruntime.InferenceSession
    cutter: Cutter
    threads: int = 1
    dim: int = DIM
    token_dim: int = 64
    token_bytes: int = 32

    @classmethod
    def open(cls, folder: str | Path | None = None, *, threads: int = 1) -> Self:
        """From the user's cache, or converted into it from the pinned weights (`embed/weights.py` says where those come from;
        a `folder` that is given must hold them). Raises `ModelMissing`."""
        given = find(folder) if folder is not None else None
        projection = PROJECTION.read_bytes()
        content = sha256(f"{LAYOUT} {sorted(PINS.items())} {sha256(projection)}".encode())[:12]

        def convert() -> dict[str, bytes]:
            return _convert(given or find(), np.load(io.BytesIO(projection)).astype(np.float32))

        try:
            files: Mapping[str, bytes] = made(cache_folder() / f"minilm-{content}", convert)
        except OSError as error:
            warnings.warn(
                f"the converted model can't be kept ({error}): it is converted again by every process",
                stacklevel=2,
            )
            files = convert()
        return cls(
            id=f"minilm-l6-v2/{REVISION[:8]}/int8/{content}/{KEPT}",
            session=_session(files[GRAPH]),
            cutter=Cutter(files[TOKENIZER]),
            threads=threads,
        )

    def encode(self, texts: Sequence[str]) -> Encoded:
        """n texts to `dense` (n, 384) and packed tokens, 32 bytes a token."""
        dense = np.zeros((len(texts), self.dim), np.float32)
        if self.threads > 1 and len(texts) > 1:
            with ThreadPoolExecutor(self.threads) as pool:
                rows = list(pool.map(self._run, map(self.cutter.cut, texts)))
        else:
            rows = [self._run(self.cutter.cut(text)) for text in texts]
        tokens = []
        for i, (row, states) in enumerate(rows):
            dense[i] = row
            tokens.append(pack_states(states).tobytes())
        return Encoded(dense, tokens)

    def query(self, text: str) -> EncodedQuery:
        """`dense` (384,), `states` (q, 64) of its word pieces, not rounded, and where in the text these are."""
        pieces = self.cutter.cut(text)
        row, states = self._run(pieces)
        return EncodedQuery(row, unit(states), pieces.spans)

    def unpack(self, packed: NDArray[np.uint8]) -> Floats:
        """(t, 32) bytes -> (t, 64) float32, unit rows."""
        return unpack_states(packed)

    def _run(self, pieces: Pieces) -> tuple[Floats, Floats]:
        """(384,) unit or zero, and (m, 64) projected states of the word pieces."""
        if not len(pieces.words):
            return np.zeros(self.dim, np.float32), np.zeros((0, self.token_dim), np.float32)
        dense, states = self.session.run(["dense", "tokens"], {"ids": pieces.ids[None]})
        return unit(dense)[0], states[0, pieces.words]


def _convert(folder: Path, projection: Floats) -> dict[str, bytes]:
    weights = load(read_pinned(folder, WEIGHTS))
    graph = bert_graph(weights, projection, layers=LAYERS, heads=HEADS)
    return {GRAPH: graph, TOKENIZER: read_pinned(folder, TOKENIZER)}


def _session(graph: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
