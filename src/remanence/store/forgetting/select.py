"""Which records a forget means that names no ids: by what they are, what they say in any version, and when they were said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict
from unicodedata import normalize

from remanence.store.content import decode
from remanence.store.engine import Database
from remanence.store.ledger import Space
from remanence.store.reading import history, matches
from remanence.store.scopes import inside, tail_of
from remanence.types import Micros, Scope, to_micros


class Choice(TypedDict):
    """What `select` chooses by."""

    kinds: Sequence[str]
    filters: Mapping[str, object]
    mentions: str
    before: Micros | None


def select(
    db: Database,
    space: Space,
    scope: Scope,
    *,
    kinds: Sequence[str],
    filters: Mapping[str, object],
    mentions: str,
    before: Micros | None,
) -> list[str]:
    """Ids of the records of which some version, known or not, is of one of the kinds, equals every filter, holds `mentions` in its text,
    fields or slot (case and encoding aside), and began to be true before `before`; in the order of their first commits."""
    needle, tail = _plain(mentions), tail_of(scope)
    chosen: dict[str, None] = {}
    rows = db.execute(
        "SELECT rid, body FROM events WHERE space = ? AND op IN (1, 2) AND body IS NOT NULL ORDER BY seq",
        (space.id,),
    ).fetchall()
    for rid, raw in rows:
        body = decode(raw)
        if rid in chosen or not inside(body.get("scope", ""), tail):
            continue
        said = [body["text"], *body.get("fields", {}).values(), *map(str, body.get("slot", ()))]
        if needle and not any(needle in _plain(text) for text in said):
            continue
        if (kinds or filters or before is not None) and not any(
            matches(record, kinds, filters)
            and (
                before is None or record.valid_from is None or to_micros(record.valid_from) < before
            )
            for record in history(db, space, scope, rid)
        ):
            continue
        chosen[rid] = None
    return list(chosen)


def _plain(text: str) -> str:
    """What mentions are compared by: an accented letter may be one character or two."""
    return text.casefold() if text.isascii() else normalize("NFKC", text).casefold()
