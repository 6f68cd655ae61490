"""The server behind every transport: which tools a caller sees, and how calls reach the store."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

import anyio
import anyio.to_thread
import mcp_types as protocol
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from remanence import __version__
from remanence.errors import InvalidInput, NotFound, RemanenceError
from remanence.memory import Memory
from remanence.serve.mcp import resources
from remanence.serve.mcp.about import GRAPH, GRAPH_INSTRUCTIONS, INSTRUCTIONS, TOOLS
from remanence.serve.mcp.graph_tools import graph_tools
from remanence.serve.mcp.tools import AgentTool, broken, failed, operations
from remanence.serve.mcp.wording import mended
from remanence.serve.ops.op import Caller, Right

log: Final = logging.getLogger("remanence.mcp")
SETS: Final[Mapping[str, tuple[str, ...]]] = {"memory": tuple(TOOLS), "graph": tuple(GRAPH)}
THREADS: Final = 32
"""Calls in hand at once; others wait for their turn."""
LONGEST_CLIENT: Final = 60
"""Characters kept of the name that a client gives itself."""

Context = ServerRequestContext[Any, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who calls, and whose store it is."""

    caller: Caller
    tenant: str = ""


@dataclass(frozen=True, kw_only=True)
class Door:
    """`using` opens a tenant's memory for a block, `visitor` says who a request comes from, `tools` names what is offered at the most."""

    using: Callable[[str], AbstractContextManager[Memory]]
    visitor: Callable[[Context], Visitor]
    tools: frozenset[str]
    threads: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(THREADS))

    @property
    def idle(self) -> bool:
        """Whether no call is in hand."""
        return not self.threads.borrowed_tokens

    def server(self) -> Server[Any]:
        """The protocol's server, for any transport."""
        graph_only = self.tools <= frozenset(GRAPH)
        return Server(
            "remanence",
            version=__version__,
            title="Remanence",
            description="Long-term memory with sources and dates",
            instructions=GRAPH_INSTRUCTIONS if graph_only else INSTRUCTIONS,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            on_list_resources=self._list_resources,
            on_list_resource_templates=self._list_templates,
            on_read_resource=self._read_resource,
            on_list_prompts=self._list_prompts,
            on_get_prompt=self._get_prompt,
        )

    async def _list_tools(
        self, context: Context, params: protocol.PaginatedRequestParams | None
    ) -> protocol.ListToolsResult:
        tools = offered(self.tools, self._who(context)).values()
        return protocol.ListToolsResult(tools=[tool.described for tool in tools])

    async def _call_tool(
        self, context: Context, params: protocol.CallToolRequestParams
    ) -> protocol.CallToolResult:
        visitor = self._who(context)
        tool = offered(self.tools, visitor).get(params.name)
        if tool is None:
            return failed(
                NotFound(
                    f"no tool {mended(params.name)[:100]!r}", hint="tools/list shows what there is"
                )
            )

        def work() -> protocol.CallToolResult:
            try:
                with self.using(visitor.tenant) as memory:
                    return tool.call(memory, params.arguments or {}, visitor.caller)
            except RemanenceError as error:
                return failed(error)
            except Exception as error:  # the server outlives every call
                return broken(error, log.error)

        return await anyio.to_thread.run_sync(work, limiter=self.threads)

    async def _list_resources(
        self, context: Context, params: protocol.PaginatedRequestParams | None
    ) -> protocol.ListResourcesResult:
        found = resources.RESOURCES if self._reads(context) else ()
        return protocol.ListResourcesResult(resources=list(found))

    async def _list_templates(
        self, context: Context, params: protocol.PaginatedRequestParams | None
    ) -> protocol.ListResourceTemplatesResult:
        found = resources.TEMPLATES if self._reads(context) else ()
        return protocol.ListResourceTemplatesResult(resource_templates=list(found))

    async def _read_resource(
        self, context: Context, params: protocol.ReadResourceRequestParams
    ) -> protocol.ReadResourceResult:
        return await self._asked(
            context,
            lambda memory, visitor: resources.read(
                str(params.uri), memory, visitor.caller, visitor.tenant
            ),
        )

    async def _list_prompts(
        self, context: Context, params: protocol.PaginatedRequestParams | None
    ) -> protocol.ListPromptsResult:
        return protocol.ListPromptsResult(
            prompts=[resources.RECALL] if self._reads(context) else []
        )

    async def _get_prompt(
        self, context: Context, params: protocol.GetPromptRequestParams
    ) -> protocol.GetPromptResult:
        question = (params.arguments or {}).get("question", "")
        if params.name != resources.RECALL.name or not question:
            raise MCPError(
                protocol.INVALID_PARAMS, "the prompt is called recall, and takes a question"
            )
        return await self._asked(
            context,
            lambda memory, visitor: resources.prompted(question, memory, visitor.caller),
        )

    async def _asked(self, context: Context, ask: Callable[[Memory, Visitor], T]) -> T:
        """What a read finds; what goes wrong is the protocol's error, for resources and prompts have no other."""
        visitor = self._who(context)
        if Right.read not in visitor.caller.rights:
            raise MCPError(protocol.INVALID_PARAMS, "this takes the right to read")

        def work() -> T:
            with self.using(visitor.tenant) as memory:
                return ask(memory, visitor)

        try:
            return await anyio.to_thread.run_sync(work, limiter=self.threads)
        except RemanenceError as error:
            code = protocol.INVALID_PARAMS
            raise MCPError(code, mended(str(error)), {"code": error.code}) from error

    def _reads(self, context: Context) -> bool:
        return Right.read in self._who(context).caller.rights

    def _who(self, context: Context) -> Visitor:
        return self.visitor(context)


def offered(names: frozenset[str], visitor: Visitor) -> dict[str, AgentTool]:
    """The tools of these names that a visitor sees."""
    caller = visitor.caller
    tools = {
        **operations(caller.user_id is not None, bool(caller.origin)),
        **graph_tools(visitor.tenant),
    }
    return {
        name: tool for name, tool in tools.items() if name in names and tool.right in caller.rights
    }


def named(caller: Caller, context: Context) -> Caller:
    """The caller by the name that the client gave itself, as far as it is one: `mcp/claude-code`."""
    client = context.session.client_params
    given = client.client_info.name if client is not None and client.client_info else ""
    plain = "".join(letter if letter.isprintable() else " " for letter in given)
    name = " ".join(mended(plain).split())[:LONGEST_CLIENT].strip()
    return replace(caller, name=f"mcp/{name or 'unknown'}")


def offering(names: Iterable[str]) -> frozenset[str]:
    """The tools that are meant by names of tools, or of sets of them. Raises: InvalidInput."""
    found: set[str] = set()
    known = {name for tools in SETS.values() for name in tools}
    for name in names:
        if name in SETS:
            found.update(SETS[name])
        elif name in known:
            found.add(name)
        else:
            raise InvalidInput(
                f"no tool or set of tools is called {name!r}",
                hint=f"{' or '.join(SETS)} are the sets; rmem mcp --list shows the tools",
            )
    return frozenset(found)
