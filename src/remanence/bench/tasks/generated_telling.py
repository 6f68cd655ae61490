"""Telling generated events as turns, and asking about them: slots, moments, places of the evidence. All styles share it."""

from __future__ import annotations

import random
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from remanence.bench.tasks.base import Question, Turn
from remanence.bench.tasks.generated_scripts import Ask, Script, library

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
NUMBERS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "ten": 10}
CURRENCIES = ("{} euros", "€{}", "${}", "{} dollars", "£{}", "{} pounds", "{} francs")
GLUE = "\x1f"
"""Stands for a space inside a slot's value, so that a burst is not split there."""

SLOT = re.compile(r"\{(\w+)([~!]?)\}")
_METRIC = re.compile(r"(.*)\|(.*), between (\d+) and (\d+) (.*)")
_START = re.compile(r"(?:^|(?<=[^.][.!?] ))[a-z]")
_AN = re.compile(r"\b([Aa]) (?=(?!uni|eu|one|uku|use)[aeiou])", re.IGNORECASE)


Asked = tuple[str, str, str, tuple[str, ...]]
"""Text, category, answer and evidence of a question."""


class Exhausted(Exception):
    """Every value of a slot has been used for this kind of event and person."""


Values = dict[str, tuple[str, ...]]
"""Slot -> its names, the one that turns use first."""


@dataclass(slots=True)
class Told:
    """An event that happened: its values, where each line stands, and its later news."""

    script: Script
    who: str
    values: Values
    session: int
    lines: list[list[int]] = field(default_factory=list)
    old: Values | None = None
    news: list[list[int]] = field(default_factory=list)
    captioned: bool = False


