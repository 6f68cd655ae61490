"""BEAM: long chats of a user and an assistant, with questions on ten abilities."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from remanence.bench.tasks.base import Example, Question, Turn, need, read_json
from remanence.errors import InvalidInput

MARKER = re.compile(r"\s*->\s*->[^\n]*\s*\Z")
ANCHOR = re.compile(r"([A-Za-z]+)-(\d{1,2})-(\d{4})")
ANSWERS = ("answer", "ideal_answer", "ideal_response", "ideal_summary", "expected_compliance")


@dataclass(frozen=True, slots=True, kw_only=True)
class Beam:
    """A folder of chats, each `N/chat.json` with `N/probing_questions/probing_questions.json`; or
    one such chat.

    Source: Tavakoli et al., "Beyond a Million Tokens: Benchmarking and Enhancing Long-Term Memory
    in LLMs", arXiv:2510.27246. A batch is a session. The plan markers that end user turns (`->->
    1,1`) are the set's scaffolding and are stripped. A time anchor holds from its turn to the next
    one. Gold is `source_chat_ids`, a list or a dict of lists.
    """

    @property
    def name(self) -> str:
        return "beam"

    @property
    def version(self) -> str:
        return "1"

    @property
    def apart(self) -> frozenset[str]:
        return frozenset()

    def examples(self, path: Path, notes: Counter[str] | None = None) -> Iterator[Example]:
        notes = Counter() if notes is None else notes
        for chat in chat_files(path):
            turns = tuple(read_turns(read_json(chat), chat, notes))
            probes = read_json(chat.parent / "probing_questions" / "probing_questions.json")
            known = {turn.id for turn in turns}
            name = chat.parent.name
            questions = tuple(read_questions(probes, name, known, chat, notes))
            yield Example(id=name, turns=turns, questions=questions)


def chat_files(path: Path) -> list[Path]:
    """`chat.json` files below a path, by the number of their folder."""
    found = [path] if path.is_file() else list(path.rglob("chat.json"))
    if not found:
        raise InvalidInput(
            f"no chat.json below {path}",
            hint="give a BEAM folder: N/chat.json, N/probing_questions/",
        )
    return sorted(found, key=lambda file: (len(file.parent.name), file.parent.name))


def read_turns(chat: Any, path: Path, notes: Counter[str]) -> Iterator[Turn]:
    """Messages in order; `at` is the last time anchor seen, `session` the batch."""
    at: datetime | None = None
    for number, batch in enumerate(batches(chat), start=1):
        at = read_anchor(batch.get("time_anchor"), notes) or at
        for message in messages(need(batch, "turns", path)):
            at = read_anchor(message.get("time_anchor"), notes) or at
            role = str(need(message, "role", path))
            content = str(need(message, "content", path))
            text = MARKER.sub("", content) if role == "user" else content
            yield Turn(
                id=str(need(message, "id", path)),
                text=text,
                role=role,
                session=f"batch_{number}",
                at=at,
            )


def batches(chat: Any) -> Iterator[Mapping[str, Any]]:
    """Batches in order; the largest chats nest them in plans (`{"plan-1": [batch, …]}`)."""
    if isinstance(chat, Mapping) and "turns" in chat:
        yield chat
        return
    for part in (
        chat.values() if isinstance(chat, Mapping) else chat if isinstance(chat, list) else ()
    ):
        yield from batches(part)


def messages(turns: Any) -> Iterator[Mapping[str, Any]]:
    """Messages in order; turns come in groups."""
    if isinstance(turns, Mapping):
        yield turns
        return
    for part in turns:
        yield from messages(part)


def read_anchor(anchor: object, notes: Counter[str]) -> datetime | None:
    """`"March-15-2024"` as midnight UTC; None where there is none."""
    if not anchor:
        return None
    parts = ANCHOR.search(str(anchor))
    try:
        if parts is None:
            raise ValueError(anchor)
        return datetime.strptime(" ".join(parts.groups()), "%B %d %Y").replace(tzinfo=UTC)
    except ValueError:
        notes["time anchors that could not be read"] += 1
        return None


def read_questions(
    probes: Mapping[str, Any], chat: str, known: set[str], path: Path, notes: Counter[str]
) -> Iterator[Question]:
    """Questions by ability; those of abstention have no evidence."""
    for ability, entries in probes.items():
        for number, entry in enumerate(entries):
            gold = list(dict.fromkeys(source_ids(entry.get("source_chat_ids"))))
            notes["source ids of a message that does not exist"] += sum(
                id not in known for id in gold
            )
            yield Question(
                id=f"{chat}_{ability}_{number}",
                text=str(need(entry, "question", path)),
                evidence=tuple(id for id in gold if id in known),
                category=ability,
                answer=str(next((entry[key] for key in ANSWERS if key in entry), "")),
            )


def source_ids(source: Any) -> Iterator[str]:
    """Message ids of a nested list or dict, in order."""
    if source is None:
        return
    if isinstance(source, Mapping):
        source = list(source.values())
    if isinstance(source, list):
        for part in source:
            yield from source_ids(part)
    else:
        yield str(source)
