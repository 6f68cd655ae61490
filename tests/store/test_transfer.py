"""Export, import and backup: the same chain and state on the other side, or nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from remanence.errors import BadImport, InvalidInput
from remanence.seams import Encoded
from remanence.store.sqlite import SQLiteStore
from remanence.store.verbs import LedgerStore
from remanence.types import Link, Mark, Revise, Slot, Touch, Undo
from tests.store.conformance import ANA, BOB, Clock, add
from tests.store.engines import ENGINES, Place, engine
from tests.store.plain import plain


@pytest.fixture(params=ENGINES)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    with engine(request.param) as opened:
        yield opened


@pytest.fixture
def store(place: Place) -> Iterator[LedgerStore]:
    with place("a", clock=Clock()) as opened:
        fill(opened)
        yield opened


@pytest.fixture
def filed(tmp_path: Path) -> Iterator[SQLiteStore]:
    """The same in a file, for what only files have."""
    with SQLiteStore.open(tmp_path / "a", analyze=plain, clock=Clock()) as opened:
        fill(opened)
        yield opened


def fill(opened: LedgerStore) -> None:
    opened.apply(
        [add("one", id="1", meta={"ü": [1.5, None]}), add("b", scope=BOB), add("gone", id="3")],
        key="k",
    )
    opened.apply([add("\ud83d\ude00 \ud800", id="4", speaker="\udfff"), Touch(scope=ANA, id="1")])
    opened.apply(
        [
            Link(scope=ANA, src="1", relation="r", dst="4"),
            Revise(scope=ANA, id="1", text="two", valid_from=9),
        ]
    )
    for encoder, dim in (("old", 4), ("new", 8)):
        opened.put_vectors(encoder, [1, 2], Encoded(np.ones((2, dim), np.float32), [b"tok", b""]))
    opened.forget(ANA, ["3"])
    opened.apply(
        [
            add("I live in Porto", id="5", kind="fact", slot=Slot("I", "lives in", "Porto")),
            Mark(scope=ANA, id="1", mark="own", why="because"),
            Undo(scope=ANA, seq=5),
        ],
        cursor=(ANA, "fade", "12"),
    )


@pytest.fixture
def lines(store: LedgerStore, tmp_path: Path) -> list[Any]:
    assert store.export_jsonl(tmp_path / "x.jsonl") == len(
        (tmp_path / "x.jsonl").read_bytes().splitlines()
    )
    return [json.loads(line) for line in (tmp_path / "x.jsonl").read_text("utf-8").splitlines()]


def test_a_round_trip_keeps_everything(
    store: LedgerStore, lines: list[Any], tmp_path: Path, place: Place
) -> None:
    with place("b") as other:
        loaded = other.import_jsonl(tmp_path / "x.jsonl")
        assert (loaded.events, loaded.vectors) == (store.head(), 4)
        assert other.state_digest() == store.state_digest()
        assert other.history_digest() == store.history_digest()
        assert other.cursor(ANA, "fade") == "12"
        assert other.get(ANA, "5").slot == store.get(ANA, "5").slot
        assert other.marked(ANA, "own") == store.marked(ANA, "own")
        assert other.verify() == store.verify()
        assert other.history(ANA, "1") == store.history(ANA, "1")
        assert list(other.events(ANA)) == list(store.events(ANA))
        for encoder in ("old", "new"):
            assert other.vectors(ANA, encoder, 0) == store.vectors(ANA, encoder, 0)
            assert other.tokens(ANA, encoder, [1, 2]) == store.tokens(ANA, encoder, [1, 2])
            assert other.pending(encoder, 9) == store.pending(encoder, 9)
        again = [
            add("one", id="1", meta={"ü": [1.5, None]}),
            add("b", scope=BOB),
            add("gone", id="3"),
        ]
        assert [a.status for a in other.apply(again, key="k")] == ["stored"] * 3, (
            "the key still answers"
        )
        assert other.head() == store.head()
        other.export_jsonl(tmp_path / "y.jsonl")
        other.apply([add("life goes on", id="9")])
        assert other.verify().ok
    assert (tmp_path / "y.jsonl").read_bytes() == (tmp_path / "x.jsonl").read_bytes()


def test_the_file_is_plain(lines: list[Any], tmp_path: Path) -> None:
    assert lines[0]["remanence"] == "ledger"
    events = [line for line in lines if "seq" in line]
    assert events[0]["body"]["text"] == "one"
    assert events[0]["op"] == "add"
    assert (events[2]["id"], events[2]["body"], events[2]["salt"]) == ("3", None, None)
    assert "body64" in events[3], "not Unicode"
    assert b"gone" not in (tmp_path / "x.jsonl").read_bytes()


def edit(change: Callable[[list[Any]], object]) -> Callable[[list[Any]], list[Any]]:
    def edited(lines: list[Any]) -> list[Any]:
        change(lines)
        return lines

    return edited


@pytest.mark.parametrize(
    ("spoil", "line", "reason"),
    [
        (lambda lines: [], 1, "not JSON"),
        (lambda lines: [[1]], 1, "not a JSON object"),
        (lambda lines: lines[1:], 1, "not a Remanence export"),
        (edit(lambda lines: lines[0].update(format=9)), 1, "format 9"),
        (edit(lambda lines: lines[0].pop("head")), 1, "'head' is missing"),
        (
            edit(lambda lines: lines.append({"encoder": "x", "dim": 10**30})),
            None,
            "OverflowError|NumericValueOutOfRange|DataError",
        ),
        (
            edit(lambda lines: lines.append({"key": {}, "space": 1, "digest": None, "acks": 5})),
            None,
            "Error",
        ),
        (edit(lambda lines: lines[1].update(user="eve")), 2, "names do not match"),
        (edit(lambda lines: lines[3]["body"].update(text="lies")), 4, "does not match its digest"),
        (edit(lambda lines: lines[4].update(id="x")), 5, "breaks the hash chain"),
        (edit(lambda lines: lines[4].update(at="soon")), 5, "TypeError"),
        (edit(lambda lines: lines[4].update(op="smile")), 5, "ValueError"),
        (edit(lambda lines: lines[4].pop("digest")), 5, "KeyError: 'digest'"),
        (edit(lambda lines: lines[4].update(body=None, salt=None)), 0, "lost its content"),
        (lambda lines: [*lines[:4], *lines[5:]], 5, "does not follow"),
        (lambda lines: lines[:6], 0, "cut short"),
        (lambda lines: [*lines, {"what": 1}], None, "unknown kind"),
        (lambda lines: [*lines, lines[-1]], None, "IntegrityError|UniqueViolation"),
        (edit(lambda lines: lines[-1].update(dense="AAAA")), None, "does not fit"),
        (edit(lambda lines: lines[-1].update(dense="?")), None, "Error"),
        (edit(lambda lines: lines[-1].update(encoder="other")), None, "KeyError"),
        (lambda lines: lines[:-1], 0, "cut short"),
    ],
)
def test_a_spoilt_file_is_refused_whole(
    lines: list[Any],
    tmp_path: Path,
    spoil: Callable[[list[Any]], list[Any]],
    line: int | None,
    reason: str,
    place: Place,
) -> None:
    spoilt = spoil(lines)
    path = tmp_path / "bad.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in spoilt), "utf-8")
    with place("b") as other:
        with pytest.raises(BadImport, match=reason) as error:
            other.import_jsonl(path)
        assert error.value.line == (len(spoilt) if line is None else line)
        assert "nothing was imported" in str(error.value)
        assert (other.head(), other.spaces(), other.encoders()) == (0, [], {})
        other.apply([add("usable")])


@pytest.mark.parametrize(
    "raw", [b"\xff\xfe{}", b"{" * 100_000, b'{"remanence": "ledger"', b"\0" * 50]
)
def test_what_is_no_json_is_refused(tmp_path: Path, raw: bytes, place: Place) -> None:
    (tmp_path / "bad").write_bytes(raw)
    with (
        place("b") as other,
        pytest.raises(BadImport, match="not JSON"),
    ):
        other.import_jsonl(tmp_path / "bad")


def test_importing_needs_an_empty_store_and_a_file(
    store: LedgerStore, lines: list[Any], tmp_path: Path, place: Place
) -> None:
    before = store.state_digest()
    with pytest.raises(InvalidInput, match="not empty"):
        store.import_jsonl(tmp_path / "x.jsonl")
    assert store.state_digest() == before
    with (
        place("b") as other,
        pytest.raises(BadImport, match="can't be read"),
    ):
        other.import_jsonl(tmp_path / "absent")


def test_exporting_to_nowhere(filed: SQLiteStore, tmp_path: Path) -> None:
    for write in (filed.export_jsonl, filed.backup):
        with pytest.raises(InvalidInput, match="can't be written"):
            write(tmp_path / "no" / "folder")


def test_a_backup_is_a_store(filed: SQLiteStore, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.write_text("an older backup")
    filed.backup(copy)
    filed.apply([add("later", id="later")])
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith("copy")) == ["copy"]
    with SQLiteStore.open(copy, analyze=plain) as other:
        assert other.get(ANA, "later") is None
        assert other.verify().ok
        assert other.history(ANA, "1") == filed.history(ANA, "1")
        other.apply([add("its own life", id="own")])
    with pytest.raises(InvalidInput, match="is the store itself"):
        filed.backup(tmp_path / "a")


def test_a_failed_export_leaves_the_old_file(
    filed: SQLiteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    path.write_text("old")
    monkeypatch.setattr("remanence.store.transfer._event_line", lambda entry: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        filed.export_jsonl(path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith("x")] == ["x"]


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_nothing_is_written_over_the_store_itself(
    filed: SQLiteStore, tmp_path: Path, suffix: str
) -> None:
    digest = filed.state_digest()
    path = tmp_path / f"a{suffix}"
    (tmp_path / "link").symlink_to(path)
    for there in (path, tmp_path / "link"):
        for write in (filed.export_jsonl, filed.backup):
            with pytest.raises(InvalidInput, match="the store itself"):
                write(there)
    assert filed.state_digest() == digest
    assert filed.verify().ok


def test_an_empty_path_names_no_file(filed: SQLiteStore) -> None:
    for write in (filed.export_jsonl, filed.backup):
        with pytest.raises(InvalidInput, match="names no file"):
            write(Path(""))


@pytest.mark.parametrize("way", [ENGINES, ENGINES[::-1]])
def test_from_one_engine_to_the_other_and_back(way: tuple[str, str], tmp_path: Path) -> None:
    with (
        engine(way[0]) as here,
        engine(way[1]) as there,
        here("a", clock=Clock()) as one,
        there("a", clock=Clock()) as two,
    ):
        fill(one)
        one.export_jsonl(tmp_path / "x")
        two.import_jsonl(tmp_path / "x")
        two.export_jsonl(tmp_path / "y")
        assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()
        assert two.state_digest() == one.state_digest()
        assert two.history_digest() == one.history_digest()
        assert two.verify() == one.verify()
        same = [add("and then", id="then", meta={"n": 1})]
        assert one.apply(same) == two.apply(same)
        assert two.history_digest() == one.history_digest()


def test_a_tenant_s_store_takes_no_other_s_memories(tmp_path: Path) -> None:
    with engine("sqlite") as here, engine("postgres") as there:
        with here("a") as one:
            one.apply([add("of acme"), add("of globex", scope=("globex", "ana"))])
            one.export_jsonl(tmp_path / "x")
        with there("a") as two:
            with pytest.raises(BadImport, match="memories of 'globex'"):
                two.import_jsonl(tmp_path / "x")
            assert two.head() == 0
