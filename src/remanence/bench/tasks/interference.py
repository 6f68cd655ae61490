"""Proactive interference, generated: the same key is given a new value 1 to 400 times among other keys and small talk; what is
its last value?

After Wang and Sun 2025, "Unable to Forget: Proactive Interference Reveals Working Memory Limits in LLMs Beyond Context Length"
(arXiv:2506.08184): their keys and values come in `key: value` lines; ours come in sentences of varied wording too, over weeks, with
questions that name the key as people do. Everything is made from a seed.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from remanence.bench.tasks.base import Example, Question, Turn

UPDATES = (1, 2, 5, 10, 25, 50, 100, 200, 400)
"""How often a key that is asked for is given a value."""
START = datetime(2024, 1, 8, 8, tzinfo=UTC)

_PEOPLE = """
    Alba Bruno Chidi Dagny Emeka Farah Goran Hanne Imani Jarek Kaya Lorenzo Mirela Nadim Odile Pavel Quill Rosa
    Stellan Tamsin Ulla Vikram Wanda Xenia Yusuf Zofia
""".split()
_PROJECTS = """
    Alder Basalt Cobalt Dunlin Ember Falcon Garnet Heron Indigo Juniper Kestrel Lantern Marlin Nimbus Osprey Peregrine Quartz
    Rowan Saffron Tundra Umber Verdant Walnut Yarrow Zephyr
