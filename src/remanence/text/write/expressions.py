"""The rules behind `dates`: for each form of expression a pattern over lower-cased text, and what it means.

A new form is one more function under `@_rule`. Earlier rules win where two match at one place, so the longer form
stands first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from remanence.text.write.days import (
    DAY,
    FIRST_DAY,
    LAST_DAY,
    MONTHS,
    WEEKDAYS,
    Days,
    calendar_day,
    one_day,
    weekday_after,
    weekday_before,
    weekday_of,
    whole_months,
    whole_years,
)
from remanence.types import Micros

_SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
"""First month of each; a season has three."""
_HOLIDAYS = {
    "christmas eve": (12, 24),
    "christmas day": (12, 25),
    "christmas": (12, 25),
    "new year's eve": (12, 31),
    "new year's day": (1, 1),
    "halloween": (10, 31),
    "valentine's day": (2, 14),
    "st. patrick's day": (3, 17),
}
_COUNTS = {
    "a": (1, 1), "an": (1, 1), "one": (1, 1), "two": (2, 2), "three": (3, 3), "four": (4, 4),
    "five": (5, 5), "six": (6, 6), "seven": (7, 7), "eight": (8, 8), "nine": (9, 9),
    "ten": (10, 10), "eleven": (11, 11), "twelve": (12, 12), "couple": (2, 3), "few": (2, 5),
    "several": (3, 7), "some": (2, 7),
}  # fmt: skip


class Said(NamedTuple):
    """When a text was said, and what of it bears on which way "on Friday" points."""

    day: int
    micros: Micros
    ahead: bool


def _in_its_year(said: Said, of_year: Callable[[int], Days | None], towards: str) -> Days | None:
    """Which year's: "last" the latest that is over, "next" the first to begin, "this" this year's,
    else the latest that has begun, or in a sentence that looks ahead the first that is not over."""
    year = calendar_day(said.day).year
    found = [days for step in (-2, -1, 0, 1, 2) if (days := of_year(year + step))]
    if towards == "this":
        return of_year(year)
    if towards == "last":
        return max((days for days in found if days[1] <= said.day), default=None)
    if towards == "next":
        return min((days for days in found if days[0] > said.day), default=None)
    if said.ahead:
        return min((days for days in found if days[1] > said.day), default=None)
    return max((days for days in found if days[0] <= said.day), default=None)


# --- pieces of patterns ---------------------------------------------------------------------------

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_FULL_MONTH = rf"(?:{'|'.join(MONTHS)}|sept)"
_WEEKDAY = rf"(?:{'|'.join(WEEKDAYS)})"
_YEAR = r"(?:1[6-9]|20)[0-9]{2}\b(?![:%])"
_NTH = r"[0-9]{1,2}(?:st|nd|rd|th)?\b(?![:.%/-][0-9])"
_COUNT = (
    r"(?:(?:a |the )?(?:couple(?: of)?|few)|several|some|an?|one|two|three|four|five|six|seven"
    r"|eight|nine|ten|eleven|twelve|[0-9]{1,3})"
)
_UNIT = r"(?:day|night|weekend|week|fortnight|month|year|decade)"
_LAST = r"(?:last|this past|past|previous)"
_NEXT = r"(?:next|this coming|coming|upcoming|following)"
_WAY = rf"(?P<way>{_LAST}|{_NEXT}|this)"
_SEASON = r"(?:spring|summer|autumn|fall|winter)"
_HOLIDAY = "(?:" + "|".join(re.escape(name) for name in _HOLIDAYS) + ")"
_PART = r"(?:early |mid-?|late |the (?:start|beginning|middle|end) of )"

_LOOKS_AHEAD = re.compile(
    r"\b(?:will|won't|shall|going to|gonna|plan(?:s|ning)?|upcoming|see you|forward to|can't wait"
    r"|let's|coming up|scheduled|deadline|due|until|till)\b|'ll\b"
)
_DENIED = re.compile(r"n't\b[^.!?]*$|\b(?:not|never|first time)\b[^.!?]*$")
_TRIGGERS = (
    "day", "week", "month", "year", "night", "decade", "morrow", "morning", "noon", "evening",
    "summer", "winter", "spring", "autumn", "fall", "christmas", "halloween", "hour", "minute",
    "uary", "march", "april", "may", "june", "july", "august", "ember", "ober",
)  # fmt: skip
"""Every expression without a digit holds one of these; texts with neither, most of a chat, are done
at once."""
_DIGIT = re.compile("[0-9]")


def _month_number(name: str) -> int:
    return next(n for n, month in enumerate(MONTHS, 1) if month.startswith(name[:3]))


def _count(words: str) -> tuple[int, int]:
    """Least and most that a count may mean."""
    last = words.removesuffix(" of").split()[-1]
    return _COUNTS.get(last) or (int(last), int(last))


def _way(words: str | None) -> str:
    if not words:
        return ""
    if words == "this":
        return "this"
    return "next" if re.fullmatch(_NEXT, words) else "last"


# --- rules ----------------------------------------------------------------------------------------

Rule = Callable[[re.Match[str], Said], Days | None]
_rules: list[tuple[re.Pattern[str], Rule]] = []


def _rule(pattern: str) -> Callable[[Rule], Rule]:
    """Add a rule; earlier ones win where two match at one place."""

    def keep(rule: Rule) -> Rule:
        _rules.append((re.compile(pattern), rule))
        return rule

    return keep


@_rule(r"(?P<y>[0-9]{4})([-/])(?P<m>[0-9]{1,2})\2(?P<d>[0-9]{1,2})(?![0-9])")
def _year_first(match: re.Match[str], said: Said) -> Days | None:
    return one_day(int(match["y"]), int(match["m"]), int(match["d"]))


@_rule(r"(?P<a>[0-9]{1,2})(?P<by>[./-])(?P<b>[0-9]{1,2})(?P=by)(?P<y>(?:19|20)[0-9]{2})(?![0-9])")
def _year_last(match: re.Match[str], said: Said) -> Days | None:
    """With full stops the day comes first; else only what can be read in one way counts."""
    a, b, year = int(match["a"]), int(match["b"]), int(match["y"])
    if match["by"] == "." or a > 12 or a == b:
        return one_day(year, b, a)
    return one_day(year, a, b) if b > 12 else None


@_rule(rf"(?P<d>{_NTH}) (?:of )?(?P<m>{_MONTH})(?:,? (?P<y>{_YEAR}))?")
@_rule(rf"(?P<m>{_MONTH}) (?:the )?(?P<d>{_NTH})(?:,? (?P<y>{_YEAR}))?")
def _day_and_month(match: re.Match[str], said: Said) -> Days | None:
    day, month = int(re.sub(r"[a-z]", "", match["d"])), _month_number(match["m"])
    if match["y"]:
        return one_day(int(match["y"]), month, day)
    return _in_its_year(said, lambda year: one_day(year, month, day), "")


@_rule(rf"(?P<m>{_MONTH}),? (?:of )?(?P<y>{_YEAR})")
def _month_and_year(match: re.Match[str], said: Said) -> Days | None:
    return whole_months(int(match["y"]), _month_number(match["m"]))


@_rule(rf"(?P<s>{_SEASON}),? (?:of )?(?P<y>{_YEAR})")
def _season_and_year(match: re.Match[str], said: Said) -> Days | None:
    return whole_months(int(match["y"]), _SEASONS[match["s"]], 3)


@_rule(r"the day before yesterday\b")
def _two_days_ago(match: re.Match[str], said: Said) -> Days | None:
    return said.day - 2, said.day - 1


@_rule(r"the day after tomorrow\b")
def _two_days_on(match: re.Match[str], said: Said) -> Days | None:
    return said.day + 2, said.day + 3


@_rule(r"(?:yesterday|last night)\b")
def _yesterday(match: re.Match[str], said: Said) -> Days | None:
    return said.day - 1, said.day


@_rule(r"(?:today|tonight|this (?:morning|afternoon|evening)|earlier this day)\b")
def _today(match: re.Match[str], said: Said) -> Days | None:
    return said.day, said.day + 1


@_rule(r"tomorrow\b")
def _tomorrow(match: re.Match[str], said: Said) -> Days | None:
    return said.day + 1, said.day + 2


@_rule(r"the other day\b")
def _other_day(match: re.Match[str], said: Said) -> Days | None:
    return said.day - 7, said.day


@_rule(
    rf"(?:the )?(?:last |first )?(?:(?P<n>{_COUNT}) )?(?P<u>{_UNIT}|{_WEEKDAY})s? "
    rf"(?P<to>before|after|of|prior to) (?:the )?(?={_NTH} (?:of )?{_MONTH}|{_MONTH} {_NTH}|{_FULL_MONTH},? {_YEAR}|[0-9]{{4}}-)"
)
def _beside_a_date(match: re.Match[str], said: Said) -> Days | None:
    """Such as "the Sunday before 25 May 2023", "two weeks after June 3rd", "the week of 5 July"."""
    anchor = _at(match.string, match.end(), said)
    if anchor is None:
        return None
    (_, (first, last)), unit = anchor, match["u"]
    least, most = _count(match["n"]) if match["n"] else (1, 1)
    if match["to"] == "of":
        monday = first - weekday_of(first)
        return {"week": (monday, monday + 7), "weekend": (monday + 5, monday + 7)}.get(unit)
    before = match["to"] != "after"
    if unit in WEEKDAYS or unit == "weekend":
        weekday = WEEKDAYS.index(unit) if unit in WEEKDAYS else 5
        found = weekday_before(first, weekday) if before else weekday_after(last - 1, weekday)
        return found, found + (2 if unit == "weekend" else 1)
    if match["n"] is None and unit != "day":
        size = {"week": 7, "month": 30, "year": 365}.get(unit, 1)
        return (first - size, first) if before else (last, last + size)
    return _away(Said(first, first * DAY, False), unit, least, most, -1 if before else 1)


@_rule(rf"(?P<n>{_COUNT}) (?P<u>{_UNIT}|hour|minute)s? (?:ago|back)\b")
def _ago(match: re.Match[str], said: Said) -> Days | None:
    return _away(said, match["u"], *_count(match["n"]), -1)


@_rule(rf"in (?:about |around |another )?(?P<n>{_COUNT}) (?:more )?(?P<u>{_UNIT})s?\b(?!')")
@_rule(rf"(?P<n>{_COUNT}) (?P<u>{_UNIT})s? (?:from (?:now|today)|hence)\b")
def _ahead(match: re.Match[str], said: Said) -> Days | None:
    """Not "Rome wasn't built in a day", nor "we haven't talked in a few weeks"."""
    if _DENIED.search(match.string, max(0, match.start() - 40), match.start()):
        return None
    return _away(said, match["u"], *_count(match["n"]), 1)


def _away(said: Said, unit: str, least: int, most: int, sign: int) -> Days | None:
    """`least` to `most` units before (sign -1) or after (+1): days are exact, weeks give or take
    three days, months and years are those of the calendar."""
    if unit in ("hour", "minute"):
        step = DAY // 24 if unit == "hour" else DAY // 1440
        return (said.micros - most * step) // DAY, (said.micros - least * step) // DAY + 1
    if unit in ("day", "night"):
        near, far, slack = least, most, 0
    elif unit in ("week", "fortnight"):
        size = 7 if unit == "week" else 14
        near, far, slack = least * size, most * size, 3
    elif unit == "weekend":
        saturday = weekday_before(said.day, 5) if sign < 0 else weekday_after(said.day, 5)
        near, far = sorted(saturday + sign * 7 * (n - 1) for n in (least, most))
        return near, far + 2
    else:
        near, far = sorted((sign * least, sign * most))
        today = calendar_day(said.day)
        if unit == "month":
            return whole_months(today.year, today.month + near, far - near + 1)
        scale = 10 if unit == "decade" else 1
        return whole_years(today.year + near * scale, (far - near + 1) * scale)
    first, last = sorted((said.day + sign * near, said.day + sign * far))
    return first - slack, last + slack + 1


@_rule(rf"(?P<way>past|last|previous|next|coming) (?P<n>{_COUNT}) (?P<u>{_UNIT})s\b")
def _rolling(match: re.Match[str], said: Said) -> Days | None:
    size = {"week": 7, "weekend": 7, "fortnight": 14, "month": 30, "year": 365, "decade": 3652}
    length = _count(match["n"])[1] * size.get(match["u"], 1)
    if match["way"] in ("next", "coming"):
        return said.day, said.day + length + 1
    return said.day - length, said.day + 1


@_rule(r"the (?P<u>week|weekend|month|year) before last\b")
def _before_last(match: re.Match[str], said: Said) -> Days | None:
    return _turn(said, match["u"], -2)


@_rule(r"the (?P<u>week|weekend|month|year) (?P<to>before|after)\b")
def _before(match: re.Match[str], said: Said) -> Days | None:
    return _turn(said, match["u"], -1 if match["to"] == "before" else 1)


@_rule(rf"(?:the )?{_WAY} (?P<u>weekend|week|fortnight|month|year)\b")
def _this_unit(match: re.Match[str], said: Said) -> Days | None:
    return _turn(said, match["u"], {"last": -1, "this": 0, "next": 1}[_way(match["way"])])


@_rule(r"(?:over|on|at|during) the weekend\b")
def _the_weekend(match: re.Match[str], said: Said) -> Days | None:
    now = said.ahead or weekday_of(said.day) >= 5
    return _turn(said, "weekend", 0 if now else -1)


def _turn(said: Said, unit: str, step: int) -> Days | None:
    """The calendar week, weekend, month or year that lies `step` from the present one."""
    today, monday = calendar_day(said.day), said.day - weekday_of(said.day)
    if unit == "weekend":
        return monday + 5 + 7 * step, monday + 7 + 7 * step
    if unit in ("week", "fortnight"):
        size = 7 if unit == "week" else 14
        return monday + size * step, monday + size * step + size
    return (
        whole_months(today.year, today.month + step)
        if unit == "month"
        else whole_years(today.year + step)
    )


@_rule(rf"(?:the )?{_WAY} (?P<s>{_SEASON})\b")
def _this_season(match: re.Match[str], said: Said) -> Days | None:
    first = _SEASONS[match["s"]]
    return _in_its_year(said, lambda year: whole_months(year, first, 3), _way(match["way"]))


@_rule(rf"(?:{_WAY} )?(?P<h>{_HOLIDAY})\b")
def _holiday(match: re.Match[str], said: Said) -> Days | None:
    month, day = _HOLIDAYS[match["h"]]
    return _in_its_year(said, lambda year: one_day(year, month, day), _way(match["way"]))


@_rule(rf"(?<!every )(?<!each )(?:(?:on |the )?{_WAY} )?(?P<w>{_WEEKDAY})\b(?!')")
def _on_weekday(match: re.Match[str], said: Said) -> Days | None:
    weekday, way = WEEKDAYS.index(match["w"]), _way(match["way"])
    if way == "last" or (not way and not said.ahead and weekday_of(said.day) != weekday):
        found = weekday_before(said.day, weekday)
    elif way == "next":
        found = weekday_after(said.day, weekday)
    else:
        found = weekday_after(said.day - 1, weekday)
    return found, found + 1


@_rule(
    r"(?:(?:in|during|since|until|till|by|of|from|back in|around|for|before|after) "
    rf"(?:{_PART})?|{_PART}|{_WAY} )(?P<m>{_FULL_MONTH})\b(?! be\b|,? (?:the |of )?[0-9])"
)
def _in_month(match: re.Match[str], said: Said) -> Days | None:
    month = _month_number(match["m"])
    return _in_its_year(said, lambda year: whole_months(year, month), _way(match["way"]))


@_rule(
    rf"(?:(?:between|from) )?(?P<y>{_YEAR})(?: (?:and|to|until|till|through) | ?[-–] ?)"
    rf"(?P<last>{_YEAR})"
)
def _from_year_to_year(match: re.Match[str], said: Said) -> Days | None:
    first, last = int(match["y"]), int(match["last"])
    return whole_years(first, last - first + 1) if first < last else None


@_rule(
    rf"(?:(?:in|since|by|until|till|from|during|before|after|{_PART}) ?(?P<y>{_YEAR})(?!\w)"
    rf"|of (?P<of>{_YEAR})(?! \w))"
)
def _in_year(match: re.Match[str], said: Said) -> Days | None:
    return whole_years(int(match["y"] or match["of"]))


@_rule(r"(?P<y>(?:19|20)[0-9]{2})(?=[?!;)]|,? *$|\.(?![0-9]))")
def _bare_year(match: re.Match[str], said: Said) -> Days | None:
    return whole_years(int(match["y"]))


@_rule(r"(?:the )?(?P<y>(?:1[6-9]|20)[0-9]0)'?s\b")
def _decade(match: re.Match[str], said: Said) -> Days | None:
    return whole_years(int(match["y"]), 10)


def _loose(pattern: str) -> str:
    """A pattern without its names, so that all of them fit into one."""
    return re.sub(r"\(\?P<\w+>", "(?:", re.sub(r"\\2|\(\?P=\w+\)", "[./-]", pattern))


_ANY = re.compile(
    r"(?<![\w$€£.])(?:" + "|".join(_loose(pattern.pattern) for pattern, _ in _rules) + ")"
)
"""Where some rule's pattern matches."""
FULL_DATE = re.compile(
    rf"(?:{_MONTH},? {_NTH}|{_NTH} (?:of )?{_MONTH}),? {_YEAR}|[0-9]{{4}}-[0-9]+-"
)
"""A date with its year; lower case."""


def expressions(low: str, said: Micros) -> Iterator[tuple[int, int, Days]]:
    """(start, end, days) of each expression in lower-cased text, given the moment that it was said."""
    if not _DIGIT.search(low) and not any(map(low.__contains__, _TRIGGERS)):
        return
    day, moment, place = said // DAY, None, 0
    if not FIRST_DAY <= day <= LAST_DAY:
        return
    while match := _ANY.search(low, place):
        if moment is None:
            moment = Said(day, said, bool(_LOOKS_AHEAD.search(low)))
        found = _at(low, match.start(), moment)
        if found is None:
            place = match.start() + 1
        else:
            place, days = found
            yield match.start(), place, days


def _at(low: str, place: int, said: Said) -> tuple[int, Days] | None:
    """The expression that begins at a place: its end, and its days."""
    for pattern, rule in _rules:
        match = pattern.match(low, place)
        days = rule(match, said) if match else None
        if match and days and FIRST_DAY <= days[0] < days[1] <= LAST_DAY:
            if rule is not _beside_a_date:
                return match.end(), days
            anchor = _at(low, match.end(), said)
            return anchor[0] if anchor else match.end(), days
    return None
