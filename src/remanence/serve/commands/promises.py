"""`rmem bench interference`, `updates`, `instructions`, `poisoning`, `integrity`, `remanence` and `fading`: what memory promises beyond
finding, measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from remanence.bench import fading as fades
from remanence.bench import integrity as contexts
from remanence.bench import poisoning as poison
from remanence.bench import remanence as remains
from remanence.bench import truth
from remanence.bench.attacks import Wording
from remanence.bench.machine import command_line
from remanence.bench.report import shorten, with_interval
from remanence.bench.result import Figure, Result, write
from remanence.errors import InvalidInput
from remanence.serve.measuring import Corrections, Data, Encoder, Limit, Out, Plot, Seed, saying
from remanence.serve.output import console, table

_WORDINGS: tuple[str, ...] = get_args(Wording)
OurEncoder = Annotated[
    str, typer.Option("--embedder", metavar="NAME_OR_URL", help="The encoder; none: words alone.")
]
LoCoMoData = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="PATH",
        help="LoCoMo, for what it costs honest recall.",
        show_default=False,
    ),
]


def interference(
    peer: Annotated[
        list[str] | None,
        typer.Option(
            "--peer",
            metavar="NAME",
            help="Beside this one; repeatable; default: fts5.",
            show_default=False,
        ),
    ] = None,
    json: Out = None,
    seed: Seed = 0,
) -> int:
    """Keys updated 1 to 400 times among distractors: is the last value found first?

    rmem bench interference --json interference.json
    """
    peers = list(peer or ("fts5",))
    words = ["interference", *(word for name in peers for word in ("--peer", name))]
    result = truth.run_interference(
        peers=peers, seed=seed, command=_command(words, seed), say=saying()
    )
    return _shown(result, json)


def updates(
    data: Data,
    embedder: OurEncoder = "auto",
    json: Out = None,
    seed: Seed = 0,
) -> int:
    """BEAM's knowledge updates: is the updated information found, and before what it replaced?

    rmem bench updates --data beam/100K
    """
    words: list[str | Path] = ["updates", "--data", data, "--embedder", embedder]
    result = truth.run_updates(
        data, embedder=embedder, seed=seed, command=_command(words, seed), say=saying()
    )
    return _shown(result, json)


def instructions(
    data: Data,
    embedder: OurEncoder = "none",
    json: Out = None,
    seed: Seed = 0,
) -> int:
    """MemoryCode's instructions that change: does the last one hold, and no older one?

    rmem bench instructions --data memorycode/
    """
    words: list[str | Path] = ["instructions", "--data", data, "--embedder", embedder]
    result = truth.run_instructions(
        data, embedder=embedder, seed=seed, command=_command(words, seed), say=saying()
    )
    return _shown(result, json)


def poisoning(
    data: LoCoMoData = None,
    corrections: Corrections = None,
    embedder: Encoder = "auto",
    seeds: Annotated[
        int, typer.Option("--seeds", metavar="N", help="Each attack in so many memories.")
    ] = 2,
    turns: Annotated[
        int, typer.Option("--turns", metavar="N", help="Honest turns around the attacks.")
    ] = poison.TURNS,
    wording: Annotated[
        list[str] | None,
        typer.Option(
            "--wording",
            metavar="NAME",
            help=f"Attacks worded so ({', '.join(_WORDINGS)}); repeatable; default: {', '.join(_WORDINGS[:3])}.",
            show_default=False,
        ),
    ] = None,
    json: Out = None,
) -> int:
    """Attacks that write into memory: how many reach the reader with and without guards, and what the guards cost.

    rmem bench poisoning --data locomo10.json
    """
    words: list[str | Path] = ["poisoning"]
    words += ["--data", data] if data else []
    words += ["--corrections", corrections] if corrections else []
    words += ["--embedder", embedder, "--seeds", str(seeds), "--turns", str(turns)]
    worded = _worded(wording or _WORDINGS[:3])
    for one in wording or ():
        words += ["--wording", one]
    result = poison.main_poisoning(
        data=data,
        corrections=corrections,
        embedder=embedder,
        seeds=seeds,
        wordings=worded,
        turns=turns,
        json=json,
        command=_command(words, 0),
        say=saying(),
    )
    poison.show_poisoning(result, console())
    return 0


def integrity(
    data: Data,
    policy: Annotated[
        Path | None,
        typer.Option(
            "--policy", metavar="FILE", help="Your own; default: that of rmem.", show_default=False
        ),
    ] = None,
    embedder: Encoder = "auto",
    limit: Limit = 0,
    json: Out = None,
    plot: Plot = None,
    seed: Seed = 0,
) -> int:
    """CIMemories: what is told that should not be, against what is told that is needed.

    rmem bench integrity --data cimemories/ --plot curve.svg
    """
    result = contexts.main_integrity(
        data,
        policy=policy,
        embedder=embedder,
        limit=limit,
        seed=seed,
        json=json,
        plot=plot,
        say=saying(),
    )
    contexts.show_integrity(result, console())
    return 0


def remanence(
    count: Annotated[
        int, typer.Option("--count", metavar="N", help="Items, half of which are forgotten.")
    ] = 2000,
    peer: Annotated[
        list[str] | None,
        typer.Option(
            "--peer", metavar="NAME", help="mem0 or chroma; repeatable.", show_default=False
        ),
    ] = None,
    embedder: Encoder = "auto",
    json: Out = None,
    seed: Seed = 0,
) -> int:
    """Forget a random half of thousands of canaries under load: what is left of them in any byte, index or answer?

    rmem bench remanence --peer chroma --peer mem0
    """
    result = remains.main_remanence(
        count=count,
        peers=peer or (),
        embedder=embedder,
        seed=seed,
        json_path=json,
        say=saying(),
    )
    remains.show_remanence(result, console())
    return 0


def fading(
    data: LoCoMoData = None,
    corrections: Corrections = None,
    embedder: Encoder = "auto",
    records: Annotated[
        int, typer.Option("--records", metavar="N", help="For speed; 0: only recall.")
    ] = 100_000,
    queries: Annotated[int, typer.Option("--queries", metavar="N", help="Asked for speed.")] = 200,
    limit: Limit = 0,
    json: Out = None,
    seed: Seed = 0,
) -> int:
    """Recall and speed with half of the memories archived, against none.

    rmem bench fading --data locomo10.json
    """
    result = fades.main_fading(
        data=data,
        corrections=corrections,
        embedder=embedder,
        records=records,
        queries=queries,
        seed=seed,
        limit=limit,
        json=json,
        say=saying(),
    )
    fades.show_fading(result, console())
    return 0


BENCHMARKS = (interference, updates, instructions, poisoning, integrity, remanence, fading)


def _worded(names: Sequence[str]) -> tuple[Wording, ...]:
    """Raises: InvalidInput for a wording that there is none of."""
    if unknown := [name for name in names if name not in _WORDINGS]:
        raise InvalidInput(f"no wording {unknown[0]!r}", hint=f"one of {', '.join(_WORDINGS)}")
    return cast(tuple[Wording, ...], tuple(names))


def _command(words: list[str] | list[str | Path], seed: int) -> str:
    return command_line(["rmem", "bench", *words, *(["--seed", str(seed)] if seed else [])])


def _shown(result: Result, path: Path | None) -> int:
    """Print what a benchmark of truth found: each figure over all questions, then the first by category."""
    if path is not None:
        write(result, path)
    measured = [system for system in result.systems if not system.error]
    ours = list(measured[0].overall) if measured else []
    # A peer is measured by what all tasks share: of that, only what says the same as ours.
    metrics = [
        *ours,
        *({"recall@1"} & {name for one in measured for name in one.overall} - {*ours}),
    ]
    console().print(
        f"{result.task} {result.task_version}: {result.examples:,} examples, {result.questions:,} questions"
    )
    table(
        ("system", *metrics),
        (
            [system.name, *(_cell(system.overall.get(metric)) for metric in metrics)]
            for system in measured
        ),
    )
    categories = list(dict.fromkeys(name for system in measured for name in system.categories))
    for metric in ours[:2] if len(categories) > 1 else ():
        console().print()
        table(
            (metric, *(system.name for system in measured)),
            (
                [name, *(shorten(one.categories.get(name, {}).get(metric)) for one in measured)]
                for name in categories
            ),
        )
    for system in result.systems:
        if system.error:
            console(errors=True).print(f"{system.name}: {system.error}")
    return 0


def _cell(figure: Figure | None) -> str:
    return with_interval(figure) if figure is not None else ""
