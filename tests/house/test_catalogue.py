"""The catalogue: read from syntax trees, true to them, and generated text is current."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from remanence.catalogue import scan as catalogue
from remanence.catalogue.scan import CHECKOUT, entries, scan, where
from remanence.catalogue.write import MARK, files, page
from remanence.errors import NotFound

GOOD = '''"""Window: keep the last.

Source: Nobody 2020, Eq. (1). Departs: keeps one more.
"""
from remanence.catalogue.declare import mechanism

@mechanism(seam="Keeper", source="arXiv:2001.00001", title="On | Windows", year=2020, where="Eq. 1", fidelity="adapted")
class Window:
    """Keep the last n."""
'''


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A package of one mechanism, as a checkout has it."""
    package = tmp_path / "src" / "remanence"
    (package / "catalogue").mkdir(parents=True)
    (package / "catalogue" / "measured.json").write_text("{}")
    (package / "keep").mkdir()
    (package / "keep" / "__init__.py").write_text('"""What stays."""\n')
    (package / "keep" / "window.py").write_text(GOOD)
    (tmp_path / "pyproject.toml").write_text("")
    (package / "__init__.py").write_text('"""Top."""\n\n__version__ = "1"\n')
    for name in ("types", "errors"):
        (package / f"{name}.py").write_text("LIMIT = 1\nclass Noun: ...\n")
    (package / "seams.py").write_text('class Keeper(Protocol):\n    """Who stays."""\n')
    (tmp_path / "tests" / "keep").mkdir(parents=True)
    (tmp_path / "tests" / "keep" / "test_window.py").write_text("")
    return package


def test_an_entry_says_what_the_declaration_says(house: Path) -> None:
    (entry,), wrong = scan(house)
    assert wrong == []
    assert (entry.name, entry.seam, entry.year, entry.where) == ("Window", "Keeper", 2020, "Eq. 1")
    assert entry.module == "remanence.keep.window"
    assert entry.file == "src/remanence/keep/window.py"
    assert entry.test == "tests/keep/test_window.py"
    assert entry.summary == "Keep the last n."
    assert entry.line == GOOD.splitlines().index("class Window:") + 1


def test_an_installed_package_has_files_but_no_tests(house: Path) -> None:
    (house.parents[1] / "pyproject.toml").unlink()
    (entry,), _ = scan(house)
    assert (entry.file, entry.test) == (str(house / "keep" / "window.py"), "")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("year=2020", 'year="2020"', "year must be a literal int"),
        ('title="On | Windows", ', "", "@mechanism lacks title"),
        ('where="Eq. 1"', "page=3", "@mechanism has no field 'page'"),
        ('where="Eq. 1"', "where=EQUATION", "where must be a literal str"),
        ('seam="Keeper"', '"Keeper"', "@mechanism takes keywords only"),
        ('"adapted"', '"faithful"', "fidelity must be one of"),
        ("arXiv:2001.00001", "Nobody (2020)", "source must be arXiv:…, doi:… or https://…"),
        ("arXiv:2001.00001", "Remanence", 'fidelity "ours" goes with source "Remanence"'),
        ("Departs: keeps one more.", "", "does not say how it departs"),
        ('    """Keep the last n."""', "    n = 1", "has no docstring"),
    ],
)
def test_a_broken_rule_is_reported_with_its_place(
    house: Path, old: str, new: str, said: str
) -> None:
    assert old in GOOD
    (house / "keep" / "window.py").write_text(GOOD.replace(old, new))
    _, wrong = scan(house)
    assert any(said in violation.message for violation in wrong), wrong
    assert str(wrong[0]).startswith("src/remanence/keep/window.py:")


def test_a_declaration_that_cant_be_read_is_no_entry_but_one_that_breaks_a_rule_is(
    house: Path,
) -> None:
    (house / "keep" / "window.py").write_text(GOOD.replace("year=2020", "year=NOW"))
    assert scan(house)[0] == []
    (house / "keep" / "window.py").write_text(GOOD.replace("Departs", "Then"))
    assert [entry.name for entry in scan(house)[0]] == ["Window"]


def test_two_mechanisms_of_one_name_and_rows_of_none_are_reported(house: Path) -> None:
    (house / "keep" / "again.py").write_text(GOOD)
    (house / "catalogue" / "measured.json").write_text('{"Wind0w": []}')
    messages = [violation.message for violation in scan(house)[1]]
    assert messages == [
        "Window: declared in src/remanence/keep/again.py too",
        "Wind0w: no such mechanism",
    ]


def test_measured_rows_reach_the_page(house: Path) -> None:
    row = (
        '{"task": "locomo dev", "metric": "recall@10", "value": 0.5, "n": 7, "interval": [0.4, 0.6], '
        '"command": "rmem bench locomo", "version": "0.1.0"}'
    )
    (house / "catalogue" / "measured.json").write_text(f'{{"Window": [{row}]}}')
    found, _ = scan(house)
    assert "| locomo dev recall@10 0.5 [0.4, 0.6], n = 7 |" in page(found)
    link = "[On \\| Windows](https://arxiv.org/abs/2001.00001)"
    assert f"| {link}, 2020, arXiv:2001.00001, Eq. 1 |" in page(found)


def test_generated_packages_keep_their_head_and_settle_at_once(house: Path) -> None:
    found, _ = scan(house)
    first = files(found, house)
    door = first[house / "keep" / "__init__.py"]
    assert door.startswith(f'"""What stays."""\n\n{MARK}')
    assert '"Window": "remanence.keep.window"' in door
    assert '"Noun": "remanence.errors"' in first[house / "__init__.py"]
    assert "LIMIT" not in first[house / "__init__.py"]
    for path, text in first.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert files(found, house) == first
    assert files([], house)[house / "keep" / "__init__.py"] == '"""What stays."""\n'


def test_every_seam_has_a_page_with_what_enters_there(house: Path) -> None:
    made = files(scan(house)[0], house)
    seam = made[house.parents[1] / "docs" / "seams" / "keeper.md"]
    assert seam.startswith("# Keeper\n\nWho stays.")
    assert "| [Window](../../src/remanence/keep/window.py) |" in seam


def test_where_forgives_case_and_dashes_and_suggests() -> None:
    for entry in entries():
        assert where(entry.name.upper()) == entry
        assert where("-".join(entry.name.lower())) == entry
    near = entries()[0]
    with pytest.raises(NotFound, match=f"did you mean .*{near.name}"):
        where(near.name + "x")
    with pytest.raises(NotFound, match="rmem papers"):
        where("%%%")


def test_every_mechanism_keeps_the_rules_and_has_a_test_file() -> None:
    found, wrong = scan()
    assert [str(violation) for violation in wrong] == []
    assert found
    assert [entry.file for entry in found if not entry.test] == []


def test_every_seam_of_a_mechanism_is_one_of_seams_py() -> None:
    text = (catalogue.PACKAGE / "seams.py").read_text(encoding="utf-8")
    assert [entry.name for entry in entries() if f"class {entry.seam}(" not in text] == []


@pytest.mark.parametrize("command", [["-m", "remanence.catalogue", "--check"]])
def test_generated_files_are_current(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, *command], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
