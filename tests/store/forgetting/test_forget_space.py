"""A whole person is forgotten: every record, the names of the space, and nothing of anybody else."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from remanence.errors import BadImport, NotFound
from remanence.store.forgetting.receipts import Signer, verify
from remanence.store.sqlite import SQLiteStore
from remanence.types import Add
from tests.store.conformance import ANA, add
from tests.store.forgetting.test_forget import embed, traces_of
from tests.store.plain import plain


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store" / "a.rmem"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    path.parent.mkdir()
    with SQLiteStore.open(path, analyze=plain) as store:
        yield store


EVA = ("clinic of the seven hills", "Evangeline Thistlewood")


def person(store: SQLiteStore) -> None:
    store.apply(
        [
            Add(scope=EVA, id=f"e{n}", text=f"Her appointment number {n} is with doctor Quill", session=f"visit number {n}")
            for n in range(8)
        ],
        key="booking-call",
    )  # fmt: skip
    store.apply([Add(scope=(*EVA, "nurse-bot"), id="n1", text="She prefers mornings to evenings")])
    store.apply([], cursor=(EVA, "summaries", "9"))
    store.apply([add("Bob and Ana stay", id="b")])
    embed(store)


def test_a_person_and_the_names_are_gone(store: SQLiteStore, path: Path, tmp_path: Path) -> None:
    person(store)
    words = [
        "Evangeline",
        "seven hills",
        "appointment",
        "visit number",
        "nurse-bot",
        "booking-call",
        "mornings",
    ]
    store.checkpoint()
    assert len(traces_of(path, words)) == len(words)
    before = store.head()
    seqs = set(store.delta(EVA, 0).rows["seq"].tolist())
    signer = Signer.open(tmp_path / "keys")
    assert len(store.plan_forget_space(EVA).asked) == 9
    receipt = store.forget_space(EVA, signer=signer)
    assert receipt.clean, receipt.checks
    assert traces_of(path, words) == []
    assert "Evangeline" not in repr(receipt)
    assert len(receipt.ids) == 9
    assert store.spaces() == [ANA]
    assert store.list(EVA) == []
    assert store.get(EVA, "e1") is None
    assert set(store.delta(EVA, before).gone) == seqs
    assert store.delta(ANA, before).rows.size == 0
    assert store.verify().problems == ()
    assert verify(receipt, key=signer.public, store=store) == []
    assert [record.id for record in store.list(ANA)] == ["b"]
    with pytest.raises(NotFound):
        store.forget_space(EVA)


def test_who_comes_back_is_somebody_new(store: SQLiteStore, tmp_path: Path) -> None:
    person(store)
    follower = store.head()
    old = set(store.delta(EVA, 0).rows["seq"].tolist())
    for _ in range(2):
        store.forget_space(EVA)
        (ack,) = store.apply([Add(scope=EVA, id="e1", text="I am here for the first time")])
        assert ack.status == "stored"
    delta = store.delta(EVA, follower)
    assert old <= set(delta.gone)
    assert [record.id for record in store.list(EVA)] == ["e1"]
    assert store.verify().problems == ()
    digest = store.state_digest()
    store.rebuild()
    assert store.state_digest() == digest
    assert store.verify().problems == ()
    store.export_jsonl(tmp_path / "out")
    store.backup(tmp_path / "back.rmem")
    assert b"appointment" not in (tmp_path / "out").read_bytes()
    assert b"appointment" not in (tmp_path / "back.rmem").read_bytes()
    with SQLiteStore.open(tmp_path / "copy.rmem", analyze=plain) as copy:
        copy.import_jsonl(tmp_path / "out")
        assert copy.state_digest() == digest
        assert copy.verify().problems == ()


def test_a_nameless_space_with_records_is_a_forgery(
    store: SQLiteStore, path: Path, tmp_path: Path
) -> None:
    person(store)
    store.export_jsonl(tmp_path / "out")
    raw = sqlite3.connect(path)
    raw.execute("UPDATE spaces SET tenant = '', salt = x'' WHERE tenant LIKE 'clinic%'")
    raw.commit()
    raw.close()
    assert any("not its records" in problem for problem in store.verify().problems)
    lines = (tmp_path / "out").read_text().splitlines()
    forged = [json.loads(line) for line in lines]
    forged[1] |= {"tenant": "", "salt": ""}
    (tmp_path / "forged").write_text("\n".join(map(json.dumps, forged)))
    with (
        SQLiteStore.open(tmp_path / "copy.rmem", analyze=plain) as copy,
        pytest.raises(BadImport, match="names were forgotten"),
    ):
        copy.import_jsonl(tmp_path / "forged")


def test_an_agents_part_only(store: SQLiteStore, path: Path) -> None:
    person(store)
    receipt = store.forget_space((*EVA, "nurse-bot"))
    assert receipt.clean
    assert receipt.ids == ("n1",)
    assert traces_of(path, ["nurse-bot", "mornings"]) == []
    assert len(store.list(EVA)) == 8
    assert EVA in store.spaces()
