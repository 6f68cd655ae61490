"""Values of key-value stores: which are JSON, which texts of them are searched, and which ones a filter means."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from remanence.errors import InvalidInput


def as_json(value: Mapping[str, Any]) -> dict[str, Any]:
    """The same with plain dicts and lists.

    Raises: InvalidInput, with the place, for what JSON can't say.

    >>> as_json({"a": (1, 2)})
    {'a': [1, 2]}
    """
    try:
        plain = _plain(value, "value")
    except RecursionError:
        raise InvalidInput("the value is nested too deeply", hint="flatten it") from None
    if not isinstance(plain, dict):
        raise InvalidInput(f"the value is a {type(value).__name__}", hint="give a dict")
    return plain


def _plain(value: object, where: str) -> object:
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise InvalidInput(
                    f"{where} has the key {key!r}, a {type(key).__name__}", hint="use string keys"
                )
        return {key: _plain(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{where}[{place}]") for place, item in enumerate(value)]
    said = repr(value) if isinstance(value, float) else f"a {type(value).__name__}"
    raise InvalidInput(
        f"{where} is {said}, which JSON can't say", hint="use strings, numbers, lists and dicts"
    )


def spelled(value: object, name: str = "") -> Iterator[str]:
    """What a whole value says, a line for each plain value in it, after the name that it stands under.

    >>> list(spelled({"food": {"likes": ["pizza", "soup"]}, "age": 41}))
    ['likes: pizza', 'likes: soup', 'age: 41']
    """
    if isinstance(value, dict):
        for key, item in value.items():
            yield from spelled(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from spelled(item, name)
    elif value is not None:
        yield f"{name}: {value}"


def matches(value: Mapping[str, Any], wanted: Mapping[str, Any] | None) -> bool:
    """Whether a value is one that a filter means: equal, or in the relation that an operator names, under every key.

    Raises: InvalidInput for an operator that there is not.

    >>> matches({"age": 41}, {"age": {"$gte": 40}}), matches({}, {"age": {"$gte": 40}})
    (True, False)
    """
    return all(_is(value.get(key), want) for key, want in (wanted or {}).items())


def _is(value: object, wanted: object) -> bool:
    if isinstance(wanted, Mapping):
        if any(isinstance(key, str) and key.startswith("$") for key in wanted):
            return all(_related(value, operator, to) for operator, to in wanted.items())
        return isinstance(value, dict) and all(
            _is(value.get(k), want) for k, want in wanted.items()
        )
    if isinstance(wanted, (list, tuple)):
        return (
            isinstance(value, list)
            and len(value) == len(wanted)
            and all(_is(item, want) for item, want in zip(value, wanted, strict=True))
        )
    return value == wanted


_ORDERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "$gt": lambda one, other: one > other,
    "$gte": lambda one, other: one >= other,
    "$lt": lambda one, other: one < other,
    "$lte": lambda one, other: one <= other,
}


def _related(value: object, operator: object, to: object) -> bool:
    if operator == "$eq":
        return value == to
    if operator == "$ne":
        return value != to
    order = _ORDERS.get(operator) if isinstance(operator, str) else None
    if order is None:
        known = ", ".join(("$eq", "$ne", *_ORDERS))
        raise InvalidInput(f"no operator {operator!r}", hint=f"one of {known}")
    one, other = _number(value), _number(to)
    if one is not None and other is not None:
        return order(one, other)
    # Dates in ISO 8601 are in the order of their letters.
    return isinstance(value, str) and isinstance(to, str) and order(value, to)


def _number(value: object) -> float | None:
    if not isinstance(value, (str, int, float)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None
