"""To whom an answer goes and what for, recognised from their names: "bank loan officer", "apply for a loan".

A recipient is one of the policy's roles, a purpose any number of its purposes; what is not recognised is unknown, and nothing sensitive
goes there. Names are compared by stems first, and by their vectors' likeness to the policy's sentences where no word is known.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from remanence.seams import Embedder
from remanence.text.guard.domains import TOLD, Domains, Lexicon, Match, Prototypes
from remanence.text.guard.policy import Integrity, Level, Role

ROLE_NEAR: Final = 0.65
"""Cosine from which a recipient that no word names is taken for a role,"""
AHEAD: Final = 0.04
"""if it is this much nearer than every other."""
PURPOSE_NEAR: Final = 0.45
"""Cosine from which a purpose that no word names is recognised,"""
PURPOSE_SURE: Final = 0.6
"""and one beside those that words name."""
TOGETHER: Final = 0.05
"""Purposes this close to the nearest count with it."""
CONTEXTS: Final = 512
"""Contexts that are remembered."""
_BELOW: Final = re.compile(r"\s(?:at|of|from|for|in|with|who|that|on)\s|[,(;:/]")
"""Where the head of a recipient's name ends: "manager of the bank" is of the bank."""
_OFFICES: Final = frozenset(("manager", "director", "executive", "supervisor", "ceo", "partner", "specialist", "coach"))  # fmt: skip
"""Titles that say nothing without the house: what follows them decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Where an answer goes. `role`: None for an unknown recipient; `purposes`: names of those recognised; `domains` and `events`: what
    the purpose's own words name; `grades`: domain -> how well it fits here, in [0, 1]."""

    audience: str
    purpose: str
    role: Role | None
    purposes: tuple[str, ...]
    domains: frozenset[str]
    events: frozenset[str]
    grades: Mapping[str, float]

    def accepts_event(self, event: str, policy: Integrity, level: Level) -> bool:
        """Whether what happened may be told here: where a domain goes that it belongs to, where the role handles it, or where the
        purpose names it. Nothing goes to the unknown."""
        if self.role is None:
            return False
        if event in self.events or event in self.role.events:
            return True
        kind = policy.events[event]
        return any(self.grades[name] >= level.accept[kind.level] for name in kind.belongs)

    def accepts(self, domain: str, policy: Integrity, level: Level) -> bool:
        """Whether a domain may be told here; one that the policy does not know may not."""
        kind = policy.domains.get(domain)
        return kind is not None and self.grades[domain] >= level.accept[kind.level]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contexts:
    """The recogniser of a policy's roles and purposes. Remembers what it recognised; threads may share it."""

    policy: Integrity
    told: Domains = field(repr=False)
    roles: Lexicon = field(repr=False)
    purposes: Lexicon = field(repr=False)
    like_roles: Prototypes = field(repr=False)
    like_purposes: Prototypes = field(repr=False)
    _known: OrderedDict[tuple[str, str, str], Context] = field(
        default_factory=OrderedDict, repr=False
    )
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def of(cls, policy: Integrity, told: Domains) -> Self:
        """For the roles and purposes of a policy; `told` recognises the domains that a purpose names."""
        return cls(
            policy=policy,
            told=told,
            roles=Lexicon(
                (role.name, 0.5 if word in _OFFICES else 1.0, word)
                for role in policy.roles.values()
                for word in (*role.words, role.name.replace("_", " "))
            ),
            purposes=Lexicon(
                (purpose.name, 1.0, word)
                for purpose in policy.purposes.values()
                for word in (*purpose.words, purpose.name.replace("_", " "))
            ),
            like_roles=Prototypes({name: role.like for name, role in policy.roles.items()}),
            like_purposes=Prototypes({name: p.like for name, p in policy.purposes.items()}),
        )

    def context(self, audience: str, purpose: str, encoder: Embedder | None = None) -> Context:
        """The context of these words. Raises: what the encoder raises."""
        key = (audience, purpose, encoder.id if encoder else "")
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
                return known
        found = self._recognise(audience, purpose, encoder)
        with self._lock:
            self._known[key] = found
            if len(self._known) > CONTEXTS:
                self._known.popitem(last=False)
        return found

    def _recognise(self, audience: str, purpose: str, encoder: Embedder | None) -> Context:
        role = self.policy.roles.get(self.role(audience, encoder))
        purposes = self.purposes_of(purpose, encoder)
        named = self.told.told(purpose)
        domains = frozenset(name for name, score in named.domains.items() if score >= TOLD)
        grades = {}
        for domain in self.policy.domains:
            row = self.policy.grades[role.place(domain)] if role else None
            grades[domain] = row[self._asked(domain, purposes, domains)] if row else 0.0
        return Context(
            audience=audience,
            purpose=purpose,
            role=role,
            purposes=purposes,
            domains=domains,
            events=frozenset(named.events),
            grades=grades,
        )

    def _asked(self, domain: str, purposes: tuple[str, ...], named: frozenset[str]) -> str:
        known = [self.policy.purposes[name] for name in purposes]
        if domain in named or any(domain in purpose.needs for purpose in known):
            return "needs"
        if any(domain in purpose.may for purpose in known):
            return "may"
        return "none" if known else "unknown"

    def role(self, audience: str, encoder: Embedder | None = None) -> str:
        """The name of the recipient's role, "" where it is unknown. English names end in what they are ("the school's nurse"), up to
        a preposition, so the last word of the head decides, unless it is an office of no house. Raises: what the encoder raises."""
        border = _BELOW.search(audience.strip())
        head = audience.strip()[: border.start()] if border else audience
        first = _last(self.roles.find(head, across=True))
        if first is None or first.weight < 1.0:
            first = _last(self.roles.find(audience, across=True), first)
        if first is not None and first.weight == 1.0:
            return first.label
        near = _nearest(self.like_roles, audience, encoder)
        cosines = [cosine for _, cosine in near]
        if (
            cosines
            and cosines[0] >= ROLE_NEAR
            and cosines[0] - max(cosines[1:], default=-1.0) >= AHEAD
        ):
            return near[0][0]
        return first.label if first is not None else ""

    def purposes_of(self, purpose: str, encoder: Embedder | None = None) -> tuple[str, ...]:
        """The names of all purposes that the words name; failing these, the nearest by meaning. Raises: what the encoder raises."""
        found = {match.label for match in self.purposes.find(purpose, across=True)}
        least = PURPOSE_SURE if found else PURPOSE_NEAR
        near = [pair for pair in _nearest(self.like_purposes, purpose, encoder) if pair[1] >= least]
        found |= {name for name, cosine in near if cosine >= near[0][1] - TOGETHER}
        return tuple(name for name in self.policy.purposes if name in found)


def _last(matches: list[Match], otherwise: Match | None = None) -> Match | None:
    """The match that ends last, of those that say most; `otherwise`, where none says more."""
    best = max(matches, key=lambda match: (match.weight, match.end), default=None)
    if best is None or (otherwise is not None and best.weight <= otherwise.weight):
        return otherwise
    return best


def _nearest(like: Prototypes, text: str, encoder: Embedder | None) -> list[tuple[str, float]]:
    """Labels and their cosines with a text, the likest first; none without an encoder."""
    if encoder is None or not text.strip():
        return []
    cosines = like.best(encoder.encode([text]).dense[0], encoder)
    return sorted(cosines.items(), key=lambda item: (-item[1], item[0]))
