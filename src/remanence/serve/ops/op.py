"""An operation: a verb of `Memory` as all doors offer it, with the right that it takes and the shape of its parameters.

Nothing of a verb is written down twice: parameters, defaults and descriptions are those of the method, and the method checks their
values. What a caller is, and may, is decided here, before the verb is reached.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Final, get_type_hints

from remanence.errors import AccessDenied, InvalidInput
from remanence.memory import Memory
from remanence.memory.core import Content, When, acting
from remanence.serve.ops.words import WORDS

if TYPE_CHECKING:
    from pydantic import BaseModel

WHOSE: Final = ("user_id", "agent_id")
"""Parameters that say whose memory: a caller may be bound to one."""


class Right(StrEnum):
    """What a caller may do. Each stands for itself; none includes another."""

    read = "read"
    write = "write"
    forget = "forget"
    admin = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls, as the door has found out: never by what the call says.

    `user_id`, `agent_id`: the only ones it may name, None: any. `name` stands in the ledger beside what it does and reads. `origin`: the
    channel of everything that it brings; "" leaves it to the call."""

    name: str = ""
    rights: frozenset[Right] = frozenset(Right)
    user_id: str | None = None
    agent_id: str | None = None
    origin: str = ""


OWNER: Final = Caller()
"""Whoever has the file itself: all rights, for everybody's memory."""


