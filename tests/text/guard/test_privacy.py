"""Privacy on write: labelled, masked at equal length everywhere, refused; and never on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remanence.errors import InvalidInput
from remanence.store.sqlite import SQLiteStore
from remanence.text.guard.privacy import LABELS, Privacy, mask
from remanence.text.index.terms import record_terms
from remanence.types import Add, Slot

ANA = ("acme", "ana")
TOKEN = "ghp_abcdefghijklmnopqrstuvwxyzABCDEF0123"
MAIL = "ana.lima@example.org"


def test_without_rules_nothing_is_looked_at() -> None:
    add = Add(scope=ANA, text=f"token {TOKEN}")
    assert Privacy().admit(add).add is add


def test_labels_are_kept_where_a_filter_finds_them() -> None:
    verdict = Privacy.parse({"all": "label"}).admit(
        Add(scope=ANA, text=f"mail {MAIL}", meta={"a": 1})
    )
    assert verdict.action == "allow"
    assert verdict.add.text == f"mail {MAIL}"
    assert verdict.add.meta == {"a": 1, LABELS: ["email"]}
    assert verdict.add.sensitivity == "personal"


def test_a_mask_has_the_length_of_what_it_covers_everywhere() -> None:
    add = Add(
        scope=ANA,
        text=f"my token is {TOKEN}, mail {MAIL}",
        fields={"title": f"about {TOKEN}"},
        meta={"log": [{"line": f"x {TOKEN}"}], MAIL: 1},
        slot=Slot("ana", "token", TOKEN),
        sensitivity="mine",
    )
    verdict = Privacy.parse({"all": "redact"}).admit(add)
    kept = verdict.add
    assert len(kept.text) == len(add.text)
    assert kept.text.endswith(f", mail {mask('email', len(MAIL))}")
    assert TOKEN not in repr(kept)
    assert MAIL not in repr(kept)
    assert kept.slot is not None
    assert kept.slot.value == mask("key", len(TOKEN))
    assert kept.fields["title"] == f"about {mask('key', len(TOKEN))}"
    assert kept.sensitivity == "mine"
    assert TOKEN not in verdict.reason


def test_what_is_refused_is_named_by_kind_alone() -> None:
    verdict = Privacy.parse({"secrets": "reject", "contact": "label"}).admit(
        Add(scope=ANA, text=f"{MAIL} {TOKEN}")
    )
    assert (verdict.action, verdict.reason) == ("reject", "it holds key data")


def test_the_rule_of_the_longest_matching_scope_counts() -> None:
    privacy = Privacy.parse(
        {"all": "label", "scopes": {"acme": {"email": "redact"}, "acme/ben": {"all": "ignore"}}}
    )
    text = f"mail {MAIL}"
    assert privacy.admit(Add(scope=("other", "x"), text=text)).add.text == text
    assert MAIL not in privacy.admit(Add(scope=ANA, text=text)).add.text
    assert privacy.admit(Add(scope=("acme", "ben", "agent"), text=text)).add.meta == {}


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"emial": "label"}, "emial"),
        ({"email": "hide"}, "hide"),
        ({"region": "usa"}, "region"),
        ({"scopes": {"a": "label"}}, "scopes.a"),
        ({"scopes": "label"}, "scopes"),
    ],
)
def test_a_wrong_section_says_where(section: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        Privacy.parse(section)


@given(st.text(max_size=80), st.sampled_from([TOKEN, MAIL, "+1 650-253-0000"]))
def test_any_text_keeps_its_length_and_loses_the_secret(text: str, secret: str) -> None:
    whole = f"{text} {secret} {text}"
    kept = Privacy.parse({"all": "redact"}).admit(Add(scope=ANA, text=whole)).add
    assert len(kept.text) == len(whole)
    assert secret not in kept.text


def test_a_masked_secret_never_reaches_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "s.rmem"
    privacy = Privacy.parse({"all": "redact"})
    with SQLiteStore.open(path, analyze=record_terms) as store:
        add = Add(scope=ANA, text=f"token {TOKEN} and {MAIL}", meta={"raw": f"{TOKEN}"})
        store.apply([privacy.admit(add).add])
        for file in tmp_path.iterdir():
            raw = file.read_bytes()
            assert TOKEN.encode() not in raw
            assert MAIL.encode() not in raw
