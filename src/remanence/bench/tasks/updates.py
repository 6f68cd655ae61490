"""What changed on the way: BEAM's knowledge-update questions, and the instructions that MemoryCode's mentors change.

Source: Tavakoli et al. 2025, BEAM (arXiv:2510.27246); Rakotonirina et al. 2025, "From Tools to Teammates: Evaluating LLMs in Multi-Session
Coding Interactions" (MemoryCode, arXiv:2502.13791). BEAM names for each question the messages with the original and with the updated
information. MemoryCode is scored there by running code that a model writes; here by what a memory can be asked: whether the last
instruction is the one that holds, and whether it is found first.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from remanence.bench.tasks.base import Example, Question, Turn, need, read_json
from remanence.bench.tasks.beam import chat_files, read_turns, source_ids
from remanence.errors import InvalidInput

ABILITY = "knowledge_update"
OUTDATED = "outdated"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnowledgeUpdates:
    """BEAM's chats with their knowledge-update questions only. Evidence: the messages with the updated information. `original`
    gives those with the old."""

    @property
    def name(self) -> str:
        return "beam-updates"

    @property
    def version(self) -> str:
        return "1"

    @property
    def apart(self) -> frozenset[str]:
        return frozenset()

    def examples(self, path: Path, notes: Counter[str] | None = None) -> Iterator[Example]:
        for example, _ in self.changed(path, notes):
            yield example

    def changed(
        self, path: Path, notes: Counter[str] | None = None
    ) -> Iterator[tuple[Example, Mapping[str, tuple[str, ...]]]]:
        """Each chat, and by question the ids of the messages that hold the original information and not the updated one."""
        notes = Counter() if notes is None else notes
        for chat in chat_files(path):
            turns = tuple(read_turns(read_json(chat), chat, notes))
            known = {turn.id for turn in turns}
            probes = read_json(chat.parent / "probing_questions" / "probing_questions.json")
            questions: list[Question] = []
            original: dict[str, tuple[str, ...]] = {}
            for number, entry in enumerate(probes.get(ABILITY, ())):
                ids = need(entry, "source_chat_ids", chat)
                if not isinstance(ids, Mapping):
                    notes["questions that do not tell old from new"] += 1
                    continue
                new = tuple(
                    id for id in dict.fromkeys(source_ids(ids.get("updated_info"))) if id in known
                )
                old = tuple(
                    id for id in dict.fromkeys(source_ids(ids.get("original_info"))) if id in known
                )
                id = f"{chat.parent.name}_{ABILITY}_{number}"
                original[id] = tuple(other for other in old if other not in new)
                text = str(need(entry, "question", chat))
                questions.append(Question(id=id, text=text, evidence=new, category=ABILITY))
            yield Example(id=chat.parent.name, turns=turns, questions=tuple(questions)), original


_QUOTED = re.compile(r"'([^']+)'")
_NAMES = re.compile(r"always (?P<verb>start|end) (?P<what>[a-z ]+?) names with '(?P<value>[^']+)'")
_SPEAKER = re.compile(r"\A\s*(?P<name>[\w.'-]+(?: [\w.'-]+)?):\s+(?P<said>.*)\Z", re.S)
FIRST_DAY = datetime(2024, 1, 1, 9, tzinfo=UTC)


class Given(NamedTuple):
    """An instruction as the set states it: its topic in words, the value that it gives, and the session it is given in."""

    topic: str
    value: str
    session: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryCode:
    """A folder of `dialogue_N.json`, or one of them. A dialogue's sessions are cut into turns, a session a day.

    Questions ask for every instruction about names that was changed: "How should method names start?" Evidence: the turns of
    the session of its last change that hold the last value."""

    @property
    def name(self) -> str:
        return "memorycode"

    @property
    def version(self) -> str:
        return "1"

    @property
    def apart(self) -> frozenset[str]:
        return frozenset()

    def examples(self, path: Path, notes: Counter[str] | None = None) -> Iterator[Example]:
        for example, _ in self.changed(path, notes):
            yield example

    def changed(
        self, path: Path, notes: Counter[str] | None = None
    ) -> Iterator[tuple[Example, Mapping[str, tuple[Given, ...]]]]:
        """Each dialogue, and by question all the instructions on its topic, oldest first."""
        notes = Counter() if notes is None else notes
        for file in dialogue_files(path):
            dialogue = read_json(file)
            sessions = need(dialogue, "sessions", file)
            turns = tuple(
                turn
                for number, session in enumerate(sessions)
                for turn in _turns(number, str(need(session, "text", file)))
            )
            topics = _topics(need(dialogue, "instructions", file), sessions, notes)
            questions: list[Question] = []
            history: dict[str, tuple[Given, ...]] = {}
            for number, given in sorted(topics.items()):
                last = given[-1]
                match = _NAMES.fullmatch(last.topic)
                if len(given) < 2 or match is None:
                    continue
                evidence = tuple(
                    turn.id
                    for turn in turns
                    if turn.session == f"session {last.session}" and f"'{last.value}'" in turn.text
                )
                if not evidence:
                    notes["changed instructions that no turn quotes"] += 1
                    continue
                id = f"{file.stem}_{number}"
                history[id] = tuple(given)
                text = f"How should {match['what']} names {match['verb']}?"
                category = f"{len(sessions):03d} sessions"
                questions.append(
                    Question(
                        id=id, text=text, evidence=evidence, category=category, answer=last.value
                    )
                )
            yield Example(id=file.stem, turns=turns, questions=tuple(questions)), history


def dialogue_files(path: Path) -> list[Path]:
    """`dialogue_N.json` files at a path, by number."""
    found = [path] if path.is_file() else list(path.glob("dialogue_*.json"))
    if not found:
        raise InvalidInput(f"no dialogue_N.json in {path}", hint="give MemoryCode's dataset folder")
    return sorted(found, key=lambda file: (len(file.stem), file.stem))


def _turns(number: int, text: str) -> Iterator[Turn]:
    """A session's paragraphs as turns; one without a speaker goes on with the last one's."""
    speaker = ""
    parts: list[tuple[str, str]] = []
    for paragraph in re.split(r"\n\s*\n|\n(?=[A-Z][\w.'-]*: )", text):
        if match := _SPEAKER.match(paragraph):
            speaker = match["name"]
            parts.append((speaker, match["said"].strip()))
        elif paragraph.strip():
            parts.append((speaker, paragraph.strip()))
    for place, (who, said) in enumerate(parts):
        yield Turn(
            id=f"s{number}:{place}",
            text=said,
            speaker=who,
            session=f"session {number}",
            at=FIRST_DAY + timedelta(days=number, minutes=place),
        )


def _topics(instructions: Any, sessions: Any, notes: Counter[str]) -> dict[int, list[Given]]:
    """Every quoted instruction by the number of its topic, in order."""
    topics: dict[int, list[Given]] = {}
    for number, (pairs, session) in enumerate(zip(instructions, sessions, strict=True)):
        stated = [
            topic
            for kind, topic in zip(session["type"], session["topic"], strict=True)
            if kind in ("instruction-add", "instruction-update")
        ]
        if not stated:
            continue
        if len(pairs) != len(stated):
            notes["sessions whose instructions could not be told apart"] += 1
            continue
        for (topic, _), text in zip(pairs, stated, strict=True):
            if quoted := _QUOTED.search(text):
                topics.setdefault(int(topic), []).append(Given(text, quoted[1], number))
    return topics
