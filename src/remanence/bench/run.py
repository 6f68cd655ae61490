"""Run a task: every system gets the same records and the same questions, one after another, on the same machine.

What is counted, per question with evidence:

- recall@1/5/10/20, all@5/10/20 (all of the evidence in the first k), session@5/10, nDCG@10, MRR, over the ids of one search;
- coverage@500/1000/2000/4000: share of the evidence inside the first so many tokens. A system that packs contexts is asked for
  one of that budget; one that only ranks has its list packed, best first. Both are counted by the same ruler.

Questions without evidence can't be scored by retrieval and are left out; categories that a task holds `apart` are reported,
but no part of the overall figures. A system that fails is reported as failed, and the others go on.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from remanence import __version__
from remanence.bench.machine import commit, machine
from remanence.bench.metrics.bootstrap import (
    Labels,
    Values,
    macro,
    over_examples,
    over_questions,
    spread,
)
from remanence.bench.metrics.coverage import coverage, tokens
from remanence.bench.metrics.ranking import (
    all_evidence,
    ndcg,
    recall,
    reciprocal_rank,
    session_recall,
)
from remanence.bench.result import Difference, Figure, Measured, Result
from remanence.bench.systems.base import Child, Closed, Ingested, SystemFailed, start, wants_vectors
from remanence.bench.tasks.base import Example, Question, Task, shown
from remanence.bench.vectors import peer_encoder, texts_of, write_vectors
from remanence.errors import InvalidInput, MissingExtra

DEPTH = 20
"""Ids asked for by the timed search."""
LONG = 250
"""Ids asked for, untimed, to pack the contexts of systems that only rank."""
BUDGETS = (500, 1000, 2000, 4000)
COMPARED = ("recall@10", "ndcg@10", "coverage@2000")


@dataclass(slots=True)
class Sheet:
    """What is noted about one system while it is asked: aligned lists, a value for each question."""

    values: dict[str, list[float]] = field(default_factory=dict)
    categories: list[str] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)
    counted: list[bool] = field(default_factory=list)
    """Whether the question is part of the overall figures."""
    seconds: list[float] = field(default_factory=list)
    embedding: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    """Seconds of the first query of each example, which may have to load what the others find loaded."""
    ingested: list[Ingested] = field(default_factory=list)


def run(
    task: Task,
    systems: Sequence[str],
    data: Path,
    *,
    seed: int = 0,
    embedder: str = "auto",
    limit: int = 0,
    command: str = "",
    say: Callable[[str], None] = print,
) -> Result:
    """Measure systems on a task's data. `embedder`: the encoder that serves the peers; `limit`: only so many examples.

    Raises: InvalidInput (no such system, no questions), BadImport (the data), ModelMissing (peers want vectors, there are none).
    """
    started = datetime.now(UTC).isoformat(timespec="seconds")
    notes: Counter[str] = Counter()
    examples = list(task.examples(data, notes))[: limit or None]
    asked = sum(bool(question.evidence) for example in examples for question in example.questions)
    if not asked:
        raise InvalidInput(
            f"no question with evidence in {data.name}", hint="recall needs gold evidence"
        )
    measured: list[Measured] = []
    sheets: dict[str, Sheet] = {}
    with tempfile.TemporaryDirectory(prefix="remanence-bench-") as scratch:
        vectors, dim = Path(scratch) / "vectors", 0
        if any(wants_vectors(name) for name in systems):
            encoder = peer_encoder(embedder)
            dim = encoder.dim
            write_vectors(vectors, texts_of(examples), encoder, say)
        for number, name in enumerate(systems):
            try:
                sheet, closed, version = measure(
                    name, task, examples, Path(scratch) / str(number), vectors, dim, say
                )
            except (SystemFailed, MissingExtra) as error:
                say(f"{name}: failed: {error}")
                measured.append(Measured(name=name, error=str(error)))
                continue
            sheets[name] = sheet
            measured.append(summarise(name, version, sheet, closed, examples, seed))
    return Result(
        task=task.name,
        task_version=task.version,
        data=data.name,
        examples=len(examples),
        records=sum(len(example.turns) for example in examples),
        questions=asked,
        notes={reason: count for reason, count in sorted(notes.items()) if count},
        systems=tuple(measured),
        differences=tuple(differences(sheets, seed)),
        seed=seed,
        version=__version__,
        commit=commit(),
        machine=machine(),
        command=command,
        started=started,
    )


def measure(
    name: str,
    task: Task,
    examples: Iterable[Example],
    folder: Path,
    vectors: Path,
    dim: int,
    say: Callable[[str], None],
) -> tuple[Sheet, Closed, str]:
    """Fill one system with each example in turn and ask it all of its questions. Raises: SystemFailed, MissingExtra."""
    sheet = Sheet()
    with ExitStack() as stack:
        system = start(name, folder, vectors, dim=dim, say=say)
        stack.callback(system.kill)
        for example in examples:
            sheet.ingested.append(system.ingest(example))
            ask(system, example, task.apart, sheet)
            say(
                f"{name}: {example.id}: {len(example.turns)} records, {len(example.questions)} questions"
            )
        return sheet, system.close(), system.version


def ask(system: Child, example: Example, apart: frozenset[str], sheet: Sheet) -> None:
    """All questions of an example that have evidence, once each."""
    sessions = {turn.id: turn.session for turn in example.turns}
    costs = {turn.id: tokens(shown(turn)) for turn in example.turns}
    for number, question in enumerate(q for q in example.questions if q.evidence):
        answer = system.query(example.id, question.text, DEPTH, question.at)
        if number:
            sheet.seconds.append(answer.seconds)
            sheet.embedding.append(answer.embedding)
        else:
            sheet.first.append(answer.seconds - answer.embedding)
        for metric, value in score(question, answer.ids, sessions).items():
            sheet.values.setdefault(metric, []).append(value)
        for budget, ids in contexts(system, example.id, question):
            value = coverage(ids, question.evidence, costs, budget)
            sheet.values.setdefault(f"coverage@{budget}", []).append(value)
        sheet.categories.append(question.category)
        sheet.examples.append(example.id)
        sheet.counted.append(question.category not in apart)


def score(question: Question, got: Sequence[str], sessions: dict[str, str]) -> dict[str, float]:
    """Every ranking metric of one question by name."""
    gold = question.evidence
    gains = question.grades or dict.fromkeys(gold, 1.0)
    values = {f"recall@{k}": recall(got, gold, k) for k in (1, 5, 10, 20)}
    values |= {f"all@{k}": all_evidence(got, gold, k) for k in (5, 10, 20)}
    values |= {f"session@{k}": session_recall(got, gold, sessions, k) for k in (5, 10)}
    return values | {"ndcg@10": ndcg(got, gains, 10), "mrr": reciprocal_rank(got, gold)}


def contexts(
    system: Child, example: str, question: Question
) -> Iterable[tuple[int, Sequence[str]]]:
    """(budget, ids best first) for each budget: packed by the system, or its long list where it does not pack."""
    ranked: Sequence[str] | None = None
    for budget in BUDGETS:
        ids = system.context(example, question.text, budget) if ranked is None else ranked
        if ids is None:
            ids = ranked = system.query(example, question.text, LONG, question.at).ids
        yield budget, ids


def summarise(
    name: str, version: str, sheet: Sheet, closed: Closed, examples: Sequence[Example], seed: int
) -> Measured:
    """A system's sheet as figures."""
    counted = np.asarray(sheet.counted, dtype=bool)
    by = np.asarray(sheet.examples)
    kinds = np.asarray(sheet.categories)
    values = {metric: np.asarray(of, dtype=float) for metric, of in sheet.values.items()}
    overall = {
        metric: figure(of[counted], by[counted], seed)
        for metric, of in values.items()
        if counted.any()
    }
    categories = {
        str(category): {
            metric: figure(of[kinds == category], by[kinds == category], seed)
            for metric, of in values.items()
        }
        for category in dict.fromkeys(sheet.categories)
        if category
    }
    parts = [kind for kind in categories if counted[kinds == kind].any()]
    return Measured(
        name=name,
        version=version,
        overall=overall,
        categories=categories,
        macro={
            m: macro({kind: of[kinds == kind] for kind in parts})
            for m, of in values.items()
            if parts
        },
        spread={m: spread(of[counted], by[counted]) for m, of in values.items() if counted.any()},
        speed=speed(sheet, examples),
        size=sizes(closed, examples),
    )


