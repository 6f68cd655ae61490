"""A client in mem0's shape over a memory of ours: change the import, keep the program.

    from remanence.integrations.mem0 import Memory      # was: from mem0 import Memory

    m = Memory("memory.rmem")
    m.add("I moved to Lisbon in March", user_id="ana")
    m.search("Where does Ana live?", filters={"user_id": "ana"})["results"]

Nothing of mem0 is needed. No language model is called: `add` keeps what it is given word for word, whether `infer` is True or not,
and our own rules read facts out of it. A user of mem0's is a user here, whom the store keeps apart from others; an agent narrows that;
a run is a session. What is added for no user stands under `NOBODY`; what asks for no user looks through all of them.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, TypeVar
from uuid import uuid4

from remanence import memory as ours
from remanence.errors import InvalidInput, NotFound
from remanence.integrations.mem0_filters import Test, compiled
from remanence.integrations.mem0_shapes import (
    ENTITIES,
    EXPIRES,
    NOBODY,
    PATH,
    count_of,
    day_of,
    fields_of,
    is_expired,
    messages_of,
    metadata_of,
    names_of,
    score_of,
    shown,
    store_beside,
)
from remanence.seams import Embedder
from remanence.text.index.view import HIDDEN
from remanence.text.write.messages import MOST
from remanence.types import Hit, Record

_UNSET: Final = object()
_OWN: Final = frozenset(("path", "embedder"))
_THEIRS: Final = frozenset(
    (
        *("vector_store", "llm", "embedder", "history_db_path", "reranker", "version"),
        *("custom_instructions", "graph_store"),
    )
)
"""Settings of mem0's that `from_config` knows."""
_SKIPPED: Final = ("system", None)
Results = dict[str, list[dict[str, Any]]]
T = TypeVar("T")


class _Asked(NamedTuple):
    """What filters say: whose memory to look at, how it is narrowed, and a test of the rest."""

    users: list[str]
    agent: str | None
    run: str
    test: Test


