"""Truth over time, measured: interference, knowledge updates, and instructions that change.

Every memory is stored as a user's would be, with facts beside the messages and `Settle` deciding what they do to each other, in a store
of its own; then each question is asked twice, with and without `Current`. Peers run in processes of their own, as everywhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

from remanence import __version__
from remanence.bench.machine import commit, machine
from remanence.bench.metrics.ranking import recall
from remanence.bench.result import Measured, Result
from remanence.bench.run import figure, run
from remanence.bench.tasks.base import Example, Question, Task
from remanence.bench.tasks.interference import Interference
from remanence.bench.tasks.updates import KnowledgeUpdates, MemoryCode
from remanence.embed.choose import open_embedder
from remanence.recipes.default import default
from remanence.seams import Embedder, Observation, Ranked, Ranker
from remanence.store.choose import open_store
from remanence.text.index.space import Space
from remanence.text.index.terms import record_terms
from remanence.text.index.view import SpaceView
from remanence.text.index.worker import EmbeddingWorker
from remanence.text.read.compose import Pipeline
from remanence.text.read.current import Current
from remanence.text.read.question import parse
from remanence.text.slots.words import same_value
from remanence.text.write.facts import FACT, Facts
from remanence.text.write.messages import as_scope
from remanence.text.write.settle import Settle
from remanence.text.write.slots import slots_of
from remanence.types import FOREVER, Add, Query, Scope, Slot, to_micros

Say = Callable[[str], None]
DEPTH = 100
"""Records ranked for each question."""
WITH, WITHOUT = "remanence, current first", "remanence, without it"


@dataclass(slots=True)
class Sheet:
    """Values by metric, a number for each question that has one, with the question's example and category."""

    values: dict[str, list[float]] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)
    categories: dict[str, list[str]] = field(default_factory=dict)
    milliseconds: list[float] = field(default_factory=list)

    def note(self, metric: str, value: float, example: str, category: str) -> None:
        """One value."""
        self.values.setdefault(metric, []).append(value)
        self.examples.setdefault(metric, []).append(example)
        self.categories.setdefault(metric, []).append(category)

    def measured(self, name: str, seed: int) -> Measured:
        """As figures."""
        overall = {
            metric: figure(np.asarray(found, float), np.asarray(self.examples[metric]), seed)
            for metric, found in self.values.items()
        }
        by: dict[str, dict[str, object]] = {}
        for metric, found in self.values.items():
            kinds = np.asarray(self.categories[metric])
            for kind in dict.fromkeys(self.categories[metric]):
                chosen = kinds == kind
                by.setdefault(str(kind), {})[metric] = figure(
                    np.asarray(found, float)[chosen],
                    np.asarray(self.examples[metric])[chosen],
                    seed,
                )
        speed = (
            {f"rank_p{p}_ms": float(np.percentile(self.milliseconds, p)) for p in (50, 95)}
            if self.milliseconds
            else {}
        )
        return Measured(name=name, version=__version__, overall=overall, categories=by, speed=speed)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Told:
    """An example as it lies in a store: its scope, a view of all of it, and the slots that are filled now."""

    example: Example
    scope: Scope
    space: Space
    view: SpaceView
    now: int
    standing: Sequence[Slot]
    facts: int
    superseded: int
    conflicts: int


