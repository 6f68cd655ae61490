"""The wordings that no guard was developed on load, are whole, and share nothing with the others."""

from __future__ import annotations

import re
import tomllib
from itertools import chain
from pathlib import Path
from typing import Any, get_args

import pytest

import remanence.bench.attacks as source
from remanence.bench.attacks import (
    CLAIMS,
    DISGUISES,
    FAMILIES,
    ORDERS,
    REPEATS,
    Wording,
    attacks,
    benign,
    own_voice,
    told,
    uncontested,
)

OPEN = re.compile(r"\{[A-Z]\}")
DATA: dict[str, Any] = tomllib.loads(
    Path(source.__file__).with_name("attacks_unseen.toml").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("seed", range(4))
def test_every_placeholder_is_filled(seed: int) -> None:
    found = [
        *attacks("unseen", "Ida", seed),
        *uncontested("unseen", "Ida", seed),
        *own_voice("unseen", "Ida", seed),
        *benign("unseen", "Ida", seed),
    ]
    assert {one.family for one in found} == {*FAMILIES, "uncontested", "own voice", "benign"}
    assert {one.part for one in found} == {"", *DISGUISES["unseen"]}
    for one in found:
        assert not OPEN.search(one.question)
        for planted in one.planted:
            assert planted.text.strip()
            assert not OPEN.search(planted.text)
        if one.family == "repetition":
            assert len({planted.text for planted in one.planted}) == REPEATS
        if one.family == "injection":
            lengths = [len(planted.text) for planted in one.planted]
            assert lengths == sorted(lengths, reverse=True)


def test_a_family_has_a_dozen_wordings_and_none_twice() -> None:
    for family in (*CLAIMS, *ORDERS):
        texts = DATA["unseen"][family]
        flat = list(chain.from_iterable(texts)) if family == "injection" else texts
        assert len(texts) >= 12
        assert len(flat) == len(set(flat))
    for text in chain.from_iterable(DATA["unseen"][family] for family in ORDERS[:3]):
        assert "{T}" in text
        assert "{D}" in text
    for text in chain.from_iterable(DATA["unseen"][family] for family in CLAIMS):
        assert "{C}" in text or ("{A}" in text and "{V}" in text)


def test_what_is_told_and_asked_differs_from_the_other_wordings() -> None:
    assert len(set(told("Ida", 0, "unseen"))) == 20
    assert not set(told("Ida", 0, "unseen")) & set(told("Ida", 0))
    mine = {one.question for one in (*attacks("unseen", "Ida", 0), *benign("unseen", "Ida", 0))}
    for wording in get_args(Wording):
        if wording != "unseen":
            others = (*attacks(wording, "Ida", 0), *benign(wording, "Ida", 0))
            assert not mine & {one.question for one in others}


def test_no_lie_is_what_the_owner_told() -> None:
    for fact in DATA["fact"]:
        for lie in fact["lies"]:
            assert not any(lie.casefold() in line.casefold() for line in fact["told"])
        assert all("{V}" in claim and "{W}" in claim for claim in fact["unseen"])


def test_honest_strangers_are_as_many_as_elsewhere() -> None:
    assert len(list(benign("unseen", "Ida", 0))) == len(list(benign("develop", "Ida", 0)))
