"""`rmem policy`: reading it, and checking one's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Rmem = Callable[..., Any]


def test_the_policy_in_force(rmem: Rmem, tmp_path: Path) -> None:
    shipped = rmem("policy", "show", "--json").row
    assert shipped["trust"]["cli"] == 1.0
    assert "health" in shipped["domains"]
    mine = tmp_path / "mine.toml"
    mine.write_text(
        '[integrity]\nlevel = "strict"\n[trust]\ncli = 0.7\n[privacy]\ncard = "reject"\n'
    )
    row = rmem("policy", "show", "--policy", mine, "--json").row
    assert (row["level"], row["trust"]["cli"]) == ("strict", 0.7)
    assert row["privacy"] == {"everybody": {"card": "reject"}}
    assert row["roles"] == shipped["roles"]
    shown = rmem("policy", "show", "--policy", mine).out
    assert "cli 0.7" in shown
    assert "reject card" in shown


def test_one_role(rmem: Rmem) -> None:
    row = rmem("policy", "show", "lender", "--json").row
    assert "finance" in row["needs"]
    assert rmem("policy", "show", "loan officer", "--json").row == row
    wrong = rmem("policy", "show", "lander")
    assert (wrong.code, "did you mean lender" in wrong.err) == (2, True)


def test_the_file_itself_can_be_read_back(rmem: Rmem, tmp_path: Path) -> None:
    copy = tmp_path / "copy.toml"
    copy.write_text(rmem("policy", "show", "--full").out, encoding="utf-8")
    assert "[integrity]" in copy.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ('[integrity]\nlevel = "strict"\n', 0, "good:"),
        ('[integrity]\nlevel = "sloppy"\n', 2, "mine.toml:2: integrity.level is 'sloppy'"),
        ("[trust]\nweb = 3\n", 2, "mine.toml: trust of 'web' is 3"),
        ('[privacy]\ncard = "burn"\n', 2, "mine.toml: privacy"),
        ("[nonsense]\n", 2, "nonsense is unknown"),
        ("[trust\n", 2, "not TOML"),
    ],
)
def test_checking_a_file(rmem: Rmem, tmp_path: Path, text: str, code: int, message: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    done = rmem("policy", "check", tmp_path / "mine.toml")
    assert (done.code, message in done.out + done.err) == (code, True)
    assert done.err.count("\n") == bool(code)


def test_a_policy_that_is_not_there(rmem: Rmem) -> None:
    assert "no policy file nowhere.toml" in rmem("policy", "check", "nowhere.toml").err
    assert rmem("add", "x", "--policy", "nowhere.toml").code == 2
