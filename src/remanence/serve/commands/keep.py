"""`rmem status`, `users`, `flush`, `verify`, `rebuild`, `backup` and `export`: keeping a store in good order."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from remanence.embed.choose import why_none
from remanence.errors import Corrupt, InvalidInput
from remanence.memory import Memory, Status
from remanence.serve.opening import Place
from remanence.serve.ops.table import OPS
from remanence.serve.ops.wire import answer, plain
from remanence.serve.options import Embedder, Json
from remanence.serve.output import console, emit, print_pairs, progress, visible, working
from remanence.serve.shell import NOTHING_FOUND
from remanence.serve.spread import spread
from remanence.store.verify import Report

TICK = 0.2
"""Seconds between two looks at the queue."""


@spread
def status(embedder: Embedder = "auto", json_: Json = False, *, here: Place) -> int:
    """Counts, sizes, the encoder and how far the embedding is."""
    with here.open(embedder=embedder) as memory:
        found: Status = OPS["status"].call(memory, {})
    if json_:
        emit(plain(found))
        return 0
    versions = f" in {found.versions:,} versions" if found.versions != found.records else ""
    print_pairs(
        [
            ("store", found.path),
            ("size", f"{size_of(found.bytes)}, schema {found.schema}"),
            ("memories", f"{found.records:,}{versions}"),
            ("users", found.spaces),
            ("ledger", f"{found.events:,} events"),
            ("recipe", found.recipe),
            (
                "encoder",
                found.encoder
                if found.encoder != "none" or embedder != "auto"
                else f"none: {why_none()}",
            ),
            (
                "embedded",
                f"{found.embedded:,}, {found.pending:,} waiting" if found.encoder != "none" else "",
            ),
            ("dense search", found.dense),
            ("encoder's error", found.error),
        ]
    )
    return 0


@spread
def users(json_: Json = False, *, here: Place) -> int:
    """Whose memories are in the store, in the order in which they were first written to.

    rmem users --json
    """
    with here.open() as memory:
        found: list[str] = OPS["users"].call(memory, {})
    for user in found:
        if json_:
            emit(user)
        else:
            console().print(visible(user))
    if not found and not json_:
        console(errors=True).print("nothing stored")
    return 0 if found else NOTHING_FOUND


@spread
def flush(embedder: Embedder = "auto", json_: Json = False, *, here: Place) -> int:
    """Embed everything that waits for its vectors."""
    with here.open(embedder=embedder) as memory:
        if OPS["status"].call(memory, {}).encoder == "none":
            raise InvalidInput(
                "there is no encoder to embed with", hint=why_none() or "--embedder names one"
            )
        done = embed(memory, shown=not json_)
    if json_:
        emit({**answer(True), "embedded": done})
    else:
        console().print(f"embedded {done:,}")
    return 0


def embed(memory: Memory, *, shown: bool) -> int:
    """Wait for the queue behind a progress bar; how many texts were embedded. Raises: what stopped the encoder."""
    first: Status = OPS["status"].call(memory, {})
    if first.encoder == "none":
        return 0
    with progress("embedding", shown=shown) as tick:
        while not OPS["flush"].call(memory, {"timeout": TICK}):
            left: Status = OPS["status"].call(memory, {})
            tick(first.pending - left.pending, first.pending)
    return first.pending


@spread
def verify(json_: Json = False, *, here: Place) -> int:
    """Check the chain of the ledger, every digest, derived state against the ledger, and the pages of the file."""
    with here.open() as memory, working("verifying", shown=not json_):
        report: Report = OPS["verify"].call(memory, {})
    if json_:
        emit(plain(report))
    else:
        console().print(
            f"{report.events:,} events, {report.versions:,} versions, {report.vectors:,} vectors: "
            f"{'all check out' if report.ok else f'{len(report.problems)} problems'}  head {report.head[:16]}"
        )
    if report.ok:
        return 0
    for problem in report.problems:
        console(errors=True).print(visible(problem))
    hint = "rmem rebuild mends what is derived; for the rest restore a backup"
    raise Corrupt(f"{len(report.problems)} things do not check out", hint=hint)


@spread
def rebuild(json_: Json = False, *, here: Place) -> int:
    """Derive everything anew from the ledger: words, links, names, the queue. Vectors are kept."""
    with here.open() as memory, working("rebuilding", shown=not json_):
        done = answer(OPS["rebuild"].call(memory, {}))
        found: Status = OPS["status"].call(memory, {})
    if json_:
        emit({**done, "records": found.records, "versions": found.versions})
    else:
        console().print(f"rebuilt {found.versions:,} versions of {found.records:,} memories")
    return 0


@spread
def backup(
    path: Annotated[Path, typer.Argument(help="Where the copy goes.")],
    json_: Json = False,
    *,
    here: Place,
) -> int:
    """Copy the store while it is in use. The copy appears whole or not at all.

    rmem backup ~/backups/memory-$(date +%F).rmem
    """
    with here.open() as memory, working("copying", shown=not json_):
        OPS["backup"].call(memory, {"path": path})
    size = path.stat().st_size
    if json_:
        emit({"path": str(path), "bytes": size})
    else:
        console().print(f"{path}  {size_of(size)}")
    return 0


@spread
def export(
    path: Annotated[Path, typer.Argument(help="The JSON Lines file to write.")],
    json_: Json = False,
    *,
    here: Place,
) -> int:
    """Write everything (history, erasures, vectors) as JSON Lines, which `rmem import` reads into an empty store.

    rmem export memory.jsonl
    """
    with here.open() as memory, working("exporting", shown=not json_):
        lines: int = OPS["export"].call(memory, {"path": path})
        digest = memory.state_digest()
    if json_:
        emit({"path": str(path), "lines": lines, "state_digest": digest})
    else:
        console().print(f"{path}  {lines:,} lines  state {digest[:16]}")
    return 0


def size_of(count: int) -> str:
    """A size for people: powers of 1,000.

    >>> size_of(1_234_567)
    '1.2 MB'
    """
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.1f} {unit}" if unit != "B" else f"{count} B"
        size /= 1000
    return f"{size:.1f} TB"
