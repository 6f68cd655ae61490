"""Errors in the words of the command line: what the library calls `forget()` and `user_id=` is `rmem forget` and `--user` here."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from remanence.serve.cli import COMMANDS

_VERBS: Final = {
    "plan_forget": "rmem forget --dry-run",
    "events": "rmem log",
    "settle": "rmem conflicts keep",
    "confirm": "rmem quarantine confirm",
    "reject": "rmem quarantine reject",
    **{name: f"rmem {name}" for name in COMMANDS},
}
OPTIONS: Final = {
    "user_id": "--user",
    "agent_id": "--agent",
    "session_id": "--session",
    "filters": "--filter",
    "kinds": "--kind",
    "as_of": "--as-of",
    "known_at": "--known-at",
    "since": "--from",
    "until": "--to",
    "ops": "--op",
    "k": "-k",
    "key": "--keys",
    **{
        name: f"--{name.replace('_', '-')}"
        for name in (
            *("after", "at", "before", "below", "budget", "bytes", "dry_run", "everything", "expect", "keep"),
            *("limit", "mentions", "only", "origin", "seconds", "supersedes", "tenant", "threads", "tokens"),
        )
    },
}  # fmt: skip
"""Parameters of the verbs, and the options that stand for them."""
_PHRASES: Final = {
    "open it with its key": "--keys PATH says where its key is",
    "give 32 bytes, 64 hex digits, or a key file's path": "--keys PATH names a file with the key, or a folder of keys that ends in /",
    "read_only=True": "read-only",
    "get() reads it": "it is used as it is",
}
"""What says the same in other words, not only by other names."""
_QUOTED: Final = re.compile(r"('[^']*')")
_CALL: Final = re.compile(r"(?<![\w.])([a-z_]+)\(\)")
_VALUED: Final = re.compile(rf"(?<![\w.\[\"'-])({'|'.join(OPTIONS)})=(?:True\b|\"([^\"]*)\"|(\S)?)")
_NAME: Final = re.compile(rf"(?<![\w=-])({'|'.join(n for n in OPTIONS if '_' in n)})\b(?!=)")


def in_words(text: str) -> str:
    """A message or a hint as somebody reads it who types commands. What stands in single quotes is the caller's, and is left.

    >>> in_words("list() shows what there is")
    'rmem list shows what there is'
    >>> in_words('say whose: tenant="acme", or everything=True of a user_id')
    'say whose: --tenant acme, or --everything of a --user'
    >>> in_words("limit=-1 and 'list()'")
    "--limit -1 and 'list()'"
    >>> in_words("at='soon' is no date")
    "--at 'soon' is no date"
    """
    for phrase, spoken in _PHRASES.items():
        text = text.replace(phrase, spoken)
    parts = _QUOTED.split(text)
    said = (part if place % 2 else _said(part) for place, part in enumerate(parts))
    return "".join(said).rstrip()


def _said(text: str) -> str:
    for pattern, spoken in _RULES:
        text = pattern.sub(spoken, text)
    return text


def _verb(match: re.Match[str]) -> str:
    return _VERBS.get(match[1], match[0])


def _valued(match: re.Match[str]) -> str:
    value = match[2] or match[3] or ""
    quoted = match.end() == len(match.string)  # the value stands in quotes behind it
    return f"{OPTIONS[match[1]]}{' ' if value or quoted else ''}{value}"


def _named(match: re.Match[str]) -> str:
    return OPTIONS[match[1]]


_RULES: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...]] = (
    (_CALL, _verb),
    (_VALUED, _valued),
    (_NAME, _named),
)
