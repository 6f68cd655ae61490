"""Cranfield: 1,400 abstracts on aerodynamics, 225 queries, graded judgements."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from remanence.bench.tasks.base import Example, Question, Turn
from remanence.errors import BadImport, InvalidInput

FIELD = re.compile(r"^\.(?:(I)[ \t]+(\d+)|([TABW]))[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cranfield:
    """The folder with `cran.all.1400`, `cran.qry` and `cranqrel`.

    Source: Cleverdon, "The Cranfield Tests on Index Language Devices", 1967. Queries are numbered
    by their order in the file, as the judgements number them, whatever their `.I` says. Codes run
    from 1 (complete answer) to 4 (minimum interest); the gain of code c is 5 - c, and codes of 5
    (no interest) and below 1 are no relevance.
    """

    @property
    def name(self) -> str:
        return "cranfield"

    @property
    def version(self) -> str:
        return "1"

    @property
    def apart(self) -> frozenset[str]:
        return frozenset()

    def examples(self, path: Path, notes: Counter[str] | None = None) -> Iterator[Example]:
        notes = Counter() if notes is None else notes
        folder = path if path.is_dir() else path.parent
        turns = []
        for fields in read_entries(folder / "cran.all.1400"):
            if not fields["W"] and not fields["T"]:
                notes["documents without text"] += 1
                continue
            turns.append(
                Turn(
                    id=fields["I"],
                    title=fields["T"],
                    text=fields["W"] or fields["T"],
                    role="document",
                )
            )
        gains = read_judgements(folder / "cranqrel", {turn.id for turn in turns}, notes)
        questions = tuple(
            Question(
                id=str(order),
                text=fields["W"],
                evidence=tuple(gains.get(order, ())),
                grades=gains.get(order, {}),
            )
            for order, fields in enumerate(read_entries(folder / "cran.qry"), start=1)
        )
        yield Example(id="cranfield", turns=tuple(turns), questions=questions)


def read_entries(path: Path) -> Iterator[dict[str, str]]:
    """Entries of a SMART-format file: field letter -> text on one line."""
    text = read_text(path)
    marks = list(FIELD.finditer(text))
    if not marks or marks[0][1] != "I":
        raise BadImport("the first line is not .I", path=str(path), line=1)
    fields: dict[str, str] = {}
    for mark, after in zip(marks, [*marks[1:], None], strict=True):
        body = text[mark.end() : after.start() if after else len(text)]
        if mark[1]:
            if fields:
                yield fields
            fields = {"I": str(int(mark[2])), "T": "", "W": ""}
        else:
            fields[mark[3]] = " ".join(body.split())
    yield fields


def read_judgements(
    path: Path, known: set[str], notes: Counter[str]
) -> dict[int, dict[str, float]]:
    """Query's order -> document -> gain."""
    gains: dict[int, dict[str, float]] = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            query, document, code = (int(part) for part in line.split())
        except ValueError as error:
            raise BadImport(
                f"{line!r} is not: query document code", path=str(path), line=number
            ) from error
        if str(document) not in known:
            notes["judgements of a document that does not exist"] += 1
        elif 1 <= code <= 4:
            gains.setdefault(query, {})[str(document)] = 5.0 - code
    return gains


def read_text(path: Path) -> str:
    """The file's text; its bytes are Latin-1. `InvalidInput` where it is absent."""
    try:
        return path.read_text(encoding="latin-1")
    except FileNotFoundError as error:
        raise InvalidInput(
            f"no file {path}", hint="give the Cranfield folder with --data"
        ) from error