@dataclass(frozen=True, kw_only=True)
class Op:
    """A verb as the doors offer it.

    `verb`: the method of `Memory`; `route`: method and path below `/v1`; `tool`: its name for agents; `command`: the words behind `rmem`.
    An empty one means that this door does not offer it, and `apart` says why. `hidden`: parameters that only code in this process
    can use. `fixed`: parameters that this operation sets. `decides`: whether what a call asks for takes the right to admin as well."""

    name: str
    right: Right
    verb: str = ""
    route: str = ""
    tool: str = ""
    command: str = ""
    apart: str = ""
    hidden: frozenset[str] = frozenset()
    fixed: Mapping[str, object] | None = None
    decides: Callable[[Memory, Mapping[str, Any]], bool] | None = None

    @property
    def method(self) -> Callable[..., Any]:
        """The method of `Memory`."""
        found: Callable[..., Any] = getattr(Memory, self.verb or self.name)
        return found

    @cached_property
    def help(self) -> str:
        """What it does, in the words of its verb."""
        return inspect.cleandoc(self.method.__doc__ or "")

    @cached_property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """What a call may give, by name, with `user_id` and `agent_id` where the verb is of one user's memory."""
        hints = get_type_hints(self.method)
        left_out = {"self", *self.hidden, *(self.fixed or ())}
        return {
            name: parameter.replace(annotation=hints[name])
            for name, parameter in inspect.signature(self.method).parameters.items()
            if name not in left_out
        }

    @property
    def personal(self) -> bool:
        """Whether it is of one user's memory; otherwise of the whole store."""
        return "user_id" in self.parameters

    def model(self, *, strict: bool = True, without: tuple[str, ...] = ()) -> type[BaseModel]:
        """A pydantic model of the parameters, for a door that reads JSON; not `strict`: one that reads strings, as in a URL."""
        from pydantic import ConfigDict, Field, create_model

        made: dict[str, Any] = {}
        for name, parameter in self.parameters.items():
            if name in without:
                continue
            kind = _plain(parameter.annotation)
            required = parameter.default is inspect.Parameter.empty
            default = ... if required else _plain_default(parameter.default)
            if default is None:
                kind = kind | None
            about = Field(description=WORDS[name])
            made[_unshadowed(name)] = (
                Annotated[kind, about],
                Field(default, alias=name) if _unshadowed(name) != name else default,
            )
        config = ConfigDict(
            extra="forbid",
            strict=strict,
            populate_by_name=True,
            title=self.name,
            json_schema_extra={"description": self.help},
        )
        model: type[BaseModel] = create_model(f"{_camel(self.name)}", __config__=config, **made)
        return model

    def allow(self, caller: Caller) -> None:
        """Raises: AccessDenied where this caller may not do it, whatever the call gives."""
        if self.right not in caller.rights:
            raise AccessDenied(
                f"{self.name} takes the right to {self.right}",
                hint="use a token that has it",
            )
        if not self.personal and (caller.user_id is not None or caller.agent_id is not None):
            raise AccessDenied(
                f"{self.name} is about the whole store, and this caller is bound to one user",
                hint="use a token for all users",
            )

    def call(
        self,
        memory: Memory,
        given: Mapping[str, object],
        caller: Caller = OWNER,
        **more: object,
    ) -> Any:
        """Do it for a caller, with what the call gives by name; the verb's own result. `more`: hidden parameters, from the door itself.

        Raises: AccessDenied; InvalidInput for a parameter that it does not have or that is missing; what the verb raises."""
        self.allow(caller)
        for name in given:
            if name not in self.parameters:
                raise InvalidInput(
                    f"{self.name} has no parameter {name!r}",
                    hint=f"it takes {', '.join(self.parameters)}",
                )
        for name, parameter in self.parameters.items():
            if parameter.default is inspect.Parameter.empty and name not in given:
                raise InvalidInput(f"{self.name} without {name}", hint=WORDS[name])
        chosen: dict[str, Any] = {
            name: value
            for name, value in given.items()
            # JSON has no infinity: nothing given is no limit.
            if not (value is None and isinstance(self.parameters[name].default, float))
        }
        chosen.update(self._bound(chosen, caller))
        if self.decides and Right.admin not in caller.rights and self.decides(memory, chosen):
            raise AccessDenied(
                f"to decide on what was quarantined or rejected, {self.name} takes the right to admin",
                hint="leave it to somebody who may confirm and reject",
            )
        if chosen.get("dry_run") and Right.read not in caller.rights:
            raise AccessDenied(
                f"a dry run of {self.name} shows what is remembered, which takes the right to read",
                hint="use a token that has it",
            )
        with acting(caller.name):
            return self.method(memory, **chosen, **(self.fixed or {}), **more)

    def _bound(self, given: Mapping[str, object], caller: Caller) -> dict[str, object]:
        """What the caller is bound to. Raises: AccessDenied where the call says otherwise."""
        bound: dict[str, object] = {}
        for name in WHOSE:
            only = getattr(caller, name)
            if only is None or name not in self.parameters:
                continue
            if given.get(name) not in (None, only):
                raise AccessDenied(
                    f"this caller is bound to one {name}, and {given[name]!r} is another",
                    hint=f"leave {name} out",
                )
            bound[name] = only
        if caller.origin and "origin" in self.parameters:
            bound["origin"] = caller.origin
            if "content" in given:
                bound["content"] = _from(caller.origin, given["content"])
        if caller.name and "asker" in self.parameters:
            # Whoever calls may ask for somebody, but in nobody else's name.
            asker = given.get("asker")
            bound["asker"] = f"{caller.name}/{asker}" if asker else caller.name
        return bound


def _from(origin: str, content: object) -> object:
    """What is to be remembered, without what it says of its own channel: that is known, and trust goes by it."""
    if isinstance(content, Mapping) and "origin" in content:
        return {**content, "origin": origin}
    if isinstance(content, (list, tuple)):
        return [_from(origin, one) for one in content]
    return content


def _plain(kind: Any) -> Any:
    """A type as JSON has it."""
    if kind == When:
        return str | None
    if kind == Content:
        return str | dict[str, Any] | list[str | dict[str, Any]]
    name = str(kind).replace("collections.abc.", "")
    return _PLAIN.get(name, kind)


_PLAIN: Final[dict[str, Any]] = {
    "Sequence[str]": list[str],
    "str | Sequence[str]": str | list[str],
    "Mapping[str, object] | None": dict[str, Any] | None,
    "int | str | None": int | str | None,
}


def _plain_default(value: object) -> object:
    if isinstance(value, float) and math.isinf(value):
        return None
    return list(value) if isinstance(value, tuple) else value


def _unshadowed(name: str) -> str:
    """Names that would hide something of pydantic's models get an underscore behind."""
    from pydantic import BaseModel

    return f"{name}_" if hasattr(BaseModel, name) else name


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
