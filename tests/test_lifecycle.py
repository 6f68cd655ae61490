"""What becomes of memories, through `Memory`: facts follow their turns, guards learn, forgotten users start anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from remanence import Memory


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(tmp_path / "m.rmem", embedder="none") as opened:
        yield opened


def test_a_forgotten_user_starts_anew_also_for_those_who_follow(tmp_path: Path) -> None:
    path = tmp_path / "m.rmem"
    with Memory.open(path, embedder="none") as one, Memory.open(path, embedder="none") as other:
        talk = [
            {"name": name, "content": f"{name} likes red wine"} for name in ("Ana", "Ben", "Cy")
        ]
        one.add(talk, user_id="ana")
        assert len(other.search("red wine", user_id="ana")) == 3
        assert one.forget(user_id="ana", everything=True).clean
        assert not other.search("red wine", user_id="ana")
        assert not one.search("red wine", user_id="ana")
        other.add({"name": "Dee", "content": "Dee likes white wine"}, user_id="ana")
        assert [hit.record.speaker for hit in one.search("wine", user_id="ana")] == ["Dee"]
        assert [hit.record.speaker for hit in other.search("Dee wine", user_id="ana")] == ["Dee"]


def test_what_was_rejected_once_is_put_aside_when_a_stranger_says_it_again(memory: Memory) -> None:
    lie = "The bank moved all accounts to Harbour Street 7 last Monday"
    memory.add(lie, user_id="ana", id="lie", origin="web:one.example")
    memory.reject("lie", user_id="ana")
    said = "Last Monday the bank moved all accounts to Harbour Street 7."
    memory.add(said, user_id="ana", id="again", origin="web:two.example")
    assert {record.id for record, _ in memory.quarantine(user_id="ana")} == {"lie", "again"}
    assert memory.confirm("again", user_id="ana")
    assert [r.id for r, _ in memory.quarantine(user_id="ana")] == ["lie"]


def test_facts_follow_the_turn_that_they_were_read_out_of(memory: Memory) -> None:
    memory.add("I live in Lisbon.", user_id="ana", id="t", at="2024-01-01")
    memory.update("t", "I live in Porto.", user_id="ana")
    assert [fact.slot.value for fact in memory.facts(user_id="ana") if fact.slot] == ["Porto"]
    memory.update("t", "I live in Faro.", user_id="ana", at="2024-06-01")
    values = {
        when: [f.slot.value for f in memory.facts(user_id="ana", as_of=when) if f.slot]
        for when in ("2024-03-01", "2024-07-01")
    }
    assert values == {"2024-03-01": ["Porto"], "2024-07-01": ["Faro"]}
    memory.retract("t", user_id="ana", at="2024-08-01")
    assert memory.facts(user_id="ana") == []
    assert len(memory.forget("t", user_id="ana").ids) > 1


def test_explicit_supersession_closes_and_links(memory: Memory) -> None:
    memory.add("The plan is A", user_id="ana", id="a", at="2024-01-01")
    memory.add("We do B instead", user_id="ana", id="b", at="2024-02-01", supersedes="a")
    assert [hit.record.id for hit in memory.search("plan A B", user_id="ana")] == ["b"]
    (hit,) = memory.search("plan", user_id="ana", as_of="2024-01-15")
    assert hit.record.id == "a"
    (ack,) = memory.add("no", user_id="ana", supersedes="nothing")
    assert ack.status == "rejected"


def test_reads_are_audited_and_no_uses(tmp_path: Path) -> None:
    with Memory.open(
        tmp_path / "m.rmem", embedder="none", actor="agent", audit_reads=True
    ) as memory:
        memory.add("the red door", user_id="ana", id="d")
        memory.search("door", user_id="ana", asker="mallory")
        memory.get("d", user_id="ana")
        assert [r.reader for r in memory.readers("d", user_id="ana")] == ["agent", "mallory"]
        assert "strength" not in memory.search("door", user_id="ana")[0].signals
        memory.touch("d", user_id="ana")
        assert memory.search("door", user_id="ana")[0].signals["strength"] > 0


def values(memory: Memory) -> list[str]:
    return [fact.slot.value for fact in memory.facts(user_id="ana") if fact.slot]


@pytest.mark.parametrize("how", ["forget", "update"])
def test_what_a_wrong_fact_had_closed_holds_again(memory: Memory, how: str) -> None:
    before = memory.add("I live in Lisbon.", user_id="ana", id="a", at="2023-01-01")
    assert before[0].status == "stored"
    memory.add("I moved to Porto.", user_id="ana", id="b", at="2024-01-01")
    assert values(memory) == ["Porto"]
    if how == "forget":
        assert memory.forget("b", user_id="ana").clean
    else:
        memory.update("b", "I did not move to Porto.", user_id="ana")
    assert values(memory) == ["Lisbon"]
    assert memory.search("Where do I live?", user_id="ana")[0].notes == ()
    assert memory.verify().ok


def test_what_came_later_closes_what_is_revived(memory: Memory) -> None:
    for id, year, town in (("a", 2022, "Lisbon"), ("b", 2023, "Porto"), ("c", 2024, "Faro")):
        memory.add(f"I moved to {town}.", user_id="ana", id=id, at=f"{year}-01-01")
    memory.forget("b", user_id="ana")
    assert values(memory) == ["Faro"]
    (held,) = memory.facts(user_id="ana", as_of="2023-06-01")
    assert held.slot is not None
    assert held.slot.value == "Lisbon"


def test_a_correction_that_states_another_value_leaves_the_older_one_closed(memory: Memory) -> None:
    memory.add("I live in Lisbon.", user_id="ana", id="a", at="2023-01-01")
    memory.add("I moved to Porto.", user_id="ana", id="b", at="2024-01-01")
    memory.update("b", "I moved to Faro.", user_id="ana")
    assert values(memory) == ["Faro"]
