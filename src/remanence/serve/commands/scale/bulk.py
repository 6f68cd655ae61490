"""`rmem bulk`: imports, re-embedding and sleep over many users, in several processes or on Ray."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from remanence.bulk.embed import embed as embed_all
from remanence.bulk.load import load
from remanence.bulk.place import Place as Sent
from remanence.bulk.runner import Here as InThisProcess
from remanence.bulk.runner import Processes, Runner
from remanence.bulk.sleep import sleep as sleep_all
from remanence.errors import InvalidInput
from remanence.seams import Observation
from remanence.serve.imports.base import Skipped
from remanence.serve.imports.detect import IMPORTERS, detect, named
from remanence.serve.opening import Place, Writing, key_place
from remanence.serve.options import Embedder, Json, default_store
from remanence.serve.output import console, emit, progress, visible
from remanence.serve.spread import spread
from remanence.store.choose import has_tenants, tenants_at
from remanence.text.write.messages import TENANT, as_scope

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    help="Imports, re-embedding and sleep over many users, in several processes or on Ray.",
)
Workers = Annotated[
    int, typer.Option("-w", "--workers", metavar="N", help="Processes; 1 works in this one.")
]
OnRay = Annotated[
    str,
    typer.Option(
        "--ray",
        metavar="ADDRESS",
        help="On Ray: 'local' starts it here, or the address of a cluster, such as auto.",
        show_default=False,
    ),
]
_FORMATS = ", ".join(importer.name for importer in IMPORTERS)


@app.command("import")
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
    workers: Workers = 2,
    ray: OnRay = "",
    json_: Json = False,
    *,
    here: Writing,
) -> int:
    """As rmem import, users side by side; each user's memories keep their order. Run it again after whatever ended it: it goes on.

    rmem bulk import export.jsonl --store postgresql:///memories --workers 8
    """
    scope = as_scope(here.user, here.agent, here.tenant or TENANT)
    chosen = [(path, named(format) if format else detect(path)) for path in paths]
    skipped: list[Skipped] = []

    def observations() -> Iterator[Observation]:
        for path, importer in chosen:
            for item in importer.read(path, scope):
                if isinstance(item, Skipped):
                    skipped.append(item)
                else:
                    yield item

    place = _sent(here, policy=here.policy, actor=here.actor)
    began = perf_counter()
    with _runner(workers, ray) as runner, progress("importing", shown=not json_) as tick:
        apart = bool(here.tenant) or has_tenants(place.store)
        done = load(place, observations(), runner, apart=apart, tell=tick)
    seconds = perf_counter() - began
    for one in skipped:
        console(errors=True).print(
            visible(f"skipped {one.path}:{one.line}: {one.reason}"), style="yellow"
        )
    for id, why in done.rejected.items():
        console(errors=True).print(visible(f"rejected {id}: {why}"), style="yellow")
    counts = {"stored": 0, **done.counts, "skipped": len(skipped)}
    _report(counts, seconds, json_)
    return 0 if done.counts["stored"] or done.counts["duplicate"] else 1


@app.command()
@spread
def embed(
    workers: Workers = 2,
    ray: OnRay = "",
    embedder: Embedder = "auto",
    json_: Json = False,
    *,
    here: Place,
) -> int:
    """Encode everything that waits for this encoder, of one tenant or all. Another encoder's vectors serve until then.

    rmem bulk embed --store memories/ --embedder minilm --workers 8
    """
    place = _sent(here, embedder=embedder)
    began = perf_counter()
    with _runner(workers, ray) as runner, progress("encoding", shown=not json_) as tick:
        done = embed_all(place, _whose(here, place), runner, tick)
    _report({"embedded": done}, perf_counter() - began, json_)
    return 0


@app.command()
@spread
def sleep(
    workers: Workers = 2,
    ray: OnRay = "",
    seconds: Annotated[
        float,
        typer.Option(
            "--seconds", metavar="S", help="At most so many for each user.", show_default=False
        ),
    ] = math.inf,
    embedder: Embedder = "auto",
    json_: Json = False,
    *,
    here: Place,
) -> int:
    """Let every user's memory do what is due: merge, adjudicate, archive, summarise. Each can be undone (rmem undo).

    rmem bulk sleep --store memories/ --workers 4 --seconds 30
    """
    place = _sent(here, embedder=embedder, actor="sleep/bulk")
    began = perf_counter()
    with _runner(workers, ray) as runner, progress("sleeping", shown=not json_) as tick:
        done = sleep_all(
            place,
            _whose(here, place),
            runner,
            seconds=seconds,
            tell=lambda users, user: tick(users, None, user),
        )
    _report(dict(done), perf_counter() - began, json_)
    return 0


def _sent(here: Place, *, embedder: str = "none", policy: str = "", actor: str = "") -> Sent:
    """The place as workers open it."""
    return Sent(
        store=here.store or default_store(),
        key=key_place(here.keys),
        policy=policy,
        embedder=embedder,
        actor=actor,
    )


def _whose(here: Place, place: Sent) -> list[str]:
    """The tenants whose stores are meant: the one that is named, else all that the place has."""
    if here.tenant or not has_tenants(place.store):
        return [here.tenant]
    return tenants_at(place.store)


@contextmanager
def _runner(workers: int, ray: str) -> Iterator[Runner]:
    if workers < 1:
        raise InvalidInput(f"--workers {workers}", hint="give 1 or more")
    runner: Runner
    if ray:
        from remanence.bulk.cluster import OnRay as Cluster

        runner = Cluster(workers, "" if ray == "local" else ray)
    else:
        runner = Processes(workers) if workers > 1 else InThisProcess()
    try:
        yield runner
    finally:
        runner.close()


def _report(counts: dict[str, int], seconds: float, json_: bool) -> None:
    if json_:
        emit({**counts, "seconds": round(seconds, 3)})
        return
    told = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    console().print(f"{told or 'nothing to do'}, in {seconds:.1f} s")
