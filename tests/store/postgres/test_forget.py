"""What was forgotten is in no page of the server's data directory and in no file of its log: looked for from outside, byte by byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from remanence.errors import NotFound
from remanence.seams import Encoded
from remanence.store.forgetting import receipts
from remanence.store.forgetting.receipts import Signer
from remanence.store.postgres import residue
from remanence.store.postgres.store import PostgresStore
from remanence.types import Add, Forget, Receipt, Revise
from tests.pg import Server, postgres_server
from tests.store.conformance import ANA, BOB
from tests.store.plain import plain


@pytest.fixture
def server() -> Iterator[Server]:
    server = postgres_server()
    yield server
    server.wipe()


def opened(url: str, tenant: str = "acme", **more: Any) -> PostgresStore:
    return PostgresStore.open(url, analyze=plain, tenant=tenant, **more)


def copies(server: Server, *words: str) -> dict[str, int]:
    """In how many files of the data directory each word stands, as its owner reads them. The log of words is not the server's own."""
    with server.admin() as db:
        db.execute("CHECKPOINT")
    found = dict.fromkeys(words, 0)
    for folder in ("base", "global", "pg_wal"):
        for file in (server.data / folder).rglob("*"):
            try:
                raw = file.read_bytes() if file.is_file() else b""
            except FileNotFoundError:
                continue
            for word in words:
                found[word] += word.encode() in raw or word.encode("utf-16-le") in raw
    return found


def fill(store: PostgresStore, word: str, many: int = 300) -> None:
    """Many records, every third of which says the word, in versions, metadata, sessions and vectors."""
    store.apply(
        [
            Add(
                scope=ANA,
                id=f"r{n}",
                text=f"record {n} {word if n % 3 == 0 else 'plain'} " + f"filler{n} " * 20,
                session=f"session {word}" if n % 3 == 0 else "session",
                speaker="ana",
                meta={"note": word if n % 3 == 0 else "none"},
            )
            for n in range(many)
        ],
        key=f"call {many}",
    )
    store.apply(
        [Revise(scope=ANA, id=f"r{n}", text=f"revised {word} {n}") for n in range(0, many, 6)]
    )
    waiting = store.pending("e", 10_000)
    raw = [w.text.encode()[:64].ljust(64, b".") for w in waiting]
    dense = np.random.default_rng(5).standard_normal((len(waiting), 32)).astype(np.float32)
    store.put_vectors("e", [w.seq for w in waiting], Encoded(dense, raw))


def test_no_byte_of_it_is_left_on_the_server(server: Server, tmp_path: Path) -> None:
    word, kept = "kqforgettable0017zv", "kqremains0018zv"
    signer = Signer.open(tmp_path)
    with opened(server.fresh()) as store:
        fill(store, word)
        store.apply([Add(scope=ANA, id="kept", text=kept, session=kept)])
        large = f"{word} " + "x y z " * 20_000  # kept beside the table, in pieces
        store.apply([Add(scope=ANA, id="large", text=large)])
        before = copies(server, word, kept)
        assert before[word] > 1
        ids = [f"r{n}" for n in range(0, 300, 3)] + ["large"]
        receipt = store.forget(ANA, ids, signer=signer)
        assert (
            copies(server, word, kept) == {word: 0, kept: before[kept]}
            or copies(server, word)[word] == 0
        )
        assert copies(server, kept)[kept] >= 1
        assert receipt.clean, [c for c in receipt.checks if c.found]
        surfaces = {check.surface: check for check in receipt.checks}
        assert surfaces["pages"].looked > 100_000
        assert surfaces["log"].looked > 0
        assert {"get", "history", "events", "words", "dense", "tokens", "names"} <= set(surfaces)
        assert receipts.verify(receipt, key=signer.public, store=store) == []
        assert store.verify().ok
        with pytest.raises(NotFound, match="forgotten"):
            store.get(ANA, "r0")
        record = store.get(ANA, "kept")
        assert record is not None
        assert record.text == kept
        assert len(store.list(ANA, limit=1000)) == 201


def test_where_files_of_the_log_are_used_again(server: Server) -> None:
    """As a server does that nobody has set otherwise: then what was written stays in a file until that is written over."""
    word = "kqrecycled0025zv"
    with server.admin() as db:
        db.execute("ALTER SYSTEM SET wal_recycle = on")
        db.execute("ALTER SYSTEM SET min_wal_size = 80")
        db.execute("SELECT pg_reload_conf()")
    try:
        with opened(server.fresh()) as store:
            for n in range(3):  # so that some files wait to be used again, and hold it
                store.apply([Add(scope=ANA, id=f"r{n}", text=f"{word} {n}")])
                with server.admin() as db:
                    db.execute("SELECT pg_switch_wal()")
                    db.execute("CHECKPOINT")
            store.apply([Add(scope=ANA, id="last", text=f"{word} last")])
            assert copies(server, word)[word] > 1
            receipt = store.forget(ANA, ["r0", "r1", "r2", "last"])
            assert receipt.clean, [c for c in receipt.checks if c.found]
            assert copies(server, word) == {word: 0}
    finally:
        with server.admin() as db:
            db.execute("ALTER SYSTEM SET wal_recycle = off")
            db.execute("ALTER SYSTEM SET min_wal_size = 32")
            db.execute("SELECT pg_reload_conf()")


