"""Marks, lineage, users, and what came to the older commands with them: what people see of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Rmem = Callable[..., Any]


def test_a_mark_of_ones_own_is_set_with_its_reason_and_taken_off(rmem: Rmem) -> None:
    rmem("add", "The boat is blue.", "--id", "a")
    assert rmem("mark", "a", "to-check", "--why", "is it?").out == "marked to-check  a\n"
    assert rmem("show", "a", "--json").row["marks"] == ["to-check"]
    assert "to-check: is it?" in rmem("log", "-n", "1").out
    assert rmem("mark", "a", "to-check", "--off").out == "no longer marked to-check  a\n"
    assert rmem("show", "a", "--json").row["marks"] == []
    assert rmem("mark", "a", "archived").code == 0
    assert rmem("search", "boat").code == 1
    wrong = rmem("mark", "x", "to-check")
    assert (wrong.code, "no record 'x'" in wrong.err) == (2, True)


def test_several_are_marked_or_none(rmem: Rmem) -> None:
    rmem("add", "The boat is blue.", "--id", "a")
    for order in (("a", "x"), ("x", "a")):
        assert rmem("pin", *order).code == 2
        assert rmem("show", "a", "--json").row["marks"] == []


def test_lineage_shows_what_was_made_from_what(rmem: Rmem) -> None:
    rmem("add", "I live in Lisbon.", "--id", "old", "--at", "2025-01-01", "--speaker", "Ana")
    rmem("add", "I moved to Porto.", "--id", "new", "--at", "2025-05-04", "--speaker", "Ana")
    of = rmem("lineage", "new")
    assert of.out.startswith("new  episode  I moved to Porto.\nmade from it\n  ")
    [fact] = rmem("lineage", "new", "--json").row["derived"]
    assert fact["slot"]["value"] == "Porto"
    back = rmem("lineage", fact["id"])
    assert "made from\n  new  episode  I moved to Porto." in back.out
    assert "supersedes" in back.out
    assert rmem("lineage", "x").code == 2


def test_whose_memories_there_are(rmem: Rmem) -> None:
    rmem("add", "Mine.", "--user", "ben \u202e")
    rmem("add", "Mine.", "--user", "ana")
    assert rmem("users").out.splitlines() == ["ben \\u202e", "ana"]
    assert rmem("users", "--json").rows == ["ben \u202e", "ana"]


def test_an_update_brings_data_of_ones_own_or_leaves_it(rmem: Rmem) -> None:
    rmem("add", "The fee is ten euros.", "--id", "fee", "--meta", "n=1")
    rmem("update", "fee", "The fee is twelve euros.")
    assert rmem("show", "fee", "--json").row["meta"] == {"n": 1}
    rmem("update", "fee", "The fee is fourteen euros.", "--meta", "n=2", "--meta", "seen=true")
    assert rmem("show", "fee", "--json").row["meta"] == {"n": 2, "seen": True}


def test_what_an_added_text_is_and_shows(rmem: Rmem) -> None:
    rmem("add", "Look!", "--id", "a", "--kind", "note", "--caption", "a red kite over the beach")
    row = rmem("search", "kite", "--json").row["record"]
    assert (row["id"], row["kind"], row["fields"]["caption"]) == (
        "a",
        "note",
        "a red kite over the beach",
    )
    assert rmem("list", "--kind", "note", "--json").row["id"] == "a"


def test_a_wrong_date_names_its_option(rmem: Rmem) -> None:
    rmem("add", "The boat is blue.")
    assert "--as-of 'soon' is no date" in rmem("search", "boat", "--as-of", "soon").err
    assert "--to 2025-01-01T10:00 has no time zone" in rmem("diff", "--to", "2025-01-01T10:00").err


def test_nothing_to_take_back_is_said_plainly(rmem: Rmem) -> None:
    rmem("add", "The boat is blue.")
    assert rmem("undo", "99").err.startswith("error: no event 99 - ")
