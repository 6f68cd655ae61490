"""Reading the scripts of the generated conversations: `scripts/life.txt`, `scripts/work.txt`, `scripts/words.txt`.

The files are ours and say their format in their first lines; a new kind of event needs no code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

from remanence.errors import BadImport


class Line(NamedTuple):
    """One line of a script: whose it is, and its wordings."""

    who: str
    texts: tuple[str, ...]


class Ask(NamedTuple):
    """A question about a script; `steps` are the lines that hold the answer."""

    category: str
    steps: tuple[int, ...]
    answer: str
    texts: tuple[str, ...]


@dataclass(slots=True)
class Script:
    """How one kind of event is told and asked about; the format stands at the top of `scripts/life.txt`."""

    kind: str
    once: bool
    lines: list[Line] = field(default_factory=list)
    asks: list[Ask] = field(default_factory=list)
    later: list[Line] = field(default_factory=list)
    changes: tuple[str, ...] = ()
    new_lines: list[Line] = field(default_factory=list)
    new_asks: list[Ask] = field(default_factory=list)
    caption: str = ""
    collect: tuple[str, ...] = ()


Words = dict[str, tuple[str, ...]]


class Library(NamedTuple):
    """Everything that the three files hold."""

    words: Words
    life: tuple[Script, ...]
    smalltalk: tuple[Script, ...]
    facts: tuple[Script, ...]
    topics: tuple[Words, ...]
    advice: Words


@cache
def library() -> Library:
    """The scripts and words, parsed once."""
    folder = Path(__file__).with_name("scripts")
    words: Words = dict(
        _entry(line) for line in _lines(folder / "words.txt") if line and line[0] != "#"
    )
    life, _, _ = _parse(folder / "life.txt")
    facts, topics, advice = _parse(folder / "work.txt")
    return Library(
        words,
        tuple(script for script in life if not script.kind.startswith("smalltalk")),
        tuple(script for script in life if script.kind.startswith("smalltalk")),
        tuple(facts),
        tuple(topics),
        advice,
    )


def _lines(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]


def _entry(line: str) -> tuple[str, tuple[str, ...]]:
    key, _, values = line.partition(" = ")
    return key, tuple(value.strip() for value in values.split("; "))


def _parse(path: Path) -> tuple[list[Script], list[Words], Words]:
    """Scripts, topics and advice of a file, in its order."""
    scripts: list[Script] = []
    topics: list[Words] = []
    advice: Words = {}
    table: Words | None = None
    for number, line in enumerate(_lines(path), 1):
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            kind, _, rest = line[1:].partition("]")
            if kind.startswith("topic"):
                table = {}
                topics.append(table)
            elif kind == "advice":
                table = advice
            else:
                table = None
                scripts.append(Script(kind, rest.strip() == "once"))
        elif table is not None:
            key, values = _entry(line)
            table[key] = values
        else:
            _add(scripts[-1], line, path.name, number)
    return scripts, topics, advice


def _add(script: Script, line: str, path: str, number: int) -> None:
    """Add one line of a block to its script."""
    head, _, rest = line.partition(": ")
    texts = tuple(text.strip() for text in rest.split(" / "))
    match head.split():
        case ["caption"]:
            script.caption = rest
        case ["changes"]:
            script.changes = tuple(rest.split())
        case ["collect"]:
            script.collect = texts
        case ["later", who]:
            script.later.append(Line(who, texts))
        case ["new", who]:
            script.new_lines.append(Line(who, texts))
        case [("?" | "new?") as mark, category, steps, "=", *answer]:
            ask = Ask(category, tuple(map(int, steps.split(","))), " ".join(answer), texts)
            (script.asks if mark == "?" else script.new_asks).append(ask)
        case [who]:
            script.lines.append(Line(who, texts))
        case _:
            raise BadImport(f"not a line of a script: {line!r}", path=path, line=number)
