"""The example conversation and its questions: whole, consistent, and as large as the README says."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
CATEGORIES = {"single", "multi", "temporal", "update", "preference", "abstain"}


@pytest.fixture(scope="module")
def conversation() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((EXAMPLES / "conversation.json").read_text("utf-8"))
    return loaded


@pytest.fixture(scope="module")
def questions() -> list[dict[str, Any]]:
    loaded: dict[str, list[dict[str, Any]]] = json.loads(
        (EXAMPLES / "questions.json").read_text("utf-8")
    )
    return loaded["questions"]


@pytest.fixture(scope="module")
def turns(conversation: dict[str, Any]) -> list[dict[str, Any]]:
    return [turn for session in conversation["sessions"] for turn in session["turns"]]


def test_counts_are_those_of_the_readme(
    conversation: dict[str, Any], turns: list[dict[str, Any]], questions: list[dict[str, Any]]
) -> None:
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    captions = sum("caption" in turn for turn in turns)
    sessions = len(conversation["sessions"])
    assert f"{sessions} sessions, {len(turns)} turns, {captions} of them with an image" in readme
    assert f"{len(questions)} questions" in readme
    assert sessions >= 14
    assert len(turns) >= 330
    assert len(questions) >= 70


def test_turns_follow_the_schema(conversation: dict[str, Any], turns: list[dict[str, Any]]) -> None:
    roles = {person["name"]: person["role"] for person in conversation["participants"]}
    assert Counter(roles.values()) == {"user": 2, "assistant": 1}
    for turn in turns:
        assert turn.keys() <= {"id", "speaker", "role", "text", "caption"}
        assert turn["role"] == roles[turn["speaker"]]
        assert turn["text"] == turn["text"].strip() != ""
        assert turn.get("caption", "a picture").strip()


def test_ids_are_unique_and_in_order(
    conversation: dict[str, Any], questions: list[dict[str, Any]]
) -> None:
    for number, session in enumerate(conversation["sessions"], 1):
        assert session["id"] == f"s{number:02d}"
        expected = [f"{session['id']}:{place}" for place in range(1, len(session["turns"]) + 1)]
        assert [turn["id"] for turn in session["turns"]] == expected
    assert [q["id"] for q in questions] == [f"q{n:03d}" for n in range(1, len(questions) + 1)]


def test_sessions_ascend_over_eight_months(conversation: dict[str, Any]) -> None:
    times = [datetime.fromisoformat(session["at"]) for session in conversation["sessions"]]
    assert all(time.tzinfo is not None and time.year == 2025 for time in times)
    assert all(before < after for before, after in pairwise(times))
    assert timedelta(days=210) < times[-1] - times[0] < timedelta(days=270)


def test_weekdays_named_with_a_date_are_right(turns: list[dict[str, Any]]) -> None:
    """`Saturday the 14th of June` is a Saturday, in the year that the conversation means."""
    named = re.compile(
        r"(Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day,? (?:the )?(\d{1,2})(?:st|nd|rd|th)?(?: of)? "
        r"(January|February|March|April|May|June|July|August|September|October)(?: (\d{4}))?"
    )
    found = 0
    for turn in turns:
        for weekday, day, month, year in named.findall(turn["text"]):
            date = datetime.strptime(f"{day} {month} {year or 2025}", "%d %B %Y").replace(
                tzinfo=UTC
            )
            assert date.strftime("%A") == f"{weekday}day", turn
            found += 1
    assert found >= 10


def test_evidence_exists_and_suits_its_category(
    turns: list[dict[str, Any]], questions: list[dict[str, Any]]
) -> None:
    places = {turn["id"]: place for place, turn in enumerate(turns)}
    for question in questions:
        evidence, category = question["evidence"], question["category"]
        assert question.keys() == {"id", "text", "answer", "category", "evidence"}
        assert set(evidence) <= places.keys()
        assert len(evidence) == len(set(evidence))
        if category == "abstain":
            assert evidence == []
            assert question["answer"] == "not said"
        else:
            assert evidence
            assert question["answer"].strip()
        if category == "update":
            assert len(evidence) >= 2
            assert places[evidence[0]] == max(places[id] for id in evidence), question
        if category == "multi":
            assert len(evidence) >= 2


def test_every_category_is_asked_and_no_question_twice(questions: list[dict[str, Any]]) -> None:
    counts = Counter(question["category"] for question in questions)
    assert counts.keys() == CATEGORIES
    assert min(counts.values()) >= 5
    assert len({question["text"] for question in questions}) == len(questions)


def test_numbers_of_an_answer_stand_in_its_evidence(
    turns: list[dict[str, Any]], questions: list[dict[str, Any]]
) -> None:
    """Amounts in an answer (`£1,900`) were said, or are a sum that the category `multi` asks for."""
    texts = {turn["id"]: turn["text"] for turn in turns}
    checked = 0
    for question in questions:
        said = " ".join(texts[id] for id in question["evidence"])
        for amount in re.findall(r"£[\d,]*\d", question["answer"]):
            if question["category"] != "multi":
                assert amount in said, question
                checked += 1
    assert checked >= 10


def test_questions_are_no_copies_of_their_evidence(
    turns: list[dict[str, Any]], questions: list[dict[str, Any]]
) -> None:
    texts = {turn["id"]: set(re.findall(r"\w+", turn["text"].lower())) for turn in turns}
    for question in questions:
        asked = set(re.findall(r"\w+", question["text"].lower()))
        for id in question["evidence"]:
            assert len(asked & texts[id]) / len(asked) <= 0.75, question
