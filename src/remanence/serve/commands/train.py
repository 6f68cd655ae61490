"""`rmem train`: fitting what can be fitted, on this machine."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from remanence import __version__
from remanence.bench.commands import TASKS, open_task
from remanence.bench.lessons import lessons
from remanence.errors import InvalidInput
from remanence.serve.measuring import saying
from remanence.serve.options import Json
from remanence.serve.output import console, emit, table
from remanence.text.read.ranker import BASE
from remanence.text.read.train import L2, Lesson, train_ranker

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, help="Fit what can be fitted, on this machine."
)
STRONGEST = 12


@app.callback()
def _group() -> None:
    """Makes `ranker` a subcommand although it is the only one."""


@app.command()
def ranker(
    data: Annotated[
        list[str],
        typer.Option(
            "--data",
            metavar="[TASK=]PATH",
            help=f"Questions with known evidence, in an official format ({', '.join(TASKS)}; default: locomo); repeatable.",
        ),
    ],
    corrections: Annotated[
        Path | None,
        typer.Option(
            "--corrections",
            metavar="PATH",
            help="Audited corrections of LoCoMo.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="PATH", help="Where the weights go, as JSON.")
    ] = Path("ranker.json"),
    embedder: Annotated[
        str, typer.Option("--embedder", metavar="NAME_OR_URL", help="The encoder to fit for.")
    ] = "auto",
    l2: Annotated[float, typer.Option("--l2", metavar="X", help="Penalty on large weights.")] = L2,
    json_: Json = False,
) -> int:
    """Fit the ranker's weights to questions whose evidence is known, and say how well they do on conversations held out.

    rmem train ranker --data locomo10.json --out my-ranker.json

    rmem train ranker --data locomo10.json --data beam=beam/100K

    rmem search "where does Lena live" --ranker my-ranker.json
    """
    say = saying()
    learnt: list[Lesson] = []
    for given in data:
        name, path = _task_and_path(given)
        task = open_task(name, corrections if name == "locomo" else None)
        learnt += lessons(task, path, embedder=embedder, say=say)
    about = {
        "data": data,
        "embedder": embedder,
        "remanence": __version__,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    fitted = train_ranker(learnt, out, l2=l2, about=about, progress=say)
    if json_:
        emit(
            {
                "path": str(out),
                "questions": fitted.questions,
                "k": fitted.k,
                "recall": fitted.recall,
                "by_group": dict(fitted.by_group),
            }
        )
        return 0
    if len(fitted.by_group) <= len(learnt) / 2:  # groups are conversations, not single questions
        rows = ((group, f"{recall:.3f}") for group, recall in fitted.by_group.items())
        table((f"recall@{fitted.k}, held out", ""), rows)
    weights = fitted.weights.models[0].weights
    strongest = sorted(weights, key=lambda name: -abs(weights[name].get(BASE, 0.0)))[:STRONGEST]
    table(
        ("signal", "weight"), ((name, f"{weights[name].get(BASE, 0.0):+.2f}") for name in strongest)
    )
    console().print(
        f"recall@{fitted.k} {fitted.recall:.4f} on what was held out, {fitted.questions:,} questions: {out}"
    )
    return 0


def _task_and_path(given: str) -> tuple[str, Path]:
    """`beam=chats/` to the task and its path; without a task it is LoCoMo."""
    name, equals, path = given.partition("=")
    if equals and name in TASKS:
        return name, Path(path)
    if Path(given).exists():
        return "locomo", Path(given)
    raise InvalidInput(
        f"{given}: no such file or folder",
        hint=f"--data PATH, or TASK=PATH with {', '.join(TASKS)}",
    )
