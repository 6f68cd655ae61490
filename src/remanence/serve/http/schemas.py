"""Requests as OpenAPI describes them: parameters and bodies from the models that check them; answers are those of `ops.shapes`."""

from __future__ import annotations

from typing import Final

from remanence.serve.http.asking import READS, model_of
from remanence.serve.ops.op import Op
from remanence.serve.ops.shapes import Schema, Shapes

PLACE: Final = "#/components/schemas/"
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


def paged(op: Op) -> bool:
    """Whether an operation answers page by page."""
    return {"limit", "after"} <= op.parameters.keys()


def answer(op: Op, shapes: Shapes) -> Schema:
    """What an operation answers with here: that which it finds, and where the next page begins."""
    found = shapes.answer(op)
    if paged(op):
        about = "What `after` has to be for what follows; absent at the end."
        found["properties"]["next"] = {"type": "integer", "description": about}
    return found


def body(op: Op) -> Schema:
    """The JSON body that an operation takes."""
    schema: Schema = model_of(op.name).model_json_schema()
    schema.pop("description", None)
    schema.pop("title", None)
    return {**schema, "properties": {k: _short(v) for k, v in schema["properties"].items()}}


def parameters(op: Op) -> list[Schema]:
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
            _in_query(name, about, name in schema.get("required", ()))
            for name, about in schema["properties"].items()
        ]
    return found


def _in_query(name: str, about: Schema, required: bool) -> Schema:
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


def _short(about: Schema) -> Schema:
    """Without the titles that say nothing but the name again."""
    return {key: value for key, value in about.items() if key != "title"}
