"""LoCoMo's conversations: `locomo10.json` or any file in its schema (Maharana et al. 2024, arXiv:2402.17753).

Each element has a `conversation` with `speaker_a`, `speaker_b`, `session_<n>` (turns with `speaker`, `dia_id`, `text` and,
where an image was shared, `blip_caption`) and `session_<n>_date_time` such as "1:56 pm on 8 May, 2023", taken as UTC.
Questions and annotations in the file are left out: they are no memory. Records of all conversations of a file go into one
user's memory; ids and sessions begin with the conversation's `sample_id`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from remanence.seams import Observation
from remanence.serve.imports.base import Item, Malformed, Skipped, array, obj, string
from remanence.serve.imports.files import Document, Value, elements
from remanence.types import Micros, Scope, to_micros

_SESSION = re.compile(r"session_(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoCoMo:
    """Reads LoCoMo files. Session: `<sample_id>/<n>`; id: `<sample_id>/<dia_id>`; both speakers are people."""

    name: str = "locomo"
    title: str = "LoCoMo JSON (conversation with session_1, session_2, …)"

    def recognises(self, path: Path, sample: object) -> bool:
        conversation = sample.get("conversation") if isinstance(sample, dict) else None
        return isinstance(conversation, dict) and any(map(_SESSION.fullmatch, conversation))

    def read(self, path: Path, scope: Scope) -> Iterator[Item]:
        for number, value in enumerate(elements(Document(str(path), path.read_bytes())), 1):
            if isinstance(value, Skipped):
                yield value
                continue
            try:
                sample = obj(value.json, "it")
                name = string(sample.get("sample_id"), "sample_id") or f"{path.stem}-{number}"
                conversation = obj(sample.get("conversation"), "conversation")
            except Malformed as error:
                yield Skipped(value.path, value.line, f"conversation {number}: {error}")
            else:
                yield from _conversation(value, name, conversation, scope)


def _conversation(
    value: Value, name: str, conversation: Mapping[str, object], scope: Scope
) -> Iterator[Item]:
    sessions = sorted(int(match[1]) for match in map(_SESSION.fullmatch, conversation) if match)
    for session in sessions:
        try:
            at = spoken_at(string(conversation.get(f"session_{session}_date_time"), "date_time"))
            turns = array(conversation[f"session_{session}"], "the session")
        except Malformed as error:
            yield Skipped(value.path, value.line, f"{name}, session {session}: {error}")
            continue
        for index, turn in enumerate(turns, 1):
            try:
                yield _turn(obj(turn, "it"), name, session, at, scope)
            except Malformed as error:
                yield Skipped(
                    value.path, value.line, f"{name}, session {session}, turn {index}: {error}"
                )


def _turn(
    turn: Mapping[str, object], name: str, session: int, at: Micros, scope: Scope
) -> Observation:
    id = string(turn.get("dia_id"), "dia_id")
    text = string(turn.get("text"), "text")
    caption = string(turn.get("blip_caption"), "blip_caption")
    if not id:
        raise Malformed("it has no dia_id")
    if not text and not caption:
        raise Malformed("text is empty")
    return Observation(
        text=text,
        scope=scope,
        id=f"{name}/{id}",
        session=f"{name}/{session}",
        speaker=string(turn.get("speaker"), "speaker"),
        role="user",
        at=at,
        fields={"caption": caption} if caption else {},
        origin="import:locomo",
    )


def spoken_at(text: str) -> Micros:
    """A session's time, in UTC. Raises `Malformed`.

    >>> spoken_at("1:56 pm on 8 May, 2023") == to_micros(datetime(2023, 5, 8, 13, 56, tzinfo=UTC))
    True
    """
    try:
        return to_micros(
            datetime.strptime(text.strip(), "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
        )
    except ValueError as error:
        raise Malformed(f"date_time is {text!r}, not like '1:56 pm on 8 May, 2023'") from error