def figure(values: Values, examples: Labels, seed: int) -> Figure:
    """Mean with both intervals."""
    one = over_questions(values, seed=seed)
    whole = over_examples(values, examples, seed=seed)
    return Figure(one.mean, one.low, one.high, whole.low, whole.high, one.n)


def speed(sheet: Sheet, examples: Sequence[Example]) -> dict[str, float]:
    """Records a second until acknowledged and until ready, the share of the latter spent in an encoder, and query times:
    `query` without the encoding of the query, `encode` that alone, `first` the first query after an ingest (median)."""
    records = sum(len(example.turns) for example in examples)
    ready = sum(part.ready for part in sheet.ingested)
    found = {
        "ingest_acknowledged_per_s": records / sum(part.added for part in sheet.ingested),
        "ingest_ready_per_s": records / ready,
        "ingest_encoder_share": sum(part.embedding for part in sheet.ingested) / ready,
        "first_query_ms": 1e3 * float(np.median(sheet.first)),
    }
    if sheet.seconds:
        search = 1e3 * (np.asarray(sheet.seconds) - np.asarray(sheet.embedding))
        found |= {f"query_p{p}_ms": float(np.percentile(search, p)) for p in (50, 95)}
        found["encode_p50_ms"] = 1e3 * float(np.median(sheet.embedding))
    return found


def sizes(closed: Closed, examples: Sequence[Example]) -> dict[str, float]:
    """Bytes on disk a record, the same without the records' text, and the process's peak of memory."""
    turns = [turn for example in examples for turn in example.turns]
    text = sum(len(turn.text.encode("utf-8", "surrogatepass")) for turn in turns)
    found = {"text_bytes_per_record": text / len(turns), "peak_memory_bytes": float(closed.peak)}
    if closed.bytes:  # a system that keeps nothing on disk has no size there
        found["bytes_per_record"] = closed.bytes / len(turns)
        found["bytes_per_record_without_text"] = (closed.bytes - text) / len(turns)
    return found


def differences(sheets: dict[str, Sheet], seed: int) -> Iterable[Difference]:
    """The first system against each other, question by question."""
    if not sheets:
        return
    (first, ours), *others = sheets.items()
    counted = np.asarray(ours.counted, dtype=bool)
    for name, sheet in others:
        for metric in COMPARED:
            gap = (
                np.asarray(ours.values[metric])[counted] - np.asarray(sheet.values[metric])[counted]
            )
            if len(gap):
                by = np.asarray(ours.examples)[counted]
                yield Difference(first, name, metric, figure(gap, by, seed))
