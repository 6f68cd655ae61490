"""The catalogue: what every mechanism says about itself, read from the syntax trees. Imports none of them.

It works from the installed package's own folder. In a source checkout it also finds each mechanism's test file.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from remanence.errors import NotFound

PACKAGE = Path(__file__).resolve().parents[1]
"""The folder of `remanence` itself."""
CHECKOUT = PACKAGE.parents[1]
"""The repository's root, where there is one."""
MEASURED = "measured.json"

_FIELDS = {"seam": str, "source": str, "title": str, "year": int, "where": str, "fidelity": str}
_FIDELITIES = ("exact", "adapted", "inspired", "ours")
_SOURCE = re.compile(r"arXiv:\d{4}\.\d{4,5}$|doi:10\.\d{4,}/\S+$|https://\S+$")
_DEPARTURE = re.compile(
    r"\b(depart|differ|unlike|instead|adapt|simplif|rather than|not in the paper)", re.I
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One number that we measured for a mechanism, and the command that measures it again.

    `metric` is the task's own (higher is better unless it says otherwise); `n` counts its examples; `interval` is the
    95 % bootstrap interval, or None where there is none.
    """

    task: str
    metric: str
    value: float
    n: int
    interval: tuple[float, float] | None
    command: str
    version: str

    def __str__(self) -> str:
        spread = f" [{self.interval[0]:g}, {self.interval[1]:g}]" if self.interval else ""
        return f"{self.task} {self.metric} {self.value:g}{spread}, n = {self.n}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A mechanism as the catalogue shows it.

    `file` and `test` are relative to the repository's root; of an installed package, `file` is absolute and `test` empty.
    """

    name: str
    seam: str
    module: str
    file: str
    line: int
    summary: str
    source: str
    title: str
    year: int
    where: str
    fidelity: str
    test: str
    measured: tuple[Measurement, ...]

    def as_dict(self) -> dict[str, object]:
        """Plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Violation:
    """A mechanism that breaks a rule: where, and which."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


def entries() -> list[Entry]:
    """Every mechanism, by seam, then name."""
    return scan()[0]


papers = entries


def where(name: str) -> Entry:
    """The mechanism of that name; case, `-` and `_` don't matter.

    Raises `NotFound` with near matches.
    """
    by_key = {_key(entry.name): entry for entry in entries()}
    if found := by_key.get(_key(name)):
        return found
    near = [by_key[key].name for key in get_close_matches(_key(name), by_key, n=3)]
    hint = f"did you mean {' or '.join(near)}?" if near else "`rmem papers` lists them all"
    raise NotFound(f"no mechanism is called {name!r}", hint=hint)


def scan(package: Path = PACKAGE) -> tuple[list[Entry], list[Violation]]:
    """Read every module below `package`: its mechanisms, and the rules they break."""
    found: list[Entry] = []
    wrong: list[Violation] = []
    measured = _measured(package / "catalogue" / MEASURED)
    root = package.parents[1]
    checkout = (root / "pyproject.toml").exists()
    for path in sorted(package.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "@mechanism" not in text:
            continue
        file = (path.relative_to(root) if checkout else path).as_posix()
        tree = ast.parse(text, filename=str(path))
        for node, call in _declarations(tree):
            said, unreadable = _literals(call)
            doc = ast.get_docstring(node) or ""
            broken = _rules(node, said, f"{ast.get_docstring(tree) or ''}\n{doc}", path)
            wrong += [
                Violation(file, node.lineno, f"{node.name}: {rule}") for rule in unreadable + broken
            ]
            if unreadable:
                continue
            found.append(
                Entry(
                    name=node.name,
                    module=".".join(path.relative_to(package.parent).with_suffix("").parts),
                    file=file,
                    line=node.lineno,
                    summary=doc.partition("\n")[0].strip(),
                    test=_test(path, package) if checkout else "",
                    measured=tuple(measured.get(node.name, ())),
                    **({"where": ""} | said),
                )
            )
    wrong += _repeated(found)
    wrong += [
        Violation(MEASURED, 1, f"{name}: no such mechanism")
        for name in sorted(measured.keys() - {entry.name for entry in found})
    ]
    return sorted(found, key=lambda entry: (entry.seam, entry.name)), wrong


def _declarations(tree: ast.Module) -> Iterator[tuple[ast.ClassDef | ast.FunctionDef, ast.Call]]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func).endswith("mechanism"):
                    yield node, mark


def _literals(call: ast.Call) -> tuple[dict[str, Any], list[str]]:
    """What the declaration says, and what is wrong with how it says it."""
    said: dict[str, Any] = {}
    errors = ["@mechanism takes keywords only"] if call.args else []
    for keyword in call.keywords:
        expected = _FIELDS.get(keyword.arg or "")
        value = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
        if expected is None:
            errors.append(f"@mechanism has no field {keyword.arg!r}")
        elif type(value) is not expected:
            errors.append(f"{keyword.arg} must be a literal {expected.__name__}")
        else:
            said[str(keyword.arg)] = value
    missing = sorted(_FIELDS.keys() - {"where"} - {keyword.arg for keyword in call.keywords})
    return said, errors + [f"@mechanism lacks {name}" for name in missing]


def _rules(
    node: ast.ClassDef | ast.FunctionDef, said: Mapping[str, object], doc: str, path: Path
) -> list[str]:
    """Rules of a mechanism beyond the declaration's form. `doc` is the docstring of its module and its own."""
    errors = []
    fidelity = said.get("fidelity")
    if not ast.get_docstring(node):
        errors.append("has no docstring")
    if fidelity not in _FIDELITIES:
        errors.append(f"fidelity must be one of {', '.join(_FIDELITIES)}")
    if (fidelity == "ours") != (said.get("source") == "Remanence"):
        errors.append('fidelity "ours" goes with source "Remanence", and no other')
    elif fidelity != "ours" and not _SOURCE.match(str(said.get("source"))):
        errors.append("source must be arXiv:…, doi:… or https://…")
    if fidelity == "adapted" and not _DEPARTURE.search(doc):
        errors.append("its docstring does not say how it departs from its source (`Departs: …`)")
    if (path.parent / f"{node.name}.py").exists():
        errors.append("has the name of a module beside it")
    return errors


def _repeated(found: list[Entry]) -> list[Violation]:
    seen: dict[str, Entry] = {}
    wrong = []
    for entry in found:
        first = seen.setdefault(_key(entry.name), entry)
        if first is not entry:
            wrong.append(
                Violation(entry.file, entry.line, f"{entry.name}: declared in {first.file} too")
            )
    return wrong


def _measured(path: Path) -> dict[str, list[Measurement]]:
    """Name of a mechanism -> what was measured of it."""
    rows: Mapping[str, list[dict[str, Any]]] = json.loads(path.read_text(encoding="utf-8"))
    return {name: [_measurement(row) for row in of_one] for name, of_one in rows.items()}


def _measurement(row: Mapping[str, Any]) -> Measurement:
    pair = row.get("interval")
    interval = (float(pair[0]), float(pair[1])) if isinstance(pair, list) else None
    return Measurement(**{**row, "interval": interval})


def _test(path: Path, package: Path) -> str:
    """The test file of a module, which mirrors its place; empty where there is none."""
    inside = path.relative_to(package)
    test = Path("tests", inside.parent, f"test_{inside.name}")
    return test.as_posix() if (package.parents[1] / test).exists() else ""


def _key(name: str) -> str:
    return re.sub(r"[-_\s]", "", name).casefold()
