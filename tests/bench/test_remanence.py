"""The test of remanence, small: it finds what is hidden in any spelling, and our store passes it."""

from __future__ import annotations

import gzip
import io
import zlib
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from remanence.bench import remanence
from remanence.bench.canaries import PLACES, PREFIX, canaries_below, canaries_in, make_items
from remanence.bench.remanence import (
    choose,
    main_remanence,
    measure_ours,
    share,
    show_remanence,
)
from remanence.errors import InvalidInput

ONE = PREFIX + "abcdefghijklm"
TEXT = f"It was called {ONE}, they say."


@pytest.mark.parametrize(
    "hidden",
    [
        TEXT.encode(),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
        b64encode(b"." + TEXT.encode()),
        b64encode(b".." + TEXT.encode()) + b"zz",
        urlsafe_b64encode("ÿþ?>".encode() + TEXT.encode()),
        zlib.compress(TEXT.encode() * 9),
        zlib.compress(TEXT.encode(), 1),
        gzip.compress(TEXT.encode()),
        b64encode(zlib.compress(TEXT.encode())),
        zlib.compress(b64encode(TEXT.encode())),
        b'{"text": "\\u00e9 ' + ONE.encode() + b'"}',
    ],
)
def test_a_canary_is_found_however_it_is_written(hidden: bytes) -> None:
    assert canaries_in(b"\x00\x78\x9cnoise" + hidden + b"more noise") == {ONE}


def test_and_in_names_of_files(tmp_path: Path) -> None:
    (tmp_path / ONE).mkdir()
    assert canaries_below(tmp_path) == {ONE}
    assert canaries_in(b"qzx and abcdefghijklm" + bytes(1000)) == set()


def test_half_is_forgotten_and_two_users_whole() -> None:
    items = make_items(200, 3)
    assert items == make_items(200, 3)
    every = [canary for item in items for canary in item.canaries.values()]
    assert len(set(every)) == 200 * len(PLACES)
    gone, kept, whole = choose(items, 3)
    assert len(gone) == len(kept) == 100
    assert len(whole) == 2
    assert {item.id for item in gone}.isdisjoint(item.id for item in kept)
    assert all(item in gone for item in items if item.user in whole)


def test_nothing_is_left_of_ours_and_the_others_are_all_there(tmp_path: Path) -> None:
    result = main_remanence(
        count=40, embedder="none", json_path=tmp_path / "out.json", say=lambda line: None
    )
    (system,) = result.systems
    assert system.error == ""
    assert system.overall["left"].mean == 0.0
    assert system.overall["left"].n == 20
    assert system.overall["kept"].mean == 1.0
    assert system.speed["clean_receipts"] == system.speed["calls"] > 2
    looked = {"files", "export", "backup", "vocabulary", "search", "get", "names", "events", "list", "log"}  # fmt: skip
    assert looked <= set(system.categories)
    out = io.StringIO()
    show_remanence(result, Console(file=out, width=100))
    assert "0 %" in out.getvalue()
    assert (tmp_path / "out.json").stat().st_size > 500


def without_forgetting(monkeypatch: pytest.MonkeyPatch) -> None:
    class Done:
        clean = True

    monkeypatch.setattr(remanence.Memory, "forget", lambda self, *ids, **scope: Done())


def names_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    from remanence.store.derive import Deriver

    monkeypatch.setattr(Deriver, "blank", lambda self, space, codes: None)


def log_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    from remanence.store.forgetting import reread

    monkeypatch.setattr(reread, "empty_log", lambda connections, patience: True)
    monkeypatch.setattr(reread, "compact", lambda connections: None)


def nothing_zeroed(monkeypatch: pytest.MonkeyPatch) -> None:
    from remanence.store.connections import Connections
    from remanence.store.forgetting import reread

    connect = Connections._connect

    def opened(self: Connections, **more: Any) -> Any:
        db = connect(self, **more)
        db.execute("PRAGMA secure_delete = OFF")
        return db

    monkeypatch.setattr(Connections, "_connect", opened)
    monkeypatch.setattr(reread, "rewrite_names", lambda db: None)
    monkeypatch.setattr(reread, "compact", lambda connections: None)


@pytest.mark.parametrize("broken", [without_forgetting, names_kept, log_kept, nothing_zeroed])
def test_a_store_that_keeps_something_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: Any
) -> None:
    broken(monkeypatch)
    items = make_items(40, 0)
    system = measure_ours(
        tmp_path, items, embedder="none", seed=0, load=False, say=lambda line: None
    )
    assert system.overall["left"].mean > 0
    assert system.categories["files"]["left"].mean > 0
    if broken is not without_forgetting:
        assert system.speed["clean_receipts"] < system.speed["calls"]


def test_a_share_of_none_has_an_interval() -> None:
    figure = share(0, 1000)
    assert (figure.mean, figure.low) == (0.0, 0.0)
    assert 0.003 < figure.high < 0.004
    assert share(5, 10).low < 0.5 < share(5, 10).high
    assert share(0, 0).high == 1.0


def test_wrong_calls() -> None:
    with pytest.raises(InvalidInput, match="at least"):
        main_remanence(count=3)
    with pytest.raises(InvalidInput, match="can't be asked to forget"):
        main_remanence(peers=["fts5"])
