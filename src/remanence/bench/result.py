"""The one schema of results. Plain data: figures, intervals, and what they depend on; no text of any data set."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from remanence.errors import BadImport, InvalidInput

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over n questions with two 95 % intervals: questions drawn one by one, and conversations drawn whole."""

    mean: float
    low: float
    high: float
    clustered_low: float
    clustered_high: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one system did. Rates are records a second; times milliseconds; sizes bytes."""

    name: str
    version: str = ""
    error: str = ""
    """Why it was not measured; then nothing else is set."""
    overall: Mapping[str, Figure] = field(default_factory=dict)
    categories: Mapping[str, Mapping[str, Figure]] = field(default_factory=dict)
    macro: Mapping[str, float] = field(default_factory=dict)
    """Mean over categories, each weighing the same."""
    spread: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Over examples (conversations): `min`, `max`, `std` of their means, and how many `examples`."""
    speed: Mapping[str, float] = field(default_factory=dict)
    size: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better `better` is than `than` on the same questions, paired."""

    better: str
    than: str
    metric: str
    figure: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One run: a task, its systems in the order they were given, and everything it takes to run it again."""

    task: str
    task_version: str
    data: str
    examples: int
    records: int
    questions: int
    notes: Mapping[str, int]
    """What could not be resolved in the data, by reason."""
    systems: tuple[Measured, ...]
    differences: tuple[Difference, ...] = ()
    seed: int
    version: str
    commit: str
    machine: Mapping[str, str]
    command: str
    started: str
    schema: int = SCHEMA


def as_json(result: Result) -> dict[str, Any]:
    """The result as JSON values."""
    return asdict(result)


def write(result: Result, path: Path) -> None:
    """Write it, readable."""
    path.write_text(json.dumps(as_json(result), indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read(path: Path) -> Result:
    """A result that `write` wrote. Raises: InvalidInput, BadImport."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InvalidInput(
            f"no file {path}", hint="give a result that `rmem bench … --json` wrote"
        ) from error
    except json.JSONDecodeError as error:
        raise BadImport(f"not JSON: {error.msg}", path=str(path), line=error.lineno) from error
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise BadImport(
            f"not a result of schema {SCHEMA}", path=str(path), hint="run the benchmark again"
        )
    systems = tuple(read_measured(system) for system in data.pop("systems"))
    differences = tuple(
        Difference(d["better"], d["than"], d["metric"], Figure(**d["figure"]))
        for d in data.pop("differences")
    )
    return Result(systems=systems, differences=differences, **data)


def read_measured(data: dict[str, Any]) -> Measured:
    """One system of a result."""
    overall = {metric: Figure(**figure) for metric, figure in data.pop("overall").items()}
    categories = {
        category: {metric: Figure(**figure) for metric, figure in figures.items()}
        for category, figures in data.pop("categories").items()
    }
    return Measured(overall=overall, categories=categories, **data)
