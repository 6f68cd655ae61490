"""The one shape that every benchmark is read into: memories, and questions whose evidence in them
is known."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from remanence.errors import BadImport, InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One thing that is remembered: a message, or a passage with its title."""

    id: str
    text: str
    speaker: str = ""
    role: str = ""
    session: str = ""
    at: datetime | None = None
    caption: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, and the ids of the turns that hold the answer. No evidence: it can't be
    answered from memory."""

    id: str
    text: str
    evidence: tuple[str, ...]
    category: str = ""
    answer: str = ""
    at: datetime | None = None
    grades: Mapping[str, float] = field(default_factory=dict)
    """Gain of each relevant turn where relevance is graded; empty: every turn of the evidence gains
    1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One memory and what is asked of it."""

    id: str
    turns: tuple[Turn, ...]
    questions: tuple[Question, ...]


class Task(Protocol):
    """A benchmark: a name, a version that changes whenever a figure might, and its examples."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def apart(self) -> frozenset[str]:
        """Categories reported, but kept out of the overall figures."""
        ...

    def examples(self, path: Path, notes: Counter[str] | None = None) -> Iterator[Example]:
        """Examples of the official file or folder at `path`; `notes` counts what could not be
        resolved, by reason."""
        ...


def shown(turn: Turn) -> str:
    """A turn as one text, for systems that know only texts: title, speaker, words and image caption, but no date."""
    title = f"{turn.title}\n" if turn.title else ""
    speaker = f"{turn.speaker}: " if turn.speaker else ""
    caption = f" [image: {turn.caption}]" if turn.caption else ""
    return f"{title}{speaker}{turn.text}{caption}"


def read_json(path: Path) -> Any:
    """The JSON value of a file; `InvalidInput` where it is absent, `BadImport` with the line where
    it is malformed."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InvalidInput(
            f"no file {path}", hint="give the benchmark's official file with --data"
        ) from error
    except json.JSONDecodeError as error:
        raise BadImport(f"not JSON: {error.msg}", path=str(path), line=error.lineno) from error


def need(value: Mapping[str, Any], key: str, path: Path) -> Any:
    """`value[key]`, or a `BadImport` that says which key of the official format is missing."""
    try:
        return value[key]
    except (KeyError, TypeError) as error:
        raise BadImport(
            f"no {key!r} where the format has one", path=str(path), hint="is it the official file?"
        ) from error
