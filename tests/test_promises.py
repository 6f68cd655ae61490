"""The promises of the lifecycle, each as one test through `Memory`. `tests/house/test_breaking.py` breaks the code and sees them fail."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from remanence import Add, Memory, NotFound, Record, Source

START = datetime(2024, 1, 1, tzinfo=UTC)
DYING = """
import json, os, signal, sys
from remanence import Memory
memory = Memory.open(sys.argv[1], embedder="none")
acks = memory.add([{"content": "the blue door opens at nine"}, {"content": ""}, {"content": "the cellar floods"}], user_id="ana")
print(json.dumps([[ack.status, ack.id] for ack in acks]), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def day(n: int) -> datetime:
    return START + timedelta(days=n)


def opened(path: Path) -> Memory:
    return Memory.open(path, embedder="none")


def test_2_what_was_acknowledged_is_on_disk_and_found_at_once(tmp_path: Path) -> None:
    path = tmp_path / "m.rmem"
    with opened(path) as watching:
        assert not watching.search("door", user_id="ana")
        done = subprocess.run(
            [sys.executable, "-c", DYING, str(path)], capture_output=True, text=True, check=False
        )
        acks = json.loads(done.stdout)
        assert [status for status, _ in acks] == ["stored", "rejected", "stored"]
        # Another process, killed since, wrote it; this one had looked before and sees it now.
        assert watching.search("the door", user_id="ana")[0].record.id == acks[0][1]
    with opened(path) as memory:
        assert [r.id for r in memory.list(user_id="ana")] == [acks[0][1], acks[2][1]]
        assert memory.verify().ok


def test_4_everything_derived_names_its_source(tmp_path: Path) -> None:
    with opened(tmp_path / "m.rmem") as memory:
        said = "Good news! I moved to Porto last week. Call me."
        memory.add(said, user_id="ana", id="t", at=day(0), origin="web:example.org")
        (fact,) = memory.facts(user_id="ana")
        (source,) = fact.sources
        assert (source.id, said[source.start : source.end]) == ("t", fact.text)
        assert "Porto" in fact.text
        assert fact.trust == memory.get("t", user_id="ana").trust < 1.0
        claimed = Add(scope=("default", "ana"), id="d", text="derived", sources=(Source("t"),))
        assert memory._store.apply([claimed])[0].status == "stored"
        assert memory.get("d", user_id="ana").trust == fact.trust  # whatever its maker claims
        for n in range(12):
            text = f"On day {n} we painted room number {n} of the old house in green."
            origin = "web:example.org" if n % 2 else "user"
            memory.add(text, user_id="ana", session_id="s", id=f"r{n}", at=day(n), origin=origin)
        run = memory.sleep(user_id="ana", only=["summaries"]).run
        (summary,) = memory.list(user_id="ana", kinds=["summary"])
        sources = [memory.get(source.id, user_id="ana") for source in summary.sources]
        assert summary.trust == min(record.trust for record in sources) < 1.0
        for span in memory.blame(summary.id, user_id="ana"):
            if span.source != summary.id:
                assert span.text in memory.get(span.source, user_id="ana").text
        assert {s.source for s in memory.blame(summary.id, user_id="ana")} > {summary.id}
        memory.undo(run, user_id="ana")
        assert not memory.list(user_id="ana", kinds=["summary"])
        memory.forget("t", user_id="ana")
        with pytest.raises(NotFound):
            memory.get(fact.id, user_id="ana")


def test_5_every_read_takes_both_times(tmp_path: Path) -> None:
    with opened(tmp_path / "m.rmem") as memory:
        memory.add("the meeting room is Alder", user_id="ana", id="r", at=day(0))
        first = memory.get("r", user_id="ana").known_from
        memory.update("r", "the meeting room is Birch", user_id="ana", at=day(10))
        memory.retract("r", user_id="ana", at=day(20))

        def texts(as_of: datetime, known_at: datetime | None = None) -> set[str]:
            hits = memory.search(
                "which meeting room", user_id="ana", as_of=as_of, known_at=known_at
            )
            found = {hit.record.text.split()[-1] for hit in hits}
            listed = memory.list(user_id="ana", as_of=as_of, known_at=known_at)
            assert found == {record.text.split()[-1] for record in listed}
            return found

        assert texts(day(5)) == {"Alder"}
        assert texts(day(10)) == texts(day(15)) == {"Birch"}
        assert texts(day(20)) == texts(day(25)) == set()
        assert texts(day(15), first) == texts(day(25), first) == {"Alder"}
        assert texts(day(-1)) == set()


def test_6_what_is_forgotten_is_in_no_byte_and_the_receipt_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    with opened(folder / "m.rmem") as memory:
        for n in range(60):
            memory.add(
                {
                    "content": f"word{n} zebra{n}quartz{n} keeps the ledger",
                    "name": f"speaker{n}nym",
                },
                user_id="ana",
                session_id=f"session{n}xyz",
                id=f"n{n}",
                meta={"secret": f"meta{n}value"},
            )
        memory.update("n7", "revised zebra7onyx7 text", user_id="ana")
        memory.search("zebra7quartz7", user_id="ana")
        receipt = memory.forget([f"n{n}" for n in range(30)], user_id="ana")
        assert receipt.clean
        assert memory.attest(receipt) == []
        raw = b"".join(file.read_bytes() for file in sorted(folder.iterdir()))
        for n in range(30):
            for needle in (f"zebra{n}quartz", f"speaker{n}nym", f"session{n}xyz", f"meta{n}value"):
                assert needle.encode() not in raw, needle
        assert b"zebra7onyx" not in raw
        for n in range(30, 60):
            assert f"zebra{n}quartz".encode() in raw
            assert memory.search(f"zebra{n}quartz{n}", user_id="ana")[0].record.id == f"n{n}"
        assert not memory.search("zebra7quartz7", user_id="ana", filters={"speaker": "speaker7nym"})
        assert memory.verify().ok


def test_7_no_read_reaches_another_scope(tmp_path: Path) -> None:
    with opened(tmp_path / "m.rmem") as memory:
        memory.add("the safe opens with seventy", user_id="ana", id="same", session_id="s")
        memory.add("my umbrella is green", user_id="bob", id="other")
        memory.add("for one agent only", user_id="bob", agent_id="a", id="mine")
        for ask in (
            lambda: memory.search("safe seventy umbrella", user_id="bob", agent_id="a"),
            lambda: memory.list(user_id="bob", agent_id="a"),
        ):
            found = ask()
            ids = [getattr(one, "record", one).id for one in found]
            assert set(ids) <= {"mine"}
        assert [h.record.id for h in memory.search("safe opens seventy", user_id="bob")] == []
        for read in (memory.get, memory.blame):
            with pytest.raises(NotFound):
                read("same", user_id="bob")
        assert memory.history("same", user_id="bob") == []
        assert {line.id for line in memory.log(user_id="bob")} == {"other", "mine"}
        assert {event.id for event in memory.events(user_id="bob")} == {"other", "mine"}
        with pytest.raises(NotFound):
            memory.forget("same", user_id="bob")
        assert isinstance(memory.get("same", user_id="ana"), Record)


def test_8_a_read_says_why_and_what_it_withheld(tmp_path: Path) -> None:
    with opened(tmp_path / "m.rmem") as memory:
        memory.add("I was diagnosed with diabetes in March", user_id="ana", id="h")
        memory.add("I play tennis in March", user_id="ana", id="t")
        owner = memory.search("what happened in March", user_id="ana")
        assert {hit.record.id for hit in owner} == {"h", "t"}
        assert owner.withheld == ()
        assert all(hit.signals.get("bm25", 0) > 0 for hit in owner)
        told = memory.search(
            "what happened in March", user_id="ana", audience="landlord", purpose="rent a flat"
        )
        assert "h" not in {hit.record.id for hit in told}
        assert any("health" in line for line in told.withheld)
        assert not any("diabetes" in line for line in told.withheld)
        packed = memory.context(
            "what happened in March", user_id="ana", audience="landlord", purpose="rent a flat"
        )
        assert "diabetes" not in packed.text
        assert packed.withheld