def format_date(day: datetime) -> str:
    """`9 May 2025`."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


class Maker(ABC):
    """What all styles share: slots, time, the list of turns, and the questions about what was told."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.library = library()
        self.words = dict(self.library.words)
        self.plain = rng.choice((0.3, 0.6, 0.9))
        """Chance that a question says a thing by the name that the turn gave it."""
        self.currency = rng.choice(CURRENCIES)
        self.turns: list[Turn] = []
        self.told: list[Told] = []
        self.used: dict[tuple[str, str, str], set[str]] = {}
        self.session = 0
        self.now = datetime(
            rng.randint(2021, 2025), rng.randint(1, 6), rng.randint(1, 28), tzinfo=UTC
        )

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    # slots

    def fill(self, text: str, values: Values, kind: str = "", who: str = "") -> str:
        """The text with its slots filled; slots without a value are drawn and added to `values`."""

        def value(match: re.Match[str]) -> str:
            slot, mark = match.groups()
            if slot not in values:
                self.draw(slot, values, kind, who)
            names = values[slot]
            plain = mark == "" or (mark == "~" and self.chance(self.plain))
            fitting = names[:1] if plain else names[1:] or names
            return self.rng.choice(fitting).replace(" ", GLUE)

        filled = SLOT.sub(value, text)
        filled = _AN.sub(r"\1n ", filled)
        return _START.sub(lambda match: match[0].upper(), filled)

    def draw(self, slot: str, values: Values, kind: str, who: str) -> None:
        """Draw a slot's value, one that this kind of event has not had for this person."""
        if slot in ("ago", "date", "soon", "due"):
            self._draw_time(values)
        elif slot == "money":
            amount = self.rng.choice(
                (15, 25, 40, 60, 75, 90, 120, 150, 180, 240, 320, 450, 600, 850, 1200)
            )
            values[slot] = (self.currency.format(amount + self.rng.choice((0, 0, 5, 10))),)
        elif slot == "value":
            if "range" not in values:
                self.draw("metric", values, kind, who)
            low, high, unit = values["range"]
            values[slot] = (f"{self.rng.randint(int(low), int(high))} {unit}",)
        else:
            base = slot.rstrip("0123456789")
            taken = self.used.setdefault((kind, who, base), set()) if kind else set()
            held = {name for names in values.values() for name in names}
            free = [
                entry
                for entry in self.words[base]
                if not taken & set(entry.split("|")) and entry.split("|")[0] not in held
            ]
            if not free:
                raise Exhausted(slot)
            entry = self.rng.choice(free)
            if metric := _METRIC.fullmatch(entry):
                values[slot] = (metric[1], metric[2])
                values["range"] = (metric[3], metric[4], metric[5])
                taken.add(entry)
            else:
                values[slot] = tuple(entry.split("|"))
            if base != "number":
                taken.update(values[slot])

    def _draw_time(self, values: Values) -> None:
        """A moment before now (`ago`, `date`) and one after (`soon`, `due`), in words and as dates."""
        rng, weekday = self.rng, self.now.weekday()
        word, number = rng.choice(tuple(NUMBERS.items()))
        back = rng.choice((1, 2, 3, 4, 5, 6, 9, 12))
        ago = rng.choice((
            ("yesterday", 1), ("this morning", 0), (f"{word} days ago", number), ("a week ago", 7),
            (f"last {WEEKDAYS[(weekday - back % 7) % 7]}", back % 7 or 7),
            (f"on {MONTHS[(self.now - timedelta(back)).month - 1]} {(self.now - timedelta(back)).day}", back),
            (f"{word} weeks ago", 7 * number),
        ))  # fmt: skip
        ahead = 7 - weekday + rng.randrange(7)
        far = rng.randint(15, 70)
        when = self.now + timedelta(far)
        soon = rng.choice((
            ("tomorrow", 1), (f"in {word} days", number), (f"in {word} weeks", 7 * number),
            (f"next {WEEKDAYS[(weekday + ahead) % 7]}", ahead),
            (f"on {when.day} {MONTHS[when.month - 1]}", far), (f"on {MONTHS[when.month - 1]} {when.day}", far),
        ))  # fmt: skip
        values["ago"], values["date"] = (ago[0],), (format_date(self.now - timedelta(ago[1])),)
        values["soon"], values["due"] = (soon[0],), (format_date(self.now + timedelta(soon[1])),)

    def say(self, lines: tuple[str, ...], values: Values, kind: str = "", who: str = "") -> str:
        return self.fill(self.rng.choice(lines), values, kind, who)

    # turns

    def add_turn(self, speaker: str, text: str, *, role: str = "", caption: str = "") -> int:
        """Append a turn; returns its place."""
        self.turns.append(
            Turn(
                id=f"s{self.session:02d}:{self._place()}",
                text=text.replace(GLUE, " "),
                speaker=speaker,
                role=role,
                session=f"s{self.session:02d}",
                at=self.now,
                caption=caption.replace(GLUE, " "),
            )
        )
        return len(self.turns) - 1

    def _place(self) -> int:
        last = self.turns[-1] if self.turns else None
        same = last is not None and last.session == f"s{self.session:02d}"
        return int(last.id.partition(":")[2]) + 1 if last is not None and same else 1

    def next_session(self, days: int) -> None:
        self.session += 1
        self.now = (self.now + timedelta(days)).replace(
            hour=self.rng.randint(7, 21), minute=self.rng.randrange(60)
        )

    def renew(self, told: Told) -> None:
        """Draw what changes about an event anew, keeping the old values aside."""
        told.old = dict(told.values)
        for slot in told.script.changes:
            stale = told.values.pop(slot, None)
            while slot not in told.values or told.values[slot] == stale:
                told.values.pop(slot, None)
                if slot == "soon":
                    self._draw_time(told.values)
                else:
                    self.draw(slot, told.values, told.script.kind, told.who)

    # questions

    def questions(self) -> tuple[Question, ...]:
        """Questions about all that was told; those that two events would answer are left out."""
        found: list[Asked] = []
        for told in self.told:
            found += self._about(told)
        found += self.extra()
        counts = Counter(text for text, *_ in found)
        asked = self.now + timedelta(days=self.rng.randint(1, 9))
        unique = [item for item in found if counts[item[0]] == 1]
        return tuple(
            Question(
                id=f"q{n}", text=text, category=category, answer=answer, evidence=evidence, at=asked
            )
            for n, (text, category, answer, evidence) in enumerate(unique, 1)
        )

    def _about(self, told: Told) -> Iterator[Asked]:
        script = told.script
        stale = set(script.changes) | ({"due"} if "soon" in script.changes else set())
        for ask in script.asks:
            if told.old and stale & {slot for slot, _ in SLOT.findall(ask.answer)}:
                continue
            if (ask.answer != "caption" or told.captioned) and self.chance(0.7):
                yield self._asked(ask, told, told.old or told.values, told.lines, ())
        if told.old:
            first = self.holding(told.lines[0], told.old, {_spoken(script.changes[0])})
            for ask in script.new_asks:
                yield self._asked(ask, told, told.values, told.news, first)

    def _asked(
        self, ask: Ask, told: Told, values: Values, lines: list[list[int]], also: tuple[str, ...]
    ) -> Asked:
        template = self.rng.choice(ask.texts)
        text = self.fill(template, values).replace(GLUE, " ")
        places = [place for step in ask.steps for place in lines[step]]
        if ask.answer == "caption":
            shown = next(self.turns[place] for place in places if self.turns[place].caption)
            return text, ask.category, shown.caption, (shown.id,)
        slots = {_spoken(slot) for slot, _ in SLOT.findall(ask.answer)}
        if slots & {"ago", "soon"}:
            slots |= {slot for slot, _ in SLOT.findall(template)} - {"A", "B", "pos"}
        if slots:
            evidence = self.holding(places, values, slots)
            answer = self.fill(ask.answer, values).replace(GLUE, " ")
        else:
            evidence = tuple(self.turns[place].id for place in places)
            answer = self.text(places)
        return text, ask.category, answer, tuple(dict.fromkeys(evidence + also))

    def text(self, places: Sequence[int]) -> str:
        """What was said there, joined."""
        return " ".join(self.turns[place].text for place in dict.fromkeys(places))

    def holding(self, places: Sequence[int], values: Values, slots: set[str]) -> tuple[str, ...]:
        """Ids of those of a line's messages that hold one of the slots' values; all where none does."""
        names = [values[slot][0].lower() for slot in sorted(slots) if slot in values]
        turns = [self.turns[place] for place in places]
        ids = tuple(turn.id for turn in turns if any(name in turn.text.lower() for name in names))
        return ids or tuple(turn.id for turn in turns)

    @abstractmethod
    def extra(self) -> Iterator[Asked]:
        """Questions over several events."""


def _spoken(slot: str) -> str:
    """The slot that a turn says where an answer gives a date."""
    return {"date": "ago", "due": "soon"}.get(slot, slot)
