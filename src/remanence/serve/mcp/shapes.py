"""JSON schemas of results: what `ops.wire` makes of the type that a verb returns."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from remanence.serve.ops.wire import SHOWN
from remanence.text.keep.sleep import Night
from remanence.types import Change, Hit, Hits, Receipt, Record

_SIMPLE: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    datetime: {"type": "string", "format": "date-time"},
}
_CHANGES = frozenset(get_args(Change))


def answer_schema(kind: Any) -> dict[str, Any]:
    """The schema of `wire.answer(result)` for results of this type.

    >>> answer_schema(list[str])["properties"]
    {'items': {'type': 'array', 'items': {'type': 'string'}}}
    """
    defined: dict[str, Any] = {}
    if kind is Hits:
        texts = {"type": "array", "items": {"type": "string"}}
        made = _object(
            {"items": {"type": "array", "items": _schema(Hit, defined)}, "withheld": texts}
        )
    elif get_origin(kind) is list:
        made = _object({"items": _schema(kind, defined)})
    else:
        # The root of a result is an object, not a reference to one.
        made = defined.pop(_schema(kind, defined)["$ref"].rpartition("/")[2])
    return {**made, "$defs": defined} if defined else made


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "required": list(properties)}


def _schema(kind: Any, defined: dict[str, Any]) -> dict[str, Any]:
    if kind in _SIMPLE:
        return dict(_SIMPLE[kind])
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return {"type": "string", "enum": list(arguments)}
    if arguments and _CHANGES.issuperset(arguments):
        return {**_object({"change": {"type": "string"}}), "description": "A change, by its kind."}
    if origin in (Union, types.UnionType):
        return {"anyOf": [_schema(one, defined) for one in arguments]}
    if origin is tuple and arguments == (Record, str):
        return _object({"record": _schema(Record, defined), "why": {"type": "string"}})
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _schema(arguments[1], defined)}
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return {"type": "array", "items": _schema(arguments[0], defined)}
    names = _names(kind)
    if names is None:
        return {}
    if kind.__name__ not in defined:
        defined[kind.__name__] = {}  # stands while its own parts are looked at
        hints = get_type_hints(kind)
        properties = {name: _schema(hints[name], defined) for name in names}
        if kind in _CHANGES:
            properties = {"change": {"type": "string"}, **properties}
        if kind is Night:
            properties["done"] = {"type": "boolean"}
        if kind is Receipt:  # a check is signed as a row
            properties["checks"] = {"type": "array", "items": {"type": "array"}}
        defined[kind.__name__] = _object(properties)
    return {"$ref": f"#/$defs/{kind.__name__}"}


def _names(kind: Any) -> list[str] | None:
    """The fields that a noun has on the wire; None for what is no noun."""
    if kind in SHOWN:
        return list(SHOWN[kind])
    if hasattr(kind, "_fields"):
        return list(kind._fields)
    return [one.name for one in fields(kind)] if is_dataclass(kind) else None
