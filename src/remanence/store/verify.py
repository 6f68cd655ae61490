"""Does the store check out? The chain, every digest, derived state against a replay, vectors, and the pages of the file.

`rebuild` is the remedy for derived state; `state_digest` says in one line what is remembered.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby, zip_longest
from operator import itemgetter
from typing import Any, Final, NamedTuple
from zlib import crc32

from remanence.errors import Corrupt, RemanenceError
from remanence.seams import Analyzer
from remanence.store.connections import damaged
from remanence.store.content import Body, decode, encode, plain_content
from remanence.store.derive import EVENTS, FORGET, Deriver, Entry, entry_of
from remanence.store.engine import Database, errors
from remanence.store.forgetting.erase import ANONYMOUS, SLOTS
from remanence.store.ledger import GENESIS, Space, chain, content_seal, space_key
from remanence.store.reading import names
from remanence.store.rows import unpack_row
from remanence.store.schema import MIGRATIONS

MOST_PROBLEMS: Final = 50
"""Problems that are listed one by one; a damaged file has either few or countless."""
_DERIVED: Final = {
    "links": "SELECT space, src, relation, dst, seq, off FROM links ORDER BY 1, 2, 3, 4, 5",
    "lineage": "SELECT space, parent, child FROM lineage ORDER BY 1, 2, 3",
    "touches": "SELECT space, seq, rid, first, at, until, off FROM touches ORDER BY 1, 2",
    "marks": "SELECT m.space, seq_on, seq_off, rid, first, since, until, n.text FROM marks m "
    "LEFT JOIN names n ON n.space = m.space AND n.code = m.mark ORDER BY 1, 2",
    "tombstones": "SELECT space, rid, seq FROM tombstones ORDER BY 1, 2",
    "erased": "SELECT space, by, seq FROM erased ORDER BY 1, 2, 3",
}


UNEXPECTED: Final = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    struct.error,
)
"""What reading rows raises that no version of this program wrote."""


class Pages(NamedTuple):
    """What an engine finds wrong with its own pages, and the name of an SQLite database for a replay: "" for a file that is gone with
    the connection."""

    problems: Sequence[str]
    aside: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What `verify` looked at, and what it found wrong: `problems` is empty for a sound store."""

    events: int
    versions: int
    vectors: int
    head: str
    """Hex hash of the last event: two stores with one head have one history."""
    problems: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return not self.problems


def verify(db: Database, analyze: Analyzer, pages: Pages) -> Report:
    """Check everything on one snapshot. Cost: about as long as writing it all again, and a temporary file of its size."""
    problems = [f"page: {message}" for message in pages.problems]
    spaces = _spaces(db, problems.append)
    events, versions, vectors, head = 0, 0, 0, GENESIS
    if not problems:  # a replay of what can't be read would only repeat the same
        replay = sqlite3.connect(pages.aside, isolation_level=None)
        broken = errors()
        broken += (*UNEXPECTED, Corrupt)
        try:
            events, head = _replay(db, replay, analyze, spaces, problems.append)
            versions = _compare(db, replay, problems.append)
        except broken as error:
            problems.append(f"replay: the ledger can't be derived: {type(error).__name__}: {error}")
        finally:
            replay.close()
        vectors = _check_vectors(db, problems.append)
    if len(problems) > MOST_PROBLEMS:
        problems[MOST_PROBLEMS:] = [f"and {len(problems) - MOST_PROBLEMS} more"]
    return Report(
        events=events, versions=versions, vectors=vectors, head=head.hex(), problems=tuple(problems)
    )


def explain(
    check: Callable[[], Report],
    name: str,
    error: Exception,
) -> None:
    """Whether an error that nobody foresaw comes of a damaged file; one that was raised on purpose, or by mistake, stays what it is.

    Raises: Corrupt, from that error, where something is wrong with the file."""
    if isinstance(error, RemanenceError):
        return
    problems = check().problems
    if problems:
        raise damaged(name, problems[0]) from error


def rebuild(db: Database, analyze: Analyzer) -> int:
    """Derive all state anew from the ledger, inside the caller's transaction. Returns the number of events."""
    deriver = Deriver(db, analyze)
    deriver.clear()
    number = 0
    for entry in entries(db):
        deriver.derive(entry, _body(entry))
        number += 1
    return number


def state_digest(db: Database) -> str:
    """64 hex digits over what is known now: per record its content, slot and valid intervals, its marks and links, and which ids were
    forgotten. Not over what was known before or how it came about: undoing what was done restores it."""
    return _digest(db, _state)


def history_digest(db: Database) -> str:
    """64 hex digits over all content, present and past, its intervals, marks, links and tombstones, on one snapshot.

    Not over salts, codes, vectors or actors: two machines that were told the same at the same times agree."""
    return _digest(db, _history)


