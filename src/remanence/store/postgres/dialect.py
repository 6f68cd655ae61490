"""SQLite's statements as PostgreSQL takes them: rewritten text by text, once each.

What is left to rewrite after `store.engine`'s rules: the marks of parameters, hints of indexes, joins whose order is fixed, what takes
a JSON list apart, and the keys of upserts, which begin with the ledger here.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

_MARK: Final = re.compile(r"\?(\d*)")
_HINT: Final = re.compile(r" INDEXED BY \w+")
_JOIN: Final = re.compile(
    r"(?<!LEFT )(?:CROSS )?JOIN (\w+) (\w+) ON (.*?)(?= (?:LEFT |CROSS )?JOIN | WHERE | GROUP | ORDER | LIMIT | UNION |\)|$)"
)
_LEFT: Final = re.compile(
    r"LEFT JOIN (\w+) (\w+) ON (.*?)(?= LEFT JOIN | WHERE | GROUP | ORDER |\)|$)"
)
_ORDER: Final = re.compile(r"ORDER BY ((?:\w+\.)?seq\w*)\b")
_NUMBER: Final = "CAST(j.value AS BIGINT)"


class Statement(NamedTuple):
    """The text for PostgreSQL, and whether it changes anything."""

    text: str
    writes: bool


@lru_cache(maxsize=512)
def translate(sql: str) -> Statement:
    """The same statement for PostgreSQL.

    >>> translate("SELECT d.seq FROM json_each(?) j CROSS JOIN docs d ON d.seq = CAST(j.value AS BIGINT)").text
    'SELECT d.seq FROM json_numbers($1) j CROSS JOIN LATERAL (SELECT d.* FROM docs d WHERE d.seq = j.value OFFSET 0) d'
    >>> translate("INSERT INTO t VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET a = excluded.a").text
    'INSERT INTO t VALUES ($1, $2) ON CONFLICT (ledger, id) DO UPDATE SET a = excluded.a'
    """
    if _HINT.search(sql) and " UNION " not in sql:
        # What is looked up by an index is put in order afterwards: the planner would rather go through the whole space in that order.
        sql = _ORDER.sub(r"ORDER BY \1 + 0", sql)
    numbers = _NUMBER in sql
    if numbers:  # the cast would keep the server from using an index: it must not see a row before the wall has
        sql = sql.replace(_NUMBER, "j.value")
    sql = sql.replace("json_each(", "json_numbers(" if numbers else "json_texts(")
    # What stands on the left is gone through, what stands on the right is looked up for each row of it: whatever the statistics say.
    text = _JOIN.sub(
        r"CROSS JOIN LATERAL (SELECT \2.* FROM \1 \2 WHERE \3 OFFSET 0) \2", _HINT.sub("", sql)
    )
    # Below a wall arithmetic may look up nothing, unless it is on what an outer query hands in.
    text = _LEFT.sub(
        r"LEFT JOIN LATERAL (SELECT \2.* FROM \1 \2 WHERE \3 OFFSET 0) \2 ON true", text
    )
    text = text.replace("ON CONFLICT (", "ON CONFLICT (ledger, ")
    count = 0

    def mark(found: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return f"${found[1] or count}"

    return Statement(_MARK.sub(mark, text), not sql.startswith("SELECT"))
