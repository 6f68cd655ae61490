"""A static encoder distilled from MiniLM: one vector a word piece, looked up and averaged. No model runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from remanence.catalogue.declare import mechanism
from remanence.embed.minilm import MiniLM
from remanence.embed.pack import unit
from remanence.embed.pieces import Cutter
from remanence.embed.weights import REVISION, TOKENIZER, cache_folder, made, sha256
from remanence.seams import Encoded, EncodedQuery

Floats = NDArray[np.float32]

LAYOUT: Final = 1
"""Raise it with every change of what `distil` makes, and of MiniLM's projection."""
DIM: Final = 256
PASSES: Final = 3
"""How often each word piece is seen among others."""
STRING: Final = 24
"""Word pieces of a string."""
BLOCK: Final = 64
"""Word pieces that are alone, each in its own string, run together."""
FIRST_WORD: Final = 1996
"""Place of "the": from here on BERT's vocabulary is ordered by frequency; before it stand special pieces and characters."""
RARE: Final = 100
"""Place, counted from the first word, of the piece that has half the weight of a rare one. Recall@10 of `dense` on LoCoMo-dev:
.567 at 200, .579 at 100, .570 at 50; .438 without weights."""
TABLE: Final = "static.safetensors"


@mechanism(
    seam="Embedder",
    source="https://github.com/MinishLab/model2vec",
    title="Model2Vec: fast state-of-the-art static embeddings",
    year=2024,
    where="distillation: vocabulary through the model, PCA, Zipf weighting",
    fidelity="adapted",
)
@dataclass(frozen=True, kw_only=True, eq=False)
class Static:
    """The weighted mean of the vectors of a text's word pieces as `dense`; the pieces' ids, 2 bytes each, as `tokens`.

    Departs from Model2Vec: a piece's vector is its own state alone between [CLS] and [SEP], not their mean (recall .579 against
    .571 on LoCoMo-dev); the weight (SIF's a / (a + p), Arora et al. 2017) takes frequencies from the place in the vocabulary;
    and for late interaction each piece has a second, 64-d vector, the mean of its projected states in random strings of
    pieces (MaxSim alone .604; of the states alone .527), so that storage holds ids only. Texts count up to 16,384 characters.

    `vectors` (v, 256) float32, weighted; `states` (v, 64) float32, unit rows.
    """

    id: str
    cutter: Cutter
    vectors: Floats
    states: Floats
    dim: int = DIM
    token_dim: int = 64
    token_bytes: int = 2

    @classmethod
    def open(cls, folder: str | Path | None = None) -> Self:
        """From a folder that holds a distilled `static.safetensors` and `tokenizer.json`; without one from the user's cache,
        distilled into it from MiniLM where absent (about half a minute, once). Raises `ModelMissing`."""
        if folder is None:
            folder = distil()
        table = (Path(folder) / TABLE).read_bytes()
        tokenizer = (Path(folder) / TOKENIZER).read_bytes()
        tensors = load(table)
        dims = tensors["vectors"].shape[1], tensors["states"].shape[1]
        return cls(
            id=f"static-minilm/{sha256(table + tokenizer)[:12]}",
            cutter=Cutter(tokenizer, window=None),
            vectors=tensors["vectors"].astype(np.float32),
            states=unit(tensors["states"].astype(np.float32)),
            dim=dims[0],
            token_dim=dims[1],
        )

    def encode(self, texts: Sequence[str]) -> Encoded:
        """n texts to `dense` (n, 256) and packed tokens, 2 bytes a token."""
        dense = np.zeros((len(texts), self.dim), np.float32)
        tokens = []
        for i, ids in enumerate(self.cutter.cut_ids(texts)):
            dense[i] = self.vectors[ids].sum(axis=0)
            tokens.append(ids.astype("<u2").tobytes())
        return Encoded(unit(dense), tokens)

    def query(self, text: str) -> EncodedQuery:
        """`dense` (256,), `states` (q, 64) of its word pieces, and where in the text these are."""
        pieces = self.cutter.cut(text)
        return EncodedQuery(
            self.encode([text]).dense[0], self.states[pieces.ids[pieces.words]], pieces.spans
        )

    def unpack(self, packed: NDArray[np.uint8]) -> Floats:
        """(t, 2) bytes -> (t, 64) float32, unit rows."""
        ids = np.ascontiguousarray(packed, np.uint8).view("<u2")[:, 0]
        return np.take(self.states, ids, axis=0)


def distil(folder: str | Path | None = None, *, teacher: MiniLM | None = None) -> Path:
    """Make the static encoder's files in `folder` (None: the user's cache) where they aren't; returns the folder.

    Deterministic on one machine; the last bits of floats may differ between kinds of processors, so the encoder's id is the digest of
    what was made. Raises `ModelMissing` where MiniLM is needed and absent, `OSError` where the folder can't be written.
    """
    target = Path(folder or cache_folder() / f"static-{REVISION[:8]}-{LAYOUT}")

    def make() -> dict[str, bytes]:
        source = teacher if teacher is not None else MiniLM.open()
        return {TABLE: save(_tables(source)), TOKENIZER: source.cutter.tokenizer_json}

    made(target, make)
    return target


def _tables(teacher: MiniLM) -> dict[str, NDArray[np.float16]]:
    """`vectors` (v, 256), weighted, and `states` (v, 64)."""
    count = len(teacher.cutter.vocabulary)
    start, end = teacher.cutter.cut("").ids

    def run(name: str, pieces: NDArray[np.int64]) -> Floats:
        """(n, m) ids of pieces -> (n, m, d) unit states."""
        ids = np.pad(pieces, ((0, 0), (1, 1)), constant_values=((0, 0), (start, end)))
        rows: Floats = teacher.session.run([name], {"ids": ids})[0][:, 1:-1]
        return unit(rows)

    every = np.arange(count)
    blocks = np.split(every[:, None], range(BLOCK, count, BLOCK))
    alone = np.concatenate([run("states", block)[:, 0] for block in blocks]).astype(np.float64)
    _, directions = np.linalg.eigh(alone.T @ alone)
    place = np.maximum(every - FIRST_WORD, 0)
    weight = (place + 3) / (place + 3 + RARE)
    vectors = alone @ directions[:, ::-1][:, :DIM] * weight[:, None]

    states = np.zeros((count, teacher.token_dim), np.float32)
    shuffle = np.random.Generator(np.random.PCG64(1))
    for _ in range(PASSES):
        for some in np.split(shuffle.permutation(count), range(STRING, count, STRING)):
            states[some] += run("tokens", some[None])[0]
    return {"vectors": vectors.astype(np.float16), "states": unit(states).astype(np.float16)}
