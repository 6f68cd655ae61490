"""`rmem bench`: measuring Remanence and its peers on data in its official formats."""

from __future__ import annotations

from json import dumps, loads
from pathlib import Path
from typing import Annotated

import typer

from remanence.bench import commands, durable, engine, lexical, mechanisms, report, scale
from remanence.bench.load import plan as load_plan
from remanence.bench.load import report as load_report
from remanence.bench.load.run import DEFAULT as LOADED
from remanence.bench.load.run import run_load
from remanence.bench.machine import command_line
from remanence.bench.systems.base import OURS
from remanence.bench.tasks.locomo import LoCoMo
from remanence.serve.commands import promises
from remanence.serve.commands.scale import benches
from remanence.serve.measuring import (
    Corrections,
    Data,
    Encoder,
    Limit,
    Out,
    Plot,
    Seed,
    System,
    saying,
)
from remanence.serve.output import console

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    help="Measure Remanence beside its peers, each on the same work in the same run.",
)
SIZES = (10_000, 100_000, 1_000_000)
WRONG = 3
"""Something acknowledged is not there: as `rmem verify` ends with where a store is not sound."""


@app.command()
def locomo(
    data: Data,
    corrections: Corrections = None,
    system: System = None,
    json: Out = None,
    plot: Plot = None,
    embedder: Encoder = "auto",
    seed: Seed = 0,
    limit: Limit = 0,
) -> int:
    """LoCoMo: questions about long conversations of two people.

    rmem bench locomo --data locomo10.json --system remanence --system fts5 --json out.json
    """
    return _run("locomo", data, system, json, plot, embedder, seed, limit, corrections)


@app.command()
def beam(
    data: Data,
    system: System = None,
    json: Out = None,
    plot: Plot = None,
    embedder: Encoder = "auto",
    seed: Seed = 0,
    limit: Limit = 0,
) -> int:
    """BEAM: questions about chats with an assistant of 100 k tokens and more."""
    return _run("beam", data, system, json, plot, embedder, seed, limit)


@app.command()
def multihop(
    data: Data,
    system: System = None,
    json: Out = None,
    plot: Plot = None,
    embedder: Encoder = "auto",
    seed: Seed = 0,
    limit: Limit = 0,
) -> int:
    """MuSiQue, HotpotQA and others in HippoRAG's format: questions that need several passages."""
    return _run("multihop", data, system, json, plot, embedder, seed, limit)


@app.command()
def cranfield(
    data: Data,
    system: System = None,
    json: Out = None,
    plot: Plot = None,
    embedder: Encoder = "auto",
    seed: Seed = 0,
    limit: Limit = 0,
) -> int:
    """Cranfield: 1,400 abstracts, 225 queries, graded relevance."""
    return _run("cranfield", data, system, json, plot, embedder, seed, limit)


@app.command("scale")
def scale_(
    size: Annotated[
        list[int] | None,
        typer.Option(
            "--size",
            metavar="N",
            help="Records; repeatable; default: 10^4, 10^5, 10^6.",
            show_default=False,
        ),
    ] = None,
    system: Annotated[
        list[str] | None,
        typer.Option(
            "--system",
            metavar="NAME",
            help=f"{', '.join(scale.CONTENDERS)}; repeatable.",
            show_default=False,
        ),
    ] = None,
    queries: Annotated[
        int, typer.Option("--queries", metavar="N", help="Asked at each size.")
    ] = 100,
    json: Out = None,
    seed: Seed = 0,
) -> int:
    """Search as a memory grows, beside other stores: generated records, 10^4 to 10^6 in one scope.

    rmem bench scale --size 10000 --size 100000 --json scale.json
    """
    result = scale.run_scale(
        sizes=size or SIZES,
        systems=system or scale.DEFAULT,
        queries=queries,
        seed=seed,
        json_path=json,
        say=saying(),
    )
    scale.show_scale(result, console())
    return 0


@app.command("engine")
def engine_(
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            help="A PostgreSQL database: postgresql://…; tenants of its own come and go.",
        ),
    ],
    size: Annotated[
        list[int] | None,
        typer.Option(
            "--size",
            metavar="N",
            help="Records; repeatable; default: 10^4, 10^5.",
            show_default=False,
        ),
    ] = None,
    queries: Annotated[
        int, typer.Option("--queries", metavar="N", help="Asked at each size.")
    ] = 60,
    json: Out = None,
    seed: Seed = 0,
) -> int:
    """A large memory in PostgreSQL: followed whole, or its words and vectors left there.

    rmem bench engine postgresql:///bench --size 100000 --json engine.json
    """
    result = engine.run_engine(
        url,
        sizes=size or (10_000, 100_000),
        queries=queries,
        seed=seed,
        json_path=json,
        say=saying(),
    )
    engine.show_engine(result, console())
    return 0


@app.command("durable")
def durable_(
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder",
            metavar="FOLDER",
            help="Where to write; default: for temporary files.",
            show_default=False,
        ),
    ] = None,
    writes: Annotated[int, typer.Option("--writes", metavar="N", help="Written one by one.")] = 500,
    bulk: Annotated[int, typer.Option("--bulk", metavar="N", help="Written in bulk.")] = 20_000,
    embedder: Annotated[
        str, typer.Option("--embedder", metavar="NAME_OR_URL", help="Encodes beside the writes.")
    ] = "none",
    json: Out = None,
    seed: Seed = 0,
) -> int:
    """What a durable write costs, beside the fsync of the disk it is written to."""
    result = durable.run_durable(
        folder=folder,
        writes=writes,
        bulk=bulk,
        embedder=embedder,
        seed=seed,
        json_path=json,
        say=saying(),
    )
    durable.show_durable(result, console())
    return 0


