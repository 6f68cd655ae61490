"""The analyzer: words with exact places, stems, stop words, and packed entries that never surprise the index."""

from __future__ import annotations

import subprocess
import sys
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from remanence.text import analyze as analysis
from remanence.text.analyze import (
    ENTRY,
    LONGEST_WORD,
    MOST_TF,
    STOP_WORDS,
    analyze,
    spanned_terms,
    stem,
    term_hash,
    terms,
    words,
)

ANY = st.text(alphabet=st.characters(), max_size=120)
"""Any code points at all, lone surrogates among them."""
PIECES = "Ana's don't 7th 1,000 10:30 two e-mail naïve Straße 我喜欢茶 สวัสดี हिन्दी ok! «Où» a\u200bb ﬁn O’Neil"
SPOKEN = st.lists(st.sampled_from(PIECES.split()), max_size=12).map(" ".join)
MOVED = "Ana moved with Bob from Oslo to Rome in 2019"


def surface(text: str) -> list[str]:
    return [word.text for word in words(text)]


def entries(text: str, **fields: str) -> dict[int, int]:
    packed = np.frombuffer(analyze(text, fields).terms, ENTRY)
    return dict(zip(packed["term"].tolist(), packed["tf"].tolist(), strict=True))


# --- words ---


@given(ANY | SPOKEN)
@example("\ud800abc\udfff")
@example("İstanbul")
@example("ﷺ")
@example("ｶﾞｷﾞ")
@example("가나\u1100\u1161")
def test_words_lie_in_the_text_in_order_and_are_normal(text: str) -> None:
    place = 0
    for word, start, end in words(text):
        assert 0 <= start < end <= len(text)
        assert start >= place
        assert word
        assert word == word.casefold()
        assert not any(unicodedata.category(char) in ("Cs", "Cf", "Zs") for char in word)
        pair = end - start <= 4 and not text[start:end].isascii()
        place = start if pair else end


