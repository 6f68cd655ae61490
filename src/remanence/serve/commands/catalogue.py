"""`rmem papers` and `rmem where`: the mechanisms inside, where they come from, and what they measured."""

from __future__ import annotations

from typing import Annotated

import typer

from remanence.catalogue import scan
from remanence.serve.options import Json
from remanence.serve.output import console, emit, print_pairs, table
from remanence.serve.shell import NOTHING_FOUND


def papers(
    text: Annotated[
        str, typer.Argument(help="Only those with this in their name, title, source or summary.")
    ] = "",
    seam: Annotated[
        str,
        typer.Option(
            "--seam",
            metavar="NAME",
            help="Only this seam's, such as Retriever.",
            show_default=False,
        ),
    ] = "",
    json_: Json = False,
) -> int:
    """The mechanisms inside and the papers they come from.

    rmem papers bm25
    """
    wanted = text.casefold()
    found = [
        entry
        for entry in scan.entries()
        if (not seam or entry.seam.casefold() == seam.casefold())
        and wanted in f"{entry.name} {entry.title} {entry.source} {entry.summary}".casefold()
    ]
    if json_:
        for entry in found:
            emit(entry.as_dict())
    elif found:
        rows = ((e.name, e.seam, e.year, e.fidelity, e.source, e.title) for e in found)
        table(("name", "seam", "year", "fidelity", "source", "title"), rows)
    else:
        console(errors=True).print("nothing found")
    return 0 if found else NOTHING_FOUND


def where(
    name: Annotated[str, typer.Argument(help="A mechanism's name, as rmem papers shows it.")],
    json_: Json = False,
) -> int:
    """The file, source, test and measured figures of a mechanism.

    rmem where lexical
    """
    entry = scan.where(name)
    if json_:
        emit(entry.as_dict())
        return 0
    print_pairs(
        [
            ("name", entry.name),
            ("what", entry.summary),
            ("file", f"{entry.file}:{entry.line}"),
            ("import", f"from {entry.module} import {entry.name}"),
            ("seam", entry.seam),
            (
                "source",
                f"{entry.title} ({entry.year}), {entry.source}{f', {entry.where}' if entry.where else ''}",
            ),
            ("fidelity", entry.fidelity),
            ("test", entry.test),
            *(("measured", f"{measured}   {measured.command}") for measured in entry.measured),
        ]
    )
    return 0
