"""The verbs of a memory's life: what holds now, what contradicts, what waits for confirmation, what fades, sleep and undo."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from remanence.errors import InvalidInput, NotFound
from remanence.llm.endpoint import from_environment
from remanence.memory.core import Core, When
from remanence.seams import ChatModel
from remanence.text.guard.lessons import lesson_of
from remanence.text.keep.adjudicate import Adjudicate
from remanence.text.keep.fade import Moved, changes, plan
from remanence.text.keep.sleep import Budget, Night, Progress, run_id, sleep, undo_run
from remanence.text.slots.conflicts import BOTH, Conflict, conflicts, settle_conflict
from remanence.text.write.messages import moment, several, whole, word
from remanence.types import Ack, Change, Mark, Record, Scope, Undo


class Lifecycle(Core):
    """What becomes of memories after they were written. Nothing here erases: that is `forget`."""

    def facts(
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
        about whom, `sources` where it was said."""
        found = self._store.list(
            self._scope(user_id, agent_id),
            kinds=("fact",),
            as_of=moment("as_of", as_of),
            known_at=moment("known_at", known_at),
            quarantined=quarantined,
            limit=whole("limit", limit, least=0),
            after=whole("after", after, least=0),
        )
        self._noted(found)
        return found

    def conflicts(
        self, *, user_id: str | None = None, agent_id: str | None = None
    ) -> list[Conflict]:
        """Pairs of facts that can't both hold, where nothing says which does; oldest first. `settle` decides."""
        scope = self._scope(user_id, agent_id)
        found = conflicts(self._store, scope, now=self._store.now())
        self._noted([fact for one in found for fact in (one.older, one.newer)])
        return found

    def settle(
        self,
        id: str,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        both: bool = False,
    ) -> list[Ack]:
        """Decide the conflicts of a fact (or of the record that it was read out of): it holds, and what contradicts it ended where the
        later of the two began; or, with `both`, they don't contradict each other. Everything stays readable.

        Raises: NotFound where it is in no conflict."""
        scope = self._scope(user_id, agent_id)
        open_ones = [
            one
            for one in conflicts(self._store, scope, now=self._store.now())
            if id in _named(one.older) | _named(one.newer)
        ]
        if not open_ones:
            raise NotFound(f"{id!r} is in no conflict", hint="conflicts() lists them")
        decided = [
            change
            for one in open_ones
            for change in settle_conflict(scope, one, BOTH if both else id)
        ]
        return self._apply(decided)

    def quarantine(
        self, *, user_id: str | None = None, agent_id: str | None = None, limit: int = 100
    ) -> list[tuple[Record, str]]:
        """What waits for confirmation, oldest first, each with the reason why it was put aside."""
        scope = self._scope(user_id, agent_id)
        waiting = self._store.marked(scope, "quarantined")[: whole("limit", limit, least=0)]
        found = [(self._store.get(scope, marked.id), marked.why) for marked in waiting]
        told = [(record, why) for record, why in found if record is not None]
        self._noted([record for record, _ in told])
        return told

    def confirm(
        self, id: str, *, user_id: str | None = None, agent_id: str | None = None
    ) -> list[Ack]:
        """Let a quarantined memory be read, with the facts that were read out of it. Raises: NotFound where it waits for nothing."""
        scope = self._scope(user_id, agent_id)
        kin = self._waiting(scope, id)
        off = [Mark(scope=scope, id=one, mark="quarantined", on=False) for one in kin]
        on = [Mark(scope=scope, id=one, mark="confirmed") for one in kin]
        return self._apply([*off, *on])

    def reject(
        self, id: str, *, user_id: str | None = None, agent_id: str | None = None, why: str = ""
    ) -> list[Ack]:
        """Keep a memory out for good, and learn from it: what says the same from an untrusted origin is put aside as well.

        It stays in quarantine, where it can be looked at; `forget` erases it. Raises: NotFound."""
        scope = self._scope(user_id, agent_id)
        record = self._store.get(scope, id)
        if record is None:
            raise NotFound(f"no record {id!r}", hint="quarantine() lists what waits")
        why = word("why", why) or "rejected"
        changes: list[Change] = []
        for one in (record, *self._facts(scope, id)):
            off = [mark for mark in ("quarantined", "confirmed") if mark in one.marks]
            changes += [Mark(scope=one.scope, id=one.id, mark=mark, on=False) for mark in off]
            changes.append(Mark(scope=one.scope, id=one.id, mark="quarantined", why=why))
        return self._apply([*changes, lesson_of(record, why)])

    def fade(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        below: float = 0.1,
        keep: int = 1_000,
        dry_run: bool = False,
    ) -> list[Moved]:
        """Move to the archive what is weaker than `below` as long as more than `keep` memories stay in reach, and back what was used
        again; what moved, and why. Nothing is deleted; `search(archived=True)` finds it. `dry_run` only says what would move."""
        scope = self._scope(user_id, agent_id)
        if isinstance(below, bool) or not isinstance(below, (int, float)) or math.isnan(below):
            raise InvalidInput(f"below={below!r}", hint="give a strength, such as 0.1")
        moved = plan(
            self._everything(scope),
            self._recipe.keeper,
            self._store.now(),
            marked=self._store.marked(scope, "archived"),
            below=below,
            keep=whole("keep", keep, least=0),
        )
        if moved and not dry_run:
            self._apply(changes(moved))
        return moved

    def sleep(
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
        how far it is, and a note. `dry_run`: the same changes as data, and nothing is written."""
        scope = self._scope(user_id, agent_id)
        only = several("only", only)
        unknown = set(only) - {sleeper.name for sleeper in self._recipe.sleepers}
        if unknown:
            names = ", ".join(sleeper.name for sleeper in self._recipe.sleepers)
            raise InvalidInput(f"no sleeper {min(unknown)!r}", hint=f"one of {names}")
        now = self._store.now()
        night = sleep(
            self._store,
            self._everything,
            [
                replace(one, model=model or from_environment())
                if isinstance(one, Adjudicate) and one.model is None
                else one
                for one in self._recipe.sleepers
                if not only or one.name in only
            ],
            scope=scope,
            budget=Budget(seconds=seconds, tokens=tokens, bytes=bytes),
            run=run_id(now, self._store.head()),
            now=now,
            dry_run=dry_run,
            progress=progress,
        )
        if self._worker is not None and not dry_run:
            self._worker.wake()
        return night

    def undo(
        self, what: int | str, *, user_id: str | None = None, agent_id: str | None = None
    ) -> list[Ack]:
        """Take back an event, by its number, or a whole sleep, by its run: memory is then as if it had not happened, and the ledger
        keeps that it did. Raises: Conflict where another event
        stands on it or it can't be taken back (then nothing is); NotFound where there was no such run."""
        scope = self._scope(user_id, agent_id)
        wanted: Sequence[Change] = (
            undo_run(self._store, scope, what)
            if isinstance(what, str)
            else [Undo(scope=scope, seq=whole("what", what, least=0))]
        )
        return self._store.apply(wanted, actor=self._actor, whole=True)

    def _waiting(self, scope: Scope, id: str) -> list[str]:
        """A quarantined record and the quarantined facts that were read out of it."""
        id = word("id", id)
        marked = {one.id for one in self._store.marked(scope, "quarantined")}
        if id not in marked:
            raise NotFound(f"{id!r} waits for no confirmation", hint="quarantine() lists what does")
        kin = [id]
        for other in sorted(marked - {id}):
            record = self._store.get(scope, other)
            if record is not None and any(source.id == id for source in record.sources):
                kin.append(other)
        return kin


def _named(fact: Record) -> set[str]:
    return {fact.id, *(source.id for source in fact.sources)}
