"""Options that many commands share, declared once: a command takes one parameter, its fields become the options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import wraps
from typing import Any, get_type_hints


def spread(command: Callable[..., int]) -> Callable[..., int]:
    """The command with each parameter that is a dataclass replaced by options, one a field, behind its own.

    A field is annotated as an option of typer's and has a default; the command gets the dataclass, filled."""
    signature = inspect.signature(command)
    hints = get_type_hints(command, include_extras=True)
    groups = {
        name: hints[name] for name in signature.parameters if is_dataclass(hints.get(name, None))
    }
    own = [
        parameter.replace(annotation=hints[name])
        for name, parameter in signature.parameters.items()
        if name not in groups
    ]
    shared = [parameter for group in groups.values() for parameter in _options(group)]

    @wraps(command)
    def called(**given: Any) -> int:
        filled = {
            name: group(**{field.name: given.pop(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        return command(**given, **filled)

    called.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (*own, *shared)
        ]
    )
    called.__annotations__ = {
        parameter.name: parameter.annotation for parameter in (*own, *shared)
    } | {"return": int}
    return called


def _options(group: Any) -> list[inspect.Parameter]:
    hints: Mapping[str, Any] = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=_default(field),
            annotation=hints[field.name],
        )
        for field in fields(group)
    ]


def _default(field: Field[Any]) -> object:
    assert field.default is not MISSING, f"{field.name} has no default"
    return field.default
