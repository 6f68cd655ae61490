"""What `rmem bench …` calls: one typed function a benchmark, plain parameters, a result back; nothing is printed but progress."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from remanence.bench import report
from remanence.bench.envs import find_peer
from remanence.bench.machine import command_line
from remanence.bench.result import Result, write
from remanence.bench.run import run
from remanence.bench.systems.base import OURS, is_ours
from remanence.bench.tasks.base import Task
from remanence.bench.tasks.beam import Beam
from remanence.bench.tasks.cranfield import Cranfield
from remanence.bench.tasks.locomo import LoCoMo
from remanence.bench.tasks.multihop import MultiHop
from remanence.errors import InvalidInput

Say = Callable[[str], None]
TASKS: Mapping[str, type[LoCoMo | Beam | MultiHop | Cranfield]] = MappingProxyType(
    {"locomo": LoCoMo, "beam": Beam, "multihop": MultiHop, "cranfield": Cranfield}
)
DEFAULT = ("remanence", "remanence-lexical", "fts5")
"""Systems measured where none is named: those that need no environment of their own."""


def main_bench(
    name: str,
    *,
    data: Path,
    corrections: Path | None = None,
    systems: Sequence[str] = (),
    json: Path | None = None,
    plot: Path | None = None,
    embedder: str = "auto",
    seed: int = 0,
    limit: int = 0,
    say: Say = print,
) -> Result:
    """Run the task `name` on `data` and write what was asked for: the result as JSON, a plot.

    `systems`: names of `bench.systems.base.names()`, in the order of the report, the first compared with each other one;
    `embedder` serves the peers; `limit` takes only so many conversations; `say` gets a line of progress at a time.

    Raises: InvalidInput, BadImport, ModelMissing, MissingExtra (a plot without matplotlib).
    """
    task = open_task(name, corrections)
    chosen = list(dict.fromkeys(systems or DEFAULT))
    for system in chosen:
        if not is_ours(system):
            known(system)
    words: list[str | Path] = ["rmem", "bench", name, "--data", data]
    words += ["--corrections", corrections] if corrections else []
    for system in chosen:
        words += ["--system", system]
    words += ["--embedder", embedder] if embedder != "auto" else []
    words += ["--seed", str(seed)] if seed else []
    words += ["--limit", str(limit)] if limit else []
    command = command_line(words)
    result = run(
        task, chosen, data, seed=seed, embedder=embedder, limit=limit, command=command, say=say
    )
    if json is not None:
        write(result, json)
    if plot is not None:
        report.plot(result, plot)
    return result


def open_task(name: str, corrections: Path | None = None) -> Task:
    """The task of that name. Raises: InvalidInput."""
    if name not in TASKS:
        raise InvalidInput(f"no benchmark {name!r}", hint=f"known: {', '.join(TASKS)}")
    if corrections is not None:
        if name != "locomo":
            raise InvalidInput(
                f"{name} knows no corrections", hint="--corrections belongs to locomo"
            )
        return LoCoMo(corrections=corrections)
    return TASKS[name]()


def known(system: str) -> None:
    """Raises: InvalidInput where there is no such system, ours or a peer."""
    try:
        find_peer(system)
    except InvalidInput as error:
        raise InvalidInput(error.message, hint=f"{error.hint}; ours: {', '.join(OURS)}") from error
