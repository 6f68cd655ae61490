"""Names that a package exports and loads on first use: lazy at the package's door, eager inside each file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from importlib import import_module


def attach(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` for a package that exports `homes`: name -> module it lives in.

    A module is imported when one of its names is first touched, and the value then stays in the package.
    An unknown name raises `AttributeError` with near matches.
    """

    def __getattr__(name: str) -> object:
        if name not in homes:
            near = get_close_matches(name, homes, n=3)
            hint = f" - did you mean {' or '.join(near)}?" if near else ""
            raise AttributeError(f"module {package!r} has no attribute {name!r}{hint}", name=name)
        value: object = getattr(import_module(homes[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    def __dir__() -> list[str]:
        return sorted(homes)

    return __getattr__, __dir__
