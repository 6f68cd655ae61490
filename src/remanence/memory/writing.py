"""The verbs that write: `add`, `observe`, `update`, `retract`, `touch`, `pin`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final

from remanence.errors import InvalidInput
from remanence.memory.core import Content, Core, When
from remanence.seams import Observation
from remanence.store.derive import READ
from remanence.store.scopes import check_name
from remanence.text.guard.lessons import KIND, Lessons, lessons_in
from remanence.text.slots.revive import revived
from remanence.text.write.messages import as_observations, empty, moment, refusal, several, word
from remanence.types import (
    BEGINNING,
    Ack,
    Add,
    Change,
    Mark,
    Micros,
    Record,
    Retract,
    Revise,
    Scope,
    Touch,
    to_micros,
)

BULK = 2_000
"""Observations committed at once by a bulk write."""
WAITS: Final = "waits for confirmation"
"""How the reason of an acknowledgement begins that is of something put aside."""


class Writing(Core):
    """What changes memory. Every change is durable when its verb returns."""

    def add(
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
        now = self._store.now()
        observations = as_observations(
            content,
            scope=self._scope(user_id, agent_id),
            now=now,
            session=session_id,
            id=id,
            at=moment("at", at),
            origin=origin,
            meta=meta,
        )
        if len(observations) == 1 and empty(observations[0]):
            raise InvalidInput("content is empty", hint="there is nothing to remember in it")
        closed = several("supersedes", supersedes)
        if closed and len(observations) != 1:
            raise InvalidInput(
                f"supersedes= with {len(observations)} messages",
                hint="add the one that replaces them alone",
            )
        return self._write(observations, key, now, closed)

    def observe(
        self, observations: Iterable[Observation], *, progress: Callable[[int], None] | None = None
    ) -> Iterator[Ack]:
        """Write many observations, lazily, a durable transaction for every few thousand; yields an ack each.

        What was acknowledged stays when the rest fails. `progress` is called with the number committed so far.
        """
        if isinstance(observations, (str, bytes, bytearray)) or not isinstance(
            observations, Iterable
        ):
            raise InvalidInput(
                f"observations is a {type(observations).__name__}",
                hint="give Observations; add() takes text and messages",
            )
        source = iter(observations)
        done = 0
        while batch := list(islice(source, BULK)):
            for one in batch:
                if not isinstance(one, Observation):
                    raise InvalidInput(
                        f"an observation is a {type(one).__name__}",
                        hint="give Observations; add() takes text and messages",
                    )
            yield from self._write(batch, "", self._store.now())
            done += len(batch)
            if progress is not None:
                progress(done)

    def _write(
        self,
        observations: Sequence[Observation],
        key: str,
        now: Micros,
        supersedes: tuple[str, ...] = (),
    ) -> list[Ack]:
        if not observations:
            return []
        changes: list[Change] = []
        firsts: list[int] = []
        reasons = [refusal(observation, now) for observation in observations]
        for place, observation in enumerate(observations):
            firsts.append(len(changes))
            if reasons[place]:
                continue
            made, reasons[place] = self._admitted(observation)
            if made and supersedes:
                made[0] = replace(made[0], supersedes=supersedes)
            changes.extend(made)
        acks = self._apply(changes, key)
        ends = [*firsts[1:], len(changes)]
        # A document is one item of the caller's, though several records: its ack is its own, or its first failure. Facts are ours.
        said = [isinstance(change, Add) and change.slot is None for change in changes]
        return [
            Ack("rejected", id=observation.id, reason=reason)
            if reason
            else _waiting(
                _item([acks[at] for at in range(start, end) if said[at]]), changes[start:end]
            )
            for observation, reason, start, end in zip(
                observations, reasons, firsts, ends, strict=True
            )
        ]

    def _admitted(self, observation: Observation) -> tuple[list[Add], str]:
        """What the writer makes of it, as the guards let it through, and its facts; or nothing, and why."""
        made: list[Add] = []
        quarantine = ""
        for add in self._recipe.writer.write(observation):
            kept, why, waits = self._guarded(add)
            if kept is None:
                return [], why
            # What stands in one text with what waits for confirmation waits with it.
            quarantine = quarantine or waits
            if quarantine:
                kept = replace(kept, marks={**kept.marks, "quarantined": quarantine})
            made.append(kept)
            if self._recipe.facts is not None:
                made += self._recipe.facts.of(kept)
        return made, ""

    def _guarded(self, add: Add) -> tuple[Add | None, str, str]:
        """What the guards make of it (None: refused), why it is refused, why it waits for confirmation."""
        waits = ""
        for guard in self._recipe.guards:
            verdict = guard.admit(add)
            if verdict.action == "reject":
                return None, verdict.reason, ""
            add = verdict.add
            if verdict.action == "quarantine":
                waits = waits or verdict.reason
        if not waits and add.trust < Lessons().threshold:
            verdict = self._lessons(add.scope).admit(add)
            waits = verdict.reason if verdict.action == "quarantine" else ""
        return add, "", waits

    def _lessons(self, scope: Scope) -> Lessons:
        """What was found harmful before; read again when something was committed."""
        asked = scope, self._store.pulse()
        learnt = self._learnt  # another thread may put its own in the place
        if learnt is None or learnt[0] != asked:
            # Most have none; then a space need not be read into memory to write to it.
            some = KIND in self._store.names(scope)
            learnt = asked, lessons_in(self._everything(scope)) if some else Lessons()
            self._learnt = learnt
        return learnt[1]

    def update(
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
        if not isinstance(text, str):
            raise InvalidInput(f"the new text is a {type(text).__name__}", hint="give a string")
        if not text.strip():
            raise InvalidInput(
                "the new text is empty",
                hint="retract() says it is no longer true, forget() erases it",
            )
        scope = self._scope(user_id, agent_id)
        if meta is not None and not isinstance(meta, Mapping):
            raise InvalidInput(f"meta is a {type(meta).__name__}", hint="give a dict")
        since = moment("at", at)
        record = self._store.get(scope, id)
        said = self._said_anew(scope, record, text, since, meta)
        check_name(origin, "an origin")
        kept, why, waits = self._guarded(said)
        if kept is not None and origin not in ("", said.origin) and not waits:
            other, why, waits = self._guarded(replace(said, origin=origin))
            kept = kept if other is not None else None
        if kept is None:
            raise InvalidInput(f"the new text is refused: {why}", hint="the policy says so")
        labelled = kept.meta is not said.meta  # a guard wrote into it what the text holds
        revised = Revise(
            scope=scope,
            id=id,
            text=kept.text,
            expect=expect,
            fields=None if record is None or kept.fields == record.fields else kept.fields,
            meta=kept.meta if meta is not None or labelled else None,
            valid_from=since,
        )
        if record is None:
            return self._one(revised)
        aside: list[Change] = []
        if waits:  # what was confirmed, if it was, is not what it says now
            aside = [
                Mark(scope=record.scope, id=id, mark="quarantined", why=waits),
                Mark(scope=record.scope, id=id, mark="confirmed", on=False),
            ]
            record = replace(record, marks=(*record.marks, "quarantined"))
        restated = self._restated(scope, record, kept.text, since)
        again = self._held_again(scope, restated) if since is None else []
        ack = self._one(revised, *aside, *restated)
        if again:
            self._apply(again)
        return replace(ack, reason=f"{WAITS}: {waits}") if waits else ack

    def _held_again(self, scope: Scope, restated: Sequence[Change]) -> list[Change]:
        """What the facts that never held had closed, unless the new text states something else in the same slot."""
        stated = {change.slot[:2] for change in restated if isinstance(change, Add) and change.slot}
        ended = {change.id for change in restated if isinstance(change, Retract)}
        wrong = [
            id
            for id in ended
            if (fact := self._store.get(scope, id)) and fact.slot and fact.slot[:2] not in stated
        ]
        return revived(self._store, scope, wrong)

    def _said_anew(
        self,
        scope: Scope,
        record: Record | None,
        text: str,
        since: Micros | None,
        meta: Mapping[str, object] | None,
    ) -> Add:
        """A new text of a record as what came through that record's channel, with the fields that a writer makes of it."""
        if record is None:
            return Add(scope=scope, text=text, meta=meta or {})
        fields = record.fields
        if not record.sources:  # a passage of a document keeps what its page gave it
            at = (
                since
                if since is not None or record.valid_from is None
                else to_micros(record.valid_from)
            )
            made = self._recipe.writer.write(
                Observation(
                    text=text,
                    scope=record.scope,
                    id=record.id,
                    session=record.session,
                    speaker=record.speaker,
                    role=record.role,
                    at=at,
                    kind=record.kind,
                    fields={name: value for name, value in fields.items() if name != "dates"},
                )
            )
            if len(made) == 1 and made[0].text == text:
                fields = made[0].fields
        return Add(
            scope=record.scope,
            text=text,
            kind=record.kind,
            session=record.session,
            speaker=record.speaker,
            role=record.role,
            fields=fields,
            meta=record.meta if meta is None else meta,
            origin=record.origin,
            trust=record.trust,
        )

    def _restated(
        self, scope: Scope, record: Record, text: str, since: Micros | None
    ) -> list[Change]:
        """What a new text of a record does to the facts that were read out of it: those it no longer states end, new ones begin."""
        if self._recipe.facts is None:
            return []
        id = record.id
        begin = since if since is not None else _begin(record)
        stated = self._recipe.facts.of(
            Add(
                scope=record.scope,
                text=text,
                id=id,
                kind=record.kind,
                session=record.session,
                speaker=record.speaker,
                role=record.role,
                origin=record.origin,
                trust=record.trust,
                marks={mark: "" for mark in record.marks if mark == "quarantined"},
                valid_from=begin,
            )
        )
        fresh = [
            replace(fact, sources=tuple(source._replace(id=id) for source in fact.sources))
            for fact in stated
        ]
        facts = self._facts(scope, id)
        known = [fact for fact in facts if fact.valid_to is None]
        # One that something newer has closed held for a time, which it no longer states either.
        ended = [
            Retract(scope=fact.scope, id=fact.id, at=begin)
            for fact in facts
            if (fact.valid_to is None or to_micros(fact.valid_to) > max(begin, _begin(fact)))
            and fact.slot not in [new.slot for new in fresh]
        ]
        return [*ended, *(new for new in fresh if new.slot not in [old.slot for old in known])]

    def retract(
        self,
        id: str,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        at: When = None,
        expect: int | str | None = None,
    ) -> Ack:
        """No longer true from `at` on (default: now). The record stays, and is found when asked `as_of` an earlier time.

        Raises: NotFound, Conflict, InvalidInput."""
        scope = self._scope(user_id, agent_id)
        end = moment("at", at)
        facts = [Retract(scope=one.scope, id=one.id, at=end) for one in self._facts(scope, id)]
        return self._one(Retract(scope=scope, id=id, at=end, expect=expect), *facts)

    def touch(
        self, id: str, *, user_id: str | None = None, agent_id: str | None = None, how: str = "used"
    ) -> Ack:
        """Note that a record was used; fading and ranking read it from the ledger. Raises: NotFound."""
        if word("how", how).startswith(READ):
            raise InvalidInput(
                f"a use called {how!r}", hint="what begins so is noted by read auditing itself"
            )
        return self._one(Touch(scope=self._scope(user_id, agent_id), id=id, how=how))

    def mark(
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

        Raises: NotFound, InvalidInput."""
        scope = self._scope(user_id, agent_id)
        return self._one(Mark(scope=scope, id=id, mark=word("mark", mark), on=on, why=why))


def _begin(record: Record) -> Micros:
    return BEGINNING if record.valid_from is None else to_micros(record.valid_from)


def _item(acks: Sequence[Ack]) -> Ack:
    if not acks:
        return Ack("rejected", reason="there is nothing to remember in it")
    return next((ack for ack in acks if ack.status == "rejected"), acks[0])


def _waiting(ack: Ack, changes: Sequence[Change]) -> Ack:
    """An acknowledgement that says so where what was stored is put aside."""
    why = next(
        (
            c.marks["quarantined"]
            for c in changes
            if isinstance(c, Add) and "quarantined" in c.marks
        ),
        "",
    )
    return replace(ack, reason=f"{WAITS}: {why}") if why and ack.status == "stored" else ack
