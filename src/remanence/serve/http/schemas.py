"""The shapes of requests and answers as OpenAPI has them, read off the verbs: their parameters and what they return."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from inspect import cleandoc
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from remanence.serve.http.asking import READS, model_of
from remanence.serve.ops.op import Op
from remanence.text.keep.fade import Moved
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
_CHANGES: Final = get_args(Change)
_TIMES: Final = ("valid_from", "valid_to", "at")
"""Fields of changes that are micros, and leave as moments."""
_TIME: Final[Schema] = {"anyOf": [_PLAIN[datetime], _PLAIN[type(None)]]}
ERROR: Final[Schema] = {
    "type": "object",
    "description": "What went wrong: `code` is stable, `message` says what, `hint` how to mend it.",
    "properties": {
        "error": {
            "type": "object",
            "properties": {name: {"type": "string"} for name in ("code", "message", "hint")},
            "required": ["code", "message", "hint"],
        }
    },
    "required": ["error"],
}
IMPORTED: Final[Schema] = {
    "type": "object",
    "description": "What became of a line; the last one is `{done, stored, duplicate, rejected}`, or `{error}` where it ended early.",
    "properties": {
        "line": {"type": "integer"},
        "status": {"enum": ["stored", "duplicate", "rejected"]},
        "id": {"type": "string"},
        "reason": {"type": "string"},
    },
}


class Shapes:
    """Collects the shapes of nouns under their names, as components that others refer to."""

    def __init__(self) -> None:
        self.named: dict[str, Schema] = {"Error": ERROR, "Imported": IMPORTED}

    def answer(self, op: Op) -> Schema:
        """What an operation answers with, as `wire.answer` makes it."""
        kind = get_type_hints(op.method)["return"]
        if kind is Hits:
            return _object(
                {
                    "items": _array(self.of(Hit)),
                    "withheld": _array(_PLAIN[str]),
                }
            )
        if get_origin(kind) is list:
            (item,) = get_args(kind)
            found = _object({"items": _array(self._item(item))})
            if {"limit", "after"} <= op.parameters.keys():
                about = "What `after` has to be for what follows; absent at the end."
                found["properties"]["next"] = {"type": "integer", "description": about}
            return found
        if kind in (bool, type(None)):
            return _object({"done": _PLAIN[bool]})
        return self.of(kind)

    def body(self, op: Op) -> Schema:
        """The JSON body that an operation takes."""
        schema: Schema = model_of(op.name).model_json_schema()
        schema.pop("description", None)
        schema.pop("title", None)
        return {**schema, "properties": {k: _short(v) for k, v in schema["properties"].items()}}

    def parameters(self, op: Op) -> list[Schema]:
        """What an operation takes in the path and, where it is a GET, in the query."""
        method, _, path = op.route.partition(" ")
        found: list[Schema] = []
        if "{id}" in path:
            found.append(
                {
                    "name": "id",
                    "in": "path",
                    "required": True,
                    "description": "The memory's id; a slash in it is written %2F.",
                    "schema": {"type": "string", "minLength": 1, "maxLength": 512},
                }
            )
        if method in READS:
            schema = model_of(op.name).model_json_schema()
            found += [
                self._in_query(name, about, name in schema.get("required", ()))
                for name, about in schema["properties"].items()
            ]
        return found

    def of(self, kind: Any) -> Schema:
        """The shape of a value of this type, as `wire.plain` writes it."""
        if kind in _PLAIN:
            return dict(_PLAIN[kind])
        origin = get_origin(kind)
        if origin in (Union, types.UnionType):
            return {"anyOf": [self.of(one) for one in get_args(kind)]}
        if origin is Literal:
            return {"enum": list(get_args(kind))}
        if origin is tuple:
            return self._tuple(get_args(kind))
        if origin is not None and issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self.of(get_args(kind)[1])}
        if origin is not None and issubclass(origin, Sequence):
            return _array(self.of(get_args(kind)[0]))
        if isinstance(kind, type) and (is_dataclass(kind) or hasattr(kind, "_fields")):
            return self._noun(kind)
        return {}

    def _item(self, kind: Any) -> Schema:
        if get_origin(kind) is tuple and get_args(kind) == (Record, str):
            return _object({"record": self.of(Record), "why": _PLAIN[str]})
        return self.of(kind)

    def _tuple(self, args: tuple[Any, ...]) -> Schema:
        if len(args) == 2 and args[1] is Ellipsis:
            return _array(self.of(args[0]))
        each = [self.of(one) for one in args]
        same = each[0] if all(one == each[0] for one in each) else {}
        return {**_array(same), "minItems": len(args), "maxItems": len(args)}

    def _noun(self, kind: type) -> Schema:
        name = kind.__name__
        there = {"$ref": f"#/components/schemas/{name}"}
        if name in self.named:
            return there
        self.named[name] = {}  # it may be inside itself
        hints = get_type_hints(kind)
        own = [one.name for one in fields(kind)] if is_dataclass(kind) else list(hints)
        own = [one for one in own if not (kind is Hit and one in ("path", "place"))]
        known = {one: self.of(hints[one]) for one in own}
        known |= self._worked_out(kind)
        if kind in _CHANGES:
            known |= {one: _TIME for one in _TIMES if one in known}
            known["change"] = {"const": name.lower()}
        if kind is Receipt:
            known |= {"remanence": _PLAIN[str], "format": _PLAIN[int]}
            checked = {"type": "array", "minItems": 4, "maxItems": 4}
            known["checks"] = _array({**checked, "description": "surface, looked, found, note"})
        if kind is Moved:
            known = {one: known[one] for one in ("id", "archived", "strength", "why")}
        self.named[name] = _object(known, cleandoc(kind.__doc__ or ""))
        return there

    def _worked_out(self, kind: type) -> dict[str, Schema]:
        """What `wire.plain` adds to the fields of a noun: its properties."""
        if not is_dataclass(kind) or kind in (Hit, Receipt, *_CHANGES):
            return {}
        made = {name: one for name, one in vars(kind).items() if isinstance(one, property)}
        return {name: self.of(get_type_hints(one.fget)["return"]) for name, one in made.items()}

    def _in_query(self, name: str, about: Schema, required: bool) -> Schema:
        shape = _short(about)
        found: Schema = {"name": name, "in": "query", "required": required}
        found["description"] = shape.pop("description", "")
        kinds = [one for one in shape.pop("anyOf", [shape]) if one.get("type") != "null"]
        shape = {**kinds[0], **{k: v for k, v in shape.items() if k not in ("default", "anyOf")}}
        if shape.get("type") == "object":
            return {**found, "content": {"application/json": {"schema": {"type": "object"}}}}
        if shape.get("type") == "array":
            found |= {"style": "form", "explode": True}
        return {**found, "schema": shape}


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _object(properties: Schema, description: str = "") -> Schema:
    found = {"type": "object", "properties": properties, "required": list(properties)}
    return {"description": description, **found} if description else found


def _short(about: Schema) -> Schema:
    """Without the titles that say nothing but the name again."""
    return {key: value for key, value in about.items() if key != "title"}