@contextmanager
def told(example: Example, encoder: Embedder | None) -> Iterator[Told]:
    """Store an example, each of its turns at its moment, and look at it a day after the last one."""
    scope = as_scope(example.id, None)
    last = max((to_micros(turn.at) for turn in example.turns if turn.at), default=0)
    now = last + 86_400_000_000
    writer = Facts()
    with TemporaryDirectory(prefix="remanence-bench-") as folder:
        store = open_store(
            str(Path(folder) / "memory.rmem"), analyze=record_terms, clock=lambda: now
        )
        try:
            moment = 0
            adds: list[Add] = []
            for turn in example.turns:
                moment = max(moment + 1, to_micros(turn.at) if turn.at else moment)
                said = Observation(
                    text=turn.text, scope=scope, id=turn.id, session=turn.session, speaker=turn.speaker, role=turn.role, at=moment
                )  # fmt: skip
                adds += writer.write(said)
            refused = [
                ack for ack in store.apply(adds, settler=Settle()) if ack.status == "rejected"
            ]
            assert not refused, refused[0]
            if encoder is not None:
                worker = EmbeddingWorker(store, encoder)
                worker.flush()
                worker.stop()
            space = Space(store, scope, encoder)
            view = space.view(Query(text="", scope=scope), now)
            facts = store.list(scope, kinds=(FACT,), as_of=now, limit=10**6)
            yield Told(
                example=example,
                scope=scope,
                space=space,
                view=view,
                now=now,
                standing=[fact.slot for fact in facts if fact.slot is not None],
                facts=sum(add.kind == FACT for add in adds),
                superseded=len(store.linked(scope, "supersedes")),
                conflicts=len(store.linked(scope, "conflicts")),
            )
        finally:
            store.close()


class Asker:
    """Asks the same questions with and without `Current`."""

    def __init__(self, encoder: Embedder | None) -> None:
        self.encoder = encoder
        whole = default(encoder).retriever
        assert isinstance(whole, Pipeline)
        rankers = tuple(ranker for ranker in whole.rankers if not isinstance(ranker, Current))
        self.retriever = replace(whole, rankers=rankers)
        self.current: Ranker = Current()

    def ask(self, memory: Told, question: Question) -> Iterator[tuple[str, list[str], float]]:
        """(system, ids best first, milliseconds of the ranking alone)."""
        query = Query(text=question.text, scope=memory.scope)
        parsed = parse(query, encoder=self.encoder, now=memory.now)
        view = memory.space.view(query, memory.now)
        ranked = self.retriever.retrieve(parsed, view, DEPTH)
        yield WITHOUT, _ids(memory, ranked), 0.0
        start = perf_counter()
        again = self.current.rank(parsed, view, ranked)
        spent = 1e3 * (perf_counter() - start)
        yield WITH, _ids(memory, again), spent


def _ids(memory: Told, ranked: Ranked) -> list[str]:
    return [record.id for record in memory.view.records(ranked.ords) if record is not None]


def run_interference(
    *,
    task: Interference | None = None,
    peers: Sequence[str] = ("fts5",),
    seed: int = 0,
    command: str = "",
    say: Say = print,
) -> Result:
    """The last value of keys that changed 1 to 400 times: recall@1 and @10 of the turn that gave it, by number of changes.

    Raises: InvalidInput, where a peer is unknown."""
    task = task or Interference(seed=seed)
    started = _now()
    examples = list(task.examples())
    sheets: dict[str, Sheet] = {WITH: Sheet(), WITHOUT: Sheet()}
    notes: Counter[str] = Counter()
    asker = Asker(None)
    for example in examples:
        with told(example, None) as memory:
            _count(notes, memory)
            for question in example.questions:
                for name, ids, spent in asker.ask(memory, question):
                    _recalls(sheets[name], ids, question, example.id)
                    if name == WITH:
                        sheets[name].milliseconds.append(spent)
            say(
                f"interference: {len(example.turns)} turns told, {len(example.questions)} questions asked"
            )
    others = run(task, peers, Path("generated"), seed=seed, say=say).systems if peers else ()
    return _result(task, "generated", examples, sheets, notes, seed, command, started, others)


def run_updates(
    data: Path, *, embedder: str = "none", seed: int = 0, command: str = "", say: Say = print
) -> Result:
    """BEAM's knowledge updates: recall@1 and @10 of the updated information, and how often it stands before the original.

    Raises: InvalidInput, BadImport, ModelMissing."""
    task, started = KnowledgeUpdates(), _now()
    encoder = open_embedder(embedder)
    sheets: dict[str, Sheet] = {WITH: Sheet(), WITHOUT: Sheet()}
    notes: Counter[str] = Counter()
    examples = []
    asker = Asker(encoder)
    for example, original in task.changed(data, notes):
        examples.append(example)
        with told(example, encoder) as memory:
            _count(notes, memory)
            for question in example.questions:
                for name, ids, spent in asker.ask(memory, question):
                    sheet = sheets[name]
                    if name == WITH:
                        sheet.milliseconds.append(spent)
                    _recalls(sheet, ids, question, example.id)
                    if old := original[question.id]:
                        newest = _place(ids, question.evidence) < _place(ids, old)
                        sheet.note("newest_first", float(newest), example.id, question.category)
            say(f"beam: {example.id} asked")
    return _result(task, data.name, examples, sheets, notes, seed, command, started)


