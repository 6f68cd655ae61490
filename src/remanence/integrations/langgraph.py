"""`RemanenceStore`: a LangGraph store over a `Memory`.

    with RemanenceStore.open("memory.rmem") as store:
        graph = builder.compile(store=store)

An item is a record of kind `item`: its value is kept as JSON in the record's `meta`, its searched text is the record's text, and
its namespace the record's session, joined by dots. A value that is put again is a new version of that record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, NamedTuple, Self, cast

from remanence.errors import Conflict, InvalidInput, MissingExtra, NotFound
from remanence.integrations.items import as_json, matches, spelled
from remanence.memory import Memory
from remanence.memory_bound import BoundMemory
from remanence.types import Record

try:
    from langgraph.store.base import (
        BaseStore,
        GetOp,
        InvalidNamespaceError,
        Item,
        ListNamespacesOp,
        MatchCondition,
        Op,
        PutOp,
        Result,
        SearchItem,
        SearchOp,
        get_text_at_path,
    )
except ImportError as absent:
    raise MissingExtra(
        "the LangGraph store needs langgraph", hint="pip install langgraph"
    ) from absent

KIND: Final = "item"
"""Kind of the records that hold items. No facts are read out of it."""
LONGEST: Final = 512
"""Characters of a namespace, dots included."""
TRIES: Final = 8
"""Rounds in which a write that others got in the way of is made again."""
FIRST: Final = 128
"""Items that a filter is tried on first; where too few match, four times as many, and so on."""
EVERY: Final = 2**62
Namespace = tuple[str, ...]


class BadNamespace(InvalidInput, InvalidNamespaceError):
    """A namespace that can't be used. LangGraph's own error, and one of ours."""


class _Put(NamedTuple):
    """A write that was checked. `meta` is None where the item is to go."""

    namespace: Namespace
    key: str
    text: str
    meta: dict[str, object] | None


class RemanenceStore(BaseStore):
    """Items under (namespace, key), searched by words and meaning, kept with all their versions in a user's space.

    `fields`: paths into values (`"text"`, `"chapters[*].title"`, `"$"` for all of it) that are searched where `put` does not say
    otherwise. `on_delete`: `forget` erases a deleted item in all its versions, for good; `retract` ends it, so that it is found
    no more and `memory.history` still shows it. `origin` names the channel that values come through, for the policy's trust.
    Namespaces divide a user's space; between users the wall is the store's, so give each user whom it must separate a store.
    Times to live are not supported (`supports_ttl` is False).
    """

    __slots__ = ("_fields", "_forgets", "_opened", "_origin", "memory")
    supports_ttl = False

    def __init__(
        self,
        memory: Memory,
        *,
        user_id: str | None = None,
        fields: Sequence[str] = ("$",),
        on_delete: Literal["forget", "retract"] = "forget",
        origin: str = "",
    ) -> None:
        if not isinstance(memory, Memory):
            raise InvalidInput(
                f"memory is a {type(memory).__name__}",
                hint="give a Memory; namespaces take the place of agents",
            )
        if on_delete not in ("forget", "retract"):
            raise InvalidInput(f"on_delete={on_delete!r}", hint="give forget or retract")
        self.memory = BoundMemory(memory, user_id=user_id)
        self._fields = _paths(fields)
        self._forgets = on_delete == "forget"
        self._origin = origin
        self._opened: Memory | None = None

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        embedder: str = "auto",
        user_id: str | None = None,
        fields: Sequence[str] = ("$",),
        on_delete: Literal["forget", "retract"] = "forget",
        origin: str = "",
    ) -> Self:
        """The store over the memory at `path`, made where there is none; `close` closes both. Raises: as `Memory.open`."""
        memory = Memory.open(path, embedder=embedder)
        try:
            store = cls(memory, user_id=user_id, fields=fields, on_delete=on_delete, origin=origin)
        except BaseException:
            memory.close()
            raise
        store._opened = memory
        return store

    def close(self) -> None:
        """Close the memory, where `open` opened it."""
        if self._opened is not None:
            self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def record(self, namespace: Namespace, key: str) -> Record | None:
        """The record that holds an item now, for `memory.history`, `memory.blame` or `memory.forget` with a receipt."""
        return self._located(_namespace(namespace), str(key))[0]

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Results in the order of `ops`. Everything is checked before anything is done, reads see what was there before the batch, and
        of several puts to one key the last one counts.

        New items of a batch are one transaction; each change of an item that exists is one of its own, and so are all deletions.

        Raises: InvalidInput; where the policy refuses a value, after the others were stored."""
        asked = list(ops)
        puts: dict[tuple[Namespace, str], _Put] = {}
        for op in asked:
            if isinstance(op, PutOp):
                put = self._checked(op)
                puts[put.namespace, put.key] = put
        results = [self._read(op) for op in asked]
        self._delete([put for put in puts.values() if put.meta is None])
        self._store([put for put in puts.values() if put.meta is not None])
        return results

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """See `batch`; the work is done in a thread."""
        return await asyncio.to_thread(self.batch, list(ops))

    def _read(self, op: Op) -> Result:
        match op:
            case GetOp():
                namespace, key = _namespace(op.namespace), str(op.key)
                record = self._located(namespace, key)[0]
                if record is None or "quarantined" in record.marks:
                    return None
                return Item(**_item(record, namespace, key))
            case SearchOp():
                return self._search(op)
            case ListNamespacesOp():
                return self._namespaces(op)
            case PutOp():
                return None
        raise InvalidInput(f"a {type(op).__name__} is no operation", hint="give LangGraph's own")

    # --- finding ---

    def _search(self, op: SearchOp) -> list[SearchItem]:
        matches({}, op.filter)  # an unknown operator is an error in an empty store too
        under = _under(_namespace(op.namespace_prefix))
        start, end = _page(op.offset, op.limit)
        found: dict[str, SearchItem] = {}
        if op.query and end:
            found = self._ranked(op.query, under, op.filter, end)
        if len(found) < end:
            found |= self._unranked(under, op.filter, end - len(found), found)
        return list(found.values())[start:end]

    def _ranked(
        self, query: str, under: Mapping[str, object], wanted: Mapping[str, Any] | None, end: int
    ) -> dict[str, SearchItem]:
        """By record, best first: what answers and matches, at least `end` of it where there is so much."""
        k = end
        while True:
            hits = self.memory.search(query, k=k, kinds=(KIND,), filters={**under, "indexed": True})
            found = {
                hit.record.id: SearchItem(**_item(hit.record), score=hit.score)
                for hit in hits
                if matches(_value(hit.record), wanted)
            }
            if len(found) >= end or len(hits) < k:
                return found
            k *= 4

    def _unranked(
        self,
        under: Mapping[str, object],
        wanted: Mapping[str, Any] | None,
        most: int,
        besides: Mapping[str, object],
    ) -> dict[str, SearchItem]:
        """By record, in the order of their last writes: what matches, at most `most` of it."""
        limit = most + len(besides) if not wanted else max(FIRST, most + len(besides))
        while True:
            records = self.memory.list(kinds=(KIND,), filters=under, archived=True, limit=limit)
            found = [
                record
                for record in records
                if record.id not in besides and matches(_value(record), wanted)
            ]
            if len(found) >= most or len(records) < limit:
                return {record.id: SearchItem(**_item(record)) for record in found[:most]}
            limit *= 4

    def _namespaces(self, op: ListNamespacesOp) -> list[Namespace]:
        conditions = op.match_conditions or ()
        under: dict[str, object] = {}
        for condition in conditions:
            _checked_labels(condition.path)
            if condition.match_type == "prefix":
                under |= {k: label for k, label in _under(condition.path).items() if label != "*"}
            elif condition.match_type != "suffix":
                raise InvalidInput(
                    f"no match type {condition.match_type!r}", hint="prefix or suffix"
                )
        start, end = _page(op.offset, op.limit)
        records = self.memory.list(kinds=(KIND,), filters=under, archived=True, limit=EVERY)
        known = {_labels(record) for record in records}
        chosen = {
            namespace[: op.max_depth]
            for namespace in known
            if all(_fits(namespace, condition) for condition in conditions)
        }
        return sorted(chosen)[start:end]

    # --- writing ---

    def _checked(self, op: PutOp) -> _Put:
        namespace, key = _namespace(op.namespace), str(op.key)
        if not namespace:
            raise BadNamespace("the namespace is empty", hint="give at least one label")
        if op.value is None:
            return _Put(namespace, key, "", None)
        if op.ttl is not None:
            raise InvalidInput(f"ttl={op.ttl!r}", hint="this store keeps items until deleted")
        value = as_json(op.value)
        paths = () if op.index is False else self._fields if op.index is None else _paths(op.index)
        text = "\n".join(line for path in paths for line in _texts(value, path))
        meta: dict[str, object] = {
            **_under(namespace),
            "key": key,
            "value": value,
            "indexed": bool(text.strip()),
        }
        return _Put(namespace, key, text if text.strip() else f"{'.'.join(namespace)}/{key}", meta)

    def _store(self, puts: Sequence[_Put]) -> None:
        left = list(puts)
        for _ in range(TRIES):
            if not left:
                return
            left = self._stored(left)
        raise Conflict(
            f"{len(left)} items were written by others all the time", hint="retry the batch"
        )

    def _stored(self, puts: Sequence[_Put]) -> list[_Put]:
        """Store what can be stored; what somebody else got in the way of is returned, to be looked at again."""
        again: list[_Put] = []
        fresh: dict[str, _Put] = {}
        for put in puts:
            record, id = self._located(put.namespace, put.key)
            if record is None:
                fresh[id] = put
                continue
            try:
                self.memory.update(id, put.text, meta=put.meta)
            except NotFound:
                again.append(put)
        if not fresh:
            return again
        acks = self.memory.add(
            [
                {
                    "content": put.text,
                    "id": id,
                    "kind": KIND,
                    "session_id": ".".join(put.namespace),
                    "meta": put.meta,
                }
                for id, put in fresh.items()
            ],
            origin=self._origin,
        )
        refused = ""
        for ack, (id, put) in zip(acks, fresh.items(), strict=True):
            if ack.status == "rejected":
                if self._located(put.namespace, put.key) == (None, id):
                    refused = refused or f"{put.key!r} was not stored: {ack.reason}"
                else:
                    again.append(put)
        if refused:
            raise InvalidInput(refused)
        return again

    def _delete(self, puts: Sequence[_Put]) -> None:
        for _ in range(TRIES):
            found = (self._located(put.namespace, put.key)[0] for put in puts)
            ids = [record.id for record in found if record is not None]
            if not ids:
                return
            try:
                if self._forgets:
                    self.memory.forget(ids, recheck=False, sign=False)
                    return
                for id in ids:
                    self.memory.retract(id)
                return
            except NotFound:  # somebody deleted one of them meanwhile
                continue
        raise Conflict("the items are deleted by others all the time", hint="retry the batch")

    # --- ids ---

    def _located(self, namespace: Namespace, key: str) -> tuple[Record | None, str]:
        """The record that holds an item and its id, or None and the id that a new one takes.

        An id is used once: after a deletion the next one in the item's row is taken, which any process finds by doubling and halving.
        Two that put a new item at once take the same one, and the store lets one of them have it."""
        spent, number = 0, 1
        found = self._look(_id(namespace, key, number))
        while found == "gone":
            spent, number = number, 2 * number
            found = self._look(_id(namespace, key, number))
        while number - spent > 1:
            middle = (spent + number) // 2
            between = self._look(_id(namespace, key, middle))
            if between == "gone":
                spent = middle
            else:
                number, found = middle, between
        return found, _id(namespace, key, number)

    def _look(self, id: str) -> Record | Literal["gone"] | None:
        """The record, None where there never was one, or that it was deleted."""
        try:
            record = self.memory.get(id)
        except NotFound:
            try:
                return "gone" if self.memory.history(id) else None
            except NotFound:
                return "gone"
        return "gone" if record.valid_to is not None else record


