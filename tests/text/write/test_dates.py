"""Time expressions: golden examples, and properties against `datetime` itself."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from remanence.text.write.dates import asked, date_words, mentions
from remanence.text.write.days import DAY, MONTHS, WEEKDAYS
from remanence.types import BEGINNING, FOREVER, Micros, to_micros

TUESDAY = to_micros(datetime(2023, 5, 9, 14, 30, tzinfo=UTC))
SAID = st.datetimes(datetime(1950, 1, 1), datetime(2150, 1, 1)).map(lambda d: d.replace(tzinfo=UTC))
ORDINALS = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd", 31: "st"}


def of_day(day: date, days: int = 1) -> tuple[Micros, Micros]:
    start = to_micros(datetime(day.year, day.month, day.day, tzinfo=UTC))
    return start, start + days * DAY


def said(text: str, at: Micros | datetime = TUESDAY) -> list[tuple[str, str, int]]:
    """(words, first day, number of days) of each mention."""
    moment = at if isinstance(at, int) else to_micros(at)
    return [
        (
            text[start:end],
            str(date.fromordinal(719_163 + since // DAY)),
            (until - since) // DAY,
        )
        for start, end, since, until in mentions(text, moment)
    ]


def only(text: str, at: Micros | datetime) -> tuple[Micros, Micros]:
    (found,) = mentions(text, at if isinstance(at, int) else to_micros(at))
    return found.since, found.until


@pytest.mark.parametrize(
    ("text", "words", "first", "days"),
    [
        ("We met on 7 May 2023.", "7 May 2023", "2023-05-07", 1),
        ("the 7th of May", "7th of May", "2023-05-07", 1),
        ("May 7th, 2021 was fun", "May 7th, 2021", "2021-05-07", 1),
        ("on 2023-05-07 at 9", "2023-05-07", "2023-05-07", 1),
        ("7.5.2023", "7.5.2023", "2023-05-07", 1),
        ("25/7/2023", "25/7/2023", "2023-07-25", 1),
        ("Sept. 3rd", "Sept. 3rd", "2022-09-03", 1),
        ("in June", "in June", "2022-06-01", 30),
        ("I will go in June", "in June", "2023-06-01", 30),
        ("back in March 2020", "March 2020", "2020-03-01", 31),
        ("in 2022", "in 2022", "2022-01-01", 365),
        ("It was 2019.", "2019", "2019-01-01", 365),
        ("the 1990s", "the 1990s", "1990-01-01", 3652),
        ("last summer", "last summer", "2022-06-01", 92),
        ("this summer", "this summer", "2023-06-01", 92),
        ("next winter", "next winter", "2023-12-01", 91),
        ("the winter of 2021", "winter of 2021", "2021-12-01", 90),
        ("Yesterday I ran", "Yesterday", "2023-05-08", 1),
        ("the day before yesterday", "the day before yesterday", "2023-05-07", 1),
        ("last night", "last night", "2023-05-08", 1),
        ("this morning", "this morning", "2023-05-09", 1),
        ("See you tomorrow", "tomorrow", "2023-05-10", 1),
        ("last Friday", "last Friday", "2023-05-05", 1),
        ("last Tuesday", "last Tuesday", "2023-05-02", 1),
        ("next Friday", "next Friday", "2023-05-12", 1),
        ("this Friday", "this Friday", "2023-05-12", 1),
        ("I ran on Friday", "Friday", "2023-05-05", 1),
        ("See you on Friday", "Friday", "2023-05-12", 1),
        ("two weeks ago", "two weeks ago", "2023-04-22", 7),
        ("a couple of weeks ago", "a couple of weeks ago", "2023-04-15", 14),
        ("a few days ago", "a few days ago", "2023-05-04", 4),
        ("the other day", "the other day", "2023-05-02", 7),
        ("two weekends ago", "two weekends ago", "2023-04-29", 2),
        ("five months ago", "five months ago", "2022-12-01", 31),
        ("three years ago", "three years ago", "2020-01-01", 366),
        ("16 hours ago", "16 hours ago", "2023-05-08", 1),
        ("in two weeks", "in two weeks", "2023-05-20", 7),
        ("10 days from now", "10 days from now", "2023-05-19", 1),
        ("next month", "next month", "2023-06-01", 30),
        ("last week", "last week", "2023-05-01", 7),
        ("the week before", "the week before", "2023-05-01", 7),
        ("the week before last", "the week before last", "2023-04-24", 7),
        ("over the weekend", "over the weekend", "2023-05-06", 2),
        ("this weekend", "this weekend", "2023-05-13", 2),
        ("the past three months", "past three months", "2023-02-08", 91),
        ("last Christmas", "last Christmas", "2022-12-25", 1),
        ("the sunday before 25 May 2023", "the sunday before 25 May 2023", "2023-05-21", 1),
        ("the week of 5 July 2023", "the week of 5 July 2023", "2023-07-03", 7),
        ("two days after May 3rd", "two days after May 3rd", "2023-05-05", 1),
        ("the weekend after 7 May 2023", "the weekend after 7 May 2023", "2023-05-13", 2),
    ],
)
def test_an_expression_means_its_days(text: str, words: str, first: str, days: int) -> None:
    assert said(text) == [(words, first, days)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "She may call, and they march on.",
        "every Monday, on Mondays",
        "Rome wasn't built in a day",
        "We haven't talked in a few weeks",
        "I paid $2021 for 2000 miles",
        "version 2.0.2023, port 2023:80",
        "the 3 of us, 20 years old, 30.4.5",
        "31 February 2023-ish, 2023-13-01 and 2023-02-30",
        "999999999999999999999999 days ago",
        "400 decades ago",
    ],
)
def test_what_names_no_time_is_left_alone(text: str) -> None:
    assert [found for found in said(text) if found[0] != "February 2023"] == []


def test_several_expressions_in_one_text() -> None:
    assert [words for words, _, _ in said("Yesterday, last Friday and on 3 March; next year?")] == [
        "Yesterday", "last Friday", "3 March", "next year",
    ]  # fmt: skip


# --- against datetime ---


@given(st.dates(date(1650, 1, 1), date(2099, 12, 31)), SAID, st.integers(0, 5))
def test_a_full_date_is_that_day_however_written(day: date, at: datetime, form: int) -> None:
    month, nth = MONTHS[day.month - 1], f"{day.day}{ORDINALS.get(day.day, 'th')}"
    text = [
        f"{day.day} {month.title()} {day.year}",
        f"{month.title()} {nth}, {day.year}",
        f"the {nth} of {month} {day.year}",
        f"{day.day} {month[:3].title()} {day.year}",
        day.isoformat(),
        f"{month[:3].upper()} {day.day} {day.year}",
    ][form]
    assert only(f"It was {text}, I think", at) == of_day(day)


@given(SAID, st.integers(1, 12), st.integers(1, 28))
def test_a_day_without_year_is_the_last_one_that_is_not_in_the_future(
    at: datetime, month: int, day: int
) -> None:
    since, until = only(f"we met on {MONTHS[month - 1]} {day}", at)
    found = date.fromordinal(719_163 + since // DAY)
    assert (found.month, found.day, until - since) == (month, day, DAY)
    assert 0 <= (at.date() - found).days <= 366


@given(SAID, st.integers(1, 400))
def test_days_weeks_and_years_count(at: datetime, n: int) -> None:
    assert only(f"{n} days ago", at) == of_day(at.date() - timedelta(n))
    assert only(f"{n} days from now", at) == of_day(at.date() + timedelta(n))
    assert only(f"{n} weeks ago", at) == of_day(at.date() - timedelta(7 * n + 3), 7)
    since, until = only(f"{n} years ago", at)
    year = at.year - n
    assert (since, until) == (of_day(date(year, 1, 1))[0], of_day(date(year + 1, 1, 1))[0])


@given(SAID, st.integers(1, 100))
def test_months_count(at: datetime, n: int) -> None:
    since, until = only(f"{n} months ago", at)
    years, month = divmod(at.year * 12 + at.month - 1 - n, 12)
    first = date(years, month + 1, 1)
    assert since == of_day(first)[0]
    assert date.fromordinal(719_163 + until // DAY).day == 1
    assert 28 <= (until - since) // DAY <= 31


@given(SAID, st.integers(0, 6))
def test_weekdays_are_the_nearest_on_their_side(at: datetime, weekday: int) -> None:
    for way, low, high in (("last", -7, -1), ("next", 1, 7)):
        since, until = only(f"{way} {WEEKDAYS[weekday]}", at)
        day = date.fromordinal(719_163 + since // DAY)
        assert (day.weekday(), until - since) == (weekday, DAY)
        assert low <= (day - at.date()).days <= high


@given(SAID)
def test_calendar_units_touch_their_neighbours(at: datetime) -> None:
    for unit in ("week", "month", "year"):
        last, this, following = (only(f"{way} {unit}", at) for way in ("last", "this", "next"))
        assert last[1] == this[0] <= to_micros(at) < this[1] == following[0]
    saturday = date.fromordinal(719_163 + only("last weekend", at)[0] // DAY)
    assert saturday.weekday() == 5
    assert 2 <= (at.date() - saturday).days <= 8


# --- never crashes, always in order ---


PIECES = (
    "the last next this in a few two 12 3rd 2023 31 days weeks ago before after of May february Friday "
    "weekend summer Christmas since between and to from 2023-02-30 9999 0000 decades İ — yesterday"
)
WORDS = st.lists(st.sampled_from(PIECES.split()), max_size=14).map(" ".join)


@given(
    st.text(alphabet=st.characters(), max_size=60) | WORDS, st.integers(BEGINNING, FOREVER) | SAID
)
def test_any_text_at_any_moment(text: str, at: Micros | datetime) -> None:
    moment = at if isinstance(at, int) else to_micros(at)
    place = 0
    for start, end, since, until in mentions(text, moment):
        assert place <= start < end <= len(text)
        assert since < until
        assert since % DAY == until % DAY == 0
        assert date_words([(since, until)]) == date_words([(since, until)] * 2)
        place = end
    assert all(since < until for since, until in asked(text, moment))


@given(WORDS, SAID)
def test_case_does_not_matter(text: str, at: datetime) -> None:
    assume("İ" not in text)
    moment = to_micros(at)
    assert mentions(text.upper(), moment) == mentions(text.lower(), moment)


# --- questions and words ---


def days(intervals: tuple[tuple[Micros, Micros], ...]) -> list[tuple[str, str]]:
    return [
        (
            str(date.fromordinal(719_163 + since // DAY)),
            str(date.fromordinal(719_163 + until // DAY)),
        )
        for since, until in intervals
    ]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What happened on 3 May?", [("2023-05-03", "2023-05-04")]),
        ("Where was she between March 2022 and May 2022?", [("2022-03-01", "2022-06-01")]),
        ("from 3 May 2023 to 5 May 2023", [("2023-05-03", "2023-05-06")]),
        ("Who has she met since June 2022?", [("2022-06-01", "2023-05-10")]),
        ("last week, as she said on November 6, 2022", [("2022-10-24", "2022-10-31"), ("2022-11-06", "2022-11-07")]),
        ("between 2021 and 2022", [("2021-01-01", "2023-01-01")]),
        ("What is her name?", []),
    ],
)  # fmt: skip
def test_what_a_question_asks_for(question: str, expected: list[tuple[str, str]]) -> None:
    assert days(asked(question, TUESDAY)) == expected


@pytest.mark.parametrize(
    ("first", "length", "expected"),
    [
        (date(2023, 5, 7), 1, "7 may 2023 sunday"),
        (date(2023, 5, 6), 2, "6 may 2023 saturday 7 sunday"),
        (date(2023, 4, 28), 7, "april 2023 may"),
        (date(2022, 12, 1), 90, "december 2022 january 2023 february"),
        (date(2022, 1, 1), 365, "2022"),
        (date(1990, 1, 1), 3652, ""),
    ],
)
def test_words_of_an_interval(first: date, length: int, expected: str) -> None:
    assert date_words([of_day(first, length)]) == expected


@given(st.dates(date(1, 3, 1), date(9999, 11, 1)))
def test_words_of_a_day_are_the_calendars(day: date) -> None:
    expected = f"{day.day} {MONTHS[day.month - 1]} {day.year} {WEEKDAYS[day.weekday()]}"
    assert date_words([of_day(day)]) == " ".join(dict.fromkeys(expected.split()))
