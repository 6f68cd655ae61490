"""What it costs to move half of a memory to the archive, and what it saves.

Quality: of each conversation's questions a random half is asked first, one every few hours, and the records that answer them are
touched; then half of the records goes to the archive, and the other half of the questions is asked (the overall figures), and the
first half again (category `asked before`). The halves: the weakest by each keeper with those uses; the weakest where what a search
found was touched instead of what answered; the oldest, by age alone; a random half. Beside them everything, with and without
`Strength`.

Speed: one synthetic memory, asked with everything in reach, then with half of it archived, and beside it a memory of that half alone.
"""

from __future__ import annotations

import json as jsonlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from remanence import __version__
from remanence.bench import report
from remanence.bench.durable import as_message
from remanence.bench.machine import command_line, commit, machine
from remanence.bench.metrics.bootstrap import spread
from remanence.bench.result import Difference, Measured, Result, as_json
from remanence.bench.run import DEPTH, figure, score
from remanence.bench.stored import remember
from remanence.bench.synthetic import Synthetic
from remanence.bench.systems.remanence import WordSums
from remanence.bench.tasks.base import Example, Turn
from remanence.bench.tasks.base import Question as Asked
from remanence.bench.tasks.locomo import LoCoMo
from remanence.embed.choose import open_embedder
from remanence.errors import InvalidInput
from remanence.memory import Memory
from remanence.recipes.default import default
from remanence.seams import Embedder, Keeper, Ranked, Retriever
from remanence.store.choose import open_store
from remanence.text.index.space import Space
from remanence.text.index.terms import record_terms
from remanence.text.keep.activation import BaseLevel
from remanence.text.keep.aged import AgeWeighted
from remanence.text.keep.ebbinghaus import Ebbinghaus
from remanence.text.keep.fade import ARCHIVED, changes, plan
from remanence.text.keep.ragged import DAY
from remanence.text.read.compose import Pipeline
from remanence.text.read.question import parse
from remanence.text.read.strength import Strength
from remanence.text.write.messages import as_scope
from remanence.types import Mark, Micros, Query, Scope, Touch, to_micros

Say = Callable[[str], None]
Used = Literal["", "answers", "found"]
BEFORE, NEW = "asked before", "new"
BETWEEN = DAY // 4
"""Between two of the first questions."""
PAUSE = 7 * DAY
"""From the last of them to the rest."""
FOUND = 5
"""Records of a search that are touched where nobody says which of them answered."""
BATCH = 5_000
DIM = 384
K = 10
USER = "fading"
MEMORIES = ("everything", "half archived", "that half alone")
EVERYTHING = 2.0
"""A bound that every strength is below."""


@dataclass(frozen=True, slots=True)
class Arm:
    """What is touched before, which half is archived, and the weight of `Strength` (0: without it)."""

    name: str
    used: Used = ""
    half: Keeper | Literal["random"] | None = None
    weight: float = 0.0


ARMS = (
    Arm("everything"),
    Arm("random half", half="random"),
    Arm("oldest half", half=BaseLevel()),
    Arm("weakest half (BaseLevel)", "answers", BaseLevel()),
    Arm("weakest half (Ebbinghaus)", "answers", Ebbinghaus()),
    Arm("weakest half (AgeWeighted)", "answers", AgeWeighted()),
    Arm("weakest half (BaseLevel, found)", "found", BaseLevel()),
    Arm("everything, Strength .05", "answers", weight=0.05),
    Arm("everything, Strength .1", "answers", weight=0.1),
    Arm("everything, Strength .2", "answers", weight=0.2),
    Arm("everything, Strength .5", "answers", weight=0.5),
    Arm("everything, Strength .1 (found)", "found", weight=0.1),
)