def _id(namespace: Namespace, key: str, number: int) -> str:
    name = "\x00".join((*namespace, "", key)).encode("utf-8", "surrogatepass")
    return f"item-{blake2b(name, digest_size=16).hexdigest()}-{number}"


def _item(
    record: Record, namespace: Namespace | None = None, key: str | None = None
) -> dict[str, Any]:
    """What LangGraph's items are made of."""
    return {
        "namespace": _labels(record) if namespace is None else namespace,
        "key": cast(str, record.meta["key"]) if key is None else key,
        "value": _value(record),
        "created_at": cast(datetime, record.valid_from),
        "updated_at": cast(datetime, record.known_from),
    }


def _value(record: Record) -> dict[str, Any]:
    return cast(dict[str, Any], record.meta["value"])


def _labels(record: Record) -> Namespace:
    return tuple(record.session.split("."))


def _under(path: Sequence[str]) -> dict[str, object]:
    """What the `meta` of each item under this path has: a label by its place."""
    return {f"label{place}": label for place, label in enumerate(path)}


def _namespace(given: Sequence[str]) -> Namespace:
    _checked_labels(given)
    if sum(map(len, given)) + len(given) - 1 > LONGEST:
        raise BadNamespace(
            "the namespace is too long", hint=f"at most {LONGEST} characters, dots included"
        )
    return tuple(given)


