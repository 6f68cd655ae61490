"""`Memory` for asynchronous programs: the same verbs, awaited; one worker thread a memory.

    async with await AsyncMemory.open("memory.db") as memory:
        await memory.add("I moved to Lisbon in March", user_id="ana")
        hits = await memory.search("Where does Ana live?", user_id="ana")

Written by `make gen` from `memory.py`: edit that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from remanence.memory import Content, Memory, Status, When
from remanence.recipes.recipe import Recipe
from remanence.seams import Embedder, Observation
from remanence.store.transfer import Loaded
from remanence.store.verify import Report
from remanence.types import Ack, Context, Event, Hit, Micros, Receipt, Record

T = TypeVar("T")


class AsyncMemory:
    """A `Memory` whose verbs are awaited: `await AsyncMemory.open(…)`, or `AsyncMemory(memory)` around an open one."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="remanence")

    async def _run(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, call)

    async def __aenter__(self) -> AsyncMemory:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    @classmethod
    async def open(
        cls,
        path: str | Path,
        *,
        embedder: str | Embedder | None = "auto",
        recipe: str | Recipe = "default",
        clock: Callable[[], Micros] | None = None,
        read_only: bool = False,
    ) -> AsyncMemory:
        """Open the store at `path`, creating it where there is none.

        `embedder`: `"auto"` (MiniLM if its files are on this machine, else none), `"minilm"`, `"static"`, `"none"`, the URL of an
        OpenAI-compatible endpoint, or an `Embedder`. `clock` gives the time in micros, for tests and replays.

        Raises: NotAStore, NewerSchema, ReadOnly, Corrupt; ModelMissing; InvalidInput for an unknown embedder or recipe.
        """
        return AsyncMemory(
            await asyncio.to_thread(
                lambda: Memory.open(
                    path, embedder=embedder, recipe=recipe, clock=clock, read_only=read_only
                )
            )
        )

    async def add(
        self,
        content: Content,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        session_id: str = "",
        id: str = "",
        at: When = None,
        origin: str = "",
        meta: Mapping[str, object] | None = None,
        key: str = "",
    ) -> list[Ack]:
        """Remember text, a message, or a list of them, in one durable transaction; one `Ack` each, in order.

        A message: `{"role": "user", "name": "Ana", "content": "…", "at": …}`; see `text.write.messages`. `at` is when it was said
        (default: now). `key` makes a retry safe: the same key again stores nothing and returns the first call's acks.

        Raises: InvalidInput (nothing is written), Conflict (a key used for other content), StoreFull, StoreBusy, ReadOnly.
        """
        return await self._run(
            lambda: self._memory.add(
                content,
                user_id=user_id,
                agent_id=agent_id,
                session_id=session_id,
                id=id,
                at=at,
                origin=origin,
                meta=meta,
                key=key,
            )
        )

    async def observe(
        self, observations: Iterable[Observation], *, progress: Callable[[int], None] | None = None
    ) -> list[Ack]:
        """Write many observations, lazily, a durable transaction for every few thousand; yields an ack each.

        What was acknowledged stays when the rest fails. `progress` is called with the number committed so far.
        """
        return await self._run(lambda: list(self._memory.observe(observations, progress=progress)))

    async def update(
        self,
        id: str,
        text: str,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        expect: int | str | None = None,
        meta: Mapping[str, object] | None = None,
    ) -> Ack:
        """Replace a record's text by a new version; the old one stays readable by `known_at` and `history`.

        `expect`: the version or digest that you read; if somebody wrote in between, Conflict, and nothing is written.
        Raises: NotFound, Conflict, InvalidInput.
        """
        return await self._run(
            lambda: self._memory.update(
                id, text, user_id=user_id, agent_id=agent_id, expect=expect, meta=meta
            )
        )

    async def retract(
        self,
        id: str,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        at: When = None,
        expect: int | str | None = None,
    ) -> Ack:
        """No longer true from `at` on (default: now). The record stays, and is found when asked `as_of` an earlier time.

        Raises: NotFound, Conflict, InvalidInput.
        """
        return await self._run(
            lambda: self._memory.retract(
                id, user_id=user_id, agent_id=agent_id, at=at, expect=expect
            )
        )

    async def touch(
        self, id: str, *, user_id: str | None = None, agent_id: str | None = None, how: str = "used"
    ) -> Ack:
        """Note that a record was used; fading and ranking may read it from the ledger. Raises: NotFound."""
        return await self._run(
            lambda: self._memory.touch(id, user_id=user_id, agent_id=agent_id, how=how)
        )

    async def forget(
        self, ids: str | Sequence[str], *, user_id: str | None = None, agent_id: str | None = None
    ) -> Receipt:
        """Erase records in all their versions, and everything derived from them; the ledger keeps that it happened.

        Raises: NotFound, if any of the ids is unknown (then nothing is erased).
        """
        return await self._run(lambda: self._memory.forget(ids, user_id=user_id, agent_id=agent_id))

    async def search(
        self,
        query: str,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        session_id: str = "",
        k: int = 10,
        as_of: When = None,
        known_at: When = None,
        kinds: Sequence[str] = (),
        filters: Mapping[str, object] | None = None,
    ) -> list[Hit]:
        """The `k` records that answer best, best first, each with the signals that brought it up.

        `as_of`: what was true then (default: now); `known_at`: what was known then (default: all). `filters`: equality on
        `session`, `speaker`, `role`, `kind` or a key of `meta`; a list means any of them.
        """
        return await self._run(
            lambda: self._memory.search(
                query,
                user_id=user_id,
                agent_id=agent_id,
                session_id=session_id,
                k=k,
                as_of=as_of,
                known_at=known_at,
                kinds=kinds,
                filters=filters,
            )
        )

    async def context(
        self,
        query: str,
        *,
        budget: int = 2000,
        user_id: str | None = None,
        agent_id: str | None = None,
        session_id: str = "",
        as_of: When = None,
        known_at: When = None,
        kinds: Sequence[str] = (),
        filters: Mapping[str, object] | None = None,
    ) -> Context:
        """What to put before a model: the best memories in at most `budget` tokens, in conversation order, each cited.

        Where the whole visible memory fits, it is all there, in order: for short histories that is the best known answer.
        """
        return await self._run(
            lambda: self._memory.context(
                query,
                budget=budget,
                user_id=user_id,
                agent_id=agent_id,
                session_id=session_id,
                as_of=as_of,
                known_at=known_at,
                kinds=kinds,
                filters=filters,
            )
        )

    async def get(
        self,
        id: str,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        as_of: When = None,
        known_at: When = None,
    ) -> Record:
        """The record of that id as it is, or as it was. Raises: NotFound."""
        return await self._run(
            lambda: self._memory.get(
                id, user_id=user_id, agent_id=agent_id, as_of=as_of, known_at=known_at
            )
        )

    async def history(
        self, id: str, *, user_id: str | None = None, agent_id: str | None = None
    ) -> list[Record]:
        """All versions of a record, oldest first. Raises: NotFound."""
        return await self._run(lambda: self._memory.history(id, user_id=user_id, agent_id=agent_id))

    async def events(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        after: int = 0,
        limit: int = 1000,
    ) -> list[Event]:
        """The ledger of this scope: what was committed, when and by whom, without content."""
        return await self._run(
            lambda: self._memory.events(
                user_id=user_id, agent_id=agent_id, after=after, limit=limit
            )
        )

    async def flush(self, timeout: float | None = None) -> bool:
        """Wait until every record has its vectors; False if `timeout` seconds passed first. Raises: what stopped the encoder."""
        return await self._run(lambda: self._memory.flush(timeout))

    async def status(self) -> Status:
        """Counts, sizes and how far the vectors are."""
        return await self._run(lambda: self._memory.status())

    async def verify(self) -> Report:
        """Check the chain, every digest, derived state against the ledger, and the pages of the file."""
        return await self._run(lambda: self._memory.verify())

    async def rebuild(self) -> None:
        """Derive everything anew from the ledger."""
        await self._run(lambda: self._memory.rebuild())

    async def state_digest(self) -> str:
        """A digest of all that is remembered, equal for equal histories on any machine."""
        return await self._run(lambda: self._memory.state_digest())

    async def backup(self, path: str | Path) -> None:
        """Copy the store to `path` while it is in use; the copy appears whole or not at all."""
        await self._run(lambda: self._memory.backup(path))

    async def export(self, path: str | Path) -> int:
        """Write everything (history, tombstones, vectors) as JSON lines; the number of lines."""
        return await self._run(lambda: self._memory.export(path))

    async def load(self, path: str | Path) -> Loaded:
        """Read an export into this store, which must be empty; the result has the same state digest."""
        return await self._run(lambda: self._memory.load(path))

    async def close(self) -> None:
        """Stop the encoder after its batch in hand, and close the file. What is pending waits in the store."""
        await self._run(lambda: self._memory.close())
        self._worker.shutdown()

    async def list(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        session_id: str = "",
        as_of: When = None,
        known_at: When = None,
        kinds: Sequence[str] = (),
        filters: Mapping[str, object] | None = None,
        limit: int = 100,
        after: int = 0,
    ) -> list[Record]:
        """Records in the order of their commits, at most `limit`, behind the first `after`."""
        return await self._run(
            lambda: self._memory.list(
                user_id=user_id,
                agent_id=agent_id,
                session_id=session_id,
                as_of=as_of,
                known_at=known_at,
                kinds=kinds,
                filters=filters,
                limit=limit,
                after=after,
            )
        )
