"""`Memory` for one user: what is handed to code that must reach nobody else's.

    ana = BoundMemory(memory, user_id="ana", agent_id="assistant")
    ana.add("I moved to Lisbon in March")
    ana.search("Where does Ana live?")

No verb of it takes a user, so nothing that it is told can make it read another's. It can't open, close, export or back up either.
Written by `make gen` from `memory/`: edit that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from remanence.memory import Memory
from remanence.memory.core import Content, Lineage, When
from remanence.seams import ChatModel
from remanence.store.people import Changed, LogLine, Readout, Span
from remanence.text.keep.fade import Moved
from remanence.text.keep.sleep import Night, Progress
from remanence.text.slots.conflicts import Conflict
from remanence.types import Ack, Context, Event, ForgetPlan, Hits, Receipt, Record


class BoundMemory:
    """The verbs of a `Memory` for one user, and one agent of theirs where `agent_id` says so."""

    def __init__(
        self, memory: Memory, *, user_id: str | None = None, agent_id: str | None = None
    ) -> None:
        self._memory = memory
        self._user = user_id
        self._agent = agent_id

    def add(
        self,
        content: Content,
        *,
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
        return self._memory.add(
            content,
            user_id=self._user,
            agent_id=self._agent,
            session_id=session_id,
            id=id,
            at=at,
            origin=origin,
            meta=meta,
            supersedes=supersedes,
            key=key,
        )

    def update(
        self,
        id: str,
        text: str,
        *,
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
        return self._memory.update(
            id,
            text,
            user_id=self._user,
            agent_id=self._agent,
            at=at,
            expect=expect,
            meta=meta,
            origin=origin,
        )

    def retract(self, id: str, *, at: When = None, expect: int | str | None = None) -> Ack:
        """No longer true from `at` on (default: now). The record stays, and is found when asked `as_of` an earlier time.

        Raises: NotFound, Conflict, InvalidInput.
        """
        return self._memory.retract(
            id, user_id=self._user, agent_id=self._agent, at=at, expect=expect
        )

    def touch(self, id: str, *, how: str = "used") -> Ack:
        """Note that a record was used; fading and ranking read it from the ledger. Raises: NotFound."""
        return self._memory.touch(id, user_id=self._user, agent_id=self._agent, how=how)

    def mark(self, id: str, mark: str, *, on: bool = True, why: str = "") -> Ack:
        """Set a mark on a record, or take it off: `pinned` (never fades), `archived` (found only when asked for), or your own.

        Raises: NotFound, InvalidInput.
        """
        return self._memory.mark(id, mark, user_id=self._user, agent_id=self._agent, on=on, why=why)

    def search(
        self,
        query: str,
        *,
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
        return self._memory.search(
            query,
            user_id=self._user,
            agent_id=self._agent,
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

    def context(
        self,
        query: str,
        *,
        budget: int = 2000,
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
        return self._memory.context(
            query,
            budget=budget,
            user_id=self._user,
            agent_id=self._agent,
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

    def get(self, id: str, *, as_of: When = None, known_at: When = None) -> Record:
        """The record of that id as it is, or as it was. Raises: NotFound."""
        return self._memory.get(
            id, user_id=self._user, agent_id=self._agent, as_of=as_of, known_at=known_at
        )

    def history(self, id: str) -> list[Record]:
        """All versions of a record, oldest first; empty where there never was one. Raises: NotFound where it was forgotten."""
        return self._memory.history(id, user_id=self._user, agent_id=self._agent)

    def lineage(self, id: str) -> Lineage:
        """Where a record stands among others: the records it names as its sources, those that name it, and its links. Raises: NotFound."""
        return self._memory.lineage(id, user_id=self._user, agent_id=self._agent)

    def facts(
        self,
        *,
        as_of: When = None,
        known_at: When = None,
        quarantined: bool = False,
        limit: int = 100,
        after: int = 0,
    ) -> list[Record]:
        """What holds (or held `as_of` then) of each thing that has one value at a time, as records of kind `fact`: `slot` says what
        about whom, `sources` where it was said.
        """
        return self._memory.facts(
            user_id=self._user,
            agent_id=self._agent,
            as_of=as_of,
            known_at=known_at,
            quarantined=quarantined,
            limit=limit,
            after=after,
        )

    def conflicts(self) -> list[Conflict]:
        """Pairs of facts that can't both hold, where nothing says which does; oldest first. `settle` decides."""
        return self._memory.conflicts(user_id=self._user, agent_id=self._agent)

    def settle(self, id: str, *, both: bool = False) -> list[Ack]:
        """Decide the conflicts of a fact (or of the record that it was read out of): it holds, and what contradicts it ended where the
        later of the two began; or, with `both`, they don't contradict each other. Everything stays readable.

        Raises: NotFound where it is in no conflict.
        """
        return self._memory.settle(id, user_id=self._user, agent_id=self._agent, both=both)

    def quarantine(self, *, limit: int = 100) -> list[tuple[Record, str]]:
        """What waits for confirmation, oldest first, each with the reason why it was put aside."""
        return self._memory.quarantine(user_id=self._user, agent_id=self._agent, limit=limit)

    def confirm(self, id: str) -> list[Ack]:
        """Let a quarantined memory be read, with the facts that were read out of it. Raises: NotFound where it waits for nothing."""
        return self._memory.confirm(id, user_id=self._user, agent_id=self._agent)

    def reject(self, id: str, *, why: str = "") -> list[Ack]:
        """Keep a memory out for good, and learn from it: what says the same from an untrusted origin is put aside as well.

        It stays in quarantine, where it can be looked at; `forget` erases it. Raises: NotFound.
        """
        return self._memory.reject(id, user_id=self._user, agent_id=self._agent, why=why)

    def fade(self, *, below: float = 0.1, keep: int = 1000, dry_run: bool = False) -> list[Moved]:
        """Move to the archive what is weaker than `below` as long as more than `keep` memories stay in reach, and back what was used
        again; what moved, and why. Nothing is deleted; `search(archived=True)` finds it. `dry_run` only says what would move.
        """
        return self._memory.fade(
            user_id=self._user, agent_id=self._agent, below=below, keep=keep, dry_run=dry_run
        )

    def sleep(
        self,
        *,
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
        return self._memory.sleep(
            user_id=self._user,
            agent_id=self._agent,
            seconds=seconds,
            tokens=tokens,
            bytes=bytes,
            only=only,
            model=model,
            dry_run=dry_run,
            progress=progress,
        )

    def undo(self, what: int | str) -> list[Ack]:
        """Take back an event, by its number, or a whole sleep, by its run: memory is then as if it had not happened, and the ledger
        keeps that it did. Raises: Conflict where another event
        stands on it or it can't be taken back (then nothing is); NotFound where there was no such run.
        """
        return self._memory.undo(what, user_id=self._user, agent_id=self._agent)

    def plan_forget(
        self,
        ids: str | Sequence[str] = (),
        *,
        session_id: str = "",
        kinds: Sequence[str] = (),
        filters: Mapping[str, object] | None = None,
        mentions: str = "",
        before: When = None,
        everything: bool = False,
    ) -> ForgetPlan:
        """What `forget` with the same words would erase, and what would go with it. Raises: as `forget`."""
        return self._memory.plan_forget(
            ids,
            user_id=self._user,
            agent_id=self._agent,
            session_id=session_id,
            kinds=kinds,
            filters=filters,
            mentions=mentions,
            before=before,
            everything=everything,
        )

    def forget(
        self,
        ids: str | Sequence[str] = (),
        *,
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
        return self._memory.forget(
            ids,
            user_id=self._user,
            agent_id=self._agent,
            session_id=session_id,
            kinds=kinds,
            filters=filters,
            mentions=mentions,
            before=before,
            everything=everything,
            recheck=recheck,
            sign=sign,
        )

    def events(self, *, after: int = 0, limit: int = 1000) -> list[Event]:
        """The ledger of this scope: what was committed, when and by whom, without content."""
        return self._memory.events(
            user_id=self._user, agent_id=self._agent, after=after, limit=limit
        )

    def log(
        self,
        *,
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
        return self._memory.log(
            user_id=self._user,
            agent_id=self._agent,
            actor=actor,
            ops=ops,
            reads=reads,
            after=after,
            limit=limit,
            newest=newest,
        )

    def diff(self, since: When = None, until: When = None) -> list[Changed]:
        """What is different at the known time `until` (default: now) from what it was at `since` (default: at first)."""
        return self._memory.diff(since, until, user_id=self._user, agent_id=self._agent)

    def blame(self, id: str) -> list[Span]:
        """Which words of a record came from where, by whom and when, in the order of its text. Raises: NotFound."""
        return self._memory.blame(id, user_id=self._user, agent_id=self._agent)

    def readers(self, id: str | None = None, *, limit: int = 100) -> list[Readout]:
        """Who read a record (None: any), newest first. Only reads through a memory opened with `audit_reads` are noted."""
        return self._memory.readers(id, user_id=self._user, agent_id=self._agent, limit=limit)

    def list(
        self,
        *,
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
        return self._memory.list(
            user_id=self._user,
            agent_id=self._agent,
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
