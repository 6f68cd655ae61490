"""A graph of entities, observations and relations, kept as records: what the protocol's reference memory server offers, over our store.

Each entity, observation and relation is a record of its own, with an id made of what it is. So several processes can write at once and
lose nothing, the same thing twice is one thing, searching finds each statement, and forgetting an entity takes along what was observed
of it, which names it as its source. Ids that were forgotten are spent: what is created anew gets the next of its ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import chain
from typing import Final, NamedTuple

from remanence.errors import Conflict, InvalidInput, NotFound
from remanence.memory import Memory
from remanence.seams import Observation
from remanence.text.write.messages import as_scope
from remanence.types import Ack, Record, Source

ENTITY, OBSERVATION, RELATION = KINDS = ("entity", "observation", "relation")
PREFIX: Final = "graph:"
SPENT: Final = ("a record of this id", "the id exists")
"""How the store says that an id was used before."""
TRIES: Final = 20
"""Times that an erasure is planned anew because somebody erased a part of it first."""
EVERYTHING: Final = 1_000_000_000


class Relation(NamedTuple):
    """`source --kind--> target`, by names; there need be no entities of these names."""

    source: str
    target: str
    kind: str


@dataclass(slots=True)
class Entity:
    """A name, its type and what was observed of it, in the order in which it was. `ids`: of the records, observations by text."""

    name: str
    kind: str
    observations: list[str] = field(default_factory=list)
    id: str = ""
    ids: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contents:
    """Entities and relations, in the order in which they were created. `ids`: of the relations' records."""

    entities: list[Entity]
    relations: list[Relation]
    ids: Mapping[Relation, str] = field(default_factory=dict)

    def around(self, names: Iterable[str]) -> Contents:
        """The entities of these names, and every relation that begins or ends at one of them."""
        inside = frozenset(names)
        entities = [one for one in self.entities if one.name in inside]
        there = {one.name for one in entities}
        relations = [one for one in self.relations if one.source in there or one.target in there]
        return Contents(entities, relations)


