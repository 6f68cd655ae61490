"""What is asked of every server in a run, and what can't be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from remanence.bench.synthetic import BLOCK, SESSION, Synthetic
from remanence.bench.systems.base import OURS
from remanence.bench.tasks.base import Question, Turn
from remanence.errors import InvalidInput

PEERS = ("chroma",)
STORES = ("sqlite", "postgres")
ADDS_PER_S = 800
SEARCHES_PER_S = 800
"""What lies ready for each second of a load; searches begin anew after the last one."""
COMMON = 4
"""Letters that the most frequent of the synthetic words have at most."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is asked of every server. `share`: of searches among requests; `seconds`: of each load."""

    clients: Sequence[int]
    seconds: float
    share: float
    records: int
    users: int
    seed: int
    kill: bool
    made: Synthetic
    scratch: Path = field(default_factory=Path)

    def user(self, turn: str) -> str:
        """Whose memory a turn is in: sessions go round among the users."""
        return f"user{int(turn[1:]) // SESSION % self.users}"

    def adds(self, load: int) -> list[Turn]:
        """The turns that lie ready for the first load, the second, …: no two loads share one."""
        most = max(100, int(ADDS_PER_S * self.seconds))
        return self.turns(self.records + load * most, most)

    def questions(self, load: int) -> list[Question]:
        """Questions for a load, each for words of one turn: so many that few are asked twice: a kept encoding answers little."""
        rng = np.random.default_rng((self.seed, load))
        there = self.turns(0, min(self.records, BLOCK))
        found = []
        for place in rng.integers(0, len(there), max(100, int(SEARCHES_PER_S * self.seconds))):
            turn = there[place]
            words = turn.text.split()
            long = [word for word in dict.fromkeys(words) if len(word) > COMMON] or words
            asked = " ".join(rng.permutation(long)[: int(rng.integers(3, 6))])
            text = f"what did {turn.speaker} say about {asked}"
            found.append(Question(id=turn.id, text=text, evidence=(turn.id,)))
        return found

    def turns(self, first: int, count: int) -> list[Turn]:
        """Turns `first` to `first + count` of the conversation."""
        blocks = range(first // BLOCK, -(-(first + count) // BLOCK))
        found = [turn for number in blocks for turn in self.made.block(number)]
        return found[first % BLOCK :][:count]


def share_of(mix: str) -> float:
    """The share of searches that "80/20" means. Raises: InvalidInput."""
    searches, slash, adds = mix.partition("/")
    if (
        not (slash and searches.isdecimal() and adds.isdecimal())
        or int(searches) + int(adds) != 100
    ):
        raise InvalidInput(
            f"{mix!r} is no mix", hint="searches and adds in a hundred, such as 80/20"
        )
    return int(searches) / 100


def counts(clients: str) -> list[int]:
    """The numbers that "1,4,16" means. Raises: InvalidInput."""
    found = clients.replace(" ", "").split(",")
    if not all(one.isdecimal() and len(one) < 5 for one in found):
        raise InvalidInput(f"{clients!r} are no numbers of clients", hint="such as 1,4,16,64")
    return [int(one) for one in found]


def check(plan: Plan, stores: Sequence[str], systems: Sequence[str]) -> None:
    """Raises: InvalidInput for a plan that can't be, or would not end."""
    known = (*OURS, *PEERS)
    for name in systems:
        if name not in known:
            raise InvalidInput(f"no system {name!r}", hint=f"known: {', '.join(known)}")
    for store in stores:
        if store not in STORES and store.partition("://")[0] not in ("postgresql", "postgres"):
            raise InvalidInput(
                "no such store", hint="sqlite, postgres, or postgresql://user@host/name"
            )
    if not systems or not stores or not plan.clients:
        raise InvalidInput(
            "nothing to measure", hint="name a system, a store and a number of clients"
        )
    if not all(1 <= number <= 512 for number in plan.clients):
        raise InvalidInput("a number of clients out of range", hint="1 to 512")
    if not 0.2 <= plan.seconds <= 600:
        raise InvalidInput(f"{plan.seconds:g} seconds of load", hint="0.2 to 600")
    if not 10 <= plan.records <= 1_000_000 or not 1 <= plan.users <= 1_000:
        raise InvalidInput(
            "too few or too many records or users", hint="10 to 1,000,000 of 1 to 1,000"
        )