def test_a_whole_person(server: Server) -> None:
    name, word = "Kqpersona Zvnamed", "kqpersonal0019zv"
    scope = ("acme", name)
    with opened(server.fresh()) as store:
        store.apply(
            [Add(scope=scope, text=f"{word} {n}", session=f"{name} {n}") for n in range(50)]
        )
        store.apply([Add(scope=BOB, id="b", text="bob's")])
        assert copies(server, name, word)[name] > 0
        receipt = store.forget_space(scope)
        assert receipt.clean, [c for c in receipt.checks if c.found]
        assert copies(server, name, word) == {name: 0, word: 0}
        assert store.spaces() == [BOB]
        assert store.verify().ok


def test_what_another_tenant_says_too_is_no_finding(server: Server) -> None:
    """Tenants share pages and log: a sentence that both know stays where it is the other one's."""
    said = "kqcommon0020zv is what everybody says every day"
    url = server.fresh()
    with opened(url) as store:
        ours = store._connections.ledger
        others = []
        for n in range(40):  # until one of them lies in our partition
            other = opened(url, f"other {n}")
            other.apply([Add(scope=(f"other {n}", "bob"), id="1", text=said)])
            others.append(other)
        store.apply([Add(scope=ANA, id="1", text=said)])
        receipt = store.forget(ANA, ["1"])
        assert receipt.clean, [c for c in receipt.checks if c.found]
        assert any(
            residue.partition(other._connections) == residue.partition(store._connections)
            for other in others
        )
        assert ours == store._connections.ledger
        for other in others:
            assert other.get((other.tenant, "bob"), "1").text == said  # type: ignore[union-attr]
            other.close()


def test_a_reader_that_began_before_keeps_the_bytes_and_the_receipt_says_so(server: Server) -> None:
    word = "kqlongreader0021zv"
    url = server.fresh()
    with opened(url) as store:
        fill(store, word, 30)
        with store._connections.reading() as db:
            assert db.execute("SELECT count(*) FROM events").fetchone()[0] > 30
            receipt = store.forget(ANA, [f"r{n}" for n in range(0, 30, 3)])
            pages = next(check for check in receipt.checks if check.surface == "pages")
            assert pages.found
            assert "began before" in pages.note
            assert not receipt.clean
        again = store.recheck(receipt)
        assert again.clean, [c for c in again.checks if c.found]
        assert copies(server, word) == {word: 0}


def test_a_forget_that_was_cut_short_is_finished_by_who_opens_next(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    word, url = "kqcutshort0022zv", server.fresh()
    with opened(url) as store:
        fill(store, word, 60)
        with monkeypatch.context() as patch:
            patch.setattr(residue, "look", lambda *given, **more: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                store.forget(ANA, [f"r{n}" for n in range(0, 60, 3)])
    assert copies(server, word)[word] > 0
    opened(url, read_only=True).close()
    assert copies(server, word)[word] > 0
    with opened(url) as store:
        with store._connections.reading() as db:
            notes = db.execute("SELECT name FROM cursors WHERE space = ?", (0,)).fetchall()
        assert notes == []
        with server.admin() as db:  # the log is the next forget's, or the server's own to use again
            db.execute("CHECKPOINT")
        base = [f.read_bytes() for f in (server.data / "base").rglob("*") if f.is_file()]
        assert not any(word.encode() in raw for raw in base)
        assert store.verify().ok


def test_without_a_recheck_it_is_made_later(server: Server) -> None:
    word = "kqlater0023zv"
    with opened(server.fresh()) as store:
        fill(store, word, 30)
        receipt = store.forget(ANA, [f"r{n}" for n in range(0, 30, 3)], recheck=False)
        assert receipt.checks == ()
        assert not receipt.clean
        again: Receipt = store.recheck(receipt)
        assert again.clean, [c for c in again.checks if c.found]
        assert copies(server, word) == {word: 0}


def test_forgetting_among_other_changes(server: Server) -> None:
    with opened(server.fresh()) as store:
        store.apply([Add(scope=ANA, id="1", text="kqamong0024zv")])
        store.apply([Forget(scope=ANA, id="1"), Add(scope=ANA, id="2", text="and on")])
        assert [r.id for r in store.list(ANA)] == ["2"]
        assert store.verify().ok