@dataclass(frozen=True, kw_only=True)
class Graph:
    """The graph in one user's memory."""

    memory: Memory
    user_id: str | None = None
    agent_id: str | None = None
    tenant: str = ""
    origin: str = ""

    def read(self) -> Contents:
        """All of it, what has faded into the archive included; not what waits for confirmation."""
        entities: dict[str, Entity] = {}
        relations: dict[Relation, str] = {}
        observed: list[Record] = []
        for record in self.memory.list(
            user_id=self.user_id,
            agent_id=self.agent_id,
            kinds=KINDS,
            archived=True,
            limit=EVERYTHING,
        ):
            if not record.id.startswith(PREFIX):
                continue
            if record.kind == ENTITY:
                kind = str(record.meta.get("entityType", ""))
                entities[record.id] = Entity(record.text, kind, id=record.id)
            elif record.kind == OBSERVATION:
                observed.append(record)
            else:
                relations[_relation(record)] = record.id
        for record in observed:
            about = next((entities[one.id] for one in record.sources if one.id in entities), None)
            if about is not None and record.text not in about.ids:
                about.observations.append(record.text)
                about.ids[record.text] = record.id
        return Contents(list(entities.values()), list(relations), relations)

    def search(self, query: str) -> Contents:
        """Entities whose name, type or observations hold the query, case aside; where none does, those that answer it best."""
        contents, words = self.read(), query.lower()
        found = [
            one.name
            for one in contents.entities
            if any(words in text.lower() for text in (one.name, one.kind, *one.observations))
        ]
        if not found:
            hits = self.memory.search(
                query, user_id=self.user_id, agent_id=self.agent_id, kinds=KINDS, archived=True
            )
            ids = {
                id for hit in hits for id in (hit.record.id, *(s.id for s in hit.record.sources))
            }
            found = [one.name for one in contents.entities if one.id in ids]
        return contents.around(found)

    def open(self, names: Sequence[str]) -> Contents:
        """The entities of these names, and their relations."""
        return self.read().around(names)

    def create_entities(self, wanted: Sequence[Entity]) -> list[Entity]:
        """Those that were new, as they were stored. Raises: InvalidInput for what is blank, and where a policy refuses one."""
        _spoken(chain.from_iterable((one.name, *one.observations) for one in wanted))
        known = {one.name for one in self.read().entities}
        first: dict[str, Entity] = {}
        for one in wanted:
            if one.name not in known:
                first.setdefault(one.name, one)
        fresh = list(first.values())
        acks = self._put([self._entity(one) for one in fresh])
        created = []
        for one, (head, *rest) in zip(fresh, acks, strict=True):
            if head.status == "stored":
                texts = dict.fromkeys(one.observations)
                kept = [
                    text for text, ack in zip(texts, rest, strict=True) if ack.status == "stored"
                ]
                created.append(Entity(one.name, one.kind, kept, head.id))
        return created

    def create_relations(self, wanted: Sequence[Relation]) -> list[Relation]:
        """Those that were new. Raises: as `create_entities`."""
        _spoken(chain.from_iterable(wanted))
        known = self.read().ids
        fresh = [one for one in dict.fromkeys(wanted) if one not in known]
        acks = self._put([self._related(one) for one in fresh])
        return [one for one, (ack,) in zip(fresh, acks, strict=True) if ack.status == "stored"]

    def add_observations(self, wanted: Sequence[tuple[str, Sequence[str]]]) -> list[list[str]]:
        """Which of the statements about each entity were new.

        Raises: NotFound where there is no such entity, and nothing is stored; else as `create_entities`."""
        _spoken(chain.from_iterable(texts for _, texts in wanted))
        entities = {one.name: one for one in self.read().entities}
        for name, _ in wanted:
            if name not in entities:
                raise NotFound(
                    f"Entity with name {name} not found", hint="create_entities makes one"
                )
        fresh = [
            list(dict.fromkeys(text for text in texts if text not in entities[name].ids))
            for name, texts in wanted
        ]
        acks = iter(
            self._put(
                [
                    self._observed(entities[name], text)
                    for (name, _), texts in zip(wanted, fresh, strict=True)
                    for text in texts
                ]
            )
        )
        return [[text for text in texts if next(acks)[0].status == "stored"] for texts in fresh]

    def delete_entities(self, names: Sequence[str]) -> int:
        """Erase entities with what was observed of them and their relations; the number of records erased."""
        gone = frozenset(names)

        def doomed(contents: Contents) -> list[str]:
            entities = [one for one in contents.entities if one.name in gone]
            return [
                *(one.id for one in entities),
                *chain.from_iterable(one.ids.values() for one in entities),
                *(
                    id
                    for one, id in contents.ids.items()
                    if one.source in gone or one.target in gone
                ),
            ]

        return self._erase(doomed)

    def delete_observations(self, deletions: Sequence[tuple[str, Sequence[str]]]) -> int:
        """Erase statements about entities, word for word; the number of records erased."""

        def doomed(contents: Contents) -> list[str]:
            entities = {one.name: one for one in contents.entities}
            return [
                entities[name].ids[text]
                for name, texts in deletions
                if name in entities
                for text in dict.fromkeys(texts)
                if text in entities[name].ids
            ]

        return self._erase(doomed)

    def delete_relations(self, relations: Sequence[Relation]) -> int:
        """Erase relations; the number of records erased."""
        wanted = dict.fromkeys(relations)
        return self._erase(
            lambda contents: [contents.ids[one] for one in wanted if one in contents.ids]
        )

    def _erase(self, doomed: Callable[[Contents], list[str]]) -> int:
        for _ in range(TRIES):
            ids = list(dict.fromkeys(doomed(self.read())))
            if not ids:
                return 0
            try:
                receipt = self.memory.forget(ids, user_id=self.user_id, agent_id=self.agent_id)
                return len(receipt.ids)
            except NotFound:  # somebody else erased one of them first
                continue
        raise Conflict("others erase the same entities", hint="try again")

    def _put(self, made: Sequence[Callable[[str], list[Observation]]]) -> list[list[Ack]]:
        """Store groups of observations, each under the first of its ids that is not spent; their acks."""
        found: dict[int, list[Ack]] = {}
        turns = dict.fromkeys(range(len(made)), 0)
        while turns:
            groups = {
                number: made[number](f"~{turn}" if turn else "") for number, turn in turns.items()
            }
            acks = self.memory.observe(chain.from_iterable(groups.values()))
            for number, group in groups.items():
                answered = [next(acks) for _ in group]
                if self._spent(answered[0]):
                    turns[number] += 1
                else:
                    del turns[number]
                    found[number] = answered
        refused = [
            ack
            for answered in found.values()
            for ack in answered
            if ack.status == "rejected" and not ack.reason.startswith(SPENT)
        ]
        if refused:
            raise InvalidInput(refused[0].reason, hint="the others are stored")
        return [found[number] for number in range(len(made))]

    def _spent(self, ack: Ack) -> bool:
        """Whether the id belongs to what is no longer there; otherwise somebody stored the same thing first."""
        if ack.status != "duplicate" and not ack.reason.startswith(SPENT):
            return False
        try:
            found = self.memory.get(ack.id, user_id=self.user_id, agent_id=self.agent_id)
        except NotFound:
            return True
        return found.valid_to is not None  # retracted by hand

    def _entity(self, one: Entity) -> Callable[[str], list[Observation]]:
        def made(turn: str) -> list[Observation]:
            id = self._id(ENTITY, one.name) + turn
            head = self._record(
                id, ENTITY, one.name, "", meta={"entityType": one.kind}, fields={"type": one.kind}
            )
            texts = dict.fromkeys(one.observations)
            return [head, *(self._statement(id, one.name, text, "") for text in texts)]

        return made

    def _observed(self, about: Entity, text: str) -> Callable[[str], list[Observation]]:
        return lambda turn: [self._statement(about.id, about.name, text, turn)]

    def _related(self, one: Relation) -> Callable[[str], list[Observation]]:
        meta = {"from": one.source, "to": one.target, "relationType": one.kind}
        text = f"{one.source} {one.kind} {one.target}"
        return lambda turn: [
            self._record(self._id(RELATION, *one) + turn, RELATION, text, "", meta=meta)
        ]

    def _statement(self, entity: str, name: str, text: str, turn: str) -> Observation:
        id = self._id(OBSERVATION, entity, text) + turn
        return self._record(id, OBSERVATION, text, name, sources=(Source(entity),))

    def _record(
        self,
        id: str,
        kind: str,
        text: str,
        title: str,
        *,
        meta: Mapping[str, object] | None = None,
        fields: Mapping[str, str] | None = None,
        sources: tuple[Source, ...] = (),
    ) -> Observation:
        return Observation(
            text=text,
            scope=as_scope(self.user_id, self.agent_id, self.tenant),
            id=id,
            kind=kind,
            title=title,
            origin=self.origin,
            fields=fields or {},
            meta=meta or {},
            sources=sources,
        )

    def _id(self, kind: str, *parts: str) -> str:
        """The same for the same thing of the same agent, in every process."""
        told = "\x1f".join(
            part.replace("\x1b", "\x1b\x1b").replace("\x1f", "\x1b_")
            for part in (self.agent_id or "", *parts)
        )
        digest = blake2b(told.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        return f"{PREFIX}{kind}:{digest}"


def _relation(record: Record) -> Relation:
    source, target, kind = (
        str(record.meta.get(name, "")) for name in ("from", "to", "relationType")
    )
    return Relation(source, target, kind)


def _spoken(texts: Iterable[str]) -> None:
    """Raises: InvalidInput where there is nothing in one of them."""
    if any(not text.strip() for text in texts):
        raise InvalidInput(
            "a name, type or observation is blank", hint="leave it out, or say what it is"
        )