_Parts = Iterator[tuple[str, tuple[Any, ...]]]


def _digest(db: Database, parts: Callable[[Database, int], _Parts]) -> str:
    total = sha256()
    for space in db.execute(
        'SELECT id, tenant, "user" FROM spaces ORDER BY tenant, "user"'
    ).fetchall():
        for place, (name, values) in enumerate(parts(db, space[0])):
            if not place:  # a space that holds nothing any more is like one that never was
                _feed(total, "space", space[1:])
            _feed(total, name, values)
    return total.hexdigest()


def entries(db: Database) -> Iterator[Entry]:
    """The whole ledger, oldest first."""
    return map(entry_of, db.execute(f"{EVENTS} ORDER BY seq"))


def _state(db: Database, space: int) -> _Parts:
    rows = db.execute(
        "SELECT e.rid, d.fixed, c.body FROM events e JOIN docs d ON d.space = e.space AND d.seq = e.seq "
        "JOIN events c ON c.seq = d.base WHERE e.space = ? AND e.op <= 3 AND d.closed IS NULL ORDER BY e.rid, e.version",
        (space,),
    )
    for rid, versions in groupby(rows, key=itemgetter(0)):
        known = []
        for _, fixed, raw in versions:
            row = unpack_row(fixed)
            known.append((row.valid_from, row.valid_to, encode(plain_content(decode(raw)))))
        for version in sorted(known):  # by valid time, however they came to be known
            yield "version", (rid, *version)
    for mark in db.execute(
        "SELECT m.rid, n.text FROM marks m JOIN names n ON n.space = m.space AND n.code = m.mark "
        "WHERE m.space = ?1 AND m.seq_off IS NULL AND EXISTS (SELECT 1 FROM events e "
        "JOIN docs d ON d.space = e.space AND d.seq = e.seq "
        "WHERE e.space = ?1 AND e.rid = m.rid AND e.op <= 3 AND d.closed IS NULL) ORDER BY 1, 2",
        (space,),
    ):
        yield "mark", mark
    yield from _ties(db, space)


def _history(db: Database, space: int) -> _Parts:
    versions = db.execute(
        "SELECT e.rid, e.version, d.fixed, c.body FROM events e JOIN docs d ON d.space = e.space AND d.seq = e.seq "
        "JOIN events c ON c.seq = d.base WHERE e.space = ? AND e.op <= 3 ORDER BY e.rid, e.version",
        (space,),
    )
    for rid, version, fixed, body in versions:
        row = unpack_row(fixed)
        yield (
            "version",
            (rid, version, row.valid_from, row.valid_to, row.known_from, row.known_to, body),
        )
    for mark in db.execute(
        "SELECT m.rid, n.text, m.since, m.until FROM marks m JOIN names n ON n.space = m.space AND n.code = m.mark "
        "WHERE m.space = ? ORDER BY 1, 2, 3",
        (space,),
    ):
        yield "mark", mark
    yield from _ties(db, space)


def _ties(db: Database, space: int) -> _Parts:
    for link in db.execute(
        "SELECT src, relation, dst FROM links WHERE space = ? AND off IS NULL ORDER BY 1, 2, 3",
        (space,),
    ):
        yield "link", link
    for tombstone in db.execute(
        "SELECT rid FROM tombstones WHERE space = ? ORDER BY rid", (space,)
    ):
        yield "tombstone", tombstone


def _feed(total: Any, name: str, values: Iterable[Any]) -> None:
    for value in (name, *values):
        raw = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
        total.update(len(raw).to_bytes(8, "little") + raw)


def _spaces(db: Database, problem: Callable[[str], None]) -> dict[int, Space]:
    spaces = {}
    for id, tenant, user, salt, key in db.execute(
        'SELECT id, tenant, "user", salt, key FROM spaces'
    ):
        spaces[id] = Space(id, (tenant, user), key)
        if tenant == ANONYMOUS and not salt:
            if db.execute("SELECT 1 FROM docs WHERE space = ?", (id,)).fetchone():
                problem(f"space {id}: its names were forgotten, and not its records")
        elif space_key((tenant, user), salt) != key:
            problem(f"space {id}: its names are not those it was made with")
    return spaces


def _body(entry: Entry) -> Body | None:
    return None if entry.body is None else decode(entry.body)


