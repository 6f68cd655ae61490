"""A small encoder with random weights and a vocabulary of its own, so that everything but the weights is tested everywhere."""

from __future__ import annotations

import numpy as np
import onnxruntime
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import BertProcessing

from remanence.embed.bert import bert_graph
from remanence.embed.minilm import MiniLM
from remanence.embed.pieces import Cutter
from tests.embed.reference import Floats, tiny

WORDS = """a the my dog cat tea milk went to paris in may ann said moved from lisbon loves jazz and hates rain when did where is
what she he we you i ##s ##ed ##ing play walk talk . , ? ! ' " : - 1 2 3 2023 木 café ñ""".split()
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(WORDS)]
D, P, LAYERS, HEADS = 32, 8, 2, 4


def tokenizer_json() -> bytes:
    ids = {piece: i for i, piece in enumerate(VOCABULARY)}
    made = Tokenizer(WordPiece(ids, unk_token="[UNK]"))
    made.normalizer = BertNormalizer(lowercase=True)
    made.pre_tokenizer = BertPreTokenizer()
    made.post_processor = BertProcessing(("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"]))
    return made.to_str().encode()


def weights() -> dict[str, Floats]:
    return tiny(d=D, layers=LAYERS, pieces=len(VOCABULARY))


def session(graph: bytes, *, threads: int = 1) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def encoder(*, threads: int = 1) -> MiniLM:
    projection = np.random.default_rng(3).normal(size=(D, P)).astype(np.float32)
    graph = bert_graph(weights(), projection, layers=LAYERS, heads=HEADS)
    return MiniLM(
        id="small",
        session=session(graph),
        cutter=Cutter(tokenizer_json()),
        threads=threads,
        dim=D,
        token_dim=P,
        token_bytes=P // 2,
    )
