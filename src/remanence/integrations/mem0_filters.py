"""mem0's filters as a test of one memory: `{"AND": [{"topic": "home"}, {"n": {"gte": 3}}], "NOT": […]}`.

A value alone means equality, a list any of its items, `"*"` whatever it is; operators: `eq ne in nin gt gte lt lte contains icontains`.
A field that a memory does not have fulfils no condition; one that is a list fulfils it where one of its items does. What is no filter of
mem0's is an error: nothing that was asked for is passed over.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from remanence.errors import InvalidInput

Fields = Mapping[str, object]
Test = Callable[[Fields], bool]

_GROUPS: Final = {"AND": "AND", "OR": "OR", "NOT": "NOT", "$and": "AND", "$or": "OR", "$not": "NOT"}
_ORDERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
OPERATORS: Final = ("eq", "ne", "in", "nin", *_ORDERS, "contains", "icontains")


def compiled(filters: Mapping[str, object]) -> Test:
    """A test that holds where every filter does.

    Raises: InvalidInput, naming what is no filter.

    >>> compiled({"n": {"gte": 3}, "NOT": [{"topic": "home"}]})({"n": 4, "topic": "work"})
    True
    """
    if not isinstance(filters, Mapping):
        raise InvalidInput(f"a filter is a {type(filters).__name__}", hint="give a dict")
    tests = [_one(key, value) for key, value in filters.items()]
    return lambda fields: all(test(fields) for test in tests)


def _one(key: object, value: object) -> Test:
    if not isinstance(key, str):
        raise InvalidInput(f"filter {key!r} is a {type(key).__name__}", hint="name a field")
    if key in _GROUPS:
        return _group(_GROUPS[key], value)
    if key.startswith("$"):
        raise InvalidInput(f"no filter is called {key!r}", hint="groups are AND, OR and NOT")
    if isinstance(value, Mapping):
        if not value:
            raise InvalidInput(
                f"filter {key!r} says nothing", hint=f"one of {', '.join(OPERATORS)}"
            )
        tests = [_operator(key, name, operand) for name, operand in value.items()]
        return lambda fields: all(test(fields) for test in tests)
    if value == "*":
        return lambda fields: True
    return _operator(key, "in" if isinstance(value, list) else "eq", value)


def _group(name: str, value: object) -> Test:
    if not isinstance(value, list) or not value:
        raise InvalidInput(f"{name} is {value!r}", hint="give a list of filters")
    tests = [compiled(one) for one in value]
    if name == "AND":
        return lambda fields: all(test(fields) for test in tests)
    if name == "OR":
        return lambda fields: any(test(fields) for test in tests)
    return lambda fields: not any(test(fields) for test in tests)


def _operator(key: str, name: object, operand: object) -> Test:
    test = _item_test(key, name, operand)

    def holds(fields: Fields) -> bool:
        found = fields.get(key)
        items = found if isinstance(found, list) else [found]
        return any(item is not None and test(item) for item in items)

    return holds


def _item_test(key: str, name: object, operand: object) -> Callable[[object], bool]:
    if name in ("eq", "ne"):
        return lambda item: _same(item, operand) == (name == "eq")
    if name in ("in", "nin"):
        if isinstance(operand, str) or not isinstance(operand, Sequence):
            raise InvalidInput(f"{name} of {key!r} is {operand!r}", hint="give a list")
        options = list(operand)
        return lambda item: any(_same(item, option) for option in options) == (name == "in")
    if name in _ORDERS:
        return _ordered(key, str(name), operand)
    if name in ("contains", "icontains"):
        if not isinstance(operand, str):
            raise InvalidInput(f"{name} of {key!r} is {operand!r}", hint="give text")
        if name == "contains":
            return lambda item: isinstance(item, str) and operand in item
        folded = operand.casefold()
        return lambda item: isinstance(item, str) and folded in item.casefold()
    raise InvalidInput(
        f"no operator of {key!r} is called {name!r}", hint=f"one of {', '.join(OPERATORS)}"
    )


def _ordered(key: str, name: str, operand: object) -> Callable[[object], bool]:
    """Numbers are compared with numbers, times with times."""
    compare = _ORDERS[name]
    if isinstance(operand, (int, float)) and not isinstance(operand, bool):
        return lambda item: _is_number(item) and compare(item, operand)
    moment = _moment(operand)
    if moment is None:
        raise InvalidInput(
            f"{name} of {key!r} is {operand!r}", hint="give a number, or a time as ISO 8601"
        )

    def holds(item: object) -> bool:
        at = _moment(item)
        return at is not None and compare(at, moment)

    return holds


def _same(item: object, other: object) -> bool:
    """Equal, and of one kind: 1 is 1.0, but not True."""
    if _is_number(item) and _is_number(other):
        return item == other
    return type(item) is type(other) and item == other


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _moment(value: object) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)