def _replay(
    db: Database,
    replay: sqlite3.Connection,
    analyze: Analyzer,
    spaces: dict[int, Space],
    problem: Callable[[str], None],
) -> tuple[int, bytes]:
    """Walk the chain, and derive every event into an empty database."""
    replay.execute("PRAGMA journal_mode = OFF")  # thrown away whatever happens
    replay.execute("PRAGMA cache_size = -65536")
    for migrate in MIGRATIONS:
        migrate(replay)
    replay.execute("BEGIN")
    replay.executemany(
        "INSERT INTO spaces VALUES (?, ?, ?, ?, ?)",
        db.execute('SELECT id, tenant, "user", salt, key FROM spaces'),
    )
    deriver = Deriver(replay, analyze)
    number, at, hash, blank = 0, 0, GENESIS, set[int]()
    for entry in entries(db):
        number += 1
        space = spaces.get(entry.space)
        if entry.seq != number:
            problem(f"event {number}: the next one is numbered {entry.seq}")
            number = entry.seq
        if space is None or chain(hash, space.key, entry) != entry.hash:
            problem(
                f"event {entry.seq}: its hash does not follow from its header and the event before"
            )
        if number > 1 and entry.at < at:
            problem(f"event {entry.seq}: known earlier than the event before")
        hash, at = entry.hash, entry.at
        if entry.body is None or entry.salt is None:
            blank.add(entry.seq)
        elif content_seal(entry.body, entry.salt) != entry.digest:
            problem(f"event {entry.seq}: its content is not what was committed")
        body = _body(entry)
        if entry.op == FORGET and body is not None:
            blank.difference_update(body["seqs"], body["beside"])
        replay.execute("INSERT INTO events VALUES (?,?,?,?,?,?,?,?,?,NULL,NULL)", entry[:9])
        deriver.derive(entry, body)
    for seq in sorted(blank):
        problem(f"event {seq}: its content is missing and was never forgotten")
    return number, hash


def _compare(db: Database, replay: Database, problem: Callable[[str], None]) -> int:
    """Every derived table, row by row, against its replay. Returns the number of versions."""
    number = 0
    for number, (here, there) in enumerate(zip_longest(_versions(db), _versions(replay)), 1):  # noqa: B007
        if here != there:
            seq = min(side[0] for side in (here, there) if side)[1]
            problem(
                f"version {seq}: its derived row is not what the ledger says - rebuild mends it"
            )
            if here is None or there is None or here[0] != there[0]:
                break  # out of step: each further row would differ
    for table, query in _DERIVED.items():
        if db.execute(query).fetchall() != replay.execute(query).fetchall():
            problem(f"{table}: not what the ledger says - rebuild mends it")
    return number


def _versions(db: Database) -> Iterator[tuple[Any, ...]]:
    known: dict[int, list[str]] = {}
    rows = db.execute(
        "SELECT space, seq, base, closed, same, fold, slot, until, fixed, terms FROM docs ORDER BY space, seq"
    )
    for space, seq, base, closed, same, fold, slot, until, fixed, terms in rows:
        if space not in known:
            known[space] = names(db, Space(space, ("", ""), b""))
        row = unpack_row(fixed)
        spelled = [
            known[space][code] if code < len(known[space]) else f"#{code}"
            for code in (row.session, row.speaker, row.tail, row.kind)
        ]
        plain = row._replace(session=0, speaker=0, tail=0, kind=0)
        yield (space, seq), base, closed, same, fold, slot, until, plain, spelled, terms


def _check_vectors(db: Database, problem: Callable[[str], None]) -> int:
    for table, query in (("dense", _STRAY_DENSE), ("tokens", _STRAY_TOKENS)):
        stray = db.execute(query).fetchone()[0]
        if stray:
            problem(f"{table}: {stray} vectors belong to no content")
    wrong = db.execute(
        "SELECT count(*) FROM dense v LEFT JOIN encoders n ON n.slot = v.id % 16 WHERE n.dim IS NULL OR n.dim != length(v.vector)"
    ).fetchone()[0]
    if wrong:
        problem(f"dense: {wrong} vectors have not their encoder's length")
    for table, query in _SUMS.items():
        changed = sum(sum_ is not None and crc32(blob) != sum_ for blob, sum_ in db.execute(query))
        if changed:
            problem(
                f"{table}: {changed} vectors are not what was stored - drop their encoder's, and they are made anew"
            )
    number: int = db.execute("SELECT count(*) FROM dense").fetchone()[0]
    return number


_SUMS: Final = {
    "dense": "SELECT vector, sum FROM dense ORDER BY id",
    "tokens": "SELECT states, sum FROM tokens ORDER BY id",
}
_STRAY_DENSE: Final = (
    "SELECT count(*) FROM dense v LEFT JOIN events e ON e.seq = v.id / 16 "
    "WHERE e.body IS NULL OR e.op NOT BETWEEN 1 AND 2 OR v.id % 16 NOT IN (SELECT slot FROM encoders)"
)
_STRAY_TOKENS: Final = (
    "SELECT count(*) FROM tokens v LEFT JOIN events e ON e.seq = v.id / 16 "
    "WHERE e.body IS NULL OR e.op NOT BETWEEN 1 AND 2 OR v.id % 16 NOT IN (SELECT slot FROM encoders)"
)
assert SLOTS == 16
