"""`rmem models`: the encoders on this machine, fetching the default one, and distilling the static one from it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from remanence.embed import static, weights
from remanence.errors import ModelMissing
from remanence.serve.options import Json
from remanence.serve.output import console, emit, table, working
from remanence.serve.shell import NOTHING_FOUND

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    help="The encoders on this machine, and fetching one.",
)


@app.command("list")
def list_(json_: Json = False) -> int:
    """The local encoders, and whether their files are here. Any OpenAI-compatible endpoint serves as well."""
    try:
        found, hint = str(weights.find()), ""
    except ModelMissing as error:
        found, hint = "", error.hint
    distilled = weights.cache_folder() / f"static-{static.DIM}x{static.PASSES}" / static.TABLE
    rows: list[dict[str, object]] = [
        {
            "name": "minilm",
            "path": found or None,
            "what": f"{weights.NAME} {weights.REVISION[:8]}, int8",
        },
        {
            "name": "static",
            "path": str(distilled.parent) if distilled.exists() else None,
            "what": "distilled from minilm: some ten times faster, finds less",
        },
    ]
    if json_:
        for row in rows:
            emit(row)
    else:
        table(
            ("name", "files", "what"),
            ((row["name"], row["path"] or "not here", row["what"]) for row in rows),
        )
        if hint:
            console(errors=True).print(hint)
    return 0 if found else NOTHING_FOUND


@app.command()
def fetch(
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            metavar="FOLDER",
            help="Into this folder; default: the user's cache.",
            show_default=False,
        ),
    ] = None,
    json_: Json = False,
) -> int:
    """Download the default encoder (91 MB), pinned by its digest.

    Nothing else in rmem uses the network, unless you name an endpoint.
    """
    with working(f"downloading {weights.NAME}", shown=not json_):
        place = weights.fetch(to)
    return _ready("minilm", place, json_)


@app.command()
def distil(json_: Json = False) -> int:
    """Make the static encoder from the default one: half a minute, once. --embedder static does it when it has to."""
    with working("distilling", shown=not json_):
        place = static.distil()
    return _ready("static", place, json_)


def _ready(name: str, place: Path, json_: bool) -> int:
    if json_:
        emit({"name": name, "path": str(place)})
    else:
        console().print(f"{name} is in {place}")
    return 0
