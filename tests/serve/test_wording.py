"""Errors in the words of the command line: whatever the library says of its verbs and parameters is said of commands and options."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import remanence.errors
from remanence.serve.wording import in_words

SOURCE = Path(remanence.errors.__file__).parent
REACHED = (
    *sorted((SOURCE / "memory").glob("*.py")),
    *sorted((SOURCE / "store").rglob("*.py")),
    *(
        SOURCE / "text" / name
        for name in ("write/messages.py", "keep/sleep.py", "slots/conflicts.py")
    ),
)
"""Files whose errors a command can end with."""
LIBRARY = re.compile(r"(?<![\w.])[a-z_]+\(\)|(?<![\w\"?&-])[a-z_]+=|\b[a-z]+_(?:id|of|at)\b")
ERRORS = {name for name in vars(remanence.errors) if name[0].isupper()}
NEVER = {
    "meta=",  # --meta makes a mapping
    "recheck=",  # rmem forget always does
    "big=",  # this and the next stand in URLs, as they are written there
    "embed=",
    "sslmode=",
}
"""What no command can be told."""


def said(path: Path) -> Iterator[tuple[int, str]]:
    """Every message and hint that a file raises, with a parameter's name where something is put in."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ERRORS:
            for value in (*node.args[:1], *(word.value for word in node.keywords)):
                parts = value.values if isinstance(value, ast.JoinedStr) else [value]
                texts = [
                    part.value if isinstance(part, ast.Constant) else "limit"
                    for part in parts
                    if isinstance(part, (ast.Constant, ast.FormattedValue))
                ]
                yield node.lineno, "".join(map(str, texts))


def test_no_error_that_a_command_ends_with_names_a_verb_or_a_parameter() -> None:
    found = [
        f"{path.name}:{line}: {in_words(text)}"
        for path in REACHED
        for line, text in said(path)
        if set(LIBRARY.findall(in_words(text))) - NEVER
    ]
    assert found == []


def test_the_search_for_them_finds_some_before_they_are_put_into_words() -> None:
    raw = [text for path in REACHED for _, text in said(path) if LIBRARY.search(text)]
    assert len(raw) > 10


@pytest.mark.parametrize(
    ("library", "spoken"),
    [
        ("conflicts() lists them", "rmem conflicts lists them"),
        ("plan_forget() shows what would go", "rmem forget --dry-run shows what would go"),
        ("k=0", "-k 0"),
        ("tenants() lists what there is", "rmem tenants lists what there is"),
        ("open it with its key", "--keys PATH says where its key is"),
        ("nothing to translate: a=b, f(x), x.list()", "nothing to translate: a=b, f(x), x.list()"),
        ("for example --meta project=atlas", "for example --meta project=atlas"),
        ("no record 'user_id=list()'", "no record 'user_id=list()'"),
    ],
)
def test_words(library: str, spoken: str) -> None:
    assert in_words(library) == spoken
