"""The shapes of answers as JSON schemas: what `wire.answer` makes of the types that the verbs return."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from inspect import cleandoc
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from remanence.serve.ops.op import Op
from remanence.serve.ops.wire import SHOWN, TIMES
from remanence.types import Change, Hit, Hits, Receipt, Record

Schema = dict[str, Any]
_PLAIN: Final[dict[Any, Schema]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    datetime: {"type": "string", "format": "date-time"},
}
_CHANGES: Final = frozenset(get_args(Change))
_TIME: Final[Schema] = {"anyOf": [_PLAIN[datetime], _PLAIN[type(None)]]}


class Shapes:
    """Collects the shapes of nouns, in `named`, that others refer to below `place`. `wordy`: with descriptions, and each change in full."""

    def __init__(self, place: str, *, wordy: bool = True) -> None:
        self.named: dict[str, Schema] = {}
        self._place = place
        self._wordy = wordy

    def answer(self, op: Op) -> Schema:
        """What an operation answers with."""
        kind = get_type_hints(op.method)["return"]
        if kind is Hits:
            return _object({"items": _array(self.of(Hit)), "withheld": _array(_PLAIN[str])})
        if get_origin(kind) is list:
            return _object({"items": self.of(kind)})
        if kind in (bool, type(None)):
            return _object({"done": _PLAIN[bool]})
        return self.of(kind)

    def of(self, kind: Any) -> Schema:
        """The shape of a value of this type, as `wire.plain` writes it."""
        if kind in _PLAIN:
            return dict(_PLAIN[kind])
        origin, arguments = get_origin(kind), get_args(kind)
        if origin is Literal:
            return {"enum": list(arguments)}
        if origin in (Union, types.UnionType):
            if not self._wordy and _CHANGES.issuperset(arguments):
                return _object({"change": _PLAIN[str]})
            return {"anyOf": [self.of(one) for one in arguments]}
        if origin is tuple:
            return self._tuple(arguments)
        if origin is not None and issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self.of(arguments[1])}
        if origin is not None and issubclass(origin, Sequence):
            return _array(self.of(arguments[0]))
        if isinstance(kind, type) and (is_dataclass(kind) or hasattr(kind, "_fields")):
            return self._noun(kind)
        return {}

    def _tuple(self, arguments: tuple[Any, ...]) -> Schema:
        if arguments == (Record, str):
            return _object({"record": self.of(Record), "why": _PLAIN[str]})
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return _array(self.of(arguments[0]))
        each = [self.of(one) for one in arguments]
        same = each[0] if all(one == each[0] for one in each) else {}
        return {**_array(same), "minItems": len(arguments), "maxItems": len(arguments)}

    def _noun(self, kind: type) -> Schema:
        name = kind.__name__
        if name not in self.named:
            self.named[name] = {}  # it may be inside itself
            words = cleandoc(kind.__doc__ or "") if self._wordy else ""
            self.named[name] = _object(self._properties(kind), words)
        return {"$ref": f"{self._place}{name}"}

    def _properties(self, kind: type) -> dict[str, Schema]:
        hints = get_type_hints(kind)
        if kind in SHOWN:
            return {name: self.of(hints[name]) for name in SHOWN[kind]}
        own = [one.name for one in fields(kind)] if is_dataclass(kind) else list(hints)
        known = {name: self.of(hints[name]) for name in own}
        if kind in _CHANGES:
            return {
                "change": {"const": kind.__name__.lower()},
                **known,
                **{name: _TIME for name in TIMES if name in known},
            }
        if kind is Receipt:  # as it is signed
            checked = {"type": "array", "minItems": 4, "maxItems": 4}
            if self._wordy:
                checked["description"] = "surface, looked, found, note"
            return known | {
                "remanence": _PLAIN[str],
                "format": _PLAIN[int],
                "checks": _array(checked),
            }
        if not is_dataclass(kind):
            return known
        made = {name: one for name, one in vars(kind).items() if isinstance(one, property)}
        return known | {
            name: self.of(get_type_hints(one.fget)["return"]) for name, one in made.items()
        }


def alone(op: Op) -> Schema:
    """The shape of what an operation answers with, which refers to nothing outside itself and spares words.

    >>> from remanence.serve.ops.table import OPS
    >>> sorted(alone(OPS["history"]))
    ['$defs', 'properties', 'required', 'type']
    """
    shapes = Shapes("#/$defs/", wordy=False)
    found = shapes.answer(op)
    if "$ref" in found:  # the root is an object, not a reference to one
        found = shapes.named.pop(found["$ref"].rpartition("/")[2])
    return {**found, "$defs": shapes.named} if shapes.named else found


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _object(properties: Schema, description: str = "") -> Schema:
    found = {"type": "object", "properties": properties, "required": list(properties)}
    return {"description": description, **found} if description else found
