"""What all verbs stand on: the open store, the recipe, the encoder with its queue, and the spaces kept in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from remanence import errors
from remanence.embed.choose import open_embedder
from remanence.errors import InvalidInput, NotFound
from remanence.recipes.choose import open_recipe
from remanence.recipes.recipe import Recipe
from remanence.seams import Embedder, Form
from remanence.store.choose import open_store
from remanence.store.derive import READ
from remanence.store.keys import Key
from remanence.text.guard.lessons import Lessons
from remanence.text.guard.policy import Policy
from remanence.text.index.large import LargeSpace
from remanence.text.index.space import Space
from remanence.text.index.terms import record_terms
from remanence.text.index.view import SpaceView
from remanence.text.index.worker import EmbeddingWorker
from remanence.text.write.messages import TENANT, as_scope
from remanence.types import Ack, Change, Mark, Micros, Query, Record, Retract, Revise, Scope, Touch

SPACES = 64
"""Spaces kept in memory; the one unused for longest leaves first."""

_acting: ContextVar[str] = ContextVar("acting", default="")

Content = str | Mapping[str, object] | Sequence[str | Mapping[str, object]]
When = datetime | str | None


@dataclass(frozen=True, slots=True)
class Status:
    """How a store is doing. `pending` texts wait for their vectors; `bytes` is the size of the file with its journal."""

    path: str
    schema: int
    records: int
    versions: int
    events: int
    spaces: int
    bytes: int
    recipe: str
    encoder: str
    embedded: int
    pending: int
    dense: str
    """How vectors of the spaces in use are searched: `exact`, `approximate (recall@10 …)`, or `none`."""
    error: str = ""
    """What stopped the encoder, if anything did."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a record was made from, what was made from it, and what it is linked to (`src`, relation, `dst`)."""

    record: Record
    sources: tuple[Record, ...]
    derived: tuple[Record, ...]
    links: tuple[tuple[str, str, str], ...]


@contextmanager
def acting(actor: str) -> Iterator[None]:
    """Whatever this thread or task does meanwhile, through any memory, stands in the ledger as this actor's doing: for a server that
    knows who calls."""
    before = _acting.set(actor)
    try:
        yield
    finally:
        _acting.reset(before)


