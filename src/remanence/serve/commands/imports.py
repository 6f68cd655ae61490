"""`rmem import`: conversations and notes from elsewhere, resumable, with a report of what could not be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from remanence.errors import BadImport, InvalidInput
from remanence.memory import Memory
from remanence.seams import Observation
from remanence.serve.commands.keep import embed
from remanence.serve.imports.base import Importer, Skipped
from remanence.serve.imports.detect import IMPORTERS, detect, is_own_export, named
from remanence.serve.opening import Writing
from remanence.serve.ops.table import OPS
from remanence.serve.options import Embedder, Json
from remanence.serve.output import console, emit, progress, visible, working
from remanence.serve.spread import spread
from remanence.text.write.messages import TENANT, as_scope
from remanence.types import Ack, Scope

_SHOWN = 20
_FORMATS = ", ".join(importer.name for importer in IMPORTERS)


@spread
def import_(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders.")],
    format: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="NAME",
            help=f"What it is ({_FORMATS}); default: by its content.",
            show_default=False,
        ),
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and report, store nothing.")
    ] = False,
    later: Annotated[
        bool, typer.Option("--later", help="Leave the embedding to rmem flush.")
    ] = False,
    embedder: Embedder = "auto",
    json_: Json = False,
    *,
    here: Writing,
) -> int:
    """Import conversations and notes: ChatGPT and Claude exports (conversations.json or the zip), messages as JSON Lines,
    LoCoMo, conversations in sessions, mem0, Chroma, folders of Markdown or plain text, and rmem's own exports.

    What is damaged is reported with its line and the rest is imported. Importing again stores nothing twice, so an
    interrupted import is resumed by running it again.

    rmem import ~/Downloads/chatgpt-export.zip

    rmem import notes/ --user ana

    rmem import memory.jsonl --store copy.rmem
    """
    scope = as_scope(here.user, here.agent, here.tenant or TENANT)
    own = [path for path in paths if not format and is_own_export(path)]
    chosen = [
        (path, named(format) if format else detect(path)) for path in paths if path not in own
    ]
    tally = _Tally()
    if dry_run:
        if own:
            raise InvalidInput(
                f"{own[0]} is an export of rmem's", hint="it is checked while a new store reads it"
            )
        for path, importer in chosen:
            for _ in tally.passing(importer.read(path, scope)):
                tally.counts["readable"] += 1
        return tally.report(json_)
    if own and (here.user or here.agent):
        console(errors=True).print(
            visible(f"note: {own[0]} names its own users: --user and --agent do not apply to it"),
            style="yellow",
        )
    fresh = _absent(here.path)
    try:
        with here.open(create=True, embedder="none" if later else embedder) as memory:
            for path in own:
                with working(f"reading {path.name}", shown=not json_):
                    tally.counts["events"] += OPS["load"].call(memory, {"path": path}).events
            try:
                for path, importer in chosen:
                    _import(memory, importer, path, tally, scope, json_)
            except KeyboardInterrupt:
                tally.report(json_)
                raise
            code = tally.report(json_)
            if not later and (embedded := embed(memory, shown=not json_)) and not json_:
                console().print(f"{embedded:,} embedded")
    except BadImport:
        if fresh is not None and not tally.counts.total():
            _remove(fresh)
        raise
    return code


def _absent(path: Path | None) -> Path | None:
    """The path of a store that an import is about to make; None where it is there."""
    return path if path is not None and not path.exists() else None


def _remove(path: Path) -> None:
    """Take away a store that was made for what could not be read: an empty one is in the way of the next attempt."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


class _Tally:
    """Counts what happened and keeps what was skipped."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.skipped: list[Skipped] = []
        self.rejected: list[Ack] = []
        self.started = perf_counter()

    def passing(self, items: Iterator[Observation | Skipped]) -> Iterator[Observation]:
        """The observations among the items; the others are kept for the report."""
        for item in items:
            if isinstance(item, Skipped):
                self.skipped.append(item)
            else:
                yield item

    def report(self, json_: bool) -> int:
        """Print it. 1 where nothing at all could be read, else 0."""
        seconds = perf_counter() - self.started
        read = sum(self.counts.values())
        if json_:
            emit(
                {
                    **{
                        name: self.counts[name]
                        for name in ("stored", "duplicate", "rejected", "readable", "events")
                    },
                    "skipped": [_skip(item) for item in self.skipped],
                    "refused": [{"id": ack.id, "reason": ack.reason} for ack in self.rejected],
                    "seconds": round(seconds, 3),
                }
            )
            return 0 if read else 1
        out = console(errors=True)
        for item in self.skipped[:_SHOWN]:
            where = f"{item.path}{f':{item.line}' if item.line else ''}"
            out.print(visible(f"skipped {where}: {item.reason}"))
        for ack in self.rejected[:_SHOWN]:
            out.print(visible(f"refused {ack.id}: {ack.reason}"))
        if more := len(self.skipped[_SHOWN:]) + len(self.rejected[_SHOWN:]):
            out.print(f"… and {more} more; --json lists all")
        names = {
            "stored": "stored",
            "duplicate": "already there",
            "rejected": "refused",
            "readable": "readable",
            "events": "events read",
        }
        told = [
            f"{self.counts[name]:,} {words}" for name, words in names.items() if self.counts[name]
        ]
        told += [f"{len(self.skipped):,} skipped"] if self.skipped else []
        console().print(f"{', '.join(told) or 'nothing to import'} in {seconds:.1f} s")
        return 0 if read else 1


def _import(
    memory: Memory,
    importer: Importer,
    path: Path,
    tally: _Tally,
    scope: Scope,
    json_: bool,
) -> None:
    with progress(f"importing {path.name}", shown=not json_) as tick:
        observations = tally.passing(importer.read(path, scope))
        for ack in memory.observe(observations, progress=tick):
            tally.counts[ack.status] += 1
            if ack.status == "rejected":
                tally.rejected.append(ack)


def _skip(item: Skipped) -> dict[str, object]:
    return {"path": item.path, "line": item.line, "reason": item.reason}
