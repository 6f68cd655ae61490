"""Time expressions in English text, resolved against the moment they were said: "last Friday" said
on Tuesday 9 May 2023 is the day 2023-05-05.

Intervals are half open, in whole UTC days, as `Micros`. Weeks begin on Monday, weekends are
Saturday and Sunday, seasons are those of the northern half (summer: June to August; winter:
December to February, named by its December). Vague counts become wide intervals: "a few days ago"
is two to five. A day or month without a year, or a weekday alone, is the latest one that is not in
the future, unless the sentence looks ahead ("will", "going to", "see you", …): then it is the next.

By rules rather than with a general parser, because a write may spend microseconds, not
milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from remanence.text.write.days import DAY as DAY
from remanence.text.write.days import (
    FIRST_DAY,
    LAST_DAY,
    MONTHS,
    WEEKDAYS,
    calendar_day,
    weekday_of,
)
from remanence.text.write.expressions import FULL_DATE, expressions
from remanence.types import Micros


class Mention(NamedTuple):
    """Characters `start:end` of a text name the time `[since, until)`."""

    start: int
    end: int
    since: Micros
    until: Micros


def mentions(text: str, said: Micros) -> list[Mention]:
    """The times that a text names, in order, not overlapping, given the moment it was said.

    >>> from datetime import UTC, datetime
    >>> from remanence.types import to_datetime, to_micros
    >>> tuesday = to_micros(datetime(2023, 5, 9, 14, tzinfo=UTC))
    >>> found = mentions("We met last Friday, and two weeks ago.", tuesday)
    >>> [str(to_datetime(mention.since).date()) for mention in found]
    ['2023-05-05', '2023-04-22']
    """
    return [
        Mention(start, end, first * DAY, last * DAY)
        for start, end, (first, last) in expressions(_lower(text), said)
    ]


def _lower(text: str) -> str:
    """Lower case, character by character where that would change the length."""
    low = text.lower()
    if len(low) == len(text):
        return low
    return "".join(small if len(small := char.lower()) == 1 else char for char in text)


_FROM = re.compile(r".*\b(?:between|from) (?:the )?")
_TO = re.compile(r"\s*(?:and|to|until|till|through|[-–])\s")
_SINCE = re.compile(r"(?:.*\s)?since\b")


def asked(text: str, now: Micros) -> tuple[tuple[Micros, Micros], ...]:
    """The intervals that a question names: `mentions`, but "between A and B" is one interval,
    "since A" lasts until now, and where a question gives one full date ("… last week, as they said
    on 6 November 2023"), what is relative is relative to that.

    >>> from datetime import UTC, datetime
    >>> from remanence.types import to_datetime, to_micros
    >>> now = to_micros(datetime(2023, 5, 9, tzinfo=UTC))
    >>> ((since, until),) = asked("What did we do between June 2022 and 3 August 2022?", now)
    >>> str(to_datetime(since).date()), str(to_datetime(until).date())
    ('2022-06-01', '2022-08-04')
    """
    low = _lower(text)
    found = mentions(text, now)
    full = [here for here in found if FULL_DATE.search(low, here.start, here.end)]
    if len(found) > 1 and len(full) == 1:
        found = mentions(text, full[0].since)
    intervals: list[tuple[Micros, Micros]] = []
    rest = found[::-1]
    while rest:
        start, end, since, until = rest.pop()
        lead = low[max(0, start - 12) : start]
        if rest and _is_range(lead, low[start:end], low[end : rest[-1].end]):
            until = max(until, rest.pop().until)
        elif until <= now and (_SINCE.fullmatch(lead.rstrip()) or low.startswith("since", start)):
            until = (now // DAY + 1) * DAY
        intervals.append((since, until))
    return tuple(intervals)


def _is_range(lead: str, first: str, rest: str) -> bool:
    """Whether "between" or "from" leads to the first expression, and "and", "to" or a dash to the next."""
    begins = first.startswith("from ") or _FROM.fullmatch(lead) is not None
    return begins and _TO.match(rest) is not None


LONGEST_NAMED: Micros = 367 * DAY
"""Longer intervals (decades) get no words: they would fit anything."""


def date_words(intervals: Iterable[tuple[Micros, Micros]]) -> str:
    """Searchable words for intervals, each word once: days with weekday up to four days, months up
    to a season, then years.

    >>> from datetime import UTC, datetime
    >>> from remanence.types import to_micros
    >>> start = to_micros(datetime(2023, 5, 7, tzinfo=UTC))
    >>> date_words([(start, start + DAY)]), date_words([(start, start + 7 * DAY)])
    ('7 may 2023 sunday', 'may 2023')
    """
    named: dict[str, None] = {}
    for since, until in intervals:
        if since < until <= since + LONGEST_NAMED:
            named.update(dict.fromkeys(_words_of(since // DAY, -(-until // DAY))))
    return " ".join(named)


@lru_cache(maxsize=4096)
def _words_of(first: int, last: int) -> Sequence[str]:
    if not FIRST_DAY <= first < last <= LAST_DAY:
        return ()
    length = last - first
    if length <= 4:
        return [word for day in range(first, last) for word in _words_of_day(day)]
    start, stop = calendar_day(first), calendar_day(last - 1)
    if length > 92:
        return [str(year) for year in range(start.year, stop.year + 1)]
    months = range(start.year * 12 + start.month - 1, stop.year * 12 + stop.month)
    return [word for month in months for word in (MONTHS[month % 12], str(month // 12))]


def _words_of_day(day: int) -> tuple[str, str, str, str]:
    moment = calendar_day(day)
    return str(moment.day), MONTHS[moment.month - 1], str(moment.year), WEEKDAYS[weekday_of(day)]
