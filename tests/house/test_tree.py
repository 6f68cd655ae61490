"""Laws of CONTRIBUTING.md that a machine can hold: sizes, names, security, words."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from remanence.catalogue.scan import entries

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
CODE = [
    path
    for folder in ("src", "tests", "tools", "examples")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
TEXT = [
    *CODE,
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("*.json")),
    *sorted((ROOT / "src").rglob("*.json")),
    *(ROOT / file for file in ("Makefile", ".ci/run", "pyproject.toml")),
]
GENERATED = {"memory_async.py", "memory_bound.py"}
NAMELESS = {"utils", "util", "helpers", "helper", "common", "misc"}
EXCUSED = re.compile(r"# sql: \w")
"""At a call whose SQL is put together, says why nothing of a caller's can be in it."""
PICKLES = {"pickle", "cPickle", "dill", "marshal", "shelve"}
PLACES = re.compile(r"(?<![\w.~/:])/(home|root|Users|mnt|opt|srv|work)/\w")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def lines(path: Path) -> int:
    return path.read_text(encoding="utf-8").count("\n")


def test_no_file_that_somebody_wrote_is_longer_than_600_lines() -> None:
    written = [path for path in CODE if path.name not in GENERATED]
    assert {name(path): lines(path) for path in written if lines(path) > 600} == {}


def test_no_mechanism_is_longer_than_250_lines() -> None:
    files = {entry.file for entry in entries()}
    assert {file: lines(ROOT / file) for file in files if lines(ROOT / file) > 250} == {}


def test_no_folder_holds_more_than_25_files() -> None:
    held = Counter(path.parent for path in CODE)
    assert {name(folder): count for folder, count in held.items() if count > 25} == {}


def test_no_file_or_folder_has_a_name_that_says_nothing() -> None:
    assert [name(path) for path in CODE if NAMELESS & {path.stem, path.parent.name}] == []


def test_every_folder_of_modules_is_a_package() -> None:
    folders = {path.parent for path in SOURCES if "peers" not in path.parts}
    assert [name(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_every_module_has_a_docstring() -> None:
    assert [
        name(path)
        for path in CODE
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ] == []


def test_no_file_names_a_place_on_a_machine() -> None:
    assert [name(path) for path in TEXT if PLACES.search(path.read_text(encoding="utf-8"))] == []


def test_nothing_is_left_for_later_without_a_trigger() -> None:
    later = re.compile(
        r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")) + r")\b"
    )
    assert [name(path) for path in CODE if later.search(path.read_text(encoding="utf-8"))] == []


# --- security: no pickle, no eval, parameterised SQL only -----------------------------------------------------------


def breaches(source: str) -> Iterator[str]:
    """What a source does that the law forbids, each with its line."""
    rows = source.splitlines()
    tree = ast.parse(source)
    bound = bindings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imported = {alias.name for alias in node.names} | {getattr(node, "module", None) or ""}
            if banned := {name.partition(".")[0] for name in imported} & PICKLES:
                yield f"{node.lineno}: imports {', '.join(banned)}"
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            if called in ("eval", "exec", "os.system", "os.popen"):
                yield f"{node.lineno}: calls {called}"
            if given.get("allow_pickle", "False") != "False":
                yield f"{node.lineno}: loads pickles"
            if given.get("shell", "False") != "False":
                yield f"{node.lineno}: runs a shell"
            if called.endswith((".execute", ".executemany", ".executescript")) and node.args:
                around = "\n".join(rows[max(0, node.lineno - 2) : node.end_lineno])
                if not fixed(node.args[0], bound) and not EXCUSED.search(around):
                    yield f"{node.lineno}: SQL put together at run time; `# sql: …` says why that is safe"


Bindings = dict[str, list[ast.expr]]


def bindings(tree: ast.Module) -> Bindings:
    """Name -> every value that the source binds it to by assignment."""
    bound: Bindings = {}
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                bound.setdefault(name, []).append(value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                bound.setdefault(name, []).append(value)
            case ast.AugAssign(target=ast.Name(id=name), value=value):
                bound.setdefault(name, []).append(value)
    return bound


def fixed(node: ast.expr, bound: Bindings, inside: bool = False) -> bool:
    """Whether SQL is a text of the program's own. `inside`: it is a piece of a text that is being put together.

    A name stands for what it is bound to; one that is bound elsewhere (a parameter, a loop) passes where it is the whole
    statement, and inside one only if it is written as a CONSTANT.
    """
    match node:
        case ast.Constant():
            return True
        case ast.JoinedStr(values=parts):
            values = [part.value for part in parts if isinstance(part, ast.FormattedValue)]
            return all(fixed(value, bound, inside=True) for value in values)
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return fixed(left, bound, inside=True) and fixed(right, bound, inside=True)
        case ast.IfExp(body=yes, orelse=no):
            return fixed(yes, bound, inside) and fixed(no, bound, inside)
        case ast.Name(id=name) if name in bound:
            others = {key: values for key, values in bound.items() if key != name}
            return all(fixed(value, others, inside) for value in bound[name])
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.isupper() or not inside
        case ast.Call(func=ast.Attribute(attr="format")) | ast.BinOp():
            return False
        case _:
            return not inside


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_no_source_breaks_the_law_of_security(path: Path) -> None:
    assert list(breaches(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "eval('1')",
        "np.load('f', allow_pickle=True)",
        "subprocess.run('ls', shell=True)",
        "db.execute(f'select {name}')",
        "db.execute('select ' + name)",
        "db.execute('select %s' % name)",
        "db.execute('select {}'.format(name))",
        "local = 'a' + f()\ndb.execute(local)",
        "sql = 'select 1'\nsql += f' where a = {name}'\ndb.execute(sql)",
    ],
)
def test_the_check_sees_what_it_must(source: str) -> None:
    assert len(list(breaches(source))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "for sql in STATEMENTS: db.execute(sql)",
        "marks = '?'\ndb.execute(f'select 1 where a in ({marks})', names)",
        "db.execute('select 1 where a = ?', (name,))",
        "TABLE = 'docs'\ndb.execute(f'select * from {TABLE}')",
        "db.execute(SELECT + ' where a = ?', (name,))",
        "# sql: marks is question marks only\ndb.execute(f'select 1 where a in ({marks})', names)",
        "np.load('f', allow_pickle=False)",
    ],
)
def test_the_check_lets_pass_what_it_may(source: str) -> None:
    assert list(breaches(source)) == []
