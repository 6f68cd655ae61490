"""The ledger for people: what happened, what changed between two moments, which words came from where, and who read what."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from difflib import SequenceMatcher
from typing import Final, TypedDict

from remanence.store.content import Body, decode
from remanence.store.derive import FORGET, LINK, MARK, OPS, READ, TOUCH
from remanence.store.engine import Database
from remanence.store.ledger import Space
from remanence.store.reading import history, refuse_forgotten
from remanence.store.rows import unpack_row
from remanence.store.scopes import inside, tail_of
from remanence.types import FOREVER, Micros, Record, Scope, Source, to_datetime

_WORDS: Final = re.compile(r"\s*\S+|\s+$")


@dataclass(frozen=True, slots=True)
class LogLine:
    """An event in words. `text`: what the record says in that version, empty where it was erased or the event brings none."""

    seq: int
    at: datetime
    actor: str
    op: str
    id: str
    version: int
    what: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of one record between two moments: `added`, `revised`, `closed` (no longer true), `reopened`, `forgotten`,
    `taken back`, `marked …`, `unmarked …`, or `linked …`. `before` and `after` are its texts."""

    id: str
    what: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start:end` of a record's text and where they come from: record `source` in its version, by whom and when."""

    start: int
    end: int
    text: str
    source: str
    version: int
    seq: int
    at: datetime
    actor: str
    origin: str


@dataclass(frozen=True, slots=True)
class Readout:
    """A read that was noted: who, when, which record."""

    seq: int
    at: datetime
    reader: str
    id: str


class Chosen(TypedDict, total=False):
    """Which events a log shows: see `log`."""

    after: int
    before: int | None
    limit: int
    actor: str
    ops: Collection[str]
    reads: bool
    newest: bool


def log(
    db: Database,
    space: Space,
    scope: Scope,
    *,
    after: int = 0,
    before: int | None = None,
    limit: int = 100,
    actor: str = "",
    ops: Collection[str] = (),
    reads: bool = True,
    newest: bool = False,
) -> list[LogLine]:
    """Events of a scope between two sequence numbers, in words: oldest first, or newest first.

    `actor`: whose; one that ends in "/" stands for all that begin so. `reads`: with the reads that were noted."""
    lines = []
    for seq, at, op, rid, version, by, raw in _events(db, space, scope, after, before, newest):
        if actor and by != actor and not (actor.endswith("/") and by.startswith(actor)):
            continue
        if ops and OPS[op] not in ops:
            continue
        body = {} if raw is None else decode(raw)
        if op == TOUCH and not reads and body.get("how", "").startswith(READ):
            continue
        text = body.get("text", "")
        what = _words(op, body, erased=raw is None)
        lines.append(LogLine(seq, _moment(at), by, OPS[op], rid, version, what, text))
        if len(lines) >= limit:
            break
    return lines


def readers(db: Database, space: Space, scope: Scope, id: str | None, limit: int) -> list[Readout]:
    """Who read a record (None: any of the scope), newest first, where reads were noted."""
    found = []
    for seq, at, op, rid, _, _, raw in _events(db, space, scope, 0, None, newest=True):
        if op != TOUCH or raw is None or id not in (None, rid):
            continue
        how = decode(raw).get("how", "")
        if how.startswith(READ):
            found.append(Readout(seq, _moment(at), how.removeprefix(READ), rid))
            if len(found) >= limit:
                break
    return found


def diff(db: Database, space: Space, scope: Scope, since: Micros, until: Micros) -> list[Changed]:
    """What is different at the known time `until` from what it was at `since`, record by record, in the order of first changes."""
    touched: dict[str, list[tuple[int, Body]]] = {}
    for _, at, op, rid, _, _, raw in _events(db, space, scope, 0, None, newest=False):
        if since < at <= until and op != TOUCH:
            touched.setdefault(rid, []).append((op, {} if raw is None else decode(raw)))
    changes: list[Changed] = []
    for rid, events in touched.items():
        if any(op == FORGET for op, _ in events):
            changes.append(Changed(rid, "forgotten"))
            continue
        changes += _of_record(db, space, rid, since, until)
        for op, body in events:
            if op == MARK:
                why = f": {body['why']}" if body.get("why") else ""
                sign = "marked" if body.get("on") else "unmarked"
                changes.append(Changed(rid, f"{sign} {body.get('mark', '')}{why}"))
            elif op == LINK and body:
                changes.append(Changed(rid, f"linked {body['relation']} {body['dst']}"))
    return changes


def blame(db: Database, space: Space, scope: Scope, id: str) -> list[Span]:
    """Which words of a record came from where, in the order of its text, without gaps.

    Words of the first version that are found in the sources it names belong to these; others, and those that later versions
    brought, to the version that brought them. Raises: NotFound where it was forgotten; empty where there is none."""
    versions = history(db, space, scope, id)
    if not versions:
        refuse_forgotten(db, space, id)
        return []
    newest = versions[-1]
    events = _by_version(db, space, id)
    owners: list[Span] = []
    for record in versions:
        at = events.get(record.version)
        if at is None:
            continue
        fresh = _whole(record, at)
        if not owners:
            owners = _from_sources(db, space, scope, record, fresh)
        elif record.text != "".join(span.text for span in owners):
            owners = _revised(owners, fresh, record)
    assert "".join(span.text for span in owners) == newest.text
    return _placed(owners)


# --- events ---


def _events(
    db: Database,
    space: Space,
    scope: Scope,
    after: int,
    before: int | None,
    newest: bool,
) -> Iterator[tuple[int, int, int, str, int, str, bytes | None]]:
    order = _NEWEST if newest else _OLDEST
    tail, visible = tail_of(scope), dict[str, bool]()
    for row in db.execute(order, (space.id, after, 2**62 if before is None else before)):
        if tail:
            # A link is an event of both ends: it names the other one.
            linked = row[2] == LINK and row[6] is not None
            ends = (row[3], decode(row[6])["dst"]) if linked else (row[3],)
            for end in ends:
                if end not in visible:
                    visible[end] = _inside(db, space, end, tail)
            if not all(visible[end] for end in ends):
                continue
        yield row


_OLDEST: Final = (
    "SELECT seq, at, op, rid, version, actor, body FROM events "
    "WHERE space = ? AND seq > ? AND seq < ? ORDER BY seq"
)
_NEWEST: Final = (
    "SELECT seq, at, op, rid, version, actor, body FROM events "
    "WHERE space = ? AND seq > ? AND seq < ? ORDER BY seq DESC"
)


def _inside(db: Database, space: Space, rid: str, tail: str) -> bool:
    row = db.execute(
        "SELECT body FROM events WHERE space = ? AND rid = ? AND op <= 3 AND version = 1",
        (space.id, rid),
    ).fetchone()
    return row is not None and row[0] is not None and inside(decode(row[0]).get("scope", ""), tail)


def _words(op: int, body: Body, *, erased: bool) -> str:
    if op == FORGET:
        return "erased in all versions"
    if erased:
        return "its content is gone"
    match OPS[op]:
        case "add":
            kind: str = body.get("kind", "episode")
            return kind
        case "revise":
            return "new text"
        case "retract":
            until = _date(body.get("valid_to", FOREVER))
            return f"no longer true from {until}" if until else "true of another time"
        case "link":
            return f"{body['relation']} {body['dst']}"
        case "touch":
            how = body["how"]
            return f"read by {how.removeprefix(READ)}" if how.startswith(READ) else how
        case "mark":
            why = f": {body['why']}" if body.get("why") else ""
            return f"{body['mark']}{why}" if body["on"] else f"no longer {body['mark']}{why}"
    return f"takes back event {body['undoes']}"


def _date(micros: int) -> str:
    moment = to_datetime(micros)
    return moment.date().isoformat() if moment else ""


def _moment(micros: int) -> datetime:
    moment = to_datetime(micros)
    assert moment is not None
    return moment


# --- diff ---


def _of_record(
    db: Database, space: Space, rid: str, since: Micros, until: Micros
) -> Iterator[Changed]:
    before = _known(db, space, rid, since)
    after = _known(db, space, rid, until)
    if before is None and after is None:
        return
    if before is None:
        assert after is not None
        yield Changed(rid, "added", after=after[0])
    elif after is None:
        yield Changed(rid, "taken back", before=before[0])
    elif before[0] != after[0]:
        yield Changed(rid, "revised", before[0], after[0])
    elif before[1] != after[1]:
        what = "closed" if after[1] < before[1] else "reopened"
        yield Changed(rid, f"{what} {_date(min(after[1], before[1]))}".strip(), before[0], after[0])


def _known(db: Database, space: Space, rid: str, known_at: Micros) -> tuple[str, Micros] | None:
    """Text and end of valid time of the newest version known then."""
    rows = db.execute(_VERSIONS, (space.id, rid)).fetchall()
    for fixed, raw in reversed(rows):
        row = unpack_row(fixed)
        if row.known_from <= known_at < row.known_to:
            return decode(raw)["text"], row.valid_to
    return None


_VERSIONS: Final = (
    "SELECT d.fixed, c.body FROM events e JOIN docs d ON d.space = e.space AND d.seq = e.seq "
    "JOIN events c ON c.seq = d.base WHERE e.space = ? AND e.rid = ? AND e.op <= 3 ORDER BY e.version"
)


# --- blame ---


def _by_version(db: Database, space: Space, id: str) -> dict[int, tuple[int, int, str]]:
    """version -> (seq, at, actor) of the event that made it."""
    rows = db.execute(
        "SELECT version, seq, at, actor FROM events WHERE space = ? AND rid = ? AND op <= 3",
        (space.id, id),
    )
    return {version: (seq, at, actor) for version, seq, at, actor in rows}


def _whole(record: Record, at: tuple[int, int, str]) -> Span:
    seq, moment, actor = at
    return Span(
        0,
        len(record.text),
        record.text,
        record.id,
        record.version,
        seq,
        _moment(moment),
        actor,
        record.origin,
    )


def _from_sources(
    db: Database, space: Space, scope: Scope, record: Record, fresh: Span
) -> list[Span]:
    """The first version, split by the source spans whose words stand in it, each looked for behind the one before."""
    found: list[tuple[int, Span]] = []
    at = 0
    for source in record.sources:
        quoted = _quoted(db, space, scope, source)
        if quoted is None:
            continue
        start = record.text.find(quoted.text, at)
        if start >= 0 and quoted.text:
            found.append((start, quoted))
            at = start + len(quoted.text)
    spans, at = list[Span](), 0
    for start, quoted in found:
        if start > at:
            spans.append(_cut(fresh, record.text[at:start]))
        spans.append(quoted)
        at = start + len(quoted.text)
    if at < len(record.text):
        spans.append(_cut(fresh, record.text[at:]))
    return spans


def _quoted(db: Database, space: Space, scope: Scope, source: Source) -> Span | None:
    rows = db.execute(
        "SELECT 1 FROM tombstones WHERE space = ? AND rid = ?", (space.id, source.id)
    ).fetchone()
    versions = [] if rows else history(db, space, scope, source.id)
    if not versions:
        return None
    first = versions[0]
    at = _by_version(db, space, source.id).get(first.version)
    if at is None:
        return None
    whole = _whole(first, at)
    end = len(first.text) if source.end < 0 else source.end
    return _cut(whole, first.text[source.start : end])


def _revised(owners: Sequence[Span], fresh: Span, record: Record) -> list[Span]:
    """Words that stay keep their owners; new ones are the new version's."""
    before = [(word, span) for span in owners for word in _WORDS.findall(span.text) or [span.text]]
    after = _WORDS.findall(record.text)
    matcher = SequenceMatcher(
        None, [word.strip() for word, _ in before], [word.strip() for word in after], autojunk=False
    )
    spans: list[Span] = []
    for kind, i1, _, j1, j2 in matcher.get_opcodes():
        for offset, word in enumerate(after[j1:j2]):
            owner = before[i1 + offset][1] if kind == "equal" else fresh
            spans.append(_cut(owner, word))
    return spans


def _cut(span: Span, text: str) -> Span:
    return replace(span, start=0, end=len(text), text=text)


def _placed(owners: Sequence[Span]) -> list[Span]:
    """Neighbours of one owner joined, each with its place in the text."""
    joined: list[Span] = []
    for span in owners:
        if joined and (joined[-1].source, joined[-1].version) == (span.source, span.version):
            joined[-1] = _cut(span, joined[-1].text + span.text)
        else:
            joined.append(span)
    placed, at = list[Span](), 0
    for span in joined:
        end = at + len(span.text)
        placed.append(replace(span, start=at, end=end))
        at = end
    return placed