@given(SPOKEN)
def test_both_ways_to_find_words_agree(text: str) -> None:
    """ASCII text takes a shorter way; a word of another script beside it must not change its words."""
    plain = "".join(char for char in text if char.isascii())
    assert surface(f"{plain} 茶")[:-1] == surface(plain)
    assert [word for word in surface(text) if stem(word)] == [
        word.replace(",", "") for word in analysis._tokens(text) if stem(word)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't stop, it’s O'Brien’s!", ["don't", "stop", "it's", "o'brien's"]),
        ("well-being snake_case", ["well", "being", "snake", "case"]),
        ("3.14 1,000 10:30am 1.2.3.", ["3.14", "1000", "10", "30am", "1.2.3"]),
        ("café CAFE\u0301 cafe", ["cafe", "cafe", "cafe"]),
        ("pass\u200bword \ufeffso\u00adft", ["password", "soft"]),
        ("\uff26\uff35\uff2c\uff2c ﬁne Straße", ["full", "fine", "strasse"]),
        ("東京で買った", ["東京", "京で", "で買", "買っ", "った"]),
        ("茶", ["茶"]),
        ("iPhone15を買う", ["iphone15", "を買", "買う"]),
        ("שָׁלוֹם مَرْحَبًا", ["שלום", "مرحبا"]),
        ("हिन्दी", ["हिन्दी"]),
        ("\ud800x\udfff", ["x"]),
        ("'; DROP TABLE docs; --", ["drop", "table", "docs"]),
        ("", []),
        ("\x00\u202e…", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert surface(text) == expected


def test_right_to_left_marks_do_not_part_words() -> None:
    assert surface("ab\u200fcd\u2067") == ["abcd"]


def test_a_long_run_is_one_word_of_bounded_length() -> None:
    assert surface("é" * 10_000) == ["e" * LONGEST_WORD]
    assert len(stem("x" * 10_000)) <= LONGEST_WORD
    assert len(words("1." * 10_000 + "x")) > 100


# --- terms ---


def test_questions_keep_their_content_only() -> None:
    assert terms("When did Caroline go to the support group?") == [
        "carolin",
        "go",
        "support",
        "group",
    ]
    assert terms("What's it been like? Shouldn't they've gone, or won't we?") == ["gone"]
    assert terms("in May") == ["may"]


def test_numbers_and_ordinals_meet() -> None:
    assert terms("the 7th of May, two dogs") == terms("May 7: 2 dogs")[1:2] + terms("May 2 dogs")


@given(SPOKEN)
def test_spanned_terms_are_the_terms(text: str) -> None:
    spanned = spanned_terms(text)
    assert [found for found, _, _ in spanned] == terms(text)
    assert {(start, end) for _, start, end in spanned} <= {word[1:] for word in words(text)}


def test_stop_words_are_their_own_normal_form() -> None:
    assert all(stem(word) == "" and surface(word) == [word] for word in STOP_WORDS)


def test_caches_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "CACHED_WORDS", 50)
    for number in range(200):
        analyze(f"wörd{number} word{number}", {})
    assert max(map(len, (analysis._stems, analysis._hashes, analysis._plain_words))) <= 51


# --- hashes and entries ---


@given(ANY, st.sampled_from(["", "title", "dates"]))
def test_hashes_are_32_bits(term: str, field: str) -> None:
    assert 0 <= term_hash(term, field) < 2**32


def test_hashes_are_the_same_in_another_process() -> None:
    program = (
        "from remanence.text.analyze import analyze, term_hash;"
        "print(term_hash('tea', 'title'), analyze('green tea, two cups', {'title': 'Tea'}))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    expected = f"{term_hash('tea', 'title')} {analyze('green tea, two cups', {'title': 'Tea'})}"
    assert told.strip() == expected


@given(ANY | SPOKEN, st.dictionaries(st.sampled_from(["title", "speaker"]), ANY | SPOKEN))
def test_entries_are_ascending_unique_and_count_every_term(
    text: str, fields: dict[str, str]
) -> None:
    found = analyze(text, fields)
    packed = np.frombuffer(found.terms, ENTRY)
    assert (np.diff(packed["term"].astype(np.int64)) > 0).all()
    assert (packed["tf"] > 0).all()
    assert found.length == len(terms(text))
    assert 0 <= found.fold < 2**63
    assert found == analyze(text, dict(reversed(fields.items())))
    held = entries(text, **fields)
    for term in terms(text):
        assert held[term_hash(term)] >= 1
    for name, value in fields.items():
        assert all(term_hash(term, name) in held for term in terms(value))


def test_counts_saturate() -> None:
    counts = entries("tea " * 300 + "cup")
    assert counts == {term_hash("tea"): MOST_TF, term_hash("cup"): 1}
    assert analyze("tea " * 70_000, {}).length == 70_000


def test_a_field_is_apart_from_the_body() -> None:
    assert entries("tea", title="Tea, tea") == {term_hash("tea"): 1, term_hash("tea", "title"): 2}


def test_a_speaker_may_have_the_name_of_a_stop_word() -> None:
    assert entries("", speaker="Will") == {term_hash("will", "speaker"): 1}


# --- folds ---


@given(st.permutations(MOVED.split()), st.booleans())
def test_order_case_and_punctuation_do_not_change_the_fold(order: list[str], loud: bool) -> None:
    text = ", ".join(order) + "!"
    original = analyze(MOVED, {}).fold
    assert analyze(text.upper() if loud else text, {"title": "apart"}).fold == original


def test_what_says_something_else_folds_differently() -> None:
    folds = {
        analyze(text, {}).fold
        for text in (
            "Ana likes green tea",
            "Ana does not like green tea",
            "Ana likes black tea",
            "Bob likes green tea",
        )
    }
    assert len(folds) == 4
    assert 0 not in folds


@pytest.mark.parametrize("text", ["", "ok thanks", "What is it?", "tea tea tea cup"])
def test_what_says_little_folds_to_zero(text: str) -> None:
    assert analyze(text, {}).fold == 0


def test_a_number_ends_where_it_ends_on_every_python() -> None:
    # Possessive quantifiers of Python before 3.11.5 took the full stop along.
    for text in ("at 10:30. then", "at 10:30. then \u00e9"):
        assert [word.text for word in words(text)][1] == "10:30"
    assert terms("at 10:30. 1,000,") == ["10:30", "1000"]
