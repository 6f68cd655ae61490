"""Whole days in UTC, counted from 1970-01-01, and the calendar over them; weeks begin on Monday."""

from __future__ import annotations

from datetime import date

from remanence.types import Micros

DAY: Micros = 86_400_000_000
_EPOCH = date(1970, 1, 1).toordinal()
LAST_DAY = date(9999, 12, 1).toordinal() - _EPOCH
FIRST_DAY = date(1, 2, 1).toordinal() - _EPOCH

Days = tuple[int, int]
"""Half-open interval of days since 1970-01-01."""

MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def one_day(year: int, month: int, day: int) -> Days | None:
    """One day; None where the calendar has no such day."""
    try:
        first = date(year, month, day).toordinal() - _EPOCH
    except ValueError:
        return None
    return first, first + 1


def whole_months(year: int, month: int, count: int = 1) -> Days | None:
    """`count` months from a month on; `month` may lie outside 1 to 12 and then moves the year."""
    first, last = year * 12 + month - 1, year * 12 + month - 1 + count
    if first < 12 or last >= 9999 * 12 + 11:
        return None
    start, stop = (date(m // 12, m % 12 + 1, 1).toordinal() - _EPOCH for m in (first, last))
    return start, stop


def whole_years(year: int, count: int = 1) -> Days | None:
    """`count` years from a year on."""
    return whole_months(year, 1, 12 * count)


def calendar_day(day: int) -> date:
    """The date of a day; the calendar must have it (`FIRST_DAY` to `LAST_DAY`)."""
    return date.fromordinal(day + _EPOCH)


def weekday_of(day: int) -> int:
    """0 is Monday; 1970-01-01 was a Thursday."""
    return (day + 3) % 7


def weekday_before(day: int, weekday: int) -> int:
    """The last such weekday strictly before a day."""
    return day - 1 - (weekday_of(day - 1) - weekday) % 7


def weekday_after(day: int, weekday: int) -> int:
    """The first such weekday strictly after a day."""
    return day + 1 + (weekday - weekday_of(day + 1)) % 7
