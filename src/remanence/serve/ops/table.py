"""Every operation that a door offers, in the order in which people meet them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from remanence.serve.ops.deciding import marks_so, undoes_so, unlearns
from remanence.serve.ops.op import Op, Right

_HERE: Final = "it names a file on the store's own machine"
_OPERATOR: Final = "it looks after the whole store, which is not an agent's business"

TABLE: Final = (
    # remember
    Op(name="add", right=Right.write, route="POST /memories", tool="add_memory", command="add"),
    Op(
        name="update",
        right=Right.write,
        route="PATCH /memories/{id}",
        tool="update_memory",
        command="update",
        decides=unlearns,
    ),
    Op(
        name="retract",
        right=Right.write,
        route="POST /memories/{id}/retract",
        tool="retract_memory",
        command="retract",
        decides=unlearns,
    ),
    Op(
        name="touch",
        right=Right.write,
        route="POST /memories/{id}/touch",
        tool="touch_memory",
        apart="people who type commands do not feed memories into prompts",
    ),
    Op(
        name="mark",
        right=Right.write,
        route="POST /memories/{id}/mark",
        tool="mark_memory",
        command="mark",
        decides=marks_so,
    ),
    # recall
    Op(
        name="search",
        right=Right.read,
        route="POST /search",
        tool="search_memory",
        command="search",
    ),
    Op(
        name="context",
        right=Right.read,
        route="POST /context",
        tool="get_context",
        command="context",
    ),
    Op(name="get", right=Right.read, route="GET /memories/{id}", tool="get_memory", command="show"),
    Op(
        name="list",
        right=Right.read,
        route="GET /memories",
        tool="list_memories",
        command="list",
    ),
    Op(
        name="history",
        right=Right.read,
        route="GET /memories/{id}/history",
        tool="memory_history",
        command="history",
    ),
    Op(
        name="lineage",
        right=Right.read,
        route="GET /memories/{id}/lineage",
        tool="memory_lineage",
        command="lineage",
    ),
    Op(name="facts", right=Right.read, route="GET /facts", tool="list_facts", command="facts"),
    # decide
    Op(
        name="conflicts",
        right=Right.read,
        route="GET /conflicts",
        tool="list_conflicts",
        command="conflicts",
    ),
    Op(
        name="settle",
        right=Right.write,
        route="POST /conflicts/{id}/settle",
        tool="settle_conflict",
        command="conflicts keep",
    ),
    Op(
        name="quarantine",
        right=Right.read,
        route="GET /quarantine",
        tool="list_quarantine",
        command="quarantine",
    ),
    Op(
        name="confirm",
        right=Right.admin,
        route="POST /quarantine/{id}/confirm",
        command="quarantine confirm",
        apart="an agent that was steered must not let through what steers it",
    ),
    Op(
        name="reject",
        right=Right.admin,
        route="POST /quarantine/{id}/reject",
        command="quarantine reject",
        apart="what is quarantined is for people to decide",
    ),
    # age
    Op(name="fade", right=Right.write, route="POST /fade", tool="fade_memories", command="fade"),
    Op(
        name="sleep",
        right=Right.write,
        route="POST /sleep",
        tool="sleep",
        command="sleep",
        hidden=frozenset({"model", "progress"}),
    ),
    Op(
        name="undo",
        right=Right.write,
        route="POST /undo",
        tool="undo",
        command="undo",
        decides=undoes_so,
    ),
    # forget
    Op(
        name="plan_forget",
        right=Right.read,
        route="POST /forget/plan",
        tool="plan_forget",
        command="forget --dry-run",
    ),
    Op(
        name="forget",
        right=Right.forget,
        route="POST /forget",
        tool="forget_memory",
        command="forget",
    ),
    # account
    Op(
        name="events",
        right=Right.read,
        route="GET /events",
        tool="list_events",
        command="history",
    ),
    Op(name="log", right=Right.read, route="GET /log", tool="memory_log", command="log"),
    Op(name="diff", right=Right.read, route="GET /diff", tool="memory_diff", command="diff"),
    Op(
        name="blame",
        right=Right.read,
        route="GET /memories/{id}/blame",
        tool="memory_sources",
        command="blame",
    ),
    Op(
        name="readers",
        right=Right.read,
        route="GET /readers",
        tool="memory_readers",
        command="readers",
    ),
    # keep
    Op(
        name="status",
        right=Right.admin,
        route="GET /status",
        tool="memory_status",
        command="status",
    ),
    Op(name="users", right=Right.admin, route="GET /users", command="users", apart=_OPERATOR),
    Op(name="verify", right=Right.admin, route="POST /verify", command="verify", apart=_OPERATOR),
    Op(name="flush", right=Right.admin, route="POST /flush", command="flush", apart=_OPERATOR),
    Op(
        name="rebuild", right=Right.admin, route="POST /rebuild", command="rebuild", apart=_OPERATOR
    ),
    Op(name="backup", right=Right.admin, command="backup", apart=_HERE),
    Op(name="export", right=Right.admin, command="export", apart=_HERE),
    Op(name="load", right=Right.admin, command="import", apart=_HERE),
)

OPS: Final[Mapping[str, Op]] = {op.name: op for op in TABLE}
