"""The policy file: the shipped one is consistent, one's own is laid over it, and what is wrong is named with line and key."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from remanence.errors import BadImport, InvalidInput
from remanence.text.guard.policy import ASKED, LISTS, SENSITIVITIES, Policy

SHIPPED = Policy.shipped().integrity


def written(folder: Path, text: str) -> Path:
    path = folder / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_role_and_purpose_says_a_domain_once_and_can_be_recognised() -> None:
    for role in SHIPPED.roles.values():
        listed = (*role.needs, *role.may, *role.if_needed)
        assert len(set(listed)) == len(listed), role.name
        assert role.words, role.name
        assert role.like, role.name
    for purpose in SHIPPED.purposes.values():
        assert not set(purpose.needs) & set(purpose.may), purpose.name
        assert purpose.words, purpose.name
        assert purpose.like, purpose.name


def test_every_domain_and_event_can_be_recognised() -> None:
    for kind in (*SHIPPED.domains.values(), *SHIPPED.events.values()):
        assert kind.strong, kind.name
        assert kind.like, kind.name
    assert all(event.belongs for event in SHIPPED.events.values())


def test_no_word_stands_for_two_roles() -> None:
    words = [word for role in SHIPPED.roles.values() for word in role.words]
    assert sorted({word for word in words if words.count(word) > 1}) == []


def test_levels_go_from_mild_to_strict() -> None:
    levels = [SHIPPED.levels[name] for name in ("lenient", "normal", "strict", "closed")]
    for milder, stricter in pairwise(levels):
        assert all(milder.accept[s] <= stricter.accept[s] for s in SENSITIVITIES)
        assert milder.share >= stricter.share
    for level in levels:
        grades = [level.accept[sensitivity] for sensitivity in SENSITIVITIES]
        assert grades == sorted(grades)
    for row in SHIPPED.grades.values():
        assert row["needs"] >= row["may"] >= row["none"]
    for asked in ASKED:
        column = [SHIPPED.grades[place][asked] for place in LISTS if place != "if_needed"]
        assert column == sorted(column, reverse=True)


def test_a_file_is_laid_over_the_shipped_one(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        [trust]
        "web:example.org" = 0.8
        [integrity]
        level = "strict"
        [integrity.roles.book_club]
        words = "reading circle"
        needs = ["schedule"]
        [integrity.roles.landlord]
        needs = ["housing"]
        """,
    )
    policy = Policy.load(path)
    rules = policy.integrity
    assert rules.level == "strict"
    assert rules.roles["book_club"].needs == ("schedule",)
    assert rules.roles["landlord"].needs == ("housing",)
    assert rules.roles["landlord"].words == SHIPPED.roles["landlord"].words
    assert rules.roles["doctor"] == SHIPPED.roles["doctor"]
    assert policy.section("trust") == {"web:example.org": 0.8}
    assert policy.section("privacy") == {}
    with pytest.raises(InvalidInput, match="no section 'colour'"):
        policy.section("colour")


def test_without_a_base_it_stands_alone(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        base = "none"
        [integrity]
        level = "only"
        [integrity.levels.only]
        accept = { open = 0, personal = 0, sensitive = 0.5 }
        [integrity.domains.recipes]
        strong = "secret sauce"
        """,
    )
    rules = Policy.load(path).integrity
    assert list(rules.domains) == ["recipes"]
    assert rules.roles == {}
    assert rules.levels["only"].accept["special"] == 1.0  # what is not said is denied
    assert rules.levels["only"].unrecognised == "deny"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("[integrity\n", 1, "not TOML"),
        ("\n[integrity]\nlevel = 'lax'\n", 3, "integrity.level is 'lax'"),
        ("\n[integrity.roles.baker]\nneeds = ['bread']\n", 3, "integrity.roles.baker.needs"),
        ("[integrity.roles.baker]\nwants = []\n", 2, "integrity.roles.baker.wants is unknown"),
        ("[integrity.roles]\nbaker = 3\n", 2, "integrity.roles.baker is not a table"),
        ("[integrity.roles.baker]\nwords = ['x']\n", 2, "integrity.roles.baker.words"),
        ("[integrity.roles.baker]\nevents = ['rain']\n", 2, "'rain', which is not defined"),
        ("[integrity.domains.bread]\nlevel = 'warm'\n", 2, "integrity.domains.bread.level"),
        ("[integrity.events.fire]\nbelongs = ['hearth']\n", 2, "'hearth'"),
        ("[integrity.levels.mine]\nshare = 2\n", 2, "integrity.levels.mine.share is 2"),
        ("[integrity.levels.mine]\nshare = true\n", 2, "integrity.levels.mine.share is True"),
        ("[integrity.levels.mine]\nevents = 1\n", 2, "integrity.levels.mine.events"),
        ("[integrity.levels.mine]\naccept = { open = 'no' }\n", 2, "accept.open is 'no'"),
        ("[integrity.purposes.x]\nlike = 'one'\n", 2, "integrity.purposes.x.like"),
        ("[integrety]\n", 1, "integrety is unknown"),
        ("base = 'theirs'\n", 1, "base is neither"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(
    tmp_path: Path, text: str, line: int, says: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(BadImport) as caught:
        Policy.load(path)
    assert caught.value.line == line
    assert says in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no policy file"):
        Policy.load(tmp_path / "none.toml")
    (tmp_path / "policy.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadImport, match="not UTF-8"):
        Policy.load(tmp_path / "policy.toml")
