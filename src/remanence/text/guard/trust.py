"""How much an origin is trusted: a table by prefix, applied before anything is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, Self

from remanence.catalogue.declare import mechanism
from remanence.errors import InvalidInput
from remanence.seams import Verdict
from remanence.types import Add

ORIGINS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "user": 1.0,
        "system": 1.0,
        "cli": 1.0,
        "import": 0.9,
        "assistant": 0.8,
        "document": 0.5,
        "agent": 0.5,
        "tool": 0.4,
        "mcp": 0.4,
        "email": 0.3,
        "proxy:user": 1.0,
        "proxy:assistant": 0.8,
        "proxy:assistant/untrusted": 0.4,
        "web": 0.3,
    }
)
"""Trust of what comes from these channels, unless the policy says otherwise."""
ROLES: Final[Mapping[str, float]] = MappingProxyType(
    {"": 1.0, "user": 1.0, "system": 1.0, "assistant": 0.8, "document": 0.5, "tool": 0.4}
)
UNKNOWN: Final = "*"
"""The key of an origin that no other key names."""
_BORDERS: Final = frozenset(":/#?")
_ROLE: Final = "role:"


@mechanism(
    seam="Guard",
    source="Remanence",
    title="Trust by the channel that text came through, never by the text",
    year=2026,
    fidelity="ours",
)
@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Lowers `Add.trust` to what its origin and its role are trusted, each in [0, 1]; never raises it, never reads the text.

    `origins`: the longest key that is the origin or a beginning of it up to `:`, `/`, `#` or `?` counts, so that `web:example.org`
    holds for `web:example.org/about` and not for `web:example.org.evil.net`; case does not matter. `*` is for an origin that no key
    names. Without an origin the role alone decides. What is derived from several records gets the least trust among
    them: that the store enforces."""

    origins: Mapping[str, float] = field(default_factory=lambda: ORIGINS)
    roles: Mapping[str, float] = field(default_factory=lambda: ROLES)
    unknown: float = 0.3

    @classmethod
    def parse(cls, mapping: Mapping[str, object]) -> Self:
        """From a table of a policy file, over the defaults: `{"web:example.org": 0.8, "role:assistant": 0.7, "*": 0.2}`.

        Raises: InvalidInput, naming the key."""
        origins, roles, unknown = dict(ORIGINS), dict(ROLES), 0.3
        for key, value in mapping.items():
            if (
                isinstance(value, bool)
                or not isinstance(value, (int, float))
                or not 0 <= value <= 1
            ):
                raise InvalidInput(
                    f"trust of {key!r} is {value!r}", hint="give a number from 0 (none) to 1 (full)"
                )
            if key == UNKNOWN:
                unknown = float(value)
            elif key.startswith(_ROLE):
                role = key.removeprefix(_ROLE)
                if role not in ROLES:
                    raise InvalidInput(
                        f"trust of {key!r}: no such role",
                        hint=f"use one of {', '.join(known for known in ROLES if known)}",
                    )
                roles[role] = float(value)
            else:
                origins[key.casefold().rstrip(":/")] = float(value)
        return cls(origins=origins, roles=roles, unknown=unknown)

    def of(self, origin: str, role: str = "") -> float:
        """What the table says of an origin and a role: the lesser of both.

        >>> Trust().of("web:example.org"), Trust().of("", "assistant"), Trust().of("user:ana")
        (0.3, 0.8, 1.0)
        """
        by_role = self.roles.get(role, self.unknown)
        return min(by_role, self._origin(origin)) if origin else by_role

    def _origin(self, origin: str) -> float:
        name = origin.casefold()
        if (known := self.origins.get(name)) is not None:
            return known
        for end in range(len(name) - 1, 0, -1):
            if name[end] in _BORDERS and (known := self.origins.get(name[:end])) is not None:
                return known
        return self.unknown

    def admit(self, add: Add) -> Verdict:
        trust = self.of(add.origin, add.role)
        return Verdict(action="allow", add=replace(add, trust=trust) if trust < add.trust else add)
