"""A promise is a test only if breaking the promise fails it: the code is broken, one line at a time, and the test has to notice.

Each break is a line of the source, what it becomes, and the promise that no longer holds. Where a line has moved on, its break says so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROMISES = "tests/test_promises.py"


class Break(NamedTuple):
    promise: str
    """Beginning of the test's name."""
    file: str
    line: str
    becomes: str


BREAKS = {
    "a commit that does not": Break(
        "test_2",
        "store/connections.py",
        'db.execute("COMMIT")\n                    self._check_log()',
        'db.execute("ROLLBACK")\n                    self._check_log()',
    ),
    "an index that looks once": Break(
        "test_2", "text/index/space.py", "if pulse == self._pulse:", "if self._pulse != -1:"
    ),
    "a fact whose source is beside the words": Break(
        "test_4",
        "text/write/facts.py",
        "Source(ABOVE, start, end)",
        "Source(ABOVE, start + 1, end)",
    ),
    "derived records trusted more than their sources": Break(
        "test_4",
        "store/changes.py",
        "if trust != 1.0:\n        body",
        "if trust == 0.123:\n        body",
    ),
    "a closure that stops at the source": Break(
        "test_4",
        "store/forgetting/erase.py",
        "waiting.extend(row[0] for row in rows)",
        "waiting.extend(())",
    ),
    "valid time that ends a moment late": Break(
        "test_5", "text/index/view.py", '(at < rows["valid_to"])', '(at <= rows["valid_to"])'
    ),
    "known time that is ignored": Break(
        "test_5",
        "text/index/view.py",
        "if query.known_at is None:\n        standing =",
        "if True:\n        standing =",
    ),
    "content that stays under its event": Break(
        "test_6",
        "store/forgetting/erase.py",
        "SET salt = NULL, body = NULL",
        "SET salt = NULL, body = body",
    ),
    "a record looked up in every space": Break(
        "test_7",
        "store/reading.py",
        'WHERE e.space = ? AND e.rid = ? AND e.op <= 3 ORDER BY e.version",\n        (space.id, id),\n    ).fetchall()\n    tail',
        'WHERE (e.space = ? OR 1) AND e.rid = ? AND e.op <= 3 ORDER BY e.version",\n        (space.id, id),\n    ).fetchall()\n    tail',
    ),
    "a ledger that is shown to everybody": Break(
        "test_7",
        "store/reading.py",
        '"WHERE seq > ? AND space = ? ORDER BY seq",\n        (after, space.id),',
        '"WHERE seq > ? AND (space = ? OR 1) ORDER BY seq",\n        (after, space.id),',
    ),
    "a gate that lets everything through": Break(
        "test_8",
        "text/guard/integrity.py",
        "def screen(self, question: Question, view: View, hits: Sequence[Hit]) -> Screened:\n",
        "def screen(self, question: Question, view: View, hits: Sequence[Hit]) -> Screened:\n        return Screened(hits, ())\n",
    ),
    "withheld in silence": Break(
        "test_8",
        "memory/reading.py",
        "return Hits(found[:k], withheld)",
        "return Hits(found[:k], ())",
    ),
    "hits that do not say why": Break(
        "test_8", "memory/reading.py", "dict(zip(names, signals, strict=True))", "{}"
    ),
}


def test_every_promise_of_the_lifecycle_is_broken_somehow() -> None:
    assert {one.promise for one in BREAKS.values()} == {f"test_{n}" for n in (2, 4, 5, 6, 7, 8)}


@pytest.mark.parametrize("name", BREAKS)
def test_the_line_of_a_break_is_still_there(name: str) -> None:
    one = BREAKS[name]
    text = (ROOT / "src" / "remanence" / one.file).read_text(encoding="utf-8")
    assert text.count(one.line) == 1, f"{one.file}: {one.line!r}"


@pytest.mark.slow
@pytest.mark.parametrize("name", BREAKS)
def test_breaking_a_promise_fails_its_test(name: str, tmp_path: Path) -> None:
    one = BREAKS[name]
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    broken = tmp_path / "src" / "remanence" / one.file
    text = broken.read_text(encoding="utf-8")
    broken.write_text(text.replace(one.line, one.becomes), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", PROMISES]
    done = subprocess.run(
        [*command, "-k", f"{one.promise}_"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout[-2000:] + done.stderr[-2000:]
    assert " failed" in done.stdout
