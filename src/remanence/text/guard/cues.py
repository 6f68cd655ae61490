"""Signs that a text is meant to steer whoever reads it from memory, rather than to tell something.

Each cue is a pattern over folded lower-case text (`disguise.fold`), a class and a weight; they stand in `cues.txt`. Some speak for
themselves ("ignore all previous instructions"); others only together within a short distance: an order for the future, somebody
addressed who is no person, a trigger, an act, and what it is done to. Written from what the reports on memory poisoning describe,
in general English.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

REASONS: Final = {
    "override": "sets aside other instructions",
    "markup": "poses as a message of the system",
    "trigger": "waits for a question or an event",
    "model": "addresses an assistant",
    "standing": "gives a standing order",
    "act": "asks for an act",
    "hush": "asks to keep it from the user",
    "away": "asks to send something away",
    "code": "asks to run something",
    "memory": "asks to change memory",
    "redirect": "puts one thing in the place of another",
    "promote": "asks for preference",
    "cleared": "claims an approval",
    "secret": "is about secrets",
    "money": "is about payments",
    "data": "is about private data",
    "address": "names an address",
    "authority": "claims authority",
}
"""What a cue of each class says of a text, for people."""
CONTEXT: Final = frozenset(("secret", "money", "data", "address", "authority"))
"""Classes that say what it is about. They count little where nothing is asked for."""
_MACRO: Final = re.compile(r"\{([A-Z]+)\}")


class Cue(NamedTuple):
    """A pattern that adds `weight` to its class; in one place only the heaviest cue of each class counts."""

    kind: str
    weight: float
    pattern: re.Pattern[str]


def read(text: str) -> tuple[tuple[Cue, ...], frozenset[str], frozenset[str]]:
    """The cues of a file like `cues.txt`, the words without any of which none of them matters, and those without any of which none does
    where nothing is built like an order."""
    named: dict[str, str] = {}
    cues: list[Cue] = []
    first: set[str] = set()
    lone: set[str] = set()
    for line in text.splitlines():
        head, _, rest = line.partition(" ")
        if head == "?":
            first.update(rest.split())
        elif head == "!":
            lone.update(rest.split())
        elif rest.startswith("= "):
            named[head] = _MACRO.sub(lambda name: named[name[1]], rest[2:])
        elif head in REASONS:
            weight, _, pattern = rest.partition(" ")
            full = _MACRO.sub(lambda name: named[name[1]], pattern)
            cues.append(Cue(head, float(weight), re.compile(full)))
        else:
            assert not line or head.startswith("#"), line
    return tuple(cues), frozenset(first | lone), frozenset(lone)


CUES, FIRST, LONE = read((Path(__file__).parent / "cues.txt").read_text(encoding="utf-8"))
WORDS: Final = frozenset(
    word for cue in CUES for word in re.findall(r"[a-z]{2,}", cue.pattern.pattern)
)
"""Every word of a pattern: what a disguised one is looked for among."""