class Memory:
    """mem0's `Memory`, as far as it goes without a language model.

    `memory`: an open `remanence.Memory`, which stays the caller's, or the path of a store, which `close()` closes. `embedder` as in
    `remanence.Memory.open`. Results are dicts as mem0 2 gives them. Raises: InvalidInput (a ValueError) for what can't be done."""

    def __init__(
        self,
        memory: ours.Memory | str | Path = PATH,
        *,
        embedder: str | Embedder | None = "auto",
    ) -> None:
        self._own = not isinstance(memory, ours.Memory)
        self.memory = (
            memory
            if isinstance(memory, ours.Memory)
            else ours.Memory.open(memory, embedder=embedder)
        )
        self._users: dict[str, str] = {}

    @classmethod
    def from_config(cls, config_dict: Mapping[str, Any]) -> Self:
        """From a dict: `path` of the store and `embedder` as `remanence.Memory.open` takes it.

        A configuration of mem0's does as well: the store is then `memory.rmem` beside its `history_db_path` or its vector store's
        `path`, and a warning names the settings that have no effect here. Raises: InvalidInput for unknown settings."""
        if unknown := sorted(map(str, set(config_dict) - _OWN - _THEIRS)):
            raise InvalidInput(f"no setting is called {unknown[0]!r}", hint="give path, embedder")
        embedder = config_dict.get("embedder", "auto")
        idle = set(config_dict) & _THEIRS - _OWN - {"history_db_path"}
        if isinstance(embedder, Mapping):
            idle, embedder = idle | {"embedder"}, "auto"
        if idle:
            warnings.warn(
                f"settings of mem0's without effect in Remanence: {', '.join(sorted(idle))}",
                UserWarning,
                stacklevel=2,
            )
        return cls(config_dict.get("path") or store_beside(config_dict), embedder=embedder)

    def add(
        self,
        messages: str | Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        timestamp: datetime | str | None = None,
        expiration_date: date | str | None = None,
        infer: bool = True,
        memory_type: str | None = None,
        prompt: str | None = None,
    ) -> Results:
        """Keep every message word for word, all or none; as in mem0, system messages and those without content are left out.

        `timestamp`: when it was said. `infer` changes nothing. `memory_type` and `prompt` need a language model: an error."""
        if memory_type is not None or prompt is not None:
            raise InvalidInput(
                "memory_type and prompt need a language model", hint="leave them out"
            )
        who = names_of({"user_id": user_id, "agent_id": agent_id, "run_id": run_id})
        if not who:
            raise InvalidInput("whose memory is it", hint="give user_id, agent_id or run_id")
        meta = metadata_of(metadata)
        if expiration_date is not None:
            meta[EXPIRES] = day_of(expiration_date)
        said = [one for one in messages_of(messages) if one.get("role") not in _SKIPPED]
        said = [one for one in said if one.get("content") is not None]
        user = who.get("user_id", NOBODY)
        acks = self.memory.add(
            [
                {
                    "id": str(uuid4()),
                    "role": one["role"],
                    "speaker": one.get("name"),
                    "content": one["content"],
                    "origin": one["role"],
                }
                for one in said
            ],
            user_id=user,
            agent_id=who.get("agent_id"),
            session_id=who.get("run_id", ""),
            at=timestamp,
            meta=meta,
        )
        if refused := [ack for ack in acks if ack.status == "rejected"]:
            if stored := [ack.id for ack in acks if ack.status == "stored"]:
                self.memory.forget(stored, user_id=user, recheck=False, sign=False)
            raise InvalidInput(f"refused: {refused[0].reason}", hint="nothing was added")
        results = []
        for ack, one in zip(acks, said, strict=True):
            record = self._seen(self.memory.get(ack.id, user_id=user))
            results.append(
                {
                    "id": ack.id,
                    "memory": record.text,
                    "event": "ADD",
                    "actor_id": record.speaker or None,
                    "role": one["role"],
                }
            )
        return {"results": results}

    def search(
        self,
        query: str,
        *,
        top_k: int | None = None,
        filters: Mapping[str, Any] | None = None,
        threshold: float | None = None,
        rerank: bool = False,
        explain: bool = False,
        reference_date: object = None,
        show_expired: bool = False,
        limit: int | None = None,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
    ) -> Results:
        """The best `top_k` (20) memories. `score` lies between 0 and 1 and compares within one result only; `threshold` leaves out
        those below it. `rerank` changes nothing: ranking is always whole. `explain` adds `score_details`, the signals by name."""
        if reference_date is not None:
            raise InvalidInput("reference_date is not known here", hint="leave it out")
        if not isinstance(query, str) or not query.strip():
            raise InvalidInput("the query is empty", hint="ask in words")
        if threshold is not None and (isinstance(threshold, bool) or not 0 <= threshold <= 1):
            raise InvalidInput(f"threshold={threshold!r}", hint="give a number from 0 to 1")
        most = count_of(top_k, limit)
        asked = self._asked(filters, user_id, agent_id, run_id)
        hits = [
            hit
            for user in asked.users
            for hit in self._hits(query, user, asked, most, show_expired, threshold or 0.0)
        ]
        hits.sort(key=lambda hit: -hit.score)
        results = []
        for hit in hits[:most]:
            item = {**shown(self._seen(hit.record)), "score": score_of(hit)}
            if explain:
                item["score_details"] = {**hit.signals, "final_score": item["score"]}
            results.append(item)
        return {"results": results}

    def get(self, memory_id: str) -> dict[str, Any] | None:
        """One memory, None where there is none of that id."""
        record = self._find(memory_id)
        return {**shown(record), "score": None} if record is not None else None

    def get_all(
        self,
        *,
        filters: Mapping[str, Any] | None = None,
        top_k: int | None = None,
        show_expired: bool = False,
        limit: int | None = None,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
    ) -> Results:
        """The first `top_k` (20) memories, in the order in which they were added."""
        asked = self._asked(filters, user_id, agent_id, run_id)
        found = [
            record
            for record in self._records(asked)
            if show_expired or not is_expired(shown(record))
        ]
        return {"results": [shown(self._seen(one)) for one in found[: count_of(top_k, limit)]]}

    def update(
        self,
        memory_id: str,
        text: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        expiration_date: Any = _UNSET,
        data: str | None = None,
    ) -> dict[str, str]:
        """A new version of a memory; `metadata` is laid over what it has. The old version stays in its history."""
        text = data if text is None else text
        if text is None and metadata is None and expiration_date is _UNSET:
            raise InvalidInput("nothing to update", hint="give text, metadata or expiration_date")
        record = self._must_find(memory_id)
        meta = {**record.meta, **metadata_of(metadata)}
        if expiration_date is not _UNSET:
            meta[EXPIRES] = None if expiration_date is None else day_of(expiration_date)
        self.memory.update(
            memory_id,
            record.text if text is None else text,
            user_id=record.scope[1],
            meta=None if meta == record.meta else meta,
        )
        return {"message": "Memory updated successfully!"}

    def delete(self, memory_id: str) -> dict[str, str]:
        """Erase a memory in all its versions, and what was derived from it, for good: its history is gone as well."""
        record = self._must_find(memory_id)
        self.memory.forget(memory_id, user_id=record.scope[1], recheck=False, sign=False)
        return {"message": "Memory deleted successfully!"}

    def delete_all(
        self, user_id: str | None = None, agent_id: str | None = None, run_id: str | None = None
    ) -> dict[str, str]:
        """Erase all memories of a user, an agent or a run, for good."""
        asked = self._asked(None, user_id, agent_id, run_id)
        for user in asked.users:
            mine = asked._replace(users=[user])
            if ids := [record.id for record in self._records(mine, quarantined=True)]:
                self.memory.forget(ids, user_id=user, recheck=False, sign=False)
        return {"message": "Memories deleted successfully!"}

    def history(self, memory_id: str) -> list[dict[str, Any]]:
        """What became of a memory, oldest first; empty where there is none, and after it was deleted."""
        record = self._find(memory_id)
        if record is None:
            return []
        versions = self.memory.history(memory_id, user_id=record.scope[1])
        rows = []
        for old, new in zip([None, *versions], versions, strict=False):
            item = shown(new)
            rows.append(
                {
                    "id": f"{memory_id}#{new.version}",
                    "memory_id": memory_id,
                    "old_memory": old.text if old else None,
                    "new_memory": new.text,
                    "event": "UPDATE" if old else "ADD",
                    "created_at": item["created_at"],
                    "updated_at": item["updated_at"],
                    "is_deleted": False,
                    "actor_id": new.speaker or None,
                    "role": new.role or None,
                }
            )
        return rows

    def reset(self) -> None:
        """Erase everything of every user in this store, whoever wrote it."""
        for user in self.memory.users():
            self.memory.forget(user_id=user, everything=True, recheck=False, sign=False)

    def close(self) -> None:
        """Close the store, if this opened it."""
        if self._own:
            self.memory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _asked(
        self,
        filters: Mapping[str, Any] | None,
        user_id: str | None,
        agent_id: str | None,
        run_id: str | None,
    ) -> _Asked:
        if filters is not None and not isinstance(filters, Mapping):
            raise InvalidInput(f"filters is a {type(filters).__name__}", hint="give a dict")
        named = {"user_id": user_id, "agent_id": agent_id, "run_id": run_id}
        every = {
            **(filters or {}),
            **{name: value for name, value in named.items() if value is not None},
        }
        if not any(name in every for name in ENTITIES):
            raise InvalidInput(
                "filters name nobody", hint='give user_id, agent_id or run_id: {"user_id": "ana"}'
            )
        who = names_of({name: every.get(name) for name in ENTITIES if every.get(name) != "*"})
        rest = {name: value for name, value in every.items() if name not in ENTITIES}
        return _Asked(
            [who["user_id"]] if "user_id" in who else self.memory.users(),
            who.get("agent_id"),
            who.get("run_id", ""),
            compiled(rest),
        )

    def _records(self, asked: _Asked, *, quarantined: bool = False) -> list[Record]:
        return [
            record
            for user in asked.users
            for record in self.memory.list(
                user_id=user,
                agent_id=asked.agent,
                session_id=asked.run,
                archived=True,
                quarantined=quarantined,
                limit=MOST,
            )
            if record.kind not in HIDDEN and asked.test(fields_of(record))
        ]

    def _hits(
        self,
        query: str,
        user: str,
        asked: _Asked,
        most: int,
        expired: bool,
        least: float,
    ) -> list[Hit]:
        """The best of one user's; what filters leave out is made up for by looking further."""
        k = max(4 * most, 60)
        while True:
            hits = self.memory.search(
                query, user_id=user, agent_id=asked.agent, session_id=asked.run, k=k
            )
            found = [
                hit
                for hit in hits
                if score_of(hit) >= least
                and asked.test(fields_of(hit.record))
                and (expired or not is_expired(shown(hit.record)))
            ]
            if len(found) >= most or len(hits) < k:
                return found[:most]
            k *= 4

    def _find(self, memory_id: str) -> Record | None:
        """mem0 names a memory by its id alone: the user of those seen here is known, others are looked for."""
        if not isinstance(memory_id, str):
            return None
        known = self._users.get(memory_id)
        for user in dict.fromkeys(([known] if known else []) + self.memory.users()):
            try:
                return self._seen(self.memory.get(memory_id, user_id=user))
            except (NotFound, InvalidInput):  # not here, or what can be no id
                continue
        return None

    def _must_find(self, memory_id: str) -> Record:
        record = self._find(memory_id)
        if record is None:
            raise InvalidInput(f"Memory with id {memory_id} not found", hint="get_all() lists ids")
        return record

    def _seen(self, record: Record) -> Record:
        if len(self._users) >= 100_000:
            self._users.clear()
        self._users[record.id] = record.scope[1]
        return record


