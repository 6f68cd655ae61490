"""Questions as retrievers see them."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from remanence.text.read.people import named
from remanence.text.read.question import parse, sought, token_terms
from remanence.types import Query, to_datetime, to_micros

NOW = to_micros(datetime(2025, 1, 1, tzinfo=UTC))


def test_terms_dates_and_spans(ask) -> None:
    question = ask("What did we paint on 7 May 2023?")
    assert question.terms == ("paint", "7", "may", "2023")
    assert [question.query.text[a:b] for a, b in question.spans] == ["paint", "7", "May", "2023"]
    ((since, until),) = question.dates
    assert (str(to_datetime(since).date()), until - since) == ("2023-05-07", 86_400_000_000)
    assert question.encoded is None


def test_a_past_question_is_read_from_its_moment() -> None:
    then = to_micros(datetime(2023, 5, 9, tzinfo=UTC))
    asked = parse(Query(text="What did I do yesterday?", scope=("t", "u"), as_of=then), now=NOW)
    assert str(to_datetime(asked.dates[0][0]).date()) == "2023-05-08"


def test_names_of_speakers_are_not_searched_for(view, ask) -> None:
    seen = view([{"text": "I paint", "speaker": "Ana Silva"}, {"text": "hi", "speaker": "Will"}])
    assert sought(ask("Does Ana paint cats?"), seen) == {"paint": 1, "cat": 1}
    assert sought(ask("Who is Ana?"), seen) == {"ana": 1}
    assert named(ask("what did ana silva say?"), seen).terms == {"ana", "silva"}
    assert not named(ask("When will it rain?"), seen).codes
    assert named(ask("When did Will's cat come?"), seen).codes


def test_tokens_belong_to_terms(ask, encoder) -> None:
    question = ask("Where did Ann play in Paris?", encoder)
    terms = token_terms(question)
    assert len(terms) == len(question.encoded.states)
    assert "pari" in terms
    assert set(terms) <= {"", *question.terms}


@given(st.text(max_size=80))
def test_any_text_is_a_question(text: str) -> None:
    question = parse(Query(text=text, scope=("t", "u")), now=NOW)
    assert len(question.terms) == len(question.spans)
