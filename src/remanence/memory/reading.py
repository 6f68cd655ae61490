"""The verbs that read: `search`, `context`, `get`, `history`, `lineage`, `list`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from remanence.errors import InvalidInput, NotFound
from remanence.memory.core import Core, Lineage, When
from remanence.seams import Question, Ranked
from remanence.text.index.view import SpaceView
from remanence.text.read.calibrate import followed_by_the_rest, top
from remanence.text.read.question import parse
from remanence.text.slots.conflicts import agreed
from remanence.text.slots.holding import notes
from remanence.text.write.messages import equalities, moment, several, whole, word
from remanence.types import Context, Hit, Hits, Query, Record, Scope

APART = ("fact", "lesson")
"""Kinds that stand behind what was said: `facts` lists the ones, lessons are the guards'."""
SPARE = 20
"""Candidates ranked beyond those asked for where gates may withhold some."""


class Reading(Core):
    """What asks memory. Nothing is read outside the scope of the call."""

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
        asked = Query(
            text=_text(query),
            scope=self._scope(user_id, agent_id),
            k=whole("k", k, least=1),
            as_of=moment("as_of", as_of),
            known_at=moment("known_at", known_at),
            kinds=several("kinds", kinds),
            filters=_narrowed(filters, session_id),
            asker=word("asker", asker),
            audience=word("audience", audience),
            purpose=word("purpose", purpose),
            archived=archived,
            quarantined=quarantined,
        )
        view, question = self._look(asked)
        found = self._screened(view, question, asked.k)
        self._noted([hit.record for hit in found], asker)
        return found

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
        asker: str = "",
        audience: str = "",
        purpose: str = "",
        archived: bool = False,
    ) -> Context:
        """What to put before a model: the best memories in at most `budget` tokens, in conversation order, each cited.

        Where the whole visible memory fits, it is all there, in order: for short histories that is the best known answer.
        `audience` and `purpose` as in `search`.
        """
        budget = whole("budget", budget, least=1)
        asked = Query(
            text=_text(query),
            scope=self._scope(user_id, agent_id),
            k=1,
            as_of=moment("as_of", as_of),
            known_at=moment("known_at", known_at),
            kinds=several("kinds", kinds),
            filters=_narrowed(filters, session_id),
            asker=word("asker", asker),
            audience=word("audience", audience),
            purpose=word("purpose", purpose),
            archived=archived,
        )
        view, question = self._look(asked)
        # A record costs some ten tokens at the least: more than this can't fit.
        most = max(10, budget // 10)
        hits = self._screened(view, question, most, all_of_it=view.count <= most)
        packed = self._recipe.packer.pack(hits, budget)
        self._noted([hit.record for hit in packed.hits], asker)
        return replace(
            packed,
            complete=packed.complete and len(packed.hits) == view.count,
            withheld=(*packed.withheld, *hits.withheld),
        )

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
        scope = self._scope(user_id, agent_id)
        record = self._store.get(
            scope, id, as_of=moment("as_of", as_of), known_at=moment("known_at", known_at)
        )
        if record is None:
            raise NotFound(
                f"no record {id!r} for {'/'.join(scope)}", hint="list() shows what there is"
            )
        self._noted([record])
        return record

    def history(
        self, id: str, *, user_id: str | None = None, agent_id: str | None = None
    ) -> list[Record]:
        """All versions of a record, oldest first; empty where there never was one. Raises: NotFound where it was forgotten."""
        scope = self._scope(user_id, agent_id)
        found = self._store.history(scope, id)
        self._noted(found[-1:])
        return found

    def lineage(
        self, id: str, *, user_id: str | None = None, agent_id: str | None = None
    ) -> Lineage:
        """Where a record stands among others: the records it names as its sources, those that name it, and its links. Raises: NotFound."""
        scope = self._scope(user_id, agent_id)
        record = self.get(id, user_id=user_id, agent_id=agent_id)
        sources = self._known(scope, dict.fromkeys(source.id for source in record.sources))
        derived = self._known(scope, self._store.children(scope, id))
        self._noted([*sources, *derived])
        return Lineage(record, sources, derived, tuple(self._store.links(scope, id)))

    def _known(self, scope: Scope, ids: Iterable[str]) -> tuple[Record, ...]:
        found = (self._store.get(scope, id) for id in ids)
        return tuple(record for record in found if record is not None)

    def _look(self, query: Query) -> tuple[SpaceView, Question]:
        now = self._store.now()
        view = self._space(query.scope).view(query, now)
        question = parse(query, encoder=self._encoder if view.embedded else None, now=now)
        view.expect(question.terms)
        return view, question

    def _screened(
        self, view: SpaceView, question: Question, k: int, *, all_of_it: bool = False
    ) -> Hits:
        """The best k that every gate lets through; where some are withheld, others take their places."""
        wanted = k + SPARE if self._recipe.gates else k
        while True:
            ranked = self._recipe.retriever.retrieve(question, view, wanted)
            if all_of_it:
                ranked = followed_by_the_rest(ranked, view)
            # Who asks for themselves mostly gets what nobody doubts: then the spare ones need not be read.
            few = wanted == k + SPARE and not all_of_it and not question.query.audience
            hits = self._hits(view, top(ranked, k) if few else ranked, question)
            if few and self._beyond_doubt(view, hits, question):
                return Hits(hits)
            if few:
                hits += self._hits(view, _behind(ranked, k), question)
            found, withheld = hits, list[str]()
            for gate in self._recipe.gates:
                screened = gate.screen(question, view, found)
                found = list(screened.hits)
                withheld += screened.withheld
            if len(found) >= k or len(hits) < wanted or all_of_it:
                return Hits(found[:k], withheld)
            wanted *= 4

    def _beyond_doubt(self, view: SpaceView, hits: list[Hit], question: Question) -> bool:
        """Whether all are fully trusted, and no gate has anything to say of them."""
        if any(hit.record.trust < 1.0 for hit in hits):
            return False
        screened = (gate.screen(question, view, hits) for gate in self._recipe.gates)
        return all(one.hits is hits and not one.withheld for one in screened)

    def _hits(self, view: SpaceView, ranked: Ranked, question: Question) -> list[Hit]:
        query = question.query
        rows = view.rows[ranked.ords]
        seqs, places = rows["seq"].tolist(), rows["first"].tolist()
        records = self._store.found(query.scope, seqs)
        names = list(ranked.signals)
        table = np.array([ranked.signals[name] for name in names]).reshape(len(names), len(seqs)).T
        both = view.derived("agreed", lambda _, __: agreed(self._store, query.scope))
        said = notes(view, ranked.ords, question, both)
        if query.audience:  # a note quotes another record, which the gates have not seen
            said = [
                tuple(line.partition(":")[0].partition(" (")[0] for line in one) for one in said
            ]
        return [
            Hit(
                records[seq], score, dict(zip(names, signals, strict=True)), place=place, notes=more
            )
            for seq, place, score, signals, more in zip(
                seqs, places, ranked.scores.tolist(), table.tolist(), said, strict=True
            )
            if seq in records  # somebody may have forgotten it since
        ]

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
        archived: bool = False,
        quarantined: bool = False,
        limit: int = 100,
        after: int = 0,
    ) -> list[Record]:
        """Records in the order of their commits, at most `limit`, behind the first `after`; facts and lessons only where `kinds` asks."""
        found = self._store.list(
            self._scope(user_id, agent_id),
            kinds=several("kinds", kinds),
            filters=_narrowed(filters, session_id),
            as_of=moment("as_of", as_of),
            known_at=moment("known_at", known_at),
            archived=archived,
            quarantined=quarantined,
            apart=APART,
            limit=whole("limit", limit, least=0),
            after=whole("after", after, least=0),
        )
        self._noted(found)
        return found


def _behind(ranked: Ranked, k: int) -> Ranked:
    """All but the first k."""
    signals = {name: values[k:] for name, values in ranked.signals.items()}
    return Ranked(ranked.ords[k:], ranked.scores[k:], signals)


def _text(query: object) -> str:
    if not isinstance(query, str):
        raise InvalidInput(f"query is a {type(query).__name__}", hint="ask in words")
    return query


def _narrowed(filters: Mapping[str, object] | None, session: str) -> dict[str, object]:
    named = word("session_id", session)
    return {**equalities("filters", filters), **({"session": named} if named else {})}
