"""What holds now goes before what held once, where the question is after what holds."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import numpy as np

from remanence.catalogue.declare import mechanism
from remanence.seams import Question, Ranked, View
from remanence.text.slots.holding import (
    About,
    Facts,
    facts_of_view,
    holder_of,
    known_facts,
    owners_of,
    read,
    record_of,
)
from remanence.text.slots.words import ENDED, same_value

_HISTORY: Final = re.compile(
    r"\b(?:used to|before|first|original(?:ly)?|previous(?:ly)?|former(?:ly)?|history|in the past|earlier|initial(?:ly)?|over time|"
    r"how (?:has|have|did|much has|many times)\b.*\b(?:chang|evolv|mov|develop|increas|decreas|improv)\w*|when did|since when|"
    r"how long|how often|at the time|back then|old|once|past|timeline|order)\b",
    re.I,
)
"""Questions after what was: they are left as they are."""
_FIRST_PERSON: Final = re.compile(r"\b(?:i|my|me|mine|we|our|i'm|i've)\b", re.I)


@mechanism(
    seam="Ranker",
    source="Remanence",
    title="Current values first",
    year=2026,
    fidelity="ours",
)
@dataclass(frozen=True, kw_only=True)
class Current:
    """Puts the record that states the current value of what is asked before records that state an older one.

    Of the `best` candidates those count whose facts fill a slot that the question asks about and no longer hold at its moment. The
    record of the slot's current holder comes right before the first of them, from further down or from outside the candidates. Where
    the question names a slot and nothing besides, the current holder's record comes first of all. Questions after what
    was ("used to", "originally", "how has … changed") are left as they are. Goes last. Signals: `superseded` and `current`, 1 or 0.
    """

    best: int = 50

    def rank(self, question: Question, view: View, ranked: Ranked) -> Ranked:
        table = facts_of_view(view)
        if not len(table.ords) or not len(ranked.ords) or _HISTORY.search(question.query.text):
            return ranked
        terms = frozenset(question.terms)
        me = _FIRST_PERSON.search(question.query.text) is not None
        mine = known_facts(view, table, ranked.ords[: self.best], question)
        if not len(mine):
            return ranked
        abouts = {ord: about for ord, about in read(view, mine).items() if about.asked(terms, me)}
        order = ranked.ords.tolist()
        place = {ord: number for number, ord in enumerate(order)}
        scores = dict(zip(order, ranked.scores.tolist(), strict=True))
        stale: set[int] = set()
        raised: dict[int, None] = {}
        owners = owners_of(
            view, np.fromiter(abouts, np.int32, len(abouts)), ranked.ords[: self.best]
        )
        named: tuple[int, int] | None = None
        holders: dict[tuple[int, str], Holding | None] = {}
        for fact, about in sorted(abouts.items(), key=lambda one: (place[owners[one[0]]], one[0])):
            slot = about.slot
            key = int(view.rows["slot"][fact]), "" if slot.exclusive else slot.value
            if key not in holders:
                holders[key] = _holding(view, table, fact, about)
            holding = holders[key]
            if holding is None:
                continue
            holder, current = holding
            owner = owners[fact]
            if (
                about.named(terms, me)
                and slot.exclusive
                and not holder.slot.value.startswith(ENDED)
            ):
                weight = len(about.subject) + len(about.groups)
                if named is None or weight > named[1]:
                    named = current, weight
            held = view.standing[fact] or same_value(slot.value, holder.slot.value)
            if not held and current != owner:
                stale.add(owner)
                _put(order, scores, current, owner)
                raised[current] = None
        if named is not None and order[0] != named[0]:
            _put(order, scores, named[0], order[0])
            raised[named[0]] = None
        if not stale and not raised:
            return ranked
        return _again(ranked, order, scores, stale - raised.keys(), raised)


Holding = tuple[About, int]
"""What the current holder of a slot states, and the record that it was read out of."""


def _holding(view: View, table: Facts, fact: int, about: About) -> Holding | None:
    found = holder_of(view, table, fact, about)
    record = record_of(view, found[0]) if found is not None else None
    return None if found is None or record is None else (found[1], record)


def _put(order: list[int], scores: dict[int, float], current: int, before: int) -> None:
    """Move or insert `current` right before another, unless it stands there or earlier."""
    at = order.index(before)
    if current in order:
        if order.index(current) < at:
            return
        order.remove(current)
    order.insert(at, current)
    scores[current] = scores[before]


def _again(
    ranked: Ranked,
    order: list[int],
    scores: dict[int, float],
    stale: Collection[int],
    raised: Collection[int],
) -> Ranked:
    """The candidates in their new order; what was not among them has no other signals."""
    place = {ord: number for number, ord in enumerate(ranked.ords.tolist())}
    at = np.array([place.get(ord, -1) for ord in order])
    signals = {
        name: np.where(at >= 0, values[at], np.float32(0)).astype(np.float32)
        for name, values in ranked.signals.items()
    }
    signals["superseded"] = np.array([ord in stale for ord in order], np.float32)
    signals["current"] = np.array([ord in raised for ord in order], np.float32)
    return Ranked(
        np.array(order, np.int32), np.array([scores[ord] for ord in order], np.float32), signals
    )
