"""The options of benchmarks, and how they tell of their progress."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from remanence.bench.systems.base import OURS
from remanence.serve.output import console

Data = Annotated[
    Path,
    typer.Option(
        "--data", metavar="PATH", help="A file or folder in the benchmark's official format."
    ),
]
System = Annotated[
    list[str] | None,
    typer.Option(
        "--system",
        metavar="NAME",
        help=f"{', '.join(OURS)}, or a peer; repeatable. The first is compared with the others.",
        show_default=False,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--json", metavar="OUT", help="Write the result here, as JSON.", show_default=False
    ),
]
Plot = Annotated[
    Path | None,
    typer.Option("--plot", metavar="PATH", help="Draw it here, as PNG or SVG.", show_default=False),
]
Encoder = Annotated[
    str,
    typer.Option(
        "--embedder", metavar="NAME_OR_URL", help="The encoder whose vectors all peers are given."
    ),
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Of the bootstrap.")]
Limit = Annotated[
    int, typer.Option("--limit", metavar="N", help="Only so many conversations; 0: all.")
]
Corrections = Annotated[
    Path | None,
    typer.Option(
        "--corrections",
        metavar="PATH",
        help="Audited corrections of answers and citations.",
        show_default=False,
    ),
]


def saying() -> Callable[[str], None]:
    """Progress of a benchmark: a line at a time on standard error."""
    notes = console(errors=True)
    return lambda line: notes.print(line, style="dim")
