"""A visit to a memory server of entities, observations and relations: the same calls for the protocol's reference server and for ours."""

from __future__ import annotations

from typing import Any

from mcp.client.client import Client

ANA = {"name": "Ana", "entityType": "person", "observations": ["plays the viola", "lives in Porto"]}
ACME = {"name": "Acme", "entityType": "company", "observations": []}
ODD = {
    "name": 'Zoë "Q" O\'Hara/42',
    "entityType": "Person",
    "observations": ["line\nbreak", "日本"],
}
WORKS = {"from": "Ana", "to": "Acme", "relationType": "works at"}
DANGLING = {"from": "Acme", "to": "Nobody", "relationType": "owes money to"}
KNOWS = {"from": ODD["name"], "to": "Ana", "relationType": "knows"}

SCRIPT: tuple[tuple[str, dict[str, Any]], ...] = (
    ("read_graph", {}),
    ("search_nodes", {"query": "viola"}),
    ("open_nodes", {"names": ["Ana"]}),
    ("create_entities", {"entities": [ANA, ACME]}),
    ("create_entities", {"entities": [{**ANA, "observations": ["something else"]}, ODD]}),
    ("create_entities", {"entities": []}),
    ("create_relations", {"relations": [WORKS, DANGLING]}),
    ("create_relations", {"relations": [WORKS, KNOWS]}),
    ("add_observations", {"observations": [{"entityName": "Acme", "contents": ["sells anvils"]}]}),
    (
        "add_observations",
        {
            "observations": [
                {"entityName": "Ana", "contents": ["plays the viola", "likes figs"]},
                {"entityName": "Acme", "contents": []},
            ]
        },
    ),
    ("add_observations", {"observations": [{"entityName": "Nobody", "contents": ["is here"]}]}),
    (
        "add_observations",
        {
            "observations": [
                {"entityName": "Ana", "contents": ["must not be stored"]},
                {"entityName": "Nobody", "contents": ["is here"]},
            ]
        },
    ),
    ("read_graph", {}),
    ("search_nodes", {"query": "VIOLA"}),
    ("search_nodes", {"query": "person"}),
    ("search_nodes", {"query": "acm"}),
    ("search_nodes", {"query": ""}),
    ("open_nodes", {"names": ["Acme", "Nobody", "Ana"]}),
    ("open_nodes", {"names": ["ana"]}),
    ("open_nodes", {"names": []}),
    (
        "delete_observations",
        {
            "deletions": [
                {"entityName": "Ana", "observations": ["likes figs", "never said"]},
                {"entityName": "Nobody", "observations": ["is here"]},
            ]
        },
    ),
    ("add_observations", {"observations": [{"entityName": "Ana", "contents": ["likes figs"]}]}),
    ("delete_relations", {"relations": [DANGLING, {**WORKS, "relationType": "owns"}]}),
    ("read_graph", {}),
    ("delete_entities", {"entityNames": ["Ana", "Nobody"]}),
    ("read_graph", {}),
    ("create_entities", {"entities": [{**ANA, "observations": ["came back"]}]}),
    ("create_relations", {"relations": [WORKS]}),
    ("read_graph", {}),
    ("create_entities", {"entities": [{"name": "Ana"}]}),
    ("open_nodes", {"names": "Ana"}),
    ("no_such_tool", {}),
)


async def visit(client: Client) -> dict[str, Any]:
    """What a server offers and answers: shapes of its tools, and what each call gave (of errors only that they were)."""
    tools = {
        tool.name: {
            "input": _shape(tool.input_schema),
            "output": _shape(tool.output_schema),
            "hints": tool.annotations.model_dump(exclude={"title"}) if tool.annotations else None,
        }
        for tool in (await client.list_tools()).tools
    }
    answers = []
    for name, arguments in SCRIPT:
        result = await client.call_tool(name, arguments)
        answers.append(
            {"error": True}
            if result.is_error
            else {
                "structured": result.structured_content,
                "text": [block.text for block in result.content],
            }
        )
    return {"tools": tools, "answers": answers}


def _shape(schema: Any) -> Any:
    """A schema without its words: types, properties, what is required."""
    if isinstance(schema, dict):
        kept = ("type", "properties", "required", "items")
        shape = {
            key: {name: _shape(one) for name, one in value.items()}
            if key == "properties"
            else _shape(value)
            for key, value in schema.items()
            if key in kept
        }
        return {key: value for key, value in shape.items() if value not in ({}, [])}
    return sorted(schema) if isinstance(schema, list) else schema
