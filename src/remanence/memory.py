"""`Memory`: the verbs a user calls, over one store, following a recipe.

    with Memory.open("ana.rmem") as memory:
        memory.add("My sister Lena moved to Porto in May.", user_id="ana")
        memory.search("Where does Lena live?", user_id="ana")[0].record.text

Writing and reading call no generative model. `add` returns when the words are on disk; vectors follow from a queue
(`flush()` waits for them, `status()` counts them), and search finds a record by its words at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from remanence.embed.choose import open_embedder
from remanence.errors import InvalidInput, NotFound
from remanence.recipes.choose import open_recipe
from remanence.recipes.recipe import Recipe
from remanence.seams import Embedder, Observation, Ranked
from remanence.store.choose import open_store
from remanence.store.transfer import Loaded
from remanence.store.verify import Report
from remanence.text.index.space import Space
from remanence.text.index.terms import record_terms
from remanence.text.index.view import SpaceView
from remanence.text.index.worker import EmbeddingWorker
from remanence.text.read.calibrate import followed_by_the_rest
from remanence.text.read.question import parse
from remanence.text.write.messages import as_observations, as_scope, empty, moment, refusal, whole
from remanence.types import (
    Ack,
    Change,
    Context,
    Event,
    Hit,
    Micros,
    Query,
    Receipt,
    Record,
    Retract,
    Revise,
    Scope,
    Touch,
)

BULK = 2_000
"""Observations committed at once by a bulk write."""
SPACES = 64
"""Spaces kept in memory; the one unused for longest leaves first."""

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


class Memory:
    """Long-term memory in one store. Thread-safe; several processes may open one file at once.

    A user's memories are a space of their own: nothing that is asked for one user can reach another's. `agent_id` narrows
    a read or write inside it, `session_id` names the conversation.
    """

    def __init__(
        self,
        path: str,
        *,
        embedder: Embedder | None,
        recipe: Recipe,
        clock: Callable[[], Micros] | None,
        read_only: bool,
    ) -> None:
        self._store = open_store(path, analyze=record_terms, clock=clock, read_only=read_only)
        self._recipe = recipe
        self._encoder = embedder
        self._worker = (
            EmbeddingWorker(self._store, embedder) if embedder and not read_only else None
        )
        self._spaces: dict[Scope, Space] = {}
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
    ) -> Self:
        """Open the store at `path`, creating it where there is none.

        `embedder`: `"auto"` (MiniLM if its files are on this machine, else none), `"minilm"`, `"static"`, `"none"`, the URL of an
        OpenAI-compatible endpoint, or an `Embedder`. `clock` gives the time in micros, for tests and replays.

        Raises: NotAStore, NewerSchema, ReadOnly, Corrupt; ModelMissing; InvalidInput for an unknown embedder or recipe.
        """
        encoder = open_embedder(embedder)
        return cls(
            str(path) if isinstance(path, Path) else path,
            embedder=encoder,
            recipe=open_recipe(recipe, encoder),
            clock=clock,
            read_only=read_only,
        )

    # --- writing ---

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
        key: str = "",
    ) -> list[Ack]:
        """Remember text, a message, or a list of them, in one durable transaction; one `Ack` each, in order.

        A message: `{"role": "user", "name": "Ana", "content": "…", "at": …}`; see `text.write.messages`. `at` is when it was said
        (default: now). `key` makes a retry safe: the same key again stores nothing and returns the first call's acks.

        Raises: InvalidInput (nothing is written), Conflict (a key used for other content), StoreFull, StoreBusy, ReadOnly.
        """
        now = self._store.now()
        observations = as_observations(
            content,
            scope=as_scope(user_id, agent_id),
            now=now,
            session=session_id,
            id=id,
            at=moment("at", at),
            origin=origin,
            meta=meta,
        )
        if len(observations) == 1 and empty(observations[0]):
            raise InvalidInput("content is empty", hint="there is nothing to remember in it")
        return self._write(observations, key, now)

    def observe(
        self, observations: Iterable[Observation], *, progress: Callable[[int], None] | None = None
    ) -> Iterator[Ack]:
        """Write many observations, lazily, a durable transaction for every few thousand; yields an ack each.

        What was acknowledged stays when the rest fails. `progress` is called with the number committed so far.
        """
        source = iter(observations)
        done = 0
        while batch := list(islice(source, BULK)):
            yield from self._write(batch, "", self._store.now())
            done += len(batch)
            if progress is not None:
                progress(done)

    def _write(self, observations: Sequence[Observation], key: str, now: Micros) -> list[Ack]:
        if not observations:
            return []
        changes: list[Change] = []
        firsts: list[int] = []
        reasons = [refusal(observation, now) for observation in observations]
        for observation, reason in zip(observations, reasons, strict=True):
            firsts.append(len(changes))
            if not reason:
                changes.extend(self._recipe.writer.write(observation))
        acks = self._apply(changes, key)
        ends = [*firsts[1:], len(changes)]
        # A document is one item of the caller's, though several records: its ack is its own, or its first failure.
        return [
            Ack("rejected", id=observation.id, reason=reason) if reason else _item(acks[start:end])
            for observation, reason, start, end in zip(
                observations, reasons, firsts, ends, strict=True
            )
        ]

    def _apply(self, changes: Sequence[Change], key: str = "", actor: str = "") -> list[Ack]:
        acks = self._store.apply(changes, actor=actor, key=key)
        if self._worker is not None and any(ack.status == "stored" for ack in acks):
            self._worker.wake()
        return acks

    def _one(self, change: Revise | Retract | Touch) -> Ack:
        """A change of one record: what a list would have rejected is an error here."""
        (ack,) = self._apply([change])
        if ack.status == "rejected":
            if self._store.get(change.scope, change.id) is None:
                raise NotFound(f"no record {change.id!r}", hint="list() shows what there is")
            raise InvalidInput(ack.reason)
        return ack

    def update(
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
        if not isinstance(text, str):
            raise InvalidInput(f"the new text is a {type(text).__name__}", hint="give a string")
        if not text.strip():
            raise InvalidInput(
                "the new text is empty",
                hint="retract() says it is no longer true, forget() erases it",
            )
        return self._one(
            Revise(scope=as_scope(user_id, agent_id), id=id, text=text, expect=expect, meta=meta)
        )

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
        scope = as_scope(user_id, agent_id)
        return self._one(Retract(scope=scope, id=id, at=moment("at", at), expect=expect))

    def touch(
        self, id: str, *, user_id: str | None = None, agent_id: str | None = None, how: str = "used"
    ) -> Ack:
        """Note that a record was used; fading and ranking may read it from the ledger. Raises: NotFound."""
        return self._one(Touch(scope=as_scope(user_id, agent_id), id=id, how=how))

    def forget(
        self, ids: str | Sequence[str], *, user_id: str | None = None, agent_id: str | None = None
    ) -> Receipt:
        """Erase records in all their versions, and everything derived from them; the ledger keeps that it happened.

        Raises: NotFound, if any of the ids is unknown (then nothing is erased)."""
        wanted = [ids] if isinstance(ids, str) else list(ids)
        return self._store.forget(as_scope(user_id, agent_id), wanted)

    # --- reading ---

    def search(
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
        asked = self._query(
            query, user_id, agent_id, session_id, k, as_of, known_at, kinds, filters
        )
        view, ranked = self._rank(asked, asked.k)
        return self._hits(view, ranked, asked.scope)

    def context(
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
        budget = whole("budget", budget, least=1)
        asked = self._query(
            query, user_id, agent_id, session_id, 1, as_of, known_at, kinds, filters
        )
        # A record costs some ten tokens at the least: more than this can't fit.
        most = max(10, budget // 10)
        view, ranked = self._rank(asked, most)
        if view.count <= most:
            ranked = followed_by_the_rest(ranked, view)
        packed = self._recipe.packer.pack(self._hits(view, ranked, asked.scope), budget)
        return replace(packed, complete=packed.complete and len(packed.hits) == view.count)

    def get(
        self,
        id: str,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        as_of: When = None,
        known_at: When = None,
    ) -> Record:
        """The record of that id as it is, or as it was. Raises: NotFound."""
        scope = as_scope(user_id, agent_id)
        record = self._store.get(
            scope, id, as_of=moment("as_of", as_of), known_at=moment("known_at", known_at)
        )
        if record is None:
            raise NotFound(
                f"no record {id!r} for {'/'.join(scope)}", hint="list() shows what there is"
            )
        return record

    def history(
        self, id: str, *, user_id: str | None = None, agent_id: str | None = None
    ) -> list[Record]:
        """All versions of a record, oldest first. Raises: NotFound."""
        return self._store.history(as_scope(user_id, agent_id), id)

    def events(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        after: int = 0,
        limit: int = 1000,
    ) -> list[Event]:
        """The ledger of this scope: what was committed, when and by whom, without content."""
        first, most = whole("after", after, least=0), whole("limit", limit, least=0)
        return list(self._store.events(as_scope(user_id, agent_id), after=first, limit=most))

    def _query(
        self,
        text: str,
        user_id: str | None,
        agent_id: str | None,
        session: str,
        k: int,
        as_of: When,
        known_at: When,
        kinds: Sequence[str],
        filters: Mapping[str, object] | None,
    ) -> Query:
        if not isinstance(text, str):
            raise InvalidInput(f"query is a {type(text).__name__}", hint="ask in words")
        return Query(
            text=text,
            scope=as_scope(user_id, agent_id),
            k=whole("k", k, least=1),
            as_of=moment("as_of", as_of),
            known_at=moment("known_at", known_at),
            kinds=(kinds,) if isinstance(kinds, str) else tuple(kinds),
            filters=_narrowed(filters, session),
        )

    def _rank(self, query: Query, k: int) -> tuple[SpaceView, Ranked]:
        now = self._store.now()
        view = self._space(query.scope).view(query, now)
        question = parse(query, encoder=self._encoder if view.embedded else None, now=now)
        return view, self._recipe.retriever.retrieve(question, view, k)

    def _space(self, scope: Scope) -> Space:
        with self._lock:
            space = self._spaces.pop(scope[:2], None)
            if space is None:
                space = Space(self._store, scope, self._encoder)
            self._spaces[scope[:2]] = space
            if len(self._spaces) > SPACES:
                del self._spaces[next(iter(self._spaces))]
            return space

    def _hits(self, view: SpaceView, ranked: Ranked, scope: Scope) -> list[Hit]:
        rows = view.rows[ranked.ords]
        seqs, places = rows["seq"].tolist(), rows["first"].tolist()
        records = self._store.found(scope, seqs)
        names = list(ranked.signals)
        table = np.array([ranked.signals[name] for name in names]).reshape(len(names), len(seqs)).T
        return [
            Hit(records[seq], score, dict(zip(names, signals, strict=True)), place=place)
            for seq, place, score, signals in zip(
                seqs, places, ranked.scores.tolist(), table.tolist(), strict=True
            )
            if seq in records  # somebody may have forgotten it since
        ]

    # --- keeping ---

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until every record has its vectors; False if `timeout` seconds passed first. Raises: what stopped the encoder."""
        return self._worker.flush(timeout) if self._worker is not None else True

    def status(self) -> Status:
        """Counts, sizes and how far the vectors are."""
        counts = self._store.counts(self._encoder.id if self._encoder else "")
        error = self._worker.error if self._worker is not None else None
        return Status(
            path=counts.path,
            schema=counts.schema,
            records=counts.records,
            versions=counts.versions,
            events=counts.events,
            spaces=counts.spaces,
            bytes=counts.bytes,
            recipe=self._recipe.name,
            encoder=self._encoder.id if self._encoder else "none",
            embedded=counts.embedded,
            pending=counts.pending,
            dense=self._dense(),
            error=str(error) if error else "",
        )

    def _dense(self) -> str:
        if self._encoder is None:
            return "none"
        with self._lock:
            known = [
                recall for space in self._spaces.values() if (recall := space.recall()) is not None
            ]
        return f"approximate (recall@10 {min(known):.3f})" if known else "exact"

    def verify(self) -> Report:
        """Check the chain, every digest, derived state against the ledger, and the pages of the file."""
        return self._store.verify()

    def rebuild(self) -> None:
        """Derive everything anew from the ledger."""
        self._store.rebuild()
        with self._lock:
            self._spaces.clear()

    def state_digest(self) -> str:
        """A digest of all that is remembered, equal for equal histories on any machine."""
        return self._store.state_digest()

    def backup(self, path: str | Path) -> None:
        """Copy the store to `path` while it is in use; the copy appears whole or not at all."""
        self._store.backup(Path(path))

    def export(self, path: str | Path) -> int:
        """Write everything (history, tombstones, vectors) as JSON lines; the number of lines."""
        return self._store.export_jsonl(Path(path))

    def load(self, path: str | Path) -> Loaded:
        """Read an export into this store, which must be empty; the result has the same state digest."""
        loaded = self._store.import_jsonl(Path(path))
        if self._worker is not None:
            self._worker.wake()
        return loaded

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

    # The last one: below it, `list` would name this verb in annotations.
    def list(
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
        return self._store.list(
            as_scope(user_id, agent_id),
            kinds=(kinds,) if isinstance(kinds, str) else tuple(kinds),
            filters=_narrowed(filters, session_id),
            as_of=moment("as_of", as_of),
            known_at=moment("known_at", known_at),
            limit=whole("limit", limit, least=0),
            after=whole("after", after, least=0),
        )


def _narrowed(filters: Mapping[str, object] | None, session: str) -> dict[str, object]:
    if filters is not None and not isinstance(filters, Mapping):
        raise InvalidInput(
            f"filters is a {type(filters).__name__}", hint='give a dict, such as {"speaker": "Ana"}'
        )
    return {**(filters or {}), **({"session": session} if session else {})}


def _item(acks: Sequence[Ack]) -> Ack:
    if not acks:
        return Ack("rejected", reason="there is nothing to remember in it")
    return next((ack for ack in acks if ack.status == "rejected"), acks[0])
