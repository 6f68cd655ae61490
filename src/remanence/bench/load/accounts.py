"""Whether what a server acknowledged is there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from remanence.bench.load.job import Done
from remanence.bench.load.plan import Plan
from remanence.bench.load.result import Account
from remanence.bench.load.systems import Server
from remanence.bench.tasks.base import Turn


def answers(server: Server, adds: Sequence[Turn], done: Done) -> tuple[dict[str, Turn], list[Turn]]:
    """What was acknowledged, by id, and what was sent without an answer."""
    acked = {}
    for place, answer in done.acked:
        if id := server.acknowledged(adds[place], answer):
            acked[id] = adds[place]
    return acked, [adds[place] for place in done.unanswered]


def account(
    server: Server,
    plan: Plan,
    acked: Mapping[str, Turn],
    unanswered: Sequence[Turn] = (),
    *,
    back: float | None = None,
) -> Account:
    """Ask for everything that was acknowledged, and let the server examine itself. `back`: it was killed, and came back so soon."""
    lost: list[str] = []
    changed: list[str] = []
    for user, mine in by_user(plan, acked).items():
        found = server.kept(user, mine)
        lost += found.lost
        changed += found.changed
    silent = {turn.id: turn for turn in unanswered}
    gone = [
        id for user, mine in by_user(plan, silent).items() for id in server.kept(user, mine).lost
    ]
    problems = server.problems()
    return Account(
        system=server.name,
        killed=back is not None,
        acknowledged=len(acked),
        lost=tuple(lost),
        changed=tuple(changed),
        unanswered=len(silent),
        unanswered_there=len(silent) - len(gone),
        problems=None if problems is None else tuple(problems),
        back=back or 0.0,
    )


def by_user(plan: Plan, turns: Mapping[str, Turn]) -> dict[str, dict[str, Turn]]:
    """Turns by whose they are."""
    found: dict[str, dict[str, Turn]] = defaultdict(dict)
    for id, turn in turns.items():
        found[plan.user(turn.id)][id] = turn
    return found
