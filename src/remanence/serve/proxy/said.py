"""What is said in a request and in its answer, whichever of the two interfaces it came through."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

_LINE: Final = re.compile(r"\r\n|\n|\r")
_SPOKEN: Final = ("text", "input_text", "output_text")
LONGEST_NAME: Final = 64


class Turn(NamedTuple):
    """Words of the user or of the assistant; `name`: of whom exactly, where the message says so."""

    role: str
    text: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as far as memory needs it.

    `turns`: what user and assistant said, oldest first, without what has no text. `fresh`: how many at the end of it the user has said
    since the last answer. `question`: the user's last words, at whose place memory goes in. `before`, `after`: the body around that place
    (none where nobody asks); `item`: a message with what memory says, as this interface has it."""

    turns: tuple[Turn, ...] = ()
    fresh: int = 0
    question: str = ""
    before: str = ""
    after: str = ""
    item: Callable[[str], str]
    user: str = ""
    session: str = ""
    """The conversation that the request itself names."""
    follows: str = ""
    """The answer that it goes on from, where upstream keeps the conversation."""
    tools: bool = False
    """Whether results of tools are before the model."""
    single: bool = True
    """Whether it asks for one answer."""

    def with_memory(self, note: str) -> bytes:
        """The body with one message more."""
        return f"{self.before}{self.item(note)}{self.after}".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back. `text` is empty where there is none, or where it was not finished; `tools`: whether the model used tools of
    upstream's own; `id`: what a later request names it by."""

    text: str = ""
    tools: bool = False
    id: str = ""


class Dialect(NamedTuple):
    """One interface: `read` a request (None: not one that memory understands), and `answer` from the parsed body or events."""

    read: Callable[[bytes], Asked | None]
    answer: Callable[[Sequence[Any], bool], Answer]
    """(the events, or the body alone; whether they are events)."""


def text_of(content: object) -> str:
    """The words in a message: a string, or the text parts of a list."""
    if isinstance(content, str):
        return content.strip()
    if not isinstance(content, list):
        return ""
    parts = [
        part.get("text")
        for part in content
        if isinstance(part, Mapping) and part.get("type") in _SPOKEN
    ]
    return "\n".join(part for part in parts if isinstance(part, str)).strip()


def name_of(message: Mapping[str, Any]) -> str:
    """The name that a message gives its speaker, where it can be one."""
    name = message.get("name")
    fits = isinstance(name, str) and len(name) <= LONGEST_NAME and name.isprintable()
    return str(name) if fits else ""


def last_run(users: Sequence[bool]) -> range:
    """Places of the last messages of the user's that follow one another.

    >>> last_run([True, False, True, True, False])
    range(2, 4)
    """
    end = next((place + 1 for place in reversed(range(len(users))) if users[place]), 0)
    start = end
    while start and users[start - 1]:
        start -= 1
    return range(start, end)


def events(text: str) -> Iterator[str]:
    r"""The data of server-sent events. One that broke off is left out.

    >>> list(events("data: 1\n\n: ping\n\ndata: 2\ndata: 3\n\ndata: 4"))
    ['1', '2\n3']
    """
    data: list[str] = []
    for line in _LINE.split(text):
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            yield "\n".join(data)
            data = []
