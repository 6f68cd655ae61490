"""How a mechanism says what it is: one decorator, literals only, read from the syntax tree by the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeVar

Fidelity = Literal["exact", "adapted", "inspired", "ours"]
C = TypeVar("C")


def mechanism(
    *,
    seam: str,
    source: str,
    title: str,
    year: int,
    where: str = "",
    fidelity: Fidelity,
) -> Callable[[C], C]:
    """Declare a class or function as a mechanism of the catalogue; it is returned unchanged.

    `seam`: name of the Protocol in `seams.py`; `source`: `arXiv:…`, `doi:…`, a URL or `Remanence`; `where`: the
    equation, algorithm or section; `fidelity`: `exact` (a golden test holds it to the paper's or its authors' numbers),
    `adapted` (the docstring says how), `inspired`, or `ours`.
    """

    def keep(thing: C) -> C:
        return thing

    return keep