def _checked_labels(given: object) -> None:
    """Raises: BadNamespace where a label is no string, is empty, or holds a dot or a separator of ours."""
    if not isinstance(given, (tuple, list)):
        raise BadNamespace(f"the namespace is a {type(given).__name__}", hint="give a tuple")
    for label in given:
        if not isinstance(label, str) or not label or set(label) & {".", "\x00", "\x1f"}:
            raise BadNamespace(
                f"the namespace {given!r} has the label {label!r}",
                hint="labels are strings, not empty, without dots, U+0000 and U+001F",
            )


def _page(offset: int, limit: int) -> tuple[int, int]:
    for name, number in (("offset", offset), ("limit", limit)):
        if isinstance(number, bool) or not isinstance(number, int) or number < 0:
            raise InvalidInput(f"{name}={number!r}", hint="give a whole number from 0 on")
    return offset, offset + limit if limit else 0


def _fits(namespace: Namespace, condition: MatchCondition) -> bool:
    path = condition.path
    if len(namespace) < len(path):
        return False
    part = namespace[: len(path)]
    if condition.match_type == "suffix":
        part = namespace[len(namespace) - len(path) :]
    return all(want in ("*", label) for label, want in zip(part, path, strict=True))


def _paths(given: object) -> tuple[str, ...]:
    if isinstance(given, (list, tuple)) and all(isinstance(path, str) and path for path in given):
        return tuple(given)
    raise InvalidInput(f"fields {given!r}", hint='give a list of paths: ["title", "parts[*].text"]')


def _texts(value: dict[str, Any], path: str) -> Iterable[str]:
    return spelled(value) if path == "$" else get_text_at_path(value, path)
