"""Write an ONNX model without the `onnx` package: the few protobuf messages that a graph of ours needs.

Field numbers are those of onnx.proto3 (IR version 9). Same calls, same bytes: the file can be named by its content.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

CONTRIB = "com.microsoft"
"""ONNX Runtime's own operators."""
ELEMENT = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7, "float16": 10}
"""TensorProto.DataType by numpy's name."""

Attribute = int | float | Sequence[int]


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(tag: int, value: int) -> bytes:
    return _varint(tag << 3) + _varint(value)


def _bytes(tag: int, value: bytes | str) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return _varint(tag << 3 | 2) + _varint(len(raw)) + raw


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, float):
        body = _varint(2 << 3 | 5) + np.float32(value).tobytes() + _number(20, 1)
    elif isinstance(value, int):
        body = _number(3, value) + _number(20, 2)
    else:
        body = b"".join(_number(8, each) for each in value) + _number(20, 7)
    return _bytes(1, name) + body


def _value(name: str, dtype: str, shape: Sequence[int | str]) -> bytes:
    dims = b"".join(
        _bytes(1, _bytes(2, size) if isinstance(size, str) else _number(1, size)) for size in shape
    )
    return _bytes(1, name) + _bytes(2, _bytes(1, _number(1, ELEMENT[dtype]) + _bytes(2, dims)))


@dataclass(slots=True)
class Graph:
    """A graph under construction; every method returns the names of the values it made."""

    nodes: list[bytes] = field(default_factory=list)
    tensors: list[bytes] = field(default_factory=list)
    made: int = 0

    def constant(self, array: NDArray[np.generic]) -> str:
        """A tensor that is part of the file."""
        self.made += 1
        name = f"c{self.made}"
        dims = b"".join(_number(1, size) for size in array.shape)
        raw = np.ascontiguousarray(array).tobytes()
        head = dims + _number(2, ELEMENT[array.dtype.name]) + _bytes(8, name)
        self.tensors.append(head + _bytes(9, raw))
        return name

    def ops(
        self, kind: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: Attribute
    ) -> list[str]:
        """An operator with several outputs. An empty input name leaves an optional input out."""
        self.made += 1
        names = [f"v{self.made}_{i}" for i in range(outputs)]
        body = b"".join(_bytes(1, name) for name in inputs)
        body += b"".join(_bytes(2, name) for name in names)
        body += _bytes(3, f"n{self.made}") + _bytes(4, kind)
        body += b"".join(_bytes(5, _attribute(k, v)) for k, v in sorted(attributes.items()))
        self.nodes.append(body + (_bytes(7, domain) if domain else b""))
        return names

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: Attribute) -> str:
        """An operator with one output."""
        return self.ops(kind, *inputs, outputs=1, domain=domain, **attributes)[0]

    def name(self, value: str, name: str) -> None:
        """Give a value the name by which callers fetch it."""
        self.nodes.append(_bytes(1, value) + _bytes(2, name) + _bytes(4, "Identity"))

    def file(
        self,
        inputs: Sequence[tuple[str, str, Sequence[int | str]]],
        outputs: Sequence[tuple[str, str, Sequence[int | str]]],
    ) -> bytes:
        """The serialised model; `inputs` and `outputs` are (name, dtype, shape), a string is a free dimension."""
        graph = b"".join(_bytes(1, node) for node in self.nodes) + _bytes(2, "remanence")
        graph += b"".join(_bytes(5, tensor) for tensor in self.tensors)
        graph += b"".join(_bytes(11, _value(*each)) for each in inputs)
        graph += b"".join(_bytes(12, _value(*each)) for each in outputs)
        opsets = _bytes(8, _number(2, 18)) + _bytes(8, _bytes(1, CONTRIB) + _number(2, 1))
        return _number(1, 9) + _bytes(2, "remanence") + _bytes(7, graph) + opsets
