"""Lessons for the ranker: a benchmark's memories are stored and asked as a user would, and what each question found is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

from remanence.bench.tasks.base import Example, Task, Turn
from remanence.embed.choose import open_embedder
from remanence.errors import InvalidInput
from remanence.memory import Memory
from remanence.recipes.choose import open_recipe
from remanence.store.choose import open_store
from remanence.text.index.space import Space
from remanence.text.index.terms import record_terms
from remanence.text.read.question import parse
from remanence.text.read.train import Lesson, lesson
from remanence.text.write.messages import as_scope
from remanence.types import Query, Record, to_micros

FEW = 3
"""Sets with fewer memories than this are held out by question; others by memory, as conversations should be."""


def lessons(
    task: Task, data: Path, *, embedder: str = "auto", say: Callable[[str], None] = print
) -> Iterator[Lesson]:
    """A lesson for every question with evidence. Everything is kept in a temporary store.

    Raises: InvalidInput, BadImport (the data), ModelMissing."""
    examples = [
        example for example in task.examples(data) if any(q.evidence for q in example.questions)
    ]
    if not examples:
        raise InvalidInput(
            f"{data} has no question with evidence",
            hint="a ranker learns from questions whose evidence is known",
        )
    encoder = open_embedder(embedder)
    with TemporaryDirectory(prefix="remanence-train-") as folder:
        path = Path(folder) / "memory.rmem"
        with Memory.open(path, embedder=encoder) as memory:
            for example in examples:
                _remember(memory, example)
            say(
                f"{task.name}: {sum(len(example.turns) for example in examples):,} records stored, embedding"
            )
            memory.flush()
        store = open_store(str(path), analyze=record_terms)
        try:
            recipe = open_recipe("default", encoder)
            for example in examples:
                scope = as_scope(example.id, None)
                space = Space(store, scope, encoder)
                now = store.now()
                everything = space.view(Query(text="", scope=scope), now)
                records = store.records(scope, everything.rows["seq"].tolist())
                ords = _ords(records, {turn.id for turn in example.turns})
                for asked in example.questions:
                    if not asked.evidence or asked.category in task.apart:
                        continue
                    query = Query(
                        text=asked.text,
                        scope=scope,
                        as_of=to_micros(asked.at) if asked.at else None,
                    )
                    view = space.view(query, now)
                    question = parse(query, encoder=encoder, now=now)
                    group = (
                        f"{task.name}/{example.id}{'' if len(examples) >= FEW else f'/{asked.id}'}"
                    )
                    evidence = [ord for id in asked.evidence for ord in ords.get(id, ())]
                    if (
                        learnt := lesson(recipe.retriever, question, view, evidence, group)
                    ) is not None:
                        yield learnt
                say(f"{task.name}: {example.id} asked")
        finally:
            store.close()


def _remember(memory: Memory, example: Example) -> None:
    """Store an example's turns, a session at a time, as a user of its own."""
    for _, session in groupby(example.turns, key=lambda turn: turn.session):
        acks = memory.add([_message(turn) for turn in session], user_id=example.id)
        refused = [ack for ack in acks if ack.status == "rejected"]
        if refused:
            raise InvalidInput(
                f"{example.id}: {refused[0].reason}", hint="is this the benchmark's official file?"
            )


def _message(turn: Turn) -> dict[str, object]:
    message: dict[str, object] = {
        "content": turn.text,
        "role": turn.role,
        "name": turn.speaker,
        "at": turn.at,
        "id": turn.id,
        "session_id": turn.session,
        "title": turn.title,
        "caption": turn.caption,
    }
    return {key: value for key, value in message.items() if value}


def _ords(records: Sequence[Record], turns: set[str]) -> dict[str, list[int]]:
    """Turn id -> ords of the records that it became: itself, or the passages that were cut from it."""
    ords: dict[str, list[int]] = {}
    for ord, record in enumerate(records):
        id = record.id if record.id in turns or not record.sources else record.sources[0].id
        ords.setdefault(id, []).append(ord)
    return ords
