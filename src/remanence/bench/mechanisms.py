"""What each mechanism is worth: the measured rows of the catalogue.

A retriever is measured alone; a ranker behind the candidates it needs; what the default recipe is made of also by what the
recipe loses without it. All on the same questions, LoCoMo's and, where passages matter, those of the multi-hop sets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from remanence import __version__
from remanence.bench.metrics.bootstrap import over_questions
from remanence.bench.metrics.ranking import recall
from remanence.bench.stored import Case, cases
from remanence.bench.tasks.base import Task
from remanence.bench.tasks.cranfield import Cranfield
from remanence.bench.tasks.locomo import LoCoMo
from remanence.bench.tasks.multihop import MultiHop
from remanence.catalogue.scan import Measurement
from remanence.embed.choose import open_embedder
from remanence.recipes.choose import open_recipe
from remanence.recipes.default import default
from remanence.seams import Retriever
from remanence.text.read.compose import Pipeline
from remanence.text.read.dense import Dense
from remanence.text.read.feedback import Feedback
from remanence.text.read.fuse import RRF, Fuse
from remanence.text.read.graph import PhraseGraph
from remanence.text.read.late import LateInteraction
from remanence.text.read.lexical import Lexical
from remanence.text.read.neighbours import Neighbours, Sessions
from remanence.text.read.pack import Fit
from remanence.text.read.people import People
from remanence.text.read.pool import Pool
from remanence.text.read.related import Related
from remanence.text.read.shape import Shape
from remanence.text.read.temporal import Temporal
from remanence.text.read.window import Window
from remanence.text.write.awake import Awake
from remanence.text.write.documents import Documents
from remanence.text.write.turns import Turns
from remanence.types import Hit

Say = Callable[[str], None]
Measured = dict[str, list[Measurement]]
BUDGET = 2000
HITS = 200
WHOLE = 100_000
"""Words that no page has."""


def measure(
    locomo: Path,
    corrections: Path | None = None,
    multihop: Path | None = None,
    cranfield: Path | None = None,
    *,
    command: str = "",
    say: Say = print,
) -> Measured:
    """Rows by mechanism. Raises: BadImport, InvalidInput, ModelMissing."""
    task = LoCoMo(corrections=corrections)
    rows: Measured = {}
    minilm = open_embedder("minilm")
    whole = default(minilm).retriever
    assert isinstance(whole, Pipeline)
    read: dict[tuple[str, str], Retriever] = {
        ("Lexical", ""): Lexical(),
        ("Dense", ""): Dense(),
        ("Feedback", ""): Feedback(),
        ("Fuse", "reciprocal rank, Lexical and Dense"): Fuse(Lexical(), Dense(), by=RRF()),
        ("Neighbours", "Lexical >> Neighbours"): Lexical() >> Neighbours(),
        ("Sessions", "Lexical >> Sessions"): Lexical() >> Sessions(),
        ("Window", "alone"): Pool(Lexical()) >> Window(),
        ("LateInteraction", "alone"): Pool(Lexical()) >> LateInteraction(),
        ("People", "Window >> People"): Pool(Lexical()) >> Window() >> People(),
        ("Temporal", "Window >> Temporal"): Pool(Lexical()) >> Window() >> Temporal(),
        ("Related", "Window >> Related"): Pool(Lexical()) >> Window() >> Related(),
        ("MiniLM", "default recipe"): whole,
        ("Linear", "default recipe"): whole,
        ("Pool", "default recipe, lists only"): replace(
            whole, source=Pool(Lexical(), Dense(), whole=0)
        ),
    }
    for kind in (Window, LateInteraction, People, Temporal, Shape, PhraseGraph):
        rankers = tuple(r for r in whole.rankers if not isinstance(r, kind))
        read[kind.__name__, "default recipe without it"] = replace(whole, rankers=rankers)
    _recalls(rows, task, "LoCoMo", 10, cases(task, locomo, minilm, say=say), read, command)
    static = open_embedder("static")
    _recalls(
        rows,
        task,
        "LoCoMo",
        10,
        cases(task, locomo, static, say=say),
        {("Static", "default recipe"): default(static).retriever},
        command,
    )
    words = open_recipe("default", None)
    plain = replace(words, writer=Turns(day_words=False, mentioned=False))
    for label, recipe in (("words alone", words), ("words alone, no dates written", plain)):
        found = cases(task, locomo, None, recipe=recipe, say=say)
        _recalls(rows, task, "LoCoMo", 10, found, {("Turns", label): words.retriever}, command)
    _packed(rows, task, cases(task, locomo, minilm, say=say), whole, command)
    if multihop is not None:
        hops = MultiHop()
        graph = {("PhraseGraph", "default recipe"): whole} | {
            key: way
            for key, way in read.items()
            if key == ("PhraseGraph", "default recipe without it")
        }
        _recalls(rows, hops, "multi-hop", 5, cases(hops, multihop, minilm, say=say), graph, command)
    if cranfield is not None:
        pages = Cranfield()
        uncut = replace(words, writer=Awake(documents=Documents(fewest=WHOLE, most=WHOLE)))
        for label, recipe in (("words alone", words), ("words alone, pages uncut", uncut)):
            found = cases(pages, cranfield, None, recipe=recipe, say=say)
            way = {("Documents", label): words.retriever}
            _recalls(rows, pages, "Cranfield", 10, found, way, command)
    return rows


def merge(known: Mapping[str, object], rows: Measured) -> dict[str, object]:
    """What was measured before, with these mechanisms' rows in place of their old ones."""
    fresh = {name: [asdict(row) for row in found] for name, found in rows.items()}
    return dict(sorted({**known, **fresh}.items()))


def _recalls(
    rows: Measured,
    task: Task,
    name: str,
    k: int,
    asked: Iterable[Case],
    ways: Mapping[tuple[str, str], Retriever],
    command: str,
) -> None:
    values: dict[tuple[str, str], list[float]] = {key: [] for key in ways}
    for case in asked:
        for key, way in ways.items():
            # A page may come by several of its passages: twice k records leave k pages, nearly always.
            ranked = way.retrieve(case.question, case.view, 2 * k)
            got = list(dict.fromkeys(case.turns[ord] for ord in ranked.ords.tolist()))
            values[key].append(recall(got, case.asked.evidence, k))
    for (mechanism, how), found in values.items():
        metric = f"recall@{k}" + (f", {how}" if how else "")
        _add(rows, mechanism, f"{name} {task.version}", metric, found, command)


def _packed(
    rows: Measured, task: Task, asked: Iterable[Case], way: Retriever, command: str
) -> None:
    values = [_coverage(case, way) for case in asked]
    _add(rows, "Fit", f"LoCoMo {task.version}", f"coverage@{BUDGET}", values, command)


def _coverage(case: Case, way: Retriever) -> float:
    ranked = way.retrieve(case.question, case.view, HITS)
    hits = [
        Hit(case.records[ord], score, place=ord)
        for ord, score in zip(ranked.ords.tolist(), ranked.scores.tolist(), strict=True)
    ]
    got = [hit.record.id for hit in Fit().pack(hits, BUDGET).hits]
    return recall(got, case.asked.evidence, len(got))


def _add(
    rows: Measured, mechanism: str, task: str, metric: str, values: Sequence[float], command: str
) -> None:
    estimate = over_questions(values)
    rows.setdefault(mechanism, []).append(
        Measurement(
            task=task,
            metric=metric,
            value=round(estimate.mean, 3),
            n=len(values),
            interval=(round(estimate.low, 3), round(estimate.high, 3)),
            command=command,
            version=__version__,
        )
    )
