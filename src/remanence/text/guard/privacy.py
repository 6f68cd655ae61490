"""Secrets and personal data on their way into memory: labelled, masked or refused before anything is on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, Self, cast

from remanence.catalogue.declare import mechanism
from remanence.errors import InvalidInput
from remanence.seams import Verdict
from remanence.text.guard.detect import KINDS, find
from remanence.types import Add, Scope, Slot

Action = Literal["ignore", "label", "redact", "reject"]
ACTIONS: Final = ("ignore", "label", "redact", "reject")
SECRETS: Final = ("key", "password", "card", "account", "identity")
"""What harms whoever loses it; the others are ways to reach somebody."""
LABELS: Final = "contains"
"""Key of `meta` that lists the kinds found, so that a filter finds them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What to do with each kind under scopes that begin with `scope`; kinds it does not name are ignored."""

    scope: Scope = ()
    actions: Mapping[str, Action] = field(default_factory=dict)


@mechanism(
    seam="Guard",
    source="Remanence",
    title="Secrets and personal data on write: label, mask at equal length, or refuse",
    year=2026,
    fidelity="ours",
)
@dataclass(frozen=True, slots=True, kw_only=True)
class Privacy:
    """Looks for keys, passwords, card, account and identity numbers and ways to reach people, and acts by rule.

    `label` notes the kinds under `meta["contains"]` and as sensitivity `personal` or `secret` where that is empty; `redact` puts a
    mask of the same length in the place of each, in text, fields, meta and slot alike, so that every span still points at what it
    pointed at; `reject` stores nothing. The rule with the longest matching scope counts. No reason repeats what was found."""

    rules: tuple[Rule, ...] = ()
    region: str = "US"
    """Where telephone numbers without a country code are from."""

    @classmethod
    def parse(cls, section: Mapping[str, Any]) -> Self:
        """The `[privacy]` section of a policy: an action by kind (or `secrets`, `contact`, `all`), `region`, and tables
        `scopes."tenant/user"` of the same form. Raises: InvalidInput, with the key."""
        table = {name: value for name, value in section.items() if name not in ("region", "scopes")}
        base = _actions(table, "privacy")
        rules = [Rule(actions=base)] if base else []
        scopes = section.get("scopes", {})
        if not isinstance(scopes, Mapping):
            raise InvalidInput(
                "privacy.scopes is no table", hint='write [privacy.scopes."tenant/user"]'
            )
        for name, actions in scopes.items():
            if not isinstance(actions, Mapping):
                raise InvalidInput(
                    f"privacy.scopes.{name} is no table", hint="give actions by kind"
                )
            more = _actions(actions, f"privacy.scopes.{name}")
            rules.append(Rule(scope=tuple(name.split("/")), actions={**base, **more}))
        region = section.get("region", "US")
        if not isinstance(region, str) or len(region) != 2 or not region.isupper():
            raise InvalidInput(
                f"privacy.region is {region!r}", hint="two letters, such as US or DE"
            )
        return cls(rules=tuple(rules), region=region)

    def admit(self, add: Add) -> Verdict:
        actions = self._actions(add.scope) if self.rules else {}
        if not actions:
            return Verdict(action="allow", add=add)
        found: set[str] = set()
        masks: dict[str, str] = {}
        for text in _strings(add):
            for kind, start, end in find(text, actions, region=self.region):
                found.add(kind)
                if actions[kind] == "redact":
                    masks[text[start:end]] = mask(kind, end - start)
        if not found:
            return Verdict(action="allow", add=add)
        refused = sorted(kind for kind in found if actions[kind] == "reject")
        if refused:
            return Verdict(
                action="reject", add=add, reason=f"it holds {' and '.join(refused)} data"
            )
        if masks:
            add = _masked(add, masks)
        sensitivity = "secret" if found & set(SECRETS) else "personal"
        labels = {**add.meta, LABELS: sorted(found)}
        return Verdict(
            action="allow",
            add=replace(add, meta=labels, sensitivity=add.sensitivity or sensitivity),
            reason=f"found {', '.join(sorted(found))}",
        )

    def _actions(self, scope: Scope) -> Mapping[str, Action]:
        rule = max(
            (rule for rule in self.rules if scope[: len(rule.scope)] == rule.scope),
            key=lambda rule: len(rule.scope),
            default=None,
        )
        if rule is None:
            return {}
        return {kind: action for kind, action in rule.actions.items() if action != "ignore"}


def mask(kind: str, length: int) -> str:
    """`[EMAIL········]`, or dots alone where there is no room for the name.

    >>> mask("email", 12), mask("password", 4)
    ('[EMAIL·····]', '····')
    """
    name = kind.upper()
    if length < len(name) + 2:
        return "·" * length
    return f"[{name}{'·' * (length - len(name) - 2)}]"


def _strings(add: Add) -> Iterator[str]:
    yield add.text
    yield from add.fields.values()
    yield from _within(add.meta)
    if add.slot is not None:
        yield from (add.slot.subject, add.slot.attribute, add.slot.value)


def _within(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from (text for text in (key,) if isinstance(text, str))
            yield from _within(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _within(item)


def _masked(add: Add, masks: Mapping[str, str]) -> Add:
    """Every occurrence of each secret, wherever it stands; longer ones first, for one may hold another."""
    order = sorted(masks, key=len, reverse=True)

    def clean(text: str) -> str:
        for secret in order:
            text = text.replace(secret, masks[secret])
        return text

    def deep(value: object) -> object:
        if isinstance(value, str):
            return clean(value)
        if isinstance(value, Mapping):
            return {clean(k) if isinstance(k, str) else k: deep(v) for k, v in value.items()}
        return [deep(item) for item in value] if isinstance(value, (list, tuple)) else value

    slot = add.slot
    return replace(
        add,
        text=clean(add.text),
        fields={name: clean(value) for name, value in add.fields.items()},
        meta=cast(Mapping[str, object], deep(add.meta)),
        slot=None
        if slot is None
        else Slot(
            clean(slot.subject),
            clean(slot.attribute),
            clean(slot.value),
            slot.exclusive,
            slot.corrects,
        ),
    )


def _actions(table: Mapping[str, Any], where: str) -> dict[str, Action]:
    groups = {
        "all": KINDS,
        "secrets": SECRETS,
        "contact": tuple(kind for kind in KINDS if kind not in SECRETS),
        **{kind: (kind,) for kind in KINDS},
    }
    actions: dict[str, Action] = {}
    for name in sorted(table, key=lambda name: -len(groups.get(name, ()))):  # the narrower wins
        if name not in groups:
            raise InvalidInput(
                f"{where}.{name} is no kind of data", hint=f"one of {', '.join(groups)}"
            )
        if table[name] not in ACTIONS:
            raise InvalidInput(
                f"{where}.{name} = {table[name]!r}", hint=f"one of {', '.join(ACTIONS)}"
            )
        actions.update(dict.fromkeys(groups[name], table[name]))
    return actions
