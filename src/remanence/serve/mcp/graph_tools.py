"""The nine tools of the protocol's reference memory server, with its shapes, over a graph in our store."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from remanence.memory import Memory
from remanence.memory.core import acting
from remanence.serve.mcp.about import GRAPH
from remanence.serve.mcp.graph import Contents, Entity, Graph, Relation
from remanence.serve.mcp.tools import AgentTool, Result, brief
from remanence.serve.ops.op import Caller, Right

Given = Mapping[str, Any]


class _Strict(BaseModel):
    """Types are taken as they stand, and keys beyond those that are known are left out, as the reference does."""

    model_config = ConfigDict(strict=True, extra="ignore")


class _Entity(_Strict):
    name: str = Field(description="The entity's name, which stands for it everywhere.")
    entityType: str = Field(description="What it is: person, project, place, …")
    observations: list[str] = Field(description="What is known of it, a statement each.")


class _Relation(_Strict):
    source: str = Field(alias="from", description="The name of the entity that it begins at.")
    to: str = Field(description="The name of the entity that it ends at.")
    relationType: str = Field(description="What connects them, in active voice.")


class _Addition(_Strict):
    entityName: str = Field(description="The entity's name.")
    contents: list[str] = Field(description="New statements about it.")


class _Deletion(_Strict):
    entityName: str = Field(description="The entity's name.")
    observations: list[str] = Field(description="The statements to erase, word for word.")


class _Entities(_Strict):
    entities: list[_Entity]


class _Relations(_Strict):
    relations: list[_Relation]


class _Additions(_Strict):
    observations: list[_Addition]


class _Names(_Strict):
    entityNames: list[str] = Field(description="Names of entities.")


class _Deletions(_Strict):
    deletions: list[_Deletion]


class _Query(_Strict):
    query: str = Field(description="What to look for.")


class _Opened(_Strict):
    names: list[str] = Field(description="Names of entities.")


class _Nothing(_Strict):
    pass


class _Whole(_Strict):
    entities: list[_Entity]
    relations: list[_Relation]


class _Added(_Strict):
    entityName: str
    addedObservations: list[str]


class _Results(_Strict):
    results: list[_Added]


class _Success(_Strict):
    success: bool
    message: str


def create_entities(graph: Graph, given: Given) -> Result:
    """`entities` in; those that were new out."""
    wanted = [
        Entity(one["name"], one["entityType"], one["observations"]) for one in given["entities"]
    ]
    return _listed("entities", [_entity(one) for one in graph.create_entities(wanted)])


def create_relations(graph: Graph, given: Given) -> Result:
    """`relations` in; those that were new out."""
    created = graph.create_relations(_relations(given))
    return _listed("relations", [_related(one) for one in created])


def add_observations(graph: Graph, given: Given) -> Result:
    """`observations` in; by entity, those that were new out."""
    wanted = [(one["entityName"], one["contents"]) for one in given["observations"]]
    added = graph.add_observations(wanted)
    return _listed(
        "results",
        [
            {"entityName": name, "addedObservations": texts}
            for (name, _), texts in zip(wanted, added, strict=True)
        ],
    )


def delete_entities(graph: Graph, given: Given) -> Result:
    """`entityNames` in."""
    graph.delete_entities(given["entityNames"])
    return _done("Entities deleted successfully")


def delete_observations(graph: Graph, given: Given) -> Result:
    """`deletions` in."""
    graph.delete_observations(
        [(one["entityName"], one["observations"]) for one in given["deletions"]]
    )
    return _done("Observations deleted successfully")


def delete_relations(graph: Graph, given: Given) -> Result:
    """`relations` in."""
    graph.delete_relations(_relations(given))
    return _done("Relations deleted successfully")


def read_graph(graph: Graph, given: Given) -> Result:
    """Everything out."""
    return whole(graph.read())


def search_nodes(graph: Graph, given: Given) -> Result:
    """`query` in; entities with their relations out."""
    return whole(graph.search(given["query"]))


def open_nodes(graph: Graph, given: Given) -> Result:
    """`names` in; entities with their relations out."""
    return whole(graph.open(given["names"]))


_ALL: Final[
    tuple[tuple[Callable[[Graph, Given], Result], Right, type[BaseModel], type[BaseModel]], ...]
] = (
    (create_entities, Right.write, _Entities, _Entities),
    (create_relations, Right.write, _Relations, _Relations),
    (add_observations, Right.write, _Additions, _Results),
    (delete_entities, Right.forget, _Names, _Success),
    (delete_observations, Right.forget, _Deletions, _Success),
    (delete_relations, Right.forget, _Relations, _Success),
    (read_graph, Right.read, _Nothing, _Whole),
    (search_nodes, Right.read, _Query, _Whole),
    (open_nodes, Right.read, _Opened, _Whole),
)


@cache
def graph_tools(tenant: str) -> Mapping[str, AgentTool]:
    """The nine tools, over the memory of whoever calls."""
    return {
        work.__name__: AgentTool(
            name=work.__name__,
            about=GRAPH[work.__name__],
            right=right,
            model=taken,
            output=brief(given_back.model_json_schema()),
            do=_doing(work, tenant),
        )
        for work, right, taken, given_back in _ALL
    }


def graph_of(memory: Memory, caller: Caller, tenant: str) -> Graph:
    """The graph that a caller sees."""
    return Graph(
        memory=memory,
        user_id=caller.user_id,
        agent_id=caller.agent_id,
        tenant=tenant,
        origin=caller.origin,
    )


def whole(contents: Contents) -> Result:
    """A graph as the tools give it."""
    found = {
        "entities": [_entity(one) for one in contents.entities],
        "relations": [_related(one) for one in contents.relations],
    }
    return found, _text(found)


def _doing(
    work: Callable[[Graph, Given], Result], tenant: str
) -> Callable[[Memory, Given, Caller], Result]:
    def do(memory: Memory, given: Given, caller: Caller) -> Result:
        with acting(caller.name):
            return work(graph_of(memory, caller, tenant), given)

    return do


def _entity(one: Entity) -> dict[str, Any]:
    return {"name": one.name, "entityType": one.kind, "observations": one.observations}


def _related(one: Relation) -> dict[str, str]:
    return {"from": one.source, "to": one.target, "relationType": one.kind}


def _relations(given: Given) -> list[Relation]:
    return [Relation(one["from"], one["to"], one["relationType"]) for one in given["relations"]]


def _listed(name: str, found: Sequence[Mapping[str, Any]]) -> Result:
    return {name: list(found)}, _text(found)


def _done(message: str) -> Result:
    return {"success": True, "message": message}, message


def _text(found: object) -> str:
    return json.dumps(found, indent=2, ensure_ascii=False)