@app.command("load")
def load_(
    store: Annotated[
        list[str] | None,
        typer.Option(
            "--store",
            metavar="STORE",
            help="Of ours: sqlite, postgres (one of its own), or a database's URL; repeatable; default: sqlite.",
            show_default=False,
        ),
    ] = None,
    system: Annotated[
        list[str] | None,
        typer.Option(
            "--system",
            metavar="NAME",
            help=f"{', '.join((*OURS, *load_plan.PEERS))}; repeatable.",
            show_default=False,
        ),
    ] = None,
    clients: Annotated[
        str, typer.Option("--clients", metavar="N,N,…", help="How many at once, one load each.")
    ] = "1,4,16,64",
    seconds: Annotated[float, typer.Option("--seconds", metavar="S", help="Of each load.")] = 15.0,
    mix: Annotated[
        str, typer.Option("--mix", metavar="N/N", help="Searches and adds in a hundred.")
    ] = "80/20",
    records: Annotated[
        int, typer.Option("--records", metavar="N", help="There before the load.")
    ] = 10_000,
    users: Annotated[int, typer.Option("--users", metavar="N", help="Whose they are.")] = 8,
    kill: Annotated[
        bool, typer.Option("--kill", help="Kill each server amid a load, too, and count again.")
    ] = False,
    json: Out = None,
    plot: Plot = None,
    seed: Seed = 0,
) -> int:
    """The HTTP door under many clients at once, beside Chroma's server, and whether all that was acknowledged is there.

    rmem bench load --store sqlite --store postgres --kill --json load.json --plot load.png
    """
    words = ["--clients", clients, "--seconds", f"{seconds:g}", "--mix", mix]
    words += [word for name in store or () for word in ("--store", name.partition("://")[0])]
    words += [word for name in system or () for word in ("--system", name)]
    words += ["--records", str(records), "--users", str(users), *(["--kill"] if kill else [])]
    result = run_load(
        stores=store or load_plan.STORES[:1],
        systems=system or LOADED,
        clients=load_plan.counts(clients),
        seconds=seconds,
        mix=mix,
        records=records,
        users=users,
        kill=kill,
        seed=seed,
        command=command_line(["rmem", "bench", "load", *words]),
        json_path=json,
        plot=plot,
        say=saying(),
    )
    load_report.show(result, console())
    return 0 if result.ok else WRONG


@app.command("lexical")
def lexical_(
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="PATH",
            help="LoCoMo data: what each index finds in it.",
            show_default=False,
        ),
    ] = None,
    size: Annotated[
        list[int] | None,
        typer.Option(
            "--size",
            metavar="N",
            help="Records; repeatable; default: 10^4, 10^5.",
            show_default=False,
        ),
    ] = None,
    queries: Annotated[
        int, typer.Option("--queries", metavar="N", help="Asked at each size.")
    ] = 100,
    json: Out = None,
    seed: Seed = 0,
) -> int:
    """Our inverted index beside FTS5, tantivy and bm25s: speed as a memory grows, and what they find."""
    result = lexical.run_lexical(
        task=LoCoMo() if data else None,
        data=data,
        sizes=size or SIZES[:2],
        queries=queries,
        seed=seed,
        say=saying(),
    )
    if json is not None:
        json.write_text(dumps(result.as_json(), indent=1) + "\n", encoding="utf-8")
    lexical.show_lexical(result, console())
    return 0


@app.command("mechanisms")
def mechanisms_(
    data: Data,
    corrections: Corrections = None,
    multihop: Annotated[
        Path | None,
        typer.Option(
            "--multihop",
            metavar="PATH",
            help="Multi-hop sets, for what walks a graph.",
            show_default=False,
        ),
    ] = None,
    cranfield: Annotated[
        Path | None,
        typer.Option(
            "--cranfield",
            metavar="PATH",
            help="Cranfield, for what cuts pages.",
            show_default=False,
        ),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="FILE",
            help="Merge the rows into this file, the catalogue's `measured.json` for one.",
            show_default=False,
        ),
    ] = None,
) -> int:
    """What each mechanism is worth on LoCoMo: the measured rows of the catalogue."""
    words: list[str | Path] = ["rmem", "bench", "mechanisms", "--data", data]
    words += ["--corrections", corrections] if corrections else []
    words += ["--multihop", multihop] if multihop else []
    words += ["--cranfield", cranfield] if cranfield else []
    rows = mechanisms.measure(
        data, corrections, multihop, cranfield, command=command_line(words), say=saying()
    )
    if json is not None:
        known = loads(json.read_text(encoding="utf-8")) if json.exists() else {}
        merged = dumps(mechanisms.merge(known, rows), indent=1) + "\n"
        json.write_text(merged, encoding="utf-8")
    for name, found in sorted(rows.items()):
        for row in found:
            console().print(f"{name}: {row}", highlight=False)
    return 0


for benchmark in (*promises.BENCHMARKS, *benches.BENCHMARKS):
    app.command()(benchmark)


def _run(
    name: str,
    data: Path,
    systems: list[str] | None,
    json: Path | None,
    plot: Path | None,
    embedder: str,
    seed: int,
    limit: int,
    corrections: Path | None = None,
) -> int:
    result = commands.main_bench(
        name,
        data=data,
        corrections=corrections,
        systems=systems or (),
        json=json,
        plot=plot,
        embedder=embedder,
        seed=seed,
        limit=limit,
        say=saying(),
    )
    report.show(result, console())
    return 0