@dataclass(slots=True)
class Sheet:
    """A value for each question of one arm, by when it is asked; and what was archived."""

    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    records: int = 0
    archived: int = 0

    def note(self, when: str, example: str, values: Mapping[str, float]) -> None:
        """One question."""
        for metric, value in values.items():
            self.values.setdefault(when, {}).setdefault(metric, []).append(value)
        self.examples.setdefault(when, []).append(example)


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Search over one synthetic memory, milliseconds; `found`: share of questions whose record, if in reach, is among the ten."""

    memory: str
    records: int
    reach: int
    query_p50_ms: float
    query_p95_ms: float
    found: float


class Speeds(NamedTuple):
    """The second part: see `Fading`."""

    speed: tuple[Speed, ...]
    uses: int = 0
    plan_s: float = 0.0
    marks_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fading:
    """Both parts. `plan_s` and `marks_s`: seconds to choose that half, and to commit the marks that move it."""

    quality: Result | None
    speed: tuple[Speed, ...]
    command: str
    version: str
    commit: str
    machine: Mapping[str, str]
    started: str
    uses: int
    plan_s: float
    marks_s: float

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        quality = as_json(self.quality) if self.quality else None
        return {"benchmark": "fading", "schema": 1, **asdict(self), "quality": quality}


class Clock:
    """A clock that is set by hand."""

    def __init__(self, now: Micros) -> None:
        self.now = now

    def __call__(self) -> Micros:
        return self.now


class Past:
    """A stored conversation, opened to be used and asked at moments of our choice."""

    def __init__(
        self, path: Path, scope: Scope, clock: Clock, encoder: Embedder | None, example: Example
    ) -> None:
        self.store = open_store(str(path), analyze=record_terms, clock=clock)
        self.space = Space(self.store, scope, encoder)
        self.scope, self.clock, self.encoder, self.example = scope, clock, encoder, example
        self.sessions = {turn.id: turn.session for turn in example.turns}
        rows = self.space.view(Query(text="", scope=scope), clock.now).rows
        records = self.store.records(scope, rows["seq"].tolist())
        self.ids = [record.id for record in records]
        known = self.sessions
        self.turns = [r.id if r.id in known or not r.sources else r.sources[0].id for r in records]

    def ask(self, text: str, retriever: Retriever, k: int) -> tuple[Ranked, float]:
        """The candidates, and the seconds that they took without the encoding of the question."""
        query = Query(text=text, scope=self.scope)
        question = parse(query, encoder=self.encoder, now=self.clock.now)
        start = time.perf_counter()
        view = self.space.view(query, self.clock.now)
        ranked = retriever.retrieve(question, view, k)
        return ranked, time.perf_counter() - start

    def use(self, questions: Sequence[Asked], used: Used, retriever: Retriever) -> None:
        """Ask these, one every few hours, and touch what answers or what is found."""
        for asked in questions:
            self.clock.now += BETWEEN
            if used == "answers":
                wanted = [
                    id
                    for id, turn in zip(self.ids, self.turns, strict=True)
                    if turn in asked.evidence
                ]
            else:
                ranked, _ = self.ask(asked.text, retriever, FOUND)
                wanted = [self.ids[ord] for ord in ranked.ords.tolist()]
            self.store.apply([Touch(scope=self.scope, id=id) for id in wanted])

    def archive(self, half: Keeper | Literal["random"], rng: np.random.Generator) -> list[Mark]:
        """Move half of what is in reach to the archive; the marks that did it."""
        view = self.space.view(Query(text="", scope=self.scope), self.clock.now)
        in_reach = np.flatnonzero(view.visible)
        if half == "random":
            chosen = rng.permutation(in_reach)[: len(in_reach) // 2]
            marks = [
                Mark(scope=self.scope, id=self.ids[ord], mark=ARCHIVED) for ord in chosen.tolist()
            ]
        else:
            keep = len(in_reach) - len(in_reach) // 2
            moved = plan(view, half, self.clock.now, below=EVERYTHING, keep=keep)
            marks = changes(moved)
        self.store.apply(marks)
        return marks


def main_fading(
    *,
    data: Path | None = None,
    corrections: Path | None = None,
    embedder: str = "auto",
    records: int = 100_000,
    queries: int = 200,
    seed: int = 0,
    limit: int = 0,
    json: Path | None = None,
    say: Say = print,
) -> Fading:
    """Measure quality on LoCoMo (`data`; None: not), speed on `records` synthetic ones (0: not), and write the result to `json`.

    Raises: InvalidInput (nothing to measure), BadImport (the data), ModelMissing."""
    if data is None and not records:
        raise InvalidInput("nothing to measure", hint="give --data, or a number of records")
    if records and (records < 4 * K or queries < 2):
        raise InvalidInput(
            "too few records or queries", hint=f"at least {4 * K} records, 2 queries"
        )
    started = datetime.now(UTC).isoformat(timespec="seconds")
    words: list[str | Path] = ["rmem", "bench", "fading"]
    words += ["--data", data] if data else []
    words += ["--corrections", corrections] if corrections else []
    words += ["--embedder", embedder] if embedder != "auto" else []
    words += ["--records", str(records), "--queries", str(queries)]
    words += ["--seed", str(seed)] if seed else []
    words += ["--limit", str(limit)] if limit else []
    command = command_line(words)
    quality = None
    if data is not None:
        task, encoder = LoCoMo(corrections=corrections), open_embedder(embedder)
        quality = run_quality(task, data, encoder, seed, limit, command, say)
    speed = run_speed(records, queries, seed, say) if records else Speeds(())
    result = Fading(
        quality=quality,
        **speed._asdict(),
        command=command,
        version=__version__,
        commit=commit(),
        machine=machine(),
        started=started,
    )
    if json is not None:
        json.write_text(jsonlib.dumps(result.as_json(), indent=1) + "\n", encoding="utf-8")
    return result


# --- quality --------------------------------------------------------------------------------------------------------


def run_quality(
    task: LoCoMo,
    data: Path,
    encoder: Embedder | None,
    seed: int,
    limit: int,
    command: str,
    say: Say,
) -> Result:
    """Every arm on the same conversations and questions."""
    started = datetime.now(UTC).isoformat(timespec="seconds")
    examples = list(task.examples(data))[: limit or None]
    sheets = {arm.name: Sheet() for arm in ARMS}
    asked = 0
    for number, example in enumerate(examples):
        questions = [q for q in example.questions if q.evidence and q.category not in task.apart]
        asked += len(questions)
        if len(questions) > 1:
            _example(example, questions, encoder, np.random.default_rng((seed, number)), sheets)
            say(f"{example.id}: {len(example.turns)} records, {len(questions)} questions")
    if not sheets[ARMS[0].name].values:
        raise InvalidInput(
            f"no questions with evidence in {data.name}", hint="is it LoCoMo's file?"
        )
    return Result(
        task="fading",
        task_version=f"locomo {task.version}",
        data=data.name,
        examples=len(examples),
        records=sum(len(example.turns) for example in examples),
        questions=asked,
        notes={},
        systems=tuple(_summary(name, sheet, seed) for name, sheet in sheets.items()),
        differences=tuple(_differences(sheets, seed)),
        seed=seed,
        version=__version__,
        commit=commit(),
        machine=machine(),
        command=command,
        started=started,
    )


def _example(
    example: Example,
    questions: Sequence[Asked],
    encoder: Embedder | None,
    rng: np.random.Generator,
    sheets: Mapping[str, Sheet],
) -> None:
    order = [questions[place] for place in rng.permutation(len(questions)).tolist()]
    before, new = order[: len(order) // 2], order[len(order) // 2 :]
    halves = {BEFORE: before, NEW: new}
    plain = _without_strength(encoder)
    ended = max((to_micros(turn.at) for turn in example.turns if turn.at), default=DAY)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="remanence-fading-")))
        path = folder / "told.rmem"
        with Memory.open(path, embedder=encoder, clock=Clock(ended + DAY)) as memory:
            remember(memory, example)
            memory.flush()
        pasts: dict[Used, Past] = {}
        for used in dict.fromkeys(arm.used for arm in ARMS):
            copy = folder / f"used-{used}.rmem"
            shutil.copy(path, copy)
            past = Past(copy, as_scope(example.id, None), Clock(ended + DAY), encoder, example)
            stack.callback(past.store.close)
            if used:
                past.use(before, used, plain)
            past.clock.now = ended + DAY + len(before) * BETWEEN + PAUSE
            for asked in order:  # whatever is loaded on demand is there when it is timed
                past.ask(asked.text, plain, DEPTH)
            pasts[used] = past
        for arm in ARMS:
            _arm(arm, pasts[arm.used], halves, plain, rng, sheets[arm.name])


def _arm(
    arm: Arm,
    past: Past,
    halves: Mapping[str, Sequence[Asked]],
    plain: Pipeline,
    rng: np.random.Generator,
    sheet: Sheet,
) -> None:
    marks = past.archive(arm.half, rng) if arm.half is not None else []
    way = with_strength(plain, arm.weight) if arm.weight else plain
    sheet.records += len(past.ids)
    sheet.archived += len(marks)
    for when, questions in halves.items():
        for asked in questions:
            ranked, seconds = past.ask(asked.text, way, 2 * DEPTH)
            got = list(dict.fromkeys(past.turns[ord] for ord in ranked.ords.tolist()))
            sheet.note(when, past.example.id, score(asked, got, past.sessions))
            sheet.seconds.append(seconds)
    past.store.apply([replace(mark, on=False) for mark in marks])


def _without_strength(encoder: Embedder | None) -> Pipeline:
    whole = default(encoder).retriever
    assert isinstance(whole, Pipeline)
    return replace(whole, rankers=tuple(r for r in whole.rankers if not isinstance(r, Strength)))


def with_strength(way: Pipeline, weight: float) -> Pipeline:
    """The same, with `Strength` before its last ranker: the one that leaves out what is not related."""
    return replace(way, rankers=(*way.rankers[:-1], Strength(weight=weight), *way.rankers[-1:]))


def _summary(name: str, sheet: Sheet, seed: int) -> Measured:
    times = 1e3 * np.asarray(sheet.seconds)
    new, by = sheet.values[NEW], np.asarray(sheet.examples[NEW])
    return Measured(
        name=name,
        version=__version__,
        overall={metric: figure(np.asarray(of), by, seed) for metric, of in new.items()},
        categories={
            when: {
                metric: figure(np.asarray(of), np.asarray(sheet.examples[when]), seed)
                for metric, of in sheet.values[when].items()
            }
            for when in (BEFORE, NEW)
        },
        spread={metric: spread(np.asarray(of), by) for metric, of in new.items()},
        speed={f"query_p{p}_ms": float(np.percentile(times, p)) for p in (50, 95)},
        size={"archived_share": sheet.archived / sheet.records},
    )


def _differences(sheets: Mapping[str, Sheet], seed: int) -> Iterator[Difference]:
    (first, whole), *others = sheets.items()
    by = np.asarray(whole.examples[NEW])
    for name, sheet in others:
        for metric in ("recall@10", "ndcg@10"):
            gap = np.asarray(whole.values[NEW][metric]) - np.asarray(sheet.values[NEW][metric])
            yield Difference(first, name, metric, figure(gap, by, seed))


# --- speed ----------------------------------------------------------------------------------------------------------


def run_speed(records: int, queries: int, seed: int, say: Say) -> Speeds:
    """Search with everything in reach, with half archived, and over a memory of the other half alone: each question of all three in
    turn, so that a machine that is busy for a while is busy for all."""
    made = Synthetic(seed=seed)
    encoder = WordSums(made.table(DIM))
    asked = made.questions(records, queries)
    turns = [turn for block in made.blocks(records) for turn in block]
    clock = Clock(max(to_micros(turn.at) for turn in turns if turn.at) + DAY)
    uses = np.random.default_rng((seed, 5)).integers(0, records, records // 10)
    scope = as_scope(USER, None)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="remanence-fading-")))
        everything, half, alone = (folder / f"{name}.rmem" for name in ("all", "half", "alone"))
        _fill(everything, encoder, clock, turns)
        say(f"{records:,} records stored")
        shutil.copy(everything, half)
        store = open_store(str(half), analyze=record_terms, clock=clock)
        for start in range(0, len(uses), BATCH):
            touched = uses[start : start + BATCH].tolist()
            store.apply([Touch(scope=scope, id=turns[n].id) for n in touched])
        clock.now += DAY
        view = Space(store, scope, None).view(Query(text="", scope=scope), clock.now)
        begun = time.perf_counter()
        keep = records - records // 2
        moved = plan(view, BaseLevel(), clock.now, below=EVERYTHING, keep=keep)
        planned = time.perf_counter()
        for start in range(0, len(moved), BATCH):
            store.apply(changes(moved[start : start + BATCH]))
        marked = time.perf_counter()
        store.close()
        say(f"{len(moved):,} records archived")
        gone = {one.id for one in moved}
        rest = [turn for turn in turns if turn.id not in gone]
        _fill(alone, encoder, clock, rest)
        memories = {
            name: stack.enter_context(Memory.open(path, embedder=encoder, clock=clock))
            for name, path in zip(MEMORIES, (everything, half, alone), strict=True)
        }
        seconds, found = _timed(memories, asked)
    within = {turn.id for turn in rest}
    speeds = []
    for name, held, reach in zip(
        MEMORIES,
        (records, records, len(rest)),
        ({turn.id for turn in turns}, within, within),
        strict=True,
    ):
        p50, p95 = np.percentile(1e3 * np.asarray(seconds[name]), [50, 95])
        hits = [
            hit
            for hit, question in zip(found[name], asked, strict=True)
            if question.evidence[0] in reach
        ]
        speeds.append(
            Speed(
                memory=name,
                records=held,
                reach=len(reach),
                query_p50_ms=float(p50),
                query_p95_ms=float(p95),
                found=float(np.mean(hits)) if hits else 0.0,
            )
        )
    return Speeds(tuple(speeds), len(uses), planned - begun, marked - planned)


def _fill(path: Path, encoder: Embedder, clock: Clock, turns: Sequence[Turn]) -> None:
    source = iter(turns)
    with Memory.open(path, embedder=encoder, clock=clock) as memory:
        while batch := [as_message(turn) for turn in islice(source, BATCH)]:
            memory.add(batch, user_id=USER)
        memory.flush()


def _timed(
    memories: Mapping[str, Memory], asked: Sequence[Asked]
) -> tuple[dict[str, list[float]], dict[str, list[bool]]]:
    """Every question twice, of every memory in turn; the second time counts, when what is loaded on demand is there."""
    seconds: dict[str, list[float]] = {name: [] for name in memories}
    found: dict[str, list[bool]] = {name: [] for name in memories}
    for again in (False, True):
        for question in asked:
            for name, memory in memories.items():
                start = time.perf_counter()
                hits = memory.search(question.text, user_id=USER, k=K)
                if again:
                    seconds[name].append(time.perf_counter() - start)
                    found[name].append(question.evidence[0] in [hit.record.id for hit in hits])
    return seconds, found


def show_fading(result: Fading, console: Console) -> None:
    """Print the tables."""
    if result.quality is not None:
        report.show(result.quality, console)
    if not result.speed:
        return
    table = Table(title="search, half archived", title_justify="left", header_style="bold")
    for name in ("memory", "records", "in reach", "p50 ms", "p95 ms", "found"):
        table.add_column(name, justify="left" if name == "memory" else "right")
    for one in result.speed:
        table.add_row(
            one.memory,
            f"{one.records:,}",
            f"{one.reach:,}",
            f"{one.query_p50_ms:.2f}",
            f"{one.query_p95_ms:.2f}",
            f"{one.found:.2f}",
        )
    console.print(table)
    console.print(
        f"{result.uses:,} uses; chosen in {result.plan_s:.2f} s, marked in {result.marks_s:.1f} s",
        highlight=False,
    )
