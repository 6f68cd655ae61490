"""`Memory` for asynchronous programs: the same verbs, awaited; one worker thread a memory.

    async with await AsyncMemory.open("memory.db") as memory:
        await memory.add("I moved to Lisbon in March", user_id="ana")
        hits = await memory.search("Where does Ana live?", user_id="ana")

Written by `make gen` from `memory/`: edit that.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from remanence.memory import Memory
from remanence.memory.core import Content, Lineage, Status, When
from remanence.recipes.recipe import Recipe
from remanence.seams import ChatModel, Embedder, Form, Observation
from remanence.store.keys import Key
from remanence.store.people import Changed, LogLine, Readout, Span
from remanence.store.transfer import Loaded
from remanence.store.verify import Report
from remanence.text.guard.policy import Policy
from remanence.text.keep.fade import Moved
from remanence.text.keep.sleep import Night, Progress
from remanence.text.slots.conflicts import Conflict
from remanence.types import Ack, Context, Event, ForgetPlan, Hits, Micros, Receipt, Record

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
        tenant: str = "",
        key: Key | None = None,
        policy: str | Path | Policy | None = None,
        actor: str = "",
        audit_reads: bool = False,
        forms: Sequence[Form] = (),
    ) -> AsyncMemory:
        """Open the store at `path`, creating it where there is none.

        `embedder`: `"auto"` (MiniLM if its files are on this machine, else none), `"minilm"`, `"static"`, `"none"`, the URL of an
        OpenAI-compatible endpoint, or an `Embedder`. `tenant` names the tenant: in a folder each has a file of its own.
        `key`: 32 bytes (or where they are) that the file is encrypted with. `policy`: a policy file (trust, privacy, contextual
        integrity); default: the one that comes with the package. `actor` stands in the ledger beside each change; with `audit_reads`
        each record that a read returns is noted there too. `forms`: other places that hold what was made from records, for
        `forget` to reach. `clock` gives the time in micros, for tests and replays.

        Raises: NotAStore, NewerSchema, ReadOnly, Corrupt, AccessDenied (the key); ModelMissing; MissingExtra; InvalidInput for an
        unknown embedder, recipe or policy.
        """
        return AsyncMemory(
            await asyncio.to_thread(
                lambda: Memory.open(
                    path,
                    embedder=embedder,
                    recipe=recipe,
                    clock=clock,
                    read_only=read_only,
                    tenant=tenant,
                    key=key,
                    policy=policy,
                    actor=actor,
                    audit_reads=audit_reads,
                    forms=forms,
                )
            )
        )

    async def close(self) -> None:
        """Stop the encoder after its batch in hand, and close the file. What is pending waits in the store."""
        await self._run(lambda: self._memory.close())
        self._worker.shutdown()

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
        supersedes: str | Sequence[str] = (),
        key: str = "",
    ) -> list[Ack]:
        """Remember text, a message, or a list of them, in one durable transaction; one `Ack` each, in order.

        A message: `{"role": "user", "name": "Ana", "content": "…", "at": …}`; see `text.write.messages`. `at` is when it was said
        (default: now). `origin` names the channel that it came through ("user", "web:example.org", "tool:mail", …): set it by what
        you know, never by what the text says; the policy's trust goes by it. `supersedes`: ids of memories that stop being true
        where this one begins. `key` makes a retry safe: the same key again stores nothing and returns the first call's acks.

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
                supersedes=supersedes,
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
        at: When = None,
        expect: int | str | None = None,
        meta: Mapping[str, object] | None = None,
        origin: str = "",
    ) -> Ack:
        """Replace a record's text by a new version; the old one stays readable by `known_at` and `history`.

        Without `at` the old text was wrong all along; with it, the new one holds from then on and the old one before.
        `expect`: the version or digest that you read; if somebody wrote in between, Conflict, and nothing is written.
        `origin`: the channel that the new text came through, where it is not the record's own: a text that steers, from a channel of little
        trust, waits for confirmation whosever record it is put into.
        Raises: NotFound, Conflict, InvalidInput.
        """
        return await self._run(
            lambda: self._memory.update(
                id,
                text,
                user_id=user_id,
                agent_id=agent_id,
                at=at,
                expect=expect,
                meta=meta,
                origin=origin,
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
        """Note that a record was used; fading and ranking read it from the ledger. Raises: NotFound."""
        return await self._run(
            lambda: self._memory.touch(id, user_id=user_id, agent_id=agent_id, how=how)
        )

    async def mark(
        self,
        id: str,
        mark: str,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        on: bool = True,
        why: str = "",
    ) -> Ack:
        """Set a mark on a record, or take it off: `pinned` (never fades), `archived` (found only when asked for), or your own.

        Raises: NotFound, InvalidInput.
        """
        return await self._run(
            lambda: self._memory.mark(id, mark, user_id=user_id, agent_id=agent_id, on=on, why=why)
        )

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
        asker: str = "",
        audience: str = "",
        purpose: str = "",
        archived: bool = False,
        quarantined: bool = False,
    ) -> Hits:
        """The `k` records that answer best, best first, each with the signals that brought it up and notes on what to know of it.

        `as_of`: what was true then (default: now); `known_at`: what was known then (default: all). `filters`: equality on
        `session`, `speaker`, `role`, `kind` or a key of `meta`; a list means any of them. `audience`: to whom the answer goes, and
        `purpose`, what for: the policy decides which memories may go there; the result's `withheld` says why others did not.
        `archived`, `quarantined`: look also at what has faded, and at what waits for confirmation.
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
                asker=asker,
                audience=audience,
                purpose=purpose,
                archived=archived,
                quarantined=quarantined,
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
        asker: str = "",
        audience: str = "",
        purpose: str = "",
        archived: bool = False,
    ) -> Context:
        """What to put before a model: the best memories in at most `budget` tokens, in conversation order, each cited.

        Where the whole visible memory fits, it is all there, in order: for short histories that is the best known answer.
        `audience` and `purpose` as in `search`.
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
                asker=asker,
                audience=audience,
                purpose=purpose,
                archived=archived,
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
        """All versions of a record, oldest first; empty where there never was one. Raises: NotFound where it was forgotten."""
        return await self._run(lambda: self._memory.history(id, user_id=user_id, agent_id=agent_id))

    async def lineage(
        self, id: str, *, user_id: str | None = None, agent_id: str | None = None
    ) -> Lineage:
        """Where a record stands among others: the records it names as its sources, those that name it, and its links. Raises: NotFound."""
        return await self._run(lambda: self._memory.lineage(id, user_id=user_id, agent_id=agent_id))

    async def facts(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        as_of: When = None,
        known_at: When = None,
        quarantined: bool = False,
        limit: int = 100,
        after: int = 0,
    ) -> list[Record]:
        """What holds (or held `as_of` then) of each thing that has one value at a time, as records of kind `fact`: `slot` says what
        about whom, `sources` where it was said.
        """
        return await self._run(
            lambda: self._memory.facts(
                user_id=user_id,
                agent_id=agent_id,
                as_of=as_of,
                known_at=known_at,
                quarantined=quarantined,
                limit=limit,
                after=after,
            )
        )

    async def conflicts(
        self, *, user_id: str | None = None, agent_id: str | None = None
    ) -> list[Conflict]:
        """Pairs of facts that can't both hold, where nothing says which does; oldest first. `settle` decides."""
        return await self._run(lambda: self._memory.conflicts(user_id=user_id, agent_id=agent_id))

    async def settle(
        self,
        id: str,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        both: bool = False,
    ) -> list[Ack]:
        """Decide the conflicts of a fact (or of the record that it was read out of): it holds, and what contradicts it ended where the
        later of the two began; or, with `both`, they don't contradict each other. Everything stays readable.

        Raises: NotFound where it is in no conflict.
        """
        return await self._run(
            lambda: self._memory.settle(id, user_id=user_id, agent_id=agent_id, both=both)
        )

    async def quarantine(
        self, *, user_id: str | None = None, agent_id: str | None = None, limit: int = 100
    ) -> list[tuple[Record, str]]:
        """What waits for confirmation, oldest first, each with the reason why it was put aside."""
        return await self._run(
            lambda: self._memory.quarantine(user_id=user_id, agent_id=agent_id, limit=limit)
        )

    async def confirm(
        self, id: str, *, user_id: str | None = None, agent_id: str | None = None
    ) -> list[Ack]:
        """Let a quarantined memory be read, with the facts that were read out of it. Raises: NotFound where it waits for nothing."""
        return await self._run(lambda: self._memory.confirm(id, user_id=user_id, agent_id=agent_id))

    async def reject(
        self, id: str, *, user_id: str | None = None, agent_id: str | None = None, why: str = ""
    ) -> list[Ack]:
        """Keep a memory out for good, and learn from it: what says the same from an untrusted origin is put aside as well.

        It stays in quarantine, where it can be looked at; `forget` erases it. Raises: NotFound.
        """
        return await self._run(
            lambda: self._memory.reject(id, user_id=user_id, agent_id=agent_id, why=why)
        )

    async def fade(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        below: float = 0.1,
        keep: int = 1000,
        dry_run: bool = False,
    ) -> list[Moved]:
        """Move to the archive what is weaker than `below` as long as more than `keep` memories stay in reach, and back what was used
        again; what moved, and why. Nothing is deleted; `search(archived=True)` finds it. `dry_run` only says what would move.
        """
        return await self._run(
            lambda: self._memory.fade(
                user_id=user_id, agent_id=agent_id, below=below, keep=keep, dry_run=dry_run
            )
        )

    async def sleep(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        seconds: float = math.inf,
        tokens: float = math.inf,
        bytes: float = math.inf,
        only: Sequence[str] = (),
        model: ChatModel | None = None,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> Night:
        """Do what is due while nobody waits: merge duplicates, adjudicate conflicts, archive what faded, summarise sessions.

        Within `seconds`, `tokens` of a configured model and `bytes` of new text; what is left goes on next time, also after a kill.
        Every change names its source and can be undone: `undo(night.run)`. `only`: names of sleepers. `model` may
        propose how conflicts end (default: the one that REMANENCE_LLM_URL and REMANENCE_LLM_MODEL name; without one, rules).
        `progress` gets a sleeper's name,
        how far it is, and a note. `dry_run`: the same changes as data, and nothing is written.
        """
        return await self._run(
            lambda: self._memory.sleep(
                user_id=user_id,
                agent_id=agent_id,
                seconds=seconds,
                tokens=tokens,
                bytes=bytes,
                only=only,
                model=model,
                dry_run=dry_run,
                progress=progress,
            )
        )

    async def undo(
        self, what: int | str, *, user_id: str | None = None, agent_id: str | None = None
    ) -> list[Ack]:
        """Take back an event, by its number, or a whole sleep, by its run: memory is then as if it had not happened, and the ledger
        keeps that it did. Raises: Conflict where another event
        stands on it or it can't be taken back (then nothing is); NotFound where there was no such run.
        """
        return await self._run(lambda: self._memory.undo(what, user_id=user_id, agent_id=agent_id))

    async def plan_forget(
        self,
        ids: str | Sequence[str] = (),
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        session_id: str = "",
        kinds: Sequence[str] = (),
        filters: Mapping[str, object] | None = None,
        mentions: str = "",
        before: When = None,
        everything: bool = False,
    ) -> ForgetPlan:
        """What `forget` with the same words would erase, and what would go with it. Raises: as `forget`."""
        return await self._run(
            lambda: self._memory.plan_forget(
                ids,
                user_id=user_id,
                agent_id=agent_id,
                session_id=session_id,
                kinds=kinds,
                filters=filters,
                mentions=mentions,
                before=before,
                everything=everything,
            )
        )

    async def forget(
        self,
        ids: str | Sequence[str] = (),
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        session_id: str = "",
        kinds: Sequence[str] = (),
        filters: Mapping[str, object] | None = None,
        mentions: str = "",
        before: When = None,
        everything: bool = False,
        recheck: bool = True,
        sign: bool = True,
    ) -> Receipt:
        """Erase records in all their versions, and everything that was derived from them, in every form; then look for them in every
        byte of the store's files and through every way of reading, and say in a signed receipt what was found.

        Which: `ids`; or all that match what is given of `session_id`, `kinds`, `filters`, `mentions` (words that the text of any version
        holds, case aside) and `before` (said before that moment); or `everything` of a user. The key that signs is made once, in the
        user's configuration folder. What an erased fact had superseded holds again. Without `recheck` the erasure is the same, and
        `recheck()` reads again later.

        Raises: NotFound, if any of the ids is unknown or nothing matches (then nothing is erased); InvalidInput where nothing is chosen.
        """
        return await self._run(
            lambda: self._memory.forget(
                ids,
                user_id=user_id,
                agent_id=agent_id,
                session_id=session_id,
                kinds=kinds,
                filters=filters,
                mentions=mentions,
                before=before,
                everything=everything,
                recheck=recheck,
                sign=sign,
            )
        )

    async def recheck(self, receipt: Receipt, *, sign: bool = True) -> Receipt:
        """The receipt of an earlier forget of this process, with the checks made now. Raises: NotFound."""
        return await self._run(lambda: self._memory.recheck(receipt, sign=sign))

    async def attest(self, receipt: Receipt, *, key: str | None = None) -> list[str]:
        """What is wrong with a receipt: its signature, or what this store's ledger says against it; nothing where it is good."""
        return await self._run(lambda: self._memory.attest(receipt, key=key))

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

    async def log(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        actor: str = "",
        ops: Sequence[str] = (),
        reads: bool = True,
        after: int = 0,
        limit: int = 100,
        newest: bool = True,
    ) -> list[LogLine]:
        """What happened, in words, newest first. `actor`: whose doing (one that ends in "/" stands for all that begin so); `ops`:
        `add`, `revise`, `retract`, `link`, `touch`, `mark`, `undo`, `forget`; `reads`: with the reads that were noted.
        """
        return await self._run(
            lambda: self._memory.log(
                user_id=user_id,
                agent_id=agent_id,
                actor=actor,
                ops=ops,
                reads=reads,
                after=after,
                limit=limit,
                newest=newest,
            )
        )

    async def diff(
        self,
        since: When = None,
        until: When = None,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
    ) -> list[Changed]:
        """What is different at the known time `until` (default: now) from what it was at `since` (default: at first)."""
        return await self._run(
            lambda: self._memory.diff(since, until, user_id=user_id, agent_id=agent_id)
        )

    async def blame(
        self, id: str, *, user_id: str | None = None, agent_id: str | None = None
    ) -> list[Span]:
        """Which words of a record came from where, by whom and when, in the order of its text. Raises: NotFound."""
        return await self._run(lambda: self._memory.blame(id, user_id=user_id, agent_id=agent_id))

    async def readers(
        self,
        id: str | None = None,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        limit: int = 100,
    ) -> list[Readout]:
        """Who read a record (None: any), newest first. Only reads through a memory opened with `audit_reads` are noted."""
        return await self._run(
            lambda: self._memory.readers(id, user_id=user_id, agent_id=agent_id, limit=limit)
        )

    async def flush(self, timeout: float | None = None) -> bool:
        """Wait until every record has its vectors; False if `timeout` seconds passed first. Raises: what stopped the encoder."""
        return await self._run(lambda: self._memory.flush(timeout))

    async def users(self) -> list[str]:
        """Whose memories are in this store, in the order in which they were first written to."""
        return await self._run(lambda: self._memory.users())

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
        """A digest of all that is known now, equal for equal memories on any machine; undoing restores it exactly."""
        return await self._run(lambda: self._memory.state_digest())

    async def history_digest(self) -> str:
        """A digest of all that is remembered and of how it came about, equal for equal histories on any machine."""
        return await self._run(lambda: self._memory.history_digest())

    async def backup(self, path: str | Path) -> None:
        """Copy the store to `path` while it is in use; the copy appears whole or not at all."""
        await self._run(lambda: self._memory.backup(path))

    async def export(self, path: str | Path) -> int:
        """Write everything (history, tombstones, vectors) as JSON lines; the number of lines."""
        return await self._run(lambda: self._memory.export(path))

    async def load(self, path: str | Path) -> Loaded:
        """Read an export into this store, which must be empty; the result has the same state digest."""
        return await self._run(lambda: self._memory.load(path))

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
        archived: bool = False,
        quarantined: bool = False,
        limit: int = 100,
        after: int = 0,
    ) -> list[Record]:
        """Records in the order of their commits, at most `limit`, behind the first `after`; facts and lessons only where `kinds` asks."""
        return await self._run(
            lambda: self._memory.list(
                user_id=user_id,
                agent_id=agent_id,
                session_id=session_id,
                as_of=as_of,
                known_at=known_at,
                kinds=kinds,
                filters=filters,
                archived=archived,
                quarantined=quarantined,
                limit=limit,
                after=after,
            )
        )
