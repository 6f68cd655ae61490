"""Conversations made by rule, with questions whose evidence is known: data to train and check a ranker on that is ours.

Scripts (`scripts/life.txt`, `scripts/work.txt`) say how people tell an event and how it is asked about later, words
(`scripts/words.txt`) fill them, and chance mixes them into sessions over months, with small talk, news that change, earlier
topics taken up again, and two people to whom the same kind of thing happens.

What it is good for: evidence that shares few words with its question, that stands in the answer to a friend's question,
in one of several tiny messages, in a picture's caption, or in a user's sentence that a long assistant's answer repeats.

What it is not: language. A few hundred sentence patterns recur; a model with many parameters learns the patterns instead of
relevance, so fit few weights to it, over signals normalised per query, and judge them on real conversations. Phrasing,
topics and the share of each difficulty are our guesses. There are no adversarial or unanswerable questions, no inference over
world knowledge, and all of it is English.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Literal, NamedTuple

from remanence.bench.tasks.base import Example
from remanence.bench.tasks.generated_scripts import Line
from remanence.bench.tasks.generated_telling import (
    GLUE,
    SLOT,
    Asked,
    Exhausted,
    Maker,
    Told,
    Values,
)

Style = Literal["chat", "assistant", "burst"]
FOCUS = ("part", "tool", "milestone", "thing", "metric")
"""Slots that an answer takes over from what the user said."""

_BREAK = re.compile(r"(?<=[,.!?:;]) +| +(?=(?:and|but|because|since|with|at|from|who|by) )")


def conversations(seed: int, count: int, style: Style) -> Iterator[Example]:
    """Yield `count` conversations; the same arguments give the same ones, and a larger `count` only adds to them.

    `chat`: two friends, 9 to 24 sessions over months. `burst`: the same, in messages of a few words.
    `assistant`: user and assistant (roles set), answers of 100 to 400 words, 70 to 380 messages.
    """
    for index in range(count):
        rng = random.Random(f"{style}/{seed}/{index}")
        name = f"{style}-{seed}-{index}"
        yield (_Assistant(rng) if style == "assistant" else _Chat(rng, style)).build(name)


class _Chat(Maker):
    """Two friends who write to each other."""

    def __init__(self, rng: random.Random, style: Style) -> None:
        super().__init__(rng)
        self.burst = style == "burst"
        self.wordy = rng.choice((0.1, 0.2)) if self.burst else rng.choice((0.3, 0.55, 0.7))
        """Chance of one more aside."""
        self.echoing = rng.choice((0.2, 0.4, 0.6))
        """Chance that a line first repeats what it is about (`Kyoto! Who came along?`)."""
        pairs = rng.sample(self.words["NAMES"], 2)
        self.pronoun = dict(pair.split(":") for pair in pairs)
        self.people = list(self.pronoun)
        self.words["friend"] = tuple(
            name for name in self.words["friend"] if name not in self.people
        )

    def build(self, name: str) -> Example:
        for _ in range(self.rng.randint(9, 24)):
            self.next_session(self.rng.randint(2, 24))
            self._talk()
        return Example(id=name, turns=tuple(self.turns), questions=self.questions())

    def _talk(self) -> None:
        first, second = self.rng.sample(self.people, 2)
        self.utter(first, self.say(self.words["GREETING"], {"X": (second,)}))
        self.utter(second, self.say(self.words["GREETED"], {"X": (first,)}))
        for told in self.told:
            if (
                told.script.new_lines
                and not told.old
                and told.session < self.session - 1
                and self.chance(0.3)
            ):
                self._news(told)
        for _ in range(self.rng.randint(4, 8)):
            self.rng.choice(
                (self._event, self._event, self._event, self._smalltalk, self._callback)
            )()
        self.utter(self.rng.choice(self.people), self.say(self.words["CLOSING"], {"X": (second,)}))

    def _roles(self, who: str) -> Values:
        other = next(person for person in self.people if person != who)
        return {"A": (who,), "B": (other,), "X": (other,), "pos": (self.pronoun[who],)}

    def _event(self) -> None:
        """Something new happens to one of them; nothing where all values of its slots are used up."""
        who, script = self.rng.choice(self.people), self.rng.choice(self.library.life)
        again = [t.script for t in self.told if t.who == who and t.script.collect]
        if again and self.chance(0.3):
            script = self.rng.choice(again)
        if script.once and any(t.script is script and t.who == who for t in self.told):
            return
        values = self._roles(who)
        try:
            texts = [self.say(line.texts, values, script.kind, who) for line in script.lines]
            for text in (script.caption, *(text for ask in script.asks for text in ask.texts)):
                self.fill(text, values, script.kind, who)
        except Exhausted:
            return
        told = Told(script, who, values, self.session)
        told.captioned = bool(script.caption) and self.chance(0.7)
        caption = self.fill(script.caption, values) if told.captioned else ""
        told.lines = self._tell(script.lines, texts, values, caption)
        self.told.append(told)

    def _news(self, told: Told) -> None:
        try:
            self.renew(told)
            texts = [
                self.say(line.texts, told.values, told.script.kind, told.who)
                for line in told.script.new_lines
            ]
        except Exhausted:
            told.values, told.old = told.old or told.values, None
            return
        told.news = self._tell(told.script.new_lines, texts, told.values, "")

    def _callback(self) -> None:
        """They return to something told earlier, with its words and nothing new."""
        known = [told for told in self.told if told.script.later and told.session < self.session]
        if known:
            told = self.rng.choice(known)
            texts = [self.say(line.texts, told.values) for line in told.script.later]
            self._tell(told.script.later, texts, told.values, "")

    def _smalltalk(self) -> None:
        script = self.rng.choice(self.library.smalltalk)
        values = self._roles(self.rng.choice(self.people))
        self._tell(
            script.lines, [self.say(line.texts, values) for line in script.lines], values, ""
        )

    def _tell(
        self, lines: list[Line], texts: list[str], values: Values, caption: str
    ) -> list[list[int]]:
        """Say the lines in turn, with asides and reactions between; returns the places of each line's messages."""
        places = []
        for line, text in zip(lines, texts, strict=True):
            subject = _subject(lines[0])
            if subject and line is not lines[0] and self.chance(self.echoing):
                mark = "?" if line.who == "A" else "!"
                text = self.fill("{" + subject + "}" + mark + " ", values) + text
            aside = ""
            while self.chance(self.wordy) and len(aside) < 250:
                aside += " " + self.say(self.words["ASIDE"], {})
            places.append(self.utter(values[line.who][0], text, aside=aside, caption=caption))
            caption = ""
        if self.chance(0.5):
            last = lines[-1].who
            reaction = self.say(self.words["REACTION"], {"X": values[last]})
            self.utter(values["B" if last == "A" else "A"][0], reaction)
        return places

    def utter(self, speaker: str, text: str, *, aside: str = "", caption: str = "") -> list[int]:
        """Say something: as one turn, joined to the speaker's last, or broken into a burst."""
        self.now += timedelta(seconds=self.rng.randint(5, 90))
        if self.burst:
            pieces = [piece for piece in _BREAK.split(text + aside) if piece]
            places = []
            for piece in pieces:
                if self.chance(0.15):
                    self.add_turn(
                        self.rng.choice(self.people), self.rng.choice(self.words["BURST"])
                    )
                self.now += timedelta(seconds=self.rng.randint(2, 15))
                plain = piece if self.chance(0.3) else piece[:1].lower() + piece[1:].rstrip(".,")
                places.append(self.add_turn(speaker, plain, caption=caption))
                caption = ""
            return places
        last = self.turns[-1] if self.turns else None
        if (
            last
            and last.speaker == speaker
            and last.session == f"s{self.session:02d}"
            and not caption
            and not last.caption
        ):
            self.turns.pop()
            return [self.add_turn(speaker, f"{last.text} {text}{aside}")]
        return [self.add_turn(speaker, text + aside, caption=caption)]

    def extra(self) -> Iterator[Asked]:
        """Lists (`What has Ana read?`) and days (`What did Ana do on 9 May 2024?`)."""
        groups: dict[tuple[str, str], list[Told]] = {}
        days: dict[tuple[str, str], list[Told]] = {}
        for told in self.told:
            groups.setdefault((told.script.kind, told.who), []).append(told)
            values = told.old or told.values
            if "ago" in values and values["ago"][0] in self.text(told.lines[0]):
                days.setdefault((values["date"][0], told.who), []).append(told)
        for (_, who), group in groups.items():
            if group[0].script.collect and len(group) > 1:
                yield self._list(group, who)
        for (day, who), group in days.items():
            if len(group) == 1 and self.chance(0.3):
                yield self._day(group[0], who, day)

    def _list(self, group: list[Told], who: str) -> Asked:
        """A question that every event of the group answers a part of."""
        text = self.say(group[0].script.collect, self._roles(who)).replace(GLUE, " ")
        subject = {_subject(group[0].script.lines[0])}
        ids = [id for t in group for id in self.holding(t.lines[0], t.old or t.values, subject)]
        answer = "; ".join(self.text(told.lines[0]) for told in group)
        return text, "multi", answer, tuple(dict.fromkeys(ids))

    def _day(self, told: Told, who: str, day: str) -> Asked:
        """A question that names a day and nothing of what happened on it."""
        asked = self.rng.choice(("What did {} do on {}?", "What happened to {} on {}?"))
        values = told.old or told.values
        evidence = self.holding(told.lines[0], values, {"ago", _subject(told.script.lines[0])})
        return asked.format(who, day), "temporal", self.text(told.lines[0]), evidence


