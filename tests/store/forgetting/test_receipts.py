"""Receipts: signed, checked against a key and a ledger, and no field of one can be changed unseen."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remanence.errors import InvalidInput
from remanence.store.forgetting import receipts
from remanence.store.forgetting.receipts import Signer
from remanence.store.sqlite import SQLiteStore
from remanence.types import Add, Check, Receipt
from tests.store.conformance import ANA, BOB, add
from tests.store.plain import plain

names = st.text(max_size=8)
counts = st.integers(0, 2**40)
made = st.builds(
    Receipt,
    ids=st.lists(names, max_size=3).map(tuple),
    versions=counts,
    derived=st.dictionaries(names, counts, max_size=3),
    at=st.datetimes(timezones=st.just(UTC)),
    seq=counts,
    scope=st.lists(names, max_size=3).map(tuple),
    actor=names,
    digests=st.lists(names, max_size=3).map(tuple),
    head=names,
    checks=st.lists(st.builds(Check, names, counts, st.just(0), names), max_size=3).map(tuple),
)


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer.open(tmp_path_factory.mktemp("keys"))


@given(made)
def test_it_comes_back_from_json_and_checks_out(signer: Signer, receipt: Receipt) -> None:
    signed = signer.sign(receipt)
    text = receipts.to_json(signed)
    assert receipts.from_json(text) == signed
    assert text.isascii()
    assert receipts.verify(receipts.from_json(text), key=signer.public) == []


def changed(value: Any, data: st.DataObject) -> Any:
    match value:
        case str():
            return data.draw(names.filter(lambda other: other != value))
        case int():
            return value + 1
        case datetime():
            return value + timedelta(microseconds=1)
        case Check():
            return replace(value, note=value.note + "x")
        case dict():
            return {**value, "more": 1}
        case tuple() if value and data.draw(st.booleans()):
            return value[1:]
        case tuple():
            return (*value, Check("x", 1, 0) if value and isinstance(value[0], Check) else "x")
    raise AssertionError(value)


@given(made, st.data())
def test_no_field_can_be_changed(signer: Signer, receipt: Receipt, data: st.DataObject) -> None:
    signed = signer.sign(receipt)
    field = data.draw(st.sampled_from([*Receipt.__slots__]))
    if field == "checks" and not signed.checks:
        forged = replace(signed, checks=(Check("bytes", 1, 0),))
    else:
        forged = replace(signed, **{field: changed(getattr(signed, field), data)})
    assert receipts.verify(forged, key=signer.public) != []


@given(made, st.data())
def test_no_byte_of_the_file_can_be_changed(
    signer: Signer, receipt: Receipt, data: st.DataObject
) -> None:
    text = bytearray(receipts.to_json(signer.sign(receipt)).encode())
    place = data.draw(st.integers(0, len(text) - 1))
    text[place] ^= data.draw(st.integers(1, 127))
    try:
        forged = receipts.from_json(bytes(text))
    except InvalidInput:
        return
    same = receipts.to_json(forged) == receipts.to_json(signer.sign(receipt))
    assert same or receipts.verify(forged, key=signer.public) != []


def test_another_key_is_not_ours(signer: Signer, tmp_path: Path) -> None:
    receipt = Receipt((), 0, {}, datetime(2025, 1, 2, tzinfo=UTC), 1)
    other = Signer.open(tmp_path)
    assert "not by" in receipts.verify(other.sign(receipt), key=signer.public)[0]
    assert receipts.verify(receipt, key=signer.public) == ["it is not signed"]
    stolen = replace(other.sign(receipt), signer=signer.public)
    assert "does not fit" in receipts.verify(stolen, key=signer.public)[0]


def test_the_key_is_made_once_for_its_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "deep" / "er"
    with ThreadPoolExecutor(8) as pool:
        made_ = list(pool.map(lambda _: Signer.open(folder).public, range(8)))
    assert len(set(made_)) == 1
    assert [file.name for file in folder.iterdir()] == [receipts.NAME]
    assert stat.S_IMODE((folder / receipts.NAME).stat().st_mode) == 0o600
    monkeypatch.setenv("REMANENCE_CONFIG", str(folder))
    assert Signer.open().public == made_[0]
    monkeypatch.delenv("REMANENCE_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert receipts.config_folder() == tmp_path / "remanence"
    (folder / receipts.NAME).write_text("not hex")
    with pytest.raises(InvalidInput, match="no signing key"):
        Signer.open(folder)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"remanence": "receipt"}', '{"remanence": "receipt", "format": 9}', "\x00"],
)
def test_what_is_no_receipt(text: str) -> None:
    with pytest.raises(InvalidInput):
        receipts.from_json(text)


def test_what_is_not_signed_can_not_ride_along(signer: Signer) -> None:
    receipt = signer.sign(Receipt((), 0, {}, datetime(2025, 1, 2, tzinfo=UTC), 1))
    values = json.loads(receipts.to_json(receipt))
    with pytest.raises(InvalidInput, match="'checked_by'"):
        receipts.from_json(json.dumps({**values, "checked_by": "a notary"}))


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with SQLiteStore.open(tmp_path / "a.rmem", analyze=plain) as store:
        store.apply([add(f"The lighthouse keeper said {n}", id=f"r{n}") for n in range(6)])
        yield store


def test_the_ledger_agrees(store: SQLiteStore, signer: Signer, tmp_path: Path) -> None:
    receipt = store.forget(ANA, ["r1", "r2"], actor="the office", signer=signer)
    store.apply([add("Later words")])
    assert receipts.verify(receipt, key=signer.public, store=store) == []
    store.export_jsonl(tmp_path / "out.jsonl")
    with SQLiteStore.open(tmp_path / "copy.rmem", analyze=plain) as copy:
        copy.import_jsonl(tmp_path / "out.jsonl")
        assert receipts.verify(receipt, key=signer.public, store=copy) == []
    with SQLiteStore.open(tmp_path / "other.rmem", analyze=plain) as other:
        assert receipts.verify(receipt, key=signer.public, store=other) != []
        other.apply([Add(scope=BOB, text=f"Other words {n}", id=f"r{n}") for n in range(20)])
        other.forget(BOB, ["r1"])
        assert len(receipts.verify(receipt, key=signer.public, store=other)) > 2


def test_a_receipt_that_says_other_things_than_the_ledger(
    store: SQLiteStore, signer: Signer
) -> None:
    receipt = store.forget(ANA, ["r1", "r2"])
    false = [
        replace(receipt, ids=("r1",)),
        replace(receipt, ids=("r1", "r2", "r3")),
        replace(receipt, digests=receipt.digests[:1]),
        replace(receipt, digests=("0" * 32, receipt.digests[1])),
        replace(receipt, head="0" * 64),
        replace(receipt, seq=receipt.seq - 1),
        replace(receipt, actor="somebody"),
        replace(receipt, versions=3),
        replace(receipt, at=receipt.at + timedelta(seconds=1)),
    ]
    for one in false:
        assert receipts.verify(signer.sign(one), key=signer.public, store=store) != []


def test_a_finding_is_a_problem(signer: Signer) -> None:
    found = Receipt(
        (), 0, {}, datetime(2025, 1, 2, tzinfo=UTC), 1, checks=(Check("files", 9, 2, "in a"),)
    )
    assert receipts.verify(signer.sign(found), key=signer.public) == ["files: 2 of 9 found: in a"]
    assert not found.clean
