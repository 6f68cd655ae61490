"""Recipients and purposes are recognised by their names, and what is not recognised is unknown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remanence.embed.minilm import MiniLM
from remanence.errors import ModelMissing
from remanence.text.guard.contexts import Contexts
from remanence.text.guard.domains import Domains
from remanence.text.guard.policy import Policy

RULES = Policy.shipped().integrity
CONTEXTS = Contexts.of(RULES, Domains.of(RULES))
NORMAL = RULES.levels["normal"]


@pytest.mark.parametrize(
    ("audience", "role"),
    [
        ("my landlord", "landlord"),
        ("manager at my bank", "lender"),
        ("my boss", "manager"),
        ("daughter's teacher", "school"),
        ("mother's oncologist", "doctor"),
        ("my ex-wife's lawyer", "lawyer"),
        ("the woman I met on a dating app", "date"),
        ("Human Resources", "hr"),
        ("tax office clerk", "tax_authority"),
        ("local newspaper", "public"),
        ("grandma", "family"),
        ("someone", ""),
        ("Zorblax Ltd", ""),
        ("", ""),
    ],
)
def test_roles_by_their_words(audience: str, role: str) -> None:
    assert CONTEXTS.role(audience) == role


@pytest.mark.parametrize(
    ("purpose", "wanted"),
    [
        ("negotiate lease terms", {"lease"}),
        ("apply for a mortgage", {"loan", "home_loan"}),
        ("file my health insurance claim", {"medical_claim"}),
        ("explain the gap in my CV", {"job_application"}),
        ("write a sonnet", set()),
        ("", set()),
    ],
)
def test_purposes_by_their_words(purpose: str, wanted: set[str]) -> None:
    assert set(CONTEXTS.purposes_of(purpose)) == wanted


def test_the_encoder_knows_names_that_no_word_does() -> None:
    try:
        encoder = MiniLM.open()
    except ModelMissing as missing:
        pytest.skip(str(missing))
    assert CONTEXTS.role("company that covers the damage to my car") == ""
    assert CONTEXTS.role("company that covers the damage to my car", encoder) == "insurer"
    assert "lease" in CONTEXTS.purposes_of("find a new flat", encoder)
    for nobody in ("Zorblax Ltd", "the thing", "John", "chatbot"):
        assert CONTEXTS.role(nobody, encoder) == ""


def test_the_purpose_narrows_what_a_role_may_know() -> None:
    plain = CONTEXTS.context("my landlord", "")
    lease = CONTEXTS.context("my landlord", "negotiate lease terms")
    trip = CONTEXTS.context("my landlord", "tell that I am on a trip")
    renting = CONTEXTS.context("my landlord", "rental application")
    assert plain.purposes == ()
    assert plain.grades["housing"] > plain.grades["finance"] > plain.grades["health"] - 1e-9
    assert renting.accepts("finance", RULES, NORMAL)
    assert lease.accepts("finance", RULES, NORMAL)
    assert not trip.accepts("finance", RULES, NORMAL)
    assert not any(
        context.accepts("health", RULES, NORMAL) for context in (plain, lease, trip, renting)
    )


def test_what_the_purpose_names_is_asked_for() -> None:
    silent = CONTEXTS.context("human resources", "a question")
    told = CONTEXTS.context("human resources", "ask for medical leave after my surgery")
    assert not silent.accepts("health", RULES, NORMAL)
    assert told.accepts("health", RULES, NORMAL)
    aside = CONTEXTS.context("my landlord", "explain my divorce")
    assert aside.accepts_event("divorce", RULES, NORMAL)
    assert not CONTEXTS.context("my landlord", "").accepts_event("divorce", RULES, NORMAL)


def test_nothing_goes_to_the_unknown() -> None:
    context = CONTEXTS.context("Zorblax Ltd", "ask for medical leave after my divorce")
    assert context.role is None
    assert set(context.grades.values()) == {0.0}
    assert not any(context.accepts(name, RULES, NORMAL) for name in RULES.domains)
    assert not any(context.accepts_event(name, RULES, NORMAL) for name in RULES.events)


@given(st.sampled_from(sorted(RULES.roles)), st.sampled_from(["", *sorted(RULES.purposes)]))
def test_every_role_and_purpose_has_its_own_name_and_grades_all(role: str, purpose: str) -> None:
    context = CONTEXTS.context(role.replace("_", " "), purpose.replace("_", " "))
    assert context.role is not None
    assert context.role.name == role
    assert not purpose or purpose in context.purposes
    assert set(context.grades) == set(RULES.domains)
    assert all(0 <= grade <= 1 for grade in context.grades.values())
    assert context is CONTEXTS.context(role.replace("_", " "), purpose.replace("_", " "))
