"""Regular expressions that are compiled when they are first used.

Compiling the rules for facts takes longer than opening a store, and most processes that open one never meet a text that needs them.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any, cast


class _Lazy:
    """Stands for a pattern until somebody asks for one of its attributes, which it then keeps as its own."""

    def __init__(self, source: str, flags: int) -> None:
        self._source, self._flags = source, flags

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self._source, self._flags)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(self._compiled, name)
        self.__dict__[name] = found
        return found


def regex(source: str, flags: int = 0) -> re.Pattern[str]:
    """The pattern of this source; what is wrong with it shows at its first use.

    >>> regex("a+").findall("caaba")
    ['aa', 'a']
    """
    return cast("re.Pattern[str]", _Lazy(source, flags))