class Fact(NamedTuple):
    """Something that the user is about to tell the assistant."""

    told: Told
    lines: list[Line]
    texts: list[str]


class _Assistant(Maker):
    """A user who works on one or two projects with an assistant."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        named = rng.random() < 0.5
        self.user = rng.choice(self.words["NAMES"]).partition(":")[0] if named else ""
        self.assistant = "Assistant" if named else ""
        self.topics = rng.sample(self.library.topics, rng.randint(1, 2))
        self.goals = [(rng.choice(topic["goal"]),) for topic in self.topics]

    def build(self, name: str) -> Example:
        for _ in range(self.rng.randint(8, 24)):
            self.next_session(self.rng.randint(3, 20))
            self._work()
        return Example(id=name, turns=tuple(self.turns), questions=self.questions())

    def _work(self) -> None:
        """One session on one topic: messages with facts and follow-ups without, each with its answer."""
        place = self.rng.randrange(len(self.topics))
        self.words = {**self.library.words, **self.topics[place], **self.library.advice}
        for _ in range(self.rng.randint(4, 8)):
            self.now += timedelta(minutes=self.rng.randint(2, 30))
            base: Values = {"goal": self.goals[place]}
            if self.chance(0.35):
                self._exchange([], self.say(self.words["FOLLOW"], base), base, [])
            else:
                self._message(base)

    def _message(self, base: Values) -> None:
        """A message with one or two facts, new or changed, and the answer to it."""
        facts: list[Fact] = []
        for _ in range(self.rng.choice((1, 1, 2))):
            fact = self._change(base) if self.chance(0.3) else None
            fact = fact or self._fact(base)
            if fact:
                facts.append(fact)
        focus = dict(base)
        for fact in facts:
            focus.update(
                {slot: fact.told.values[slot] for slot in FOCUS if slot in fact.told.values}
            )
        said = [line for fact in facts for line in zip(fact.lines, fact.texts, strict=True)]
        words = [self.say(self.words["OPEN"], focus)] if self.chance(0.8) else []
        words += [text for line, text in said if line.who == "U"]
        if self.chance(0.4):
            words.append(self.say(self.words["ASIDE"], {}))
        words.append(self.say(self.words["ASK"], focus))
        echo = [text for line, text in said if line.who == "R"]
        echo += [text for line, text in said if line.who == "E" and self.chance(0.7)]
        self._exchange(facts, " ".join(words), focus, echo)

    def _fact(self, base: Values) -> Fact | None:
        script = self.rng.choice(self.library.facts)
        if script.once and any(told.script is script for told in self.told):
            return None
        values = dict(base)
        try:
            texts = [self.say(line.texts, values, script.kind) for line in script.lines]
            for text in (text for ask in script.asks for text in ask.texts):
                self.fill(text, values, script.kind)
        except Exhausted:
            return None
        told = Told(script, "", values, self.session)
        self.told.append(told)
        return Fact(told, script.lines, texts)

    def _change(self, base: Values) -> Fact | None:
        """News about an earlier fact of this topic; None where there is nothing to change."""
        open_facts = [
            told for told in self.told
            if told.script.new_lines and not told.old and told.session < self.session
            and told.values["goal"] == base["goal"]
        ]  # fmt: skip
        if not open_facts:
            return None
        told = self.rng.choice(open_facts)
        try:
            self.renew(told)
        except Exhausted:
            told.values, told.old = told.old or told.values, None
            return None
        lines = told.script.new_lines
        return Fact(told, lines, [self.say(line.texts, told.values) for line in lines])

    def _exchange(self, facts: list[Fact], text: str, focus: Values, echo: list[str]) -> None:
        """The user's message, the assistant's answer, and where each fact's lines stand in them."""
        asked = self.add_turn(self.user, text, role="user")
        self.now += timedelta(seconds=self.rng.randint(5, 40))
        answered = self.add_turn(self.assistant, self._answer(focus, echo), role="assistant")
        for told, lines, _ in facts:
            places = [[asked if line.who == "U" else answered] for line in lines]
            if told.lines:
                told.news = places
            else:
                told.lines = places

    def _answer(self, focus: Values, echo: list[str]) -> str:
        """100 to 400 words of advice, mostly about what was asked, after what it repeats of it."""
        target = self.rng.randint(90, 360)
        parts = [self.say(self.words["INTRO"], focus), *echo]
        written: set[str] = set()
        while len(" ".join(parts).replace(GLUE, " ").split()) < target:
            points = []
            for _ in range(self.rng.randint(3, 5)):
                values = {s: v for s, v in focus.items() if self.chance(0.6)}
                point = self.say(self.words["POINT"], values)
                if point not in written:
                    points.append(f"- {point}")
                    written.add(point)
            parts.append("\n".join([f"### {self.say(self.words['HEAD'], dict(focus))}", *points]))
        parts.append(self.say(self.words["OUTRO"], focus))
        return "\n\n".join(parts)

    def extra(self) -> Iterator[Asked]:
        """Questions over several facts: days between dates, the order of decisions, all about one part."""
        dated = [told for told in self.told if told.script.kind == "deadline"]
        for one, two in pairwise(dated):
            names = [self.rng.choice(told.values["milestone"]) for told in (one, two)]
            yield (
                f"How many days lie between the {names[0]} and the {names[1]}?",
                "temporal",
                f"from {one.values['due'][0]} to {two.values['due'][0]}",
                self._stated([one, two]),
            )
        decided = [told for told in self.told if told.script.kind == "decision"][:4]
        if len(decided) > 2:
            shown = self.rng.sample(decided, len(decided))
            yield (
                f"In what order did I decide on the {', the '.join(t.values['part'][0] for t in shown)}?",
                "multi",
                "; ".join(told.values["part"][0] for told in decided),
                self._stated(decided),
            )
        parts: dict[tuple[str, ...], list[Told]] = {}
        for told in self.told:
            if "part" in told.values:
                parts.setdefault(told.values["part"], []).append(told)
        for called, group in parts.items():
            if len(group) > 2:
                asked = self.rng.choice(
                    ("Can you sum up what I told you about the {}?", "How did the {} develop?")
                )
                evidence = self._stated(group)
                answer = self.text([told.lines[0][0] for told in group])
                yield asked.format(self.rng.choice(called)), "multi", answer, evidence

    def _stated(self, group: list[Told]) -> tuple[str, ...]:
        """Ids of the messages that state these facts as they stand now."""
        places = [(told.news if told.old else told.lines)[0][0] for told in group]
        return tuple(dict.fromkeys(self.turns[place].id for place in places))


def _subject(line: Line) -> str:
    """The first slot of a script's opening line that is not a time."""
    slots = [slot for slot, _ in SLOT.findall(line.texts[0])]
    return next((slot for slot in slots if slot not in ("ago", "soon", "due", "number")), "")
