"""LoCoMo: long conversations of two people, with questions that cite the turns that answer them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from remanence.bench.tasks.base import Example, Question, Turn, need, read_json
from remanence.errors import BadImport, InvalidInput

CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}
CITATION = re.compile(r"D:?(\d+):(\d+)")
SESSION = re.compile(r"session_(\d+)")
CORRECTION = re.compile(r"locomo_(\d+)_qa(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoCoMo:
    """Any file in the schema of `locomo10.json`; a folder means the conversation files in it.

    Source: Maharana et al., "Evaluating Very Long-Term Conversational Memory of LLM Agents",
    arXiv:2402.17753. `corrections` is a list of audited questions (`question_id` =
    `locomo_<conversation>_qa<question>`, both from 0), whose `correct_evidence` and
    `correct_answer` replace the file's. A correction applies only where its question is the one
    found at that place. Citations are read tolerantly (`"D8:6; D9:17"`, `"D:11:26"`, `"D30:05"`).
    """

    corrections: Path | None = None

    @property
    def name(self) -> str:
        return "locomo"

    @property
    def version(self) -> str:
        return "1+corrections" if self.corrections else "1"

    @property
    def apart(self) -> frozenset[str]:
        return frozenset({"adversarial"})

    def examples(self, path: Path, notes: Counter[str] | None = None) -> Iterator[Example]:
        notes = Counter() if notes is None else notes
        fixes = read_corrections(self.corrections) if self.corrections else {}
        used = 0
        for file in conversation_files(path):
            conversations = read_json(file)
            if not isinstance(conversations, list):
                raise BadImport("a list of conversations is expected", path=str(file))
            for index, conversation in enumerate(conversations):
                mine = {qa: fix for (where, qa), fix in fixes.items() if where == index}
                example, applied = read_conversation(conversation, index, mine, file, notes)
                used += applied
                yield example
        notes["corrections that fit no question"] += len(fixes) - used


def conversation_files(path: Path) -> list[Path]:
    """The file itself, or the LoCoMo files of a folder (`*.json` but corrections), by name."""
    if path.is_dir():
        files = sorted(f for f in path.glob("*.json") if "correction" not in f.name)
        if not files:
            raise InvalidInput(
                f"no .json file in {path}", hint="give the folder or file of LoCoMo conversations"
            )
        return files
    return [path]


def read_corrections(path: Path) -> dict[tuple[int, int], Mapping[str, Any]]:
    """(conversation, question) -> the audited entry."""
    fixes: dict[tuple[int, int], Mapping[str, Any]] = {}
    for entry in read_json(path):
        place = CORRECTION.fullmatch(str(need(entry, "question_id", path)))
        if place is None:
            raise BadImport(
                f"question_id {entry['question_id']!r} is not locomo_<n>_qa<m>", path=str(path)
            )
        fixes[int(place[1]), int(place[2])] = entry
    return fixes


def read_conversation(
    data: Mapping[str, Any],
    index: int,
    fixes: Mapping[int, Mapping[str, Any]],
    path: Path,
    notes: Counter[str],
) -> tuple[Example, int]:
    """One conversation, and how many of its corrections applied."""
    turns = tuple(read_turns(need(data, "conversation", path), path, notes))
    known = {turn.id for turn in turns}
    name = str(data.get("sample_id") or f"conversation-{index}")
    questions, applied = [], 0
    for number, qa in enumerate(need(data, "qa", path)):
        fix = fixes.get(number)
        if fix is not None and fix["question"] != qa["question"]:
            fix = None
        applied += fix is not None
        cited = fix["correct_evidence"] if fix else qa.get("evidence", ())
        answer = (
            fix.get("correct_answer") if fix else qa.get("answer", qa.get("adversarial_answer"))
        )
        questions.append(
            Question(
                id=f"{name}_qa{number}",
                text=str(need(qa, "question", path)),
                evidence=tuple(resolve(cited, known, notes)),
                category=CATEGORIES.get(need(qa, "category", path), str(qa["category"])),
                answer="" if answer is None else str(answer),
            )
        )
    return Example(id=name, turns=turns, questions=tuple(questions)), applied


def read_turns(conversation: Mapping[str, Any], path: Path, notes: Counter[str]) -> Iterator[Turn]:
    """Turns by session number, then by place. Every turn of a session carries the session's
    moment."""
    places = (SESSION.fullmatch(key) for key in conversation)
    for number in sorted(int(place[1]) for place in places if place):
        session = f"session_{number}"
        stamp = conversation.get(f"{session}_date_time")
        at = read_moment(str(stamp)) if stamp else None
        if at is None:
            notes["sessions without a readable date"] += 1
        for turn in conversation[session]:
            yield Turn(
                id=str(need(turn, "dia_id", path)),
                text=str(need(turn, "text", path)),
                speaker=str(need(turn, "speaker", path)),
                role="user",
                session=session,
                at=at,
                caption=str(turn.get("blip_caption") or ""),
            )


def read_moment(stamp: str) -> datetime | None:
    """`"1:56 pm on 8 May, 2023"` as UTC (the set names no zone); None where it reads otherwise."""
    try:
        return datetime.strptime(" ".join(stamp.split()).upper(), "%I:%M %p ON %d %B, %Y").replace(
            tzinfo=UTC
        )
    except ValueError:
        return None


def resolve(cited: Iterable[object], known: set[str], notes: Counter[str]) -> Iterator[str]:
    """Ids of turns that exist, once each, in the order cited; what names none is counted."""
    seen: set[str] = set()
    for citation in cited:
        found = [
            f"D{int(session)}:{int(turn)}" for session, turn in CITATION.findall(str(citation))
        ]
        if not found:
            notes["citations that name no turn"] += 1
        for id in found:
            if id not in known:
                notes["citations of a turn that does not exist"] += 1
            elif id not in seen:
                seen.add(id)
                yield id