def run_instructions(
    data: Path, *, embedder: str = "none", seed: int = 0, command: str = "", say: Say = print
) -> Result:
    """MemoryCode's changed instructions. `fact`: whether, after all sessions, the last instruction on a topic is what holds, and no
    older one of it does; `value@1`: whether the first record found quotes the last value; recall@1 and @10 of the turns that gave it.

    Raises: InvalidInput, BadImport, ModelMissing."""
    task, started = MemoryCode(), _now()
    encoder = open_embedder(embedder)
    sheets: dict[str, Sheet] = {WITH: Sheet(), WITHOUT: Sheet()}
    notes: Counter[str] = Counter()
    examples = []
    asker = Asker(encoder)
    for example, history in task.changed(data, notes):
        if not example.questions:
            continue
        examples.append(example)
        texts = {turn.id: turn.text for turn in example.turns}
        with told(example, encoder) as memory:
            _count(notes, memory)
            for question in example.questions:
                given = history[question.id]
                holds = instruction_holds(
                    memory.standing, [(one.topic, one.value) for one in given]
                )
                for name, ids, spent in asker.ask(memory, question):
                    sheet = sheets[name]
                    if name == WITH:
                        sheet.milliseconds.append(spent)
                        sheet.note("fact", float(holds), example.id, question.category)
                    first = f"'{question.answer}'" in texts[ids[0]] if ids else False
                    sheet.note("value@1", float(first), example.id, question.category)
                    _recalls(sheet, ids, question, example.id)
    say(f"memorycode: {len(examples)} dialogues with changed instructions asked")
    return _result(task, data.name, examples, sheets, notes, seed, command, started)


def instruction_holds(standing: Sequence[Slot], given: Sequence[tuple[str, str]]) -> bool:
    """Whether the last of these (topic, value), oldest first, is what the standing slots say, and none of the others is.

    The slot of a topic is read out of its wording by the same rules that read the conversation."""
    topic, value = given[-1]
    wanted = {(slot.subject, slot.attribute) for slot, _, _ in slots_of(topic)}
    values = [slot.value for slot in standing if (slot.subject, slot.attribute) in wanted]
    older = {other for _, other in given if other != value}
    return any(same_value(value, found) for found in values) and older.isdisjoint(values)


def _recalls(sheet: Sheet, ids: Sequence[str], question: Question, example: str) -> None:
    for k in (1, 10):
        # One of several messages that say the same is enough at the first place.
        value = (
            float(any(id in question.evidence for id in ids[:1]))
            if k == 1
            else recall(ids, question.evidence, k)
        )
        sheet.note("first" if k == 1 else f"recall@{k}", value, example, question.category)


def _place(ids: Sequence[str], wanted: Sequence[str]) -> int:
    return min((ids.index(id) for id in wanted if id in ids), default=FOREVER)


def _count(notes: Counter[str], memory: Told) -> None:
    notes["facts"] += memory.facts
    notes["facts superseded"] += memory.superseded
    notes["conflicts"] += memory.conflicts


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _result(
    task: Task,
    data: str,
    examples: Sequence[Example],
    sheets: Mapping[str, Sheet],
    notes: Counter[str],
    seed: int,
    command: str,
    started: str,
    others: Sequence[Measured] = (),
) -> Result:
    ours = tuple(sheet.measured(name, seed) for name, sheet in sheets.items())
    return Result(
        task=task.name,
        task_version=task.version,
        data=data,
        examples=len(examples),
        records=sum(len(example.turns) for example in examples),
        questions=sum(len(example.questions) for example in examples),
        notes=dict(sorted(notes.items())),
        systems=(*ours, *others),
        seed=seed,
        version=__version__,
        commit=commit(),
        machine=machine(),
        command=command,
        started=started,
    )
