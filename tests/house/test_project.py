"""`pyproject.toml` keeps its promises: extras, dependencies with reasons, entry points, the version."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import remanence
from remanence.serve.cli import main

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
BASE = [re.split(r"[<>=\[]", requirement)[0] for requirement in PROJECT["project"]["dependencies"]]
EXTRAS = PROJECT["project"]["optional-dependencies"]


@pytest.mark.parametrize("package", BASE)
def test_every_base_dependency_has_its_reason(package: str) -> None:
    table = re.findall(
        r"^\| ([^|]+) \|", (ROOT / "docs" / "design.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert package in {name.strip() for row in table for name in row.split(",")}


def test_all_is_every_extra_and_tools_are_none() -> None:
    named = re.search(r"\[(.*)\]", EXTRAS["all"][0])
    assert named
    assert set(named[1].split(",")) == EXTRAS.keys() - {"all"}
    assert not {"dev", "test", "lint"} & EXTRAS.keys()


def test_no_requirement_names_a_host() -> None:
    groups = [
        PROJECT["project"]["dependencies"],
        *EXTRAS.values(),
        *PROJECT["dependency-groups"].values(),
    ]
    assert [item for group in groups for item in group if re.search("://|@", str(item))] == []


def test_both_commands_are_the_same_one() -> None:
    assert set(PROJECT["project"]["scripts"].values()) == {f"{main.__module__}:{main.__name__}"}


def test_the_version_is_one_that_an_installer_can_order() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", remanence.__version__)
