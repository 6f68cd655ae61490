"""The operations of `ops.table` as tools: their schemas, what a call does, and how its result and its errors read."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Final

from mcp_types import CallToolResult, TextContent, Tool, ToolAnnotations
from pydantic import BaseModel, ValidationError

from remanence.errors import InvalidInput, RemanenceError
from remanence.memory import Memory
from remanence.serve.mcp.about import TOOLS, About
from remanence.serve.mcp.telling import tell
from remanence.serve.mcp.wording import mended
from remanence.serve.ops import wire
from remanence.serve.ops.op import WHOSE, Caller, Op, Right
from remanence.serve.ops.shapes import alone
from remanence.serve.ops.status import told
from remanence.serve.ops.table import TABLE

Result = tuple[Mapping[str, Any], str]
"""What a call found: structured, and as text."""


@dataclass(frozen=True, kw_only=True)
class AgentTool:
    """A tool as one caller sees it. `do` raises RemanenceError; its arguments have passed `model`."""

    name: str
    about: About
    right: Right
    model: type[BaseModel]
    output: Mapping[str, Any]
    do: Callable[[Memory, Mapping[str, Any], Caller], Result]

    @cached_property
    def described(self) -> Tool:
        """As the protocol lists it."""
        reads = self.right in (Right.read, Right.admin)
        return Tool(
            name=self.name,
            title=self.about.title,
            description=self.about.when,
            input_schema=brief(self.model.model_json_schema()),
            output_schema=dict(self.output),
            annotations=ToolAnnotations(
                title=self.about.title,
                read_only_hint=reads,
                destructive_hint=self.right is Right.forget,
                idempotent_hint=self.about.again,
                open_world_hint=False,
            ),
        )

    def call(self, memory: Memory, arguments: Mapping[str, Any], caller: Caller) -> CallToolResult:
        """Do it; what goes wrong is told in the result, so that the agent can mend its call."""
        try:
            given = self._checked(arguments)
            answer, text = self.do(memory, given, caller)
        except RemanenceError as error:
            return failed(error)
        return CallToolResult(
            content=[TextContent(text=mended(text))], structured_content=mended(dict(answer))
        )

    def _checked(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        try:
            model = self.model.model_validate(dict(arguments))
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            names = ", ".join(self.described.input_schema["properties"]) or "nothing"
            raise InvalidInput(
                f"{self.name}: {where or 'arguments'}: {first['msg']}", hint=f"it takes {names}"
            ) from None
        return model.model_dump(by_alias=True, exclude_unset=True)


def failed(error: RemanenceError) -> CallToolResult:
    """An error as the result of a tool."""
    text = f"{error.code}: {error.message}" + (f" - {error.hint}" if error.hint else "")
    return CallToolResult(
        content=[TextContent(text=mended(text))],
        structured_content=mended({"error": told(error)}),
        is_error=True,
    )


def broken(error: BaseException, log: Callable[[str], object]) -> CallToolResult:
    """A fault of ours: the log has it, the caller hears only that there was one."""
    log("".join(traceback.format_exception(error)))
    return failed(RemanenceError("this call failed inside", hint="the server's log says why"))


@cache
def operations(bound: bool, channelled: bool) -> Mapping[str, AgentTool]:
    """A tool for each operation that agents may call. `bound`: whose memory it is is settled; `channelled`: so is the origin."""
    left_out = ("asker", *(WHOSE if bound else ()), *(("origin",) if channelled else ()))
    return {
        op.tool: AgentTool(
            name=op.tool,
            about=TOOLS[op.tool],
            right=op.right,
            model=op.model(without=left_out),
            output=alone(op),
            do=_doing(op),
        )
        for op in TABLE
        if op.tool and (op.personal or not bound)
    }


def _doing(op: Op) -> Callable[[Memory, Mapping[str, Any], Caller], Result]:
    def do(memory: Memory, given: Mapping[str, Any], caller: Caller) -> Result:
        result = op.call(memory, given, caller)
        answer = wire.answer(result)
        return answer, tell(result, answer)

    return do


_WORDLESS: Final = ("title", "description")


def brief(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without what an agent would read twice: titles that repeat names, and the root's description. References are resolved,
    for not every client does."""
    defined = schema.pop("$defs", {})
    for name in _WORDLESS:
        schema.pop(name, None)
    found: dict[str, Any] = _untitled(schema, defined)
    return {**found, "properties": found.get("properties", {})}


def _untitled(part: Any, defined: Mapping[str, Any]) -> Any:
    if isinstance(part, list):
        return [_untitled(one, defined) for one in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        part = {**defined[part["$ref"].rpartition("/")[2]], **part}
        del part["$ref"]
    return {
        key: {name: _untitled(one, defined) for name, one in value.items()}
        if key == "properties"
        else _untitled(value, defined)
        for key, value in part.items()
        if not (key == "title" and isinstance(value, str))
    }
