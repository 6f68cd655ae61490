"""`rmem bench bulk` and `rmem bench many`: what several workers and several servers are worth."""

from __future__ import annotations

from typing import Annotated

import typer

from remanence.bench import bulk as bulk_bench
from remanence.bench import many as many_bench
from remanence.serve.measuring import Out, Seed, saying
from remanence.serve.output import console


def bulk(
    texts: Annotated[int, typer.Option("--texts", metavar="N", help="Encoded each way.")] = 3_000,
    way: Annotated[
        list[str] | None,
        typer.Option(
            "--way",
            metavar="NAME",
            help=f"{', '.join(bulk_bench.WAYS)}; repeatable; default: all.",
            show_default=False,
        ),
    ] = None,
    embedder: Annotated[
        str, typer.Option("--embedder", metavar="NAME_OR_URL", help="The encoder.")
    ] = "minilm",
    json: Out = None,
    seed: Seed = 0,
) -> int:
    """Re-embedding in this process, in several, and on Ray.

    rmem bench bulk --json bulk.json
    """
    result = bulk_bench.run_bulk(
        texts=texts,
        ways=way or bulk_bench.WAYS,
        embedder=embedder,
        seed=seed,
        json_path=json,
        say=saying(),
    )
    bulk_bench.show_bulk(result, console())
    return 0


def many(
    servers: Annotated[
        int, typer.Option("--servers", metavar="N", help="Started here, each in a folder.")
    ] = 2,
    tenants: Annotated[int, typer.Option("--tenants", metavar="N", help="Tenants.")] = 1_000,
    records: Annotated[
        int, typer.Option("--records", metavar="N", help="Of all tenants together.")
    ] = 1_000_000,
    url: Annotated[
        list[str] | None,
        typer.Option(
            "--url",
            metavar="URL",
            help="An empty database to use instead; give two or more.",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option("-w", "--workers", metavar="N", help="Processes that load.")
    ] = 2,
    fsync: Annotated[
        bool, typer.Option("--fsync/--no-fsync", help="Whether own servers wait for the disk.")
    ] = True,
    json: Out = None,
    seed: Seed = 0,
) -> int:
    """Many tenants on several PostgreSQL servers: loading, reads, writes, walls, and a move under load.

    rmem bench many --tenants 20 --records 1000 --json many.json
    """
    result = many_bench.run_many(
        servers=servers,
        tenants=tenants,
        records=records,
        urls=url or (),
        workers=workers,
        fsync=fsync,
        seed=seed,
        json_path=json,
        say=saying(),
    )
    many_bench.show_many(result, console())
    wrong = result.leaks or result.missing or result.lost or result.problems
    return 1 if wrong else 0


BENCHMARKS = (bulk, many)
