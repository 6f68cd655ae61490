"""A benchmark's memories stored as a user would store them, and each of its questions with the view that would answer it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from remanence.bench.tasks.base import Example, Task, Turn
from remanence.bench.tasks.base import Question as Asked
from remanence.errors import InvalidInput
from remanence.memory import Memory
from remanence.recipes.choose import open_recipe
from remanence.recipes.recipe import Recipe
from remanence.seams import Embedder, Question
from remanence.store.choose import open_store
from remanence.text.index.space import Space
from remanence.text.index.terms import record_terms
from remanence.text.index.view import SpaceView
from remanence.text.read.question import parse
from remanence.text.write.messages import as_scope
from remanence.types import Query, Record, to_micros


class Case(NamedTuple):
    """A question with evidence, ready to be asked. `turns[ord]` is the turn that a record came from, `records[ord]` the record."""

    example: Example
    asked: Asked
    question: Question
    view: SpaceView
    turns: Sequence[str]
    records: Sequence[Record]


def cases(
    task: Task,
    data: Path,
    encoder: Embedder | None,
    *,
    recipe: Recipe | None = None,
    say: Callable[[str], None] = print,
) -> Iterator[Case]:
    """Every question of a task that has evidence and is not held apart. Everything lies in a temporary store.

    Raises: InvalidInput, BadImport (the data)."""
    examples = [e for e in task.examples(data) if any(asked.evidence for asked in e.questions)]
    if not examples:
        raise InvalidInput(f"{data} has no question with evidence", hint="is this the right file?")
    used = recipe or open_recipe("default", encoder)
    with TemporaryDirectory(prefix="remanence-bench-") as folder:
        path = Path(folder) / "memory.rmem"
        with Memory.open(path, embedder=encoder, recipe=used) as memory:
            for example in examples:
                remember(memory, example)
            turns = sum(len(example.turns) for example in examples)
            say(f"{task.name}: {turns:,} records stored, embedding")
            memory.flush()
        store = open_store(str(path), analyze=record_terms)
        try:
            for example in examples:
                scope = as_scope(example.id, None)
                space = Space(store, scope, encoder)
                now = store.now()
                everything = space.view(Query(text="", scope=scope), now)
                records = store.records(scope, everything.rows["seq"].tolist())
                known = {turn.id for turn in example.turns}
                ids = [r.id if r.id in known or not r.sources else r.sources[0].id for r in records]
                for asked in example.questions:
                    if asked.evidence and asked.category not in task.apart:
                        at = to_micros(asked.at) if asked.at else None
                        query = Query(text=asked.text, scope=scope, as_of=at)
                        question = parse(query, encoder=encoder, now=now)
                        yield Case(example, asked, question, space.view(query, now), ids, records)
                say(f"{task.name}: {example.id} asked")
        finally:
            store.close()


def remember(memory: Memory, example: Example) -> None:
    """Store an example's turns, a session at a time, as a user of its own.

    Raises: InvalidInput, where one is refused."""
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
