"""The generator of conversations: deterministic, well formed, and hard in the ways that it promises."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise

import pytest

from remanence.bench.tasks.base import Example
from remanence.bench.tasks.generated import Style, conversations
from remanence.bench.tasks.generated_scripts import library
from remanence.bench.tasks.generated_telling import format_date

STYLES: tuple[Style, ...] = ("chat", "assistant", "burst")
COUNT = 6


@cache
def made(style: Style, seed: int = 7, count: int = COUNT) -> list[Example]:
    return list(conversations(seed, count, style))


def digest(examples: list[Example]) -> str:
    return hashlib.sha256(repr(examples).encode()).hexdigest()


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


@pytest.mark.parametrize("style", STYLES)
def test_same_seed_same_conversations(style: Style) -> None:
    again = list(conversations(7, 3, style))
    assert made(style)[:3] == again
    assert again[0].turns != made(style, seed=8, count=1)[0].turns


def test_same_in_another_process_with_another_hash_seed() -> None:
    code = (
        "import hashlib; from remanence.bench.tasks.generated import conversations;"
        "print(hashlib.sha256(repr(list(conversations(7, 2, 'chat'))).encode()).hexdigest())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": os.pathsep.join(sys.path)}
    shown = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    )
    assert shown.stdout.strip() == digest(made("chat")[:2])


@pytest.mark.parametrize("style", STYLES)
def test_conversations_are_well_formed(style: Style) -> None:
    for example in made(style):
        ids = [turn.id for turn in example.turns]
        assert len(ids) == len(set(ids))
        assert len(example.questions) >= 10
        for before, after in pairwise(example.turns):
            assert before.at is not None
            assert after.at is not None
            assert before.at <= after.at
            assert before.session <= after.session
        for turn in example.turns:
            assert turn.text.strip()
            assert not re.search(r"[{}|~\x1f]|  ", turn.text + turn.caption), turn


@pytest.mark.parametrize("style", STYLES)
def test_evidence_is_there_and_answers(style: Style) -> None:
    for example in made(style):
        turns = {turn.id: turn for turn in example.turns}
        texts = [question.text for question in example.questions]
        assert len(texts) == len(set(texts))
        for question in example.questions:
            assert question.evidence
            assert len(question.evidence) == len(set(question.evidence))
            assert set(question.evidence) <= turns.keys()
            assert question.at is not None
            assert question.at > (example.turns[-1].at or question.at)
            assert question.answer
            assert not re.search(r"[{}|~\x1f]", question.text + question.answer), question
            if question.category in ("single", "preference", "update"):
                held = " ".join(
                    turns[id].text + " " + turns[id].caption for id in question.evidence
                )
                dated = re.fullmatch(r"\d+ \w+ \d{4}", question.answer)
                assert dated or words(question.answer) <= words(held), (question, held)


@pytest.mark.parametrize("style", STYLES)
def test_newest_turn_comes_first_where_news_changed(style: Style) -> None:
    found = 0
    for example in made(style):
        places = {turn.id: place for place, turn in enumerate(example.turns)}
        for question in example.questions:
            if question.category == "update":
                found += 1
                assert len(question.evidence) > 1
                assert places[question.evidence[0]] > places[question.evidence[-1]]
    assert found >= 5


def test_the_styles_differ_as_promised() -> None:
    lengths = {
        style: [len(turn.text.split()) for example in made(style) for turn in example.turns]
        for style in STYLES
    }
    mean = {style: sum(values) / len(values) for style, values in lengths.items()}
    assert mean["burst"] < 6 < mean["chat"] < 40 < mean["assistant"]
    for example in made("assistant"):
        for turn in example.turns:
            assert turn.role in ("user", "assistant")
            if turn.role == "assistant":
                assert 80 <= len(turn.text.split()) <= 480


def test_users_state_most_of_what_is_to_be_remembered() -> None:
    roles = [
        {turn.id: turn.role for turn in example.turns}[id]
        for example in made("assistant")
        for question in example.questions
        for id in question.evidence
    ]
    assert 0.7 < roles.count("user") / len(roles) < 1


def test_both_friends_speak_and_are_asked_about() -> None:
    for example in made("chat"):
        speakers = {turn.speaker for turn in example.turns}
        assert len(speakers) == 2
        for speaker in speakers:
            assert any(speaker in question.text for question in example.questions)


def test_questions_share_few_words_with_their_evidence() -> None:
    """Half of the questions have at most 30 % of their words in the evidence, names included."""
    shares = []
    for example in made("chat"):
        turns = {turn.id: turn for turn in example.turns}
        for question in example.questions:
            held = words(" ".join(turns[id].text for id in question.evidence))
            asked = words(question.text)
            shares.append(len(asked & held) / len(asked))
    assert sorted(shares)[len(shares) // 2] <= 0.3


def test_thousands_of_different_conversations() -> None:
    first = [example.turns[2:8] for example in conversations(3, 30, "burst")]
    texts = {tuple(turn.text for turn in turns) for turns in first}
    assert len(texts) == 30


def test_scripts_ask_only_about_lines_that_exist() -> None:
    scripts = (*library().life, *library().facts)
    assert len(scripts) >= 40
    for script in scripts:
        assert script.lines, script.kind
        assert script.asks, script.kind
        for ask in script.asks:
            assert max(ask.steps) < len(script.lines), script.kind
        for ask in script.new_asks:
            assert script.changes, script.kind
            assert max(ask.steps) < len(script.new_lines), script.kind


def test_dates_are_written_without_a_locale() -> None:
    assert format_date(datetime(2025, 5, 9, tzinfo=UTC)) == "9 May 2025"
