"""`Memory`: the verbs a user calls, over one store, following a recipe.

    with Memory.open("ana.rmem") as memory:
        memory.add("My sister Lena moved to Porto in May.", user_id="ana")
        memory.search("Where does Lena live?", user_id="ana")[0].record.text

Writing and reading call no generative model. `add` returns when the words are on disk; vectors follow from a queue
(`flush()` waits for them, `status()` counts them), and search finds a record by its words at once.
"""

from __future__ import annotations

from remanence.memory.core import Status as Status
from remanence.memory.erasing import Erasing
from remanence.memory.ledger import Ledger
from remanence.memory.lifecycle import Lifecycle
from remanence.memory.reading import Reading
from remanence.memory.writing import Writing


class Memory(Writing, Reading, Lifecycle, Erasing, Ledger):
    """Long-term memory in one store. Thread-safe; several processes may open one file at once.

    A user's memories are a space of their own: nothing that is asked for one user can reach another's. `agent_id` narrows
    a read or write inside it, `session_id` names the conversation.
    """


__all__ = ["Memory", "Status"]
