"""The phrase graph follows a collection that grows, and forgets what is forgotten."""

from __future__ import annotations

from pathlib import Path

from remanence import Memory
from remanence.text.read.phrases import Phrases, phrase_graph
from remanence.types import Query
from tests.text.read.test_graph import PASSAGES


def graph_of(memory: Memory) -> Phrases:
    scope = ("default", "u")
    space = memory._space(scope)
    return phrase_graph(space.view(Query(text="", scope=scope), memory._store.now()))


def pages(start: int, *passages: dict[str, str]) -> list[dict[str, str]]:
    return [
        {"title": page["title"], "content": page["text"], "id": f"p{number}"}
        for number, page in enumerate(passages, start)
    ]


def test_it_is_extended_then_learnt_anew(tmp_path: Path) -> None:
    with Memory.open(tmp_path / "m", embedder="none") as memory:
        memory.add(pages(0, *PASSAGES), user_id="u")
        first = graph_of(memory)
        assert graph_of(memory) is first
        new = {"title": "Otto Brandt", "text": "He painted Port Sella and New Haven."}
        memory.add(pages(6, new), user_id="u")
        grown = graph_of(memory)
        assert (grown.count, grown.learnt) == (7, 6)
        held = grown.of(6)[0].tolist()
        assert {grown.numbers["port sella"], grown.numbers["otto brandt"]} <= set(held)
        assert "new haven" not in grown.numbers
        sella = grown.numbers["port sella"]
        assert grown.holding[sella] == first.holding[sella] + 1
        assert [first.of(n)[0].tolist() for n in range(6)] == [
            grown.of(n)[0].tolist() for n in range(6)
        ]
        memory.forget("p1", user_id="u")
        anew = graph_of(memory)
        assert (anew.count, anew.learnt) == (6, 6)
        assert "new haven" in anew.numbers
        assert "mara quill" in anew.numbers  # another passage names her
        assert anew.of(1)[0].size == 0