class AsyncMemory:
    """`Memory` whose verbs are awaited; each runs in a thread. Arguments and results are the same."""

    def __init__(
        self, memory: ours.Memory | str | Path = PATH, *, embedder: str | Embedder | None = "auto"
    ) -> None:
        self._sync = Memory(memory, embedder=embedder)

    @classmethod
    def from_config(cls, config_dict: Mapping[str, Any]) -> AsyncMemory:
        """As `Memory.from_config`."""
        made = cls.__new__(cls)
        made._sync = Memory.from_config(config_dict)
        return made

    async def add(self, messages: Any, **more: Any) -> Results:
        return await self._run(self._sync.add, messages, **more)

    async def search(self, query: str, **more: Any) -> Results:
        return await self._run(self._sync.search, query, **more)

    async def get(self, memory_id: str) -> dict[str, Any] | None:
        return await self._run(self._sync.get, memory_id)

    async def get_all(self, **more: Any) -> Results:
        return await self._run(self._sync.get_all, **more)

    async def update(self, memory_id: str, *texts: Any, **more: Any) -> dict[str, str]:
        return await self._run(self._sync.update, memory_id, *texts, **more)

    async def delete(self, memory_id: str) -> dict[str, str]:
        return await self._run(self._sync.delete, memory_id)

    async def delete_all(self, *who: str | None, **more: Any) -> dict[str, str]:
        return await self._run(self._sync.delete_all, *who, **more)

    async def history(self, memory_id: str) -> list[dict[str, Any]]:
        return await self._run(self._sync.history, memory_id)

    async def reset(self) -> None:
        await self._run(self._sync.reset)

    def close(self) -> None:
        """As `Memory.close`."""
        self._sync.close()

    async def __aenter__(self) -> AsyncMemory:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await asyncio.to_thread(self._sync.close)

    async def _run(self, verb: Callable[..., T], *given: Any, **more: Any) -> T:
        return await asyncio.to_thread(verb, *given, **more)
