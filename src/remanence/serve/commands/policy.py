"""`rmem policy`: what is trusted, masked and told to whom, and checking a file of one's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import typer

from remanence.errors import InvalidInput, NotFound
from remanence.serve.options import Json, PolicyFile
from remanence.serve.output import console, emit, print_pairs
from remanence.text.guard.policy import Policy, Role
from remanence.text.guard.privacy import Privacy
from remanence.text.guard.trust import Trust

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    help="Whom to trust, what to mask, what may be told to whom and for what: a readable file.",
)


@app.command()
def show(
    role: Annotated[
        str,
        typer.Argument(metavar="[ROLE]", help="What may be told to this one: doctor, employer, …"),
    ] = "",
    full: Annotated[
        bool, typer.Option("--full", help="The file itself, to copy what you want changed.")
    ] = False,
    policy: PolicyFile = "",
    json_: Json = False,
) -> int:
    """The policy in force: that of --policy or $REMANENCE_POLICY, laid over the one that comes with rmem.

    rmem policy show

    rmem policy show lender

    rmem policy show --full > mine.toml
    """
    found = _load(policy)
    if full:
        print(Path(found.path).read_text(encoding="utf-8"), end="")
        return 0
    if role:
        return _print_role(found, role, json_)
    trust, privacy, rules = _trust(found), _privacy(found), found.integrity
    masks = {"/".join(rule.scope) or "everybody": dict(rule.actions) for rule in privacy.rules}
    if json_:
        emit(
            {
                "path": found.path,
                "trust": {**trust.origins, "*": trust.unknown},
                "privacy": masks,
                "level": rules.level,
                "domains": {name: kind.level for name, kind in rules.domains.items()},
                "roles": {name: _role(one) for name, one in rules.roles.items()},
                "purposes": {
                    name: {"needs": list(purpose.needs), "may": list(purpose.may)}
                    for name, purpose in rules.purposes.items()
                },
            }
        )
        return 0
    origins = sorted(trust.origins.items(), key=lambda item: (-item[1], item[0]))
    sensitive: dict[str, list[str]] = {}
    for name, kind in rules.domains.items():
        sensitive.setdefault(kind.level, []).append(name)
    print_pairs(
        [
            ("file", found.path),
            (
                "trust",
                _listed(
                    f"{name} {value:g}" for name, value in [*origins, ("others", trust.unknown)]
                ),
            ),
            *(
                (
                    f"mask for {whose}",
                    _listed(f"{action} {kind}" for kind, action in actions.items()),
                )
                for whose, actions in masks.items()
            ),
            ("mask", "" if masks else "nothing: [privacy] is empty"),
            ("strictness", f"{rules.level}, of {', '.join(rules.levels)}"),
            *((level, _plain(names)) for level, names in sensitive.items()),
            ("roles", _plain(rules.roles)),
            ("purposes", _plain(rules.purposes)),
        ]
    )
    return 0


@app.command()
def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Your policy, as TOML.")],
    json_: Json = False,
) -> int:
    """Check a policy file without using it: what is wrong is named with its line and key.

    rmem policy check mine.toml
    """
    found = _load(file)
    trust, privacy, rules = _trust(found), _privacy(found), found.integrity
    counts = {
        "origins": len(trust.origins),
        "rules": len(privacy.rules),
        "domains": len(rules.domains),
        "roles": len(rules.roles),
        "purposes": len(rules.purposes),
    }
    if json_:
        emit({"path": found.path, "good": True, "level": rules.level, **counts})
    else:
        told = ", ".join(f"{count} {name}" for name, count in counts.items())
        console().print(f"good: {told}; strictness {rules.level}")
    return 0


def _print_role(policy: Policy, name: str, json_: bool) -> int:
    """What may be told to one role. Raises: NotFound with the names that come near."""
    wanted = "_".join(name.casefold().replace("-", " ").split())
    roles = policy.integrity.roles
    found = roles.get(wanted) or next(
        (role for role in roles.values() if name.casefold() in role.words), None
    )
    if found is None:
        near = get_close_matches(wanted, roles, 3)
        hint = (
            f"did you mean {' or '.join(_plain([one]) for one in near)}?"
            if near
            else "rmem policy show lists them"
        )
        raise NotFound(f"no role {name!r} in this policy", hint=hint)
    if json_:
        emit({"role": found.name, **_role(found)})
        return 0
    print_pairs(
        [
            ("role", _plain([found.name])),
            ("is meant by", _listed(found.words)),
            ("needs", _plain(found.needs)),
            ("may be told", _plain(found.may)),
            ("where the purpose asks for it", _plain(found.if_needed)),
            ("whatever it is about", _plain(found.events)),
        ]
    )
    return 0


def _role(role: Role) -> dict[str, object]:
    return {
        "needs": list(role.needs),
        "may": list(role.may),
        "if_needed": list(role.if_needed),
        "events": list(role.events),
    }


def _load(path: str) -> Policy:
    return Policy.load(path) if path else Policy.shipped()


def _trust(policy: Policy) -> Trust:
    with _in_file(policy):
        return Trust.parse(policy.section("trust"))


def _privacy(policy: Policy) -> Privacy:
    with _in_file(policy):
        return Privacy.parse(policy.section("privacy"))


@contextmanager
def _in_file(policy: Policy) -> Iterator[None]:
    """What the guards say of their sections, with the file's name before it."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(f"{policy.path}: {error.message}", hint=error.hint) from error


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _plain(names: Iterable[str]) -> str:
    return _listed(names).replace("_", " ")