class Core:
    """Opens and closes; everything else is a verb of one of the classes beside it."""

    def __init__(
        self,
        path: str,
        *,
        embedder: Embedder | None,
        recipe: Recipe,
        clock: Callable[[], Micros] | None,
        read_only: bool,
        tenant: str = "",
        key: Key | None = None,
        actor: str = "",
        audit_reads: bool = False,
        forms: Sequence[Form] = (),
    ) -> None:
        self._store = open_store(
            path, analyze=record_terms, clock=clock, read_only=read_only, tenant=tenant, key=key
        )
        self._tenant = tenant or TENANT
        self._recipe = recipe
        self._encoder = embedder
        self._own_actor = actor
        self._audit_reads = audit_reads and not read_only
        own = (embedder,) if isinstance(embedder, Form) else ()
        self._forms: tuple[Form, ...] = (*own, *forms)
        self._worker = (
            EmbeddingWorker(self._store, embedder, later=self._store.later)
            if embedder and not read_only
            else None
        )
        self._spaces: dict[Scope, Space] = {}
        self._learnt: tuple[tuple[Scope, int], Lessons] | None = None
        self._lock = threading.Lock()
        if self._worker is not None and self._store.waiting(self._worker.encoder.id):
            self._worker.wake()  # left by a process that ended, or by another encoder

    @classmethod
    def open(
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
    ) -> Self:
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
        if not isinstance(recipe, (str, Recipe)):
            raise InvalidInput(f"recipe is a {type(recipe).__name__}", hint="give a name")
        if policy is not None and not isinstance(policy, (str, Path, Policy)):
            raise InvalidInput(f"policy is a {type(policy).__name__}", hint="give a file's path")
        if clock is not None and not callable(clock):
            raise InvalidInput(f"clock is a {type(clock).__name__}", hint="give a function")
        if not isinstance(forms, Sequence) or not all(isinstance(form, Form) for form in forms):
            raise InvalidInput("forms are no list of forms", hint="see remanence.seams.Form")
        encoder = open_embedder(embedder)
        return cls(
            str(path) if isinstance(path, Path) else path,
            embedder=encoder,
            recipe=open_recipe(recipe, encoder, policy),
            clock=clock,
            read_only=read_only,
            tenant=tenant,
            key=key,
            actor=actor,
            audit_reads=audit_reads,
            forms=forms,
        )

    def close(self) -> None:
        """Stop the encoder after its batch in hand, and close the file. What is pending waits in the store."""
        if self._worker is not None:
            self._worker.stop()
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _actor(self) -> str:
        """Who does it, for the ledger."""
        return _acting.get() or self._own_actor

    def _scope(self, user_id: str | None, agent_id: str | None) -> Scope:
        return as_scope(user_id, agent_id, self._tenant)

    def _apply(
        self, changes: Sequence[Change], key: str = "", actor: str = "", *, whole: bool = False
    ) -> list[Ack]:
        acks = self._store.apply(
            changes,
            actor=actor or self._actor,
            key=key,
            settler=self._recipe.settler,
            whole=whole,
        )
        if self._worker is not None and any(ack.status == "stored" for ack in acks):
            self._worker.wake()
        return acks

    def _one(self, change: Revise | Retract | Touch | Mark, *more: Change) -> Ack:
        """A change of one record, with what follows from it, all or nothing: what a list would have rejected is an error here."""
        try:
            ack, *_ = self._apply([change, *more], whole=bool(more))
        except errors.Conflict as refused:
            record = self._store.get(change.scope, change.id)
            expect = None if isinstance(change, (Touch, Mark)) else change.expect
            if record is None or expect not in (None, record.version, record.digest):
                raise
            raise InvalidInput(refused.message, hint="nothing was changed") from refused
        if ack.status == "rejected":
            if self._store.get(change.scope, change.id) is None:
                raise NotFound(f"no record {change.id!r}", hint="list() shows what there is")
            raise InvalidInput(ack.reason)
        return ack

    def _noted(self, records: Sequence[Record], asker: str = "") -> None:
        """Note in the ledger that these records were read, where reads are audited. Raises: InvalidInput where one can't be."""
        if not (self._audit_reads and records):
            return
        how = f"{READ}{asker or self._actor}"
        noted = [Touch(scope=record.scope, id=record.id, how=how) for record in records]
        for ack in self._apply(noted, actor=asker):
            if ack.status == "rejected" and self._store.get(noted[0].scope[:2], ack.id) is not None:
                raise InvalidInput(f"the read can't be noted: {ack.reason}")

    def _facts(self, scope: Scope, id: str) -> list[Record]:
        """The facts that were read out of a record."""
        found = [self._store.get(scope, child) for child in self._store.children(scope, id)]
        return [fact for fact in found if fact is not None and fact.slot is not None]

    def _space(self, scope: Scope) -> Space:
        with self._lock:
            space = self._spaces.pop(scope[:2], None)
            if space is None or (type(space) is Space and space.n > self._store.most):
                shelf = self._store.shelf(scope)
                if shelf is not None:
                    space = LargeSpace(self._store, scope, self._encoder, shelf)
                elif space is None:
                    space = Space(self._store, scope, self._encoder)
            self._spaces[scope[:2]] = space
            if len(self._spaces) > SPACES:
                del self._spaces[next(iter(self._spaces))]
            return space

    def _everything(self, scope: Scope) -> SpaceView:
        """A scope as it is now, the archive and the quarantine included."""
        asked = Query(text="", scope=scope, archived=True, quarantined=True)
        return self._space(scope).view(asked, self._store.now())
