"""Lessons for the ranker: what each of a benchmark's questions found, and what it should have found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from remanence.bench.stored import Case, cases
from remanence.bench.tasks.base import Task
from remanence.embed.choose import open_embedder
from remanence.recipes.choose import open_recipe
from remanence.text.read.train import Lesson, lesson

FEW = 3
"""Sets with fewer memories than this are held out by question; others by memory, as conversations should be."""


def lessons(
    task: Task, data: Path, *, embedder: str = "auto", say: Callable[[str], None] = print
) -> Iterator[Lesson]:
    """A lesson for every question with evidence. Everything is kept in a temporary store.

    Raises: InvalidInput, BadImport (the data), ModelMissing."""
    encoder = open_embedder(embedder)
    recipe = open_recipe("default", encoder)
    waiting: list[tuple[Case, Lesson]] = []
    for case in cases(task, data, encoder, recipe=recipe, say=say):
        evidence = [ord for ord, turn in enumerate(case.turns) if turn in case.asked.evidence]
        learnt = lesson(recipe.retriever, case.question, case.view, evidence, "")
        if learnt is not None:
            waiting.append((case, learnt))
    few = len({case.example.id for case, _ in waiting}) < FEW
    for case, learnt in waiting:
        group = f"{task.name}/{case.example.id}" + (f"/{case.asked.id}" if few else "")
        yield learnt._replace(group=group)
