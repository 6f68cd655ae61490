"""Whose memory an integration works on: every one of them is given a `Memory` and a user, or a memory that is bound already."""

from __future__ import annotations

from remanence.errors import InvalidInput
from remanence.memory import Memory
from remanence.memory_bound import BoundMemory


def bound(
    memory: Memory | BoundMemory, user_id: str | None = None, agent_id: str | None = None
) -> BoundMemory:
    """The memory of one user, and of one agent of theirs where `agent_id` says so.

    Raises: InvalidInput where it is no memory, or is bound already and a user is named as well."""
    if isinstance(memory, Memory):
        return BoundMemory(memory, user_id=user_id, agent_id=agent_id)
    if not isinstance(memory, BoundMemory):
        raise InvalidInput(
            f"memory is a {type(memory).__name__}", hint="give a Memory, or a BoundMemory"
        )
    if user_id is not None or agent_id is not None:
        raise InvalidInput("this memory is bound already", hint="leave out user_id and agent_id")
    return memory
