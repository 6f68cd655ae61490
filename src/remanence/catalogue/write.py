"""What is generated from the catalogue: the lazy packages, `docs/catalogue.md`, and a page for every seam.

A generated `__init__.py` has two halves: a head written by hand (docstring, `__version__`), and below the mark a tail
that is overwritten. Only a package that exports something is touched.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path

from remanence.catalogue.scan import Entry

MARK = "# Written by `make gen`: below this line by the catalogue, above it by hand."

HEADER = """\
| name | what it does | source | fidelity | measured |
| --- | --- | --- | --- | --- |"""

PREAMBLE = """\
# The catalogue

Every mechanism, where it comes from, how close it stays, and what we measured of it. Written by `make gen` from the
declarations in the code and `src/remanence/catalogue/measured.json`; `rmem papers` and `rmem where NAME` show the same.

Fidelity: **exact** is held to the paper's or its authors' numbers by a test; **adapted** says in its docstring how it
departs; **inspired** takes the idea only; **ours** has no paper."""


def files(found: Iterable[Entry], package: Path) -> dict[Path, str]:
    """Every generated file -> what must stand in it."""
    found = list(found)
    root = package.parents[1]
    exports: dict[Path, dict[str, str]] = {
        path: {}
        for path in package.rglob("__init__.py")
        if MARK in path.read_text(encoding="utf-8")
    }
    exports[package / "__init__.py"] = _doors(package)
    for entry in found:
        exports.setdefault((root / entry.file).with_name("__init__.py"), {})[entry.name] = (
            entry.module
        )
    made = {path: _init(path, homes) for path, homes in exports.items()}
    docs = root / "docs"
    return made | {docs / "catalogue.md": page(found)} | seam_pages(found, package, docs / "seams")


def _doors(package: Path) -> dict[str, str]:
    """What `remanence` itself exports: the verbs, and every public noun and error. Constants stay at home."""
    homes = {
        "Memory": "remanence.memory",
        "AsyncMemory": "remanence.memory_async",
        "BoundMemory": "remanence.memory_bound",
    }
    for module in ("types", "errors"):
        tree = ast.parse((package / f"{module}.py").read_text(encoding="utf-8"))
        for name in _defined(tree):
            if not name.startswith("_") and not name.isupper():
                homes[name] = f"remanence.{module}"
    return homes


def _defined(tree: ast.Module) -> list[str]:
    """Names that a module's own top level defines, imports apart."""
    names = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.append(node.target.id)
    return names


def _init(path: Path, homes: Mapping[str, str]) -> str:
    """A package's `__init__.py`: the head that stands there, and lazy exports of `homes`."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    head = text.partition(MARK)[0].strip() or f'"""Mechanisms of `{path.parent.name}`."""'
    if not homes:
        return f"{head}\n"
    imports = "\n".join(
        f"    from {module} import {name} as {name}"
        for name, module in sorted(
            homes.items(), key=lambda pair: (pair[1], _import_order(pair[0]))
        )
    )
    names = "\n".join(f'    "{name}",' for name in sorted(homes))
    modules = "\n".join(f'            "{name}": "{homes[name]}",' for name in sorted(homes))
    return f"""\
{head}

{MARK}

from typing import TYPE_CHECKING

from remanence.catalogue.lazy import attach

if TYPE_CHECKING:
{imports}
else:
    __getattr__, __dir__ = attach(
        __name__,
        {{
{modules}
        }},
    )

__all__ = [
{names}
]
"""


def _import_order(name: str) -> tuple[int, str]:
    """The linter's order of imported members: CONSTANTS, Classes, functions."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2
    return kind, name


def page(found: Iterable[Entry]) -> str:
    """`docs/catalogue.md`: a table for each seam."""
    parts = [PREAMBLE]
    for seam, group in groupby(found, key=lambda entry: entry.seam):
        parts.append(f"\n## [{seam}](seams/{seam.lower()}.md)\n\n{_table(group, '../')}")
    return "\n".join(parts) + "\n"


def seam_pages(found: Iterable[Entry], package: Path, folder: Path) -> dict[Path, str]:
    """One page a seam: what it promises, its shape as the code has it, and the mechanisms that enter there."""
    by_seam: dict[str, list[Entry]] = {}
    for entry in found:
        by_seam.setdefault(entry.seam, []).append(entry)
    text = (package / "seams.py").read_text(encoding="utf-8")
    pages = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef) and any(ast.unparse(b) == "Protocol" for b in node.bases):
            shape = ast.get_source_segment(text, node)
            here = by_seam.get(node.name, [])
            listed = _table(here, "../../") if here else "None yet."
            pages[folder / f"{node.name.lower()}.md"] = (
                f"# {node.name}\n\n{ast.get_docstring(node)}\n\n```py\n{shape}\n```\n\n## Mechanisms\n\n{listed}\n\n"
                "How to add one: [CONTRIBUTING](../../CONTRIBUTING.md). All of them: [the catalogue](../catalogue.md). "
                "The other seams: [seams.py](../../src/remanence/seams.py). Written by `make gen`.\n"
            )
    return pages


def _table(group: Iterable[Entry], up: str) -> str:
    rows = [
        f"| [{entry.name}]({up}{entry.file}) | {_cell(entry.summary)} | {_citation(entry)} | {entry.fidelity} "
        f"| {_cell('; '.join(map(str, entry.measured)) or 'not yet')} |"
        for entry in group
    ]
    return "\n".join([HEADER, *rows])


def _citation(entry: Entry) -> str:
    scheme, _, rest = entry.source.partition(":")
    bases = {"arXiv": "https://arxiv.org/abs/", "doi": "https://doi.org/", "https": "https:"}
    if scheme not in bases:
        return _cell(entry.title)
    named = [str(entry.year), "" if scheme == "https" else entry.source, entry.where]
    return _cell(", ".join([f"[{entry.title}]({bases[scheme]}{rest})", *filter(None, named)]))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
