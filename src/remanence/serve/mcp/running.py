"""A store behind the door, over one transport or the other, until it ends."""

from __future__ import annotations

from collections.abc import Iterator

from remanence.serve.http.memories import Memories
from remanence.serve.http.settings import Settings
from remanence.serve.listening import Listener
from remanence.serve.mcp import over_http as http
from remanence.serve.mcp import over_stdio as stdio
from remanence.serve.mcp.door import Door, Visitor, named, offered
from remanence.serve.mcp.door import offering as offering
from remanence.serve.ops.op import Caller, Right


def over_stdio(settings: Settings, tools: frozenset[str], caller: Caller) -> int:
    """Serve the client that started this process, as this caller, until it closes standard input; the exit code."""
    memories = Memories(settings)
    door = Door(
        using=memories.using,
        visitor=lambda context: Visitor(caller=named(caller, context), tenant=settings.tenant),
        tools=tools,
    )
    stdio.serve(door, warm=memories.warm, close=memories.close)
    return 0


def over_http(
    settings: Settings,
    tools: frozenset[str],
    host: str,
    port: int,
    origin: str,
    most: frozenset[Right],
) -> int:
    """Serve whoever has a token, until the process is told to end; the exit code. `most`: the rights that no token goes beyond.

    Raises: InvalidInput where it can't listen there; what opening the store raises."""
    hosts = http.checked_host(host)
    memories = Memories(settings)
    visitor = http.visiting(origin, most, tenant=settings.tenant, shared=memories.in_file)
    door = Door(using=memories.using, visitor=visitor, tools=tools)
    app = http.create_app(door.server(), settings.tokens, hosts=hosts, close=memories.close)

    def told(url: str) -> None:
        port = url.rpartition(":")[2]
        print(f"MCP at http://{hosts[0]}:{port}{http.PATH}; Ctrl-C ends it", flush=True)
        if not settings.tokens.all():
            print("nobody has a token yet: rmem token new NAME makes one", flush=True)

    Listener(app, memories, host, port, told=told).listen()
    return 0


def listed(tools: frozenset[str], caller: Caller) -> Iterator[tuple[str, str, str]]:
    """The tools that a caller sees: name, right, when to use it."""
    for tool in offered(tools, Visitor(caller=caller)).values():
        yield tool.name, tool.right, tool.about.when
