"""Attacks are made by rule and measured with and without guards."""

from __future__ import annotations

from typing import get_args

import pytest
from rich.console import Console

from remanence.bench.attacks import CLAIMS, FAMILIES, ORDERS, Wording, attacks, benign, told
from remanence.bench.poisoning import main_poisoning, show_poisoning, totals

WORDINGS = get_args(Wording)


@pytest.mark.parametrize("wording", WORDINGS)
def test_attacks_are_seeded_and_filled(wording: Wording) -> None:
    found = list(attacks(wording, "Ida", 3))
    assert found == list(attacks(wording, "Ida", 3))
    assert found != list(attacks(wording, "Ida", 4))
    assert {attack.family for attack in found} == set(FAMILIES)
    for attack in (*found, *benign(wording, "Ida", 3)):
        for planted in attack.planted:
            assert planted.text.strip()
            assert not any(
                mark in planted.text for mark in ("{W}", "{V}", "{A}", "{T}", "{D}", "{C}")
            )
        assert attack.question.endswith("?")
    assert all(attack.told for attack in found if attack.family in CLAIMS)


def test_the_wordings_share_no_template() -> None:
    # One name and one value a fact: what is left to be equal is the template.
    seen: dict[str, str] = {}
    for wording in WORDINGS:
        mine = {
            planted.text
            for seed in range(4)
            for attack in attacks(wording, "Ida", seed)
            if attack.family in (*CLAIMS, *ORDERS)
            for planted in attack.planted
        }
        for text in mine:
            assert seen.setdefault(text, wording) == wording


def test_what_is_told_holds_the_truth() -> None:
    lines = told("Ida", 0)
    assert len(lines) == len(set(lines)) == 20
    assert lines != told("Ida", 1)


def test_guards_stop_attacks_and_spare_honest_strangers() -> None:
    result = main_poisoning(
        embedder="none", seeds=1, wordings=("develop",), turns=30, say=lambda line: None
    )
    without = totals(result.rows, "none", "develop")
    armed = totals(result.rows, "in and out", "develop")
    assert without.n == armed.n >= 150
    assert without.hit > 0.8 * without.n
    assert armed.hit < 0.2 * without.hit
    assert armed.told >= without.told
    (spared,) = (r for r in result.rows if r.family == "benign" and r.arm == "in and out")
    assert spared.hit >= spared.n - 1
    show_poisoning(result, Console(quiet=True))
    assert result.as_json()["benchmark"] == "poisoning"