""".split()
_PLACES = (
    "Harbour House", "Mill Lane", "North Cabin", "Orchard Flat", "Canal Studio", "Cedar Lodge", "Station Yard", "Abbey Hall",
    "Quarry Barn", "Bridge Office", "Meadow Cottage", "Tower Loft",
)  # fmt: skip
_WORDS = "otter maple comet velvet pebble walnut copper willow ember lagoon thistle marble falcon saddle ginger cobalt".split()
_MONTHS = (
    "January February March April May June July August September October November December".split()
)
_DAYS = "Monday Tuesday Wednesday Thursday Friday".split()

_SAID = (
    "{K} is now {v}.",
    "We changed {k} to {v}.",
    "Just so you know, {k} has been changed to {v}.",
    "Actually, {k} is {v}.",
    "{K} was updated to {v} this morning.",
    "I set {k} to {v}, please note it.",
    "Good news from the meeting! {K} is {v} from today.",
    "{K} is {v}.",
    "They switched {k} to {v} again.",
    "Small correction: {k} is {v}, the rest stays.",
)
_DATED = (
    "{K} is now on {v}.",
    "We moved {k} to {v}.",
    "{K} has been pushed to {v}.",
    "{K} got rescheduled to {v}, sorry for the mess.",
    "They changed {k} to {v}.",
    "Actually, {k} is on {v}.",
    "I pushed {k} back to {v}.",
    "{K} is on {v}.",
)
_LINES = ("{Bare}: {v}", "{bare} = {v}", "- {Bare}: {v}")
_CHAT = (
    "Lunch with {person} was lovely, we sat outside.", "Did you see the match last night?", "The {project} team had cake today.",
    "{person} asked me about {other} again, no idea why.", "I slept badly, the neighbours had a party.",
    "Remind {person} to call me back, please.", "It rained all day in town.", "We talked about {other} for an hour.",
    "I'm reading a novel about sailors at the moment.", "{person} and I walked home along the river.",
    "Somebody should write down {other} some time.", "Have a nice weekend!", "The printer on our floor is out of paper again.",
    "Thanks for the help with {project} yesterday.", "If {other} ever changes, {person} wants to hear of it.",
)  # fmt: skip


class Key(NamedTuple):
    """Something that has a value: `names` are the ways to speak of it, `bare` the way of a list; `dated`: its values are days."""

    names: tuple[str, ...]
    bare: str
    dated: bool
    make: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Interference:
    """One memory with `repeats` keys for each number of `updates`, `others` further keys that are given a few values each, and
    `chat` turns of small talk, all shuffled. `lines`: the share of values that are given as `key: value`."""

    updates: tuple[int, ...] = UPDATES
    repeats: int = 4
    others: int = 60
    chat: int = 800
    lines: float = 0.3
    seed: int = 0

    @property
    def name(self) -> str:
        return "interference"

    @property
    def version(self) -> str:
        return "1"

    @property
    def apart(self) -> frozenset[str]:
        return frozenset()

    def examples(
        self, path: Path | None = None, notes: Counter[str] | None = None
    ) -> Iterator[Example]:
        """One example; `path` and `notes` belong to tasks that read files."""
        random_ = random.Random(self.seed)
        keys = _keys(random_)
        wanted = len(self.updates) * self.repeats
        asked, others = keys[:wanted], keys[wanted : wanted + self.others]
        counts = [count for count in self.updates for _ in range(self.repeats)]
        order = [n for n, count in enumerate(counts) for _ in range(count)]
        order += [wanted + n for n in range(len(others)) for _ in range(random_.randint(1, 6))]
        order += [-1] * self.chat
        random_.shuffle(order)
        turns: list[Turn] = []
        last: dict[int, str] = {}
        answers: dict[int, str] = {}
        moment = START
        for number, place in enumerate(order):
            moment += timedelta(minutes=random_.randint(1, 90))
            id = f"t{number}"
            if place < 0:
                text = _chat(random_, keys)
            else:
                value = _value(random_, keys[place].make, answers.get(place, ""))
                text = _say(random_, keys[place], value, self.lines)
                last[place], answers[place] = id, value
            week = f"week {(moment - START).days // 7}"
            turns.append(Turn(id=id, text=text, speaker="", role="user", session=week, at=moment))
        questions = tuple(
            Question(
                id=f"q{n}",
                text=_ask(random_, key),
                evidence=(last[n],),
                category=f"{counts[n]:03d} updates",
                answer=answers[n],
            )
            for n, key in enumerate(asked)
        )
        yield Example(id="stream", turns=tuple(turns), questions=questions)


_OF_PROJECTS = {
    "budget": "money",
    "headcount": "number",
    "release version": "version",
    "deadline": "day",
    "launch": "day",
    "design review": "day",
}
_OF_PEOPLE = {"phone number": "phone", "desk number": "number", "locker code": "code"}
_OF_PLACES = {"wifi password": "word", "door code": "code", "rent": "money"}


def _keys(random_: random.Random) -> list[Key]:
    """Every key that the word lists make, shuffled."""
    found = [
        _key(owner, what, make)
        for owners, kinds in (
            (_PROJECTS, _OF_PROJECTS),
            (_PEOPLE, _OF_PEOPLE),
            (_PLACES, _OF_PLACES),
        )
        for owner in owners
        for what, make in kinds.items()
    ]
    random_.shuffle(found)
    return found


def _key(owner: str, what: str, make: str) -> Key:
    names = (
        f"the {what} for {owner}",
        f"{owner}'s {what}",
        f"the {owner} {what}",
        f"the {what} of {owner}",
    )
    return Key(names, f"{owner} {what}", make == "day", make)


def _value(random_: random.Random, make: str, not_this: str) -> str:
    while True:
        match make:
            case "money":
                value = f"${random_.randint(11, 990) * 10:,}"
            case "number":
                value = str(random_.randint(12, 980))
            case "version":
                value = f"{random_.randint(1, 9)}.{random_.randint(0, 40)}.{random_.randint(0, 9)}"
            case "day":
                value = f"{random_.choice(_MONTHS)} {random_.randint(1, 28)}"
                value += random_.choice(("", "", f" at {random_.randint(8, 11)} am"))
            case "phone":
                value = f"555-{random_.randint(1000, 9999)}"
            case "code":
                value = f"{random_.choice('ABCDEFGHK')}{random_.randint(100, 999)}-{random_.randint(10, 99)}"
            case _:
                value = (
                    f"{random_.choice(_WORDS)}-{random_.choice(_WORDS)}-{random_.randint(10, 99)}"
                )
        if value != not_this:
            return value


def _say(random_: random.Random, key: Key, value: str, lines: float) -> str:
    name = random_.choice(key.names)
    if random_.random() < lines and not (key.dated and random_.random() < 0.5):
        form = random_.choice(_LINES)
    else:
        form = random_.choice(_DATED if key.dated else _SAID)
    return form.format(k=name, K=_upper(name), v=value, bare=key.bare, Bare=_upper(key.bare))


def _chat(random_: random.Random, keys: Sequence[Key]) -> str:
    return random_.choice(_CHAT).format(
        person=random_.choice(_PEOPLE),
        project=random_.choice(_PROJECTS),
        other=random_.choice(random_.choice(keys).names),
    )


def _ask(random_: random.Random, key: Key) -> str:
    name = random_.choice(key.names)
    ways = (
        ("When is {k}?", "What day is {k} now?")
        if key.dated
        else ("What is {k} now?", "What's {k}?", "Tell me {k}.")
    )
    return random_.choice(ways).format(k=name)


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
