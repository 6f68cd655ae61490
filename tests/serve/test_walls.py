"""Folders of tenants and encrypted stores, from the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Rmem = Callable[..., Any]


@pytest.fixture
def stores(rmem: Rmem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rmem:
    """A folder of stores with two tenants."""
    monkeypatch.setenv("REMANENCE_STORE", f"{tmp_path / 'stores'}/")
    assert rmem("add", "The plan of acme.", "--tenant", "acme").code == 0
    assert rmem("add", "The plan of Beta & Sons.", "--tenant", "Beta & Sons").code == 0
    return rmem


def test_each_tenant_has_a_store_of_its_own(stores: Rmem, tmp_path: Path) -> None:
    assert stores("list", "--tenant", "acme", "--json").row["text"] == "The plan of acme."
    assert stores("search", "plan", "--tenant", "acme", "--json").row["record"]["scope"] == [
        "acme",
        "default",
    ]
    assert stores("tenants").out == "Beta & Sons\nacme\n"
    files = {row["tenant"]: Path(row["file"]) for row in stores("tenants", "--json").rows}
    assert all(file.is_file() for file in files.values())
    assert len({file.parent for file in files.values()}) == 1


def test_a_tenant_that_is_not_there_is_not_made_by_looking(stores: Rmem, tmp_path: Path) -> None:
    done = stores("list", "--tenant", "gamma")
    assert (done.code, "no store of 'gamma'" in done.err) == (2, True)
    assert not (tmp_path / "stores" / "gamma.rmem").exists()
    unnamed = stores("list")
    assert (unnamed.code, "--tenant acme" in unnamed.err) == (2, True)
    assert "is no folder of stores" in stores("tenants", "--store", "nowhere/").err


def test_an_import_goes_to_the_tenant(stores: Rmem, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"role": "user", "content": "A third plan."}\n')
    assert stores("import", tmp_path / "log.jsonl", "--tenant", "acme").code == 0
    assert "A third plan." in [r["text"] for r in stores("list", "--tenant", "acme", "--json").rows]


def test_dropping_a_tenant(stores: Rmem) -> None:
    assert "say --yes" in stores("tenants", "drop", "acme").err
    assert "say which" in stores("tenants", "drop").err
    assert "no store of 'gamma'" in stores("tenants", "drop", "gamma", "--yes").err
    assert stores("tenants", "drop", "acme", "--yes", "--json").row["files"][0] == "acme.rmem"
    assert stores("tenants").out == "Beta & Sons\n"


def test_keys_are_made_and_destroyed(rmem: Rmem, tmp_path: Path) -> None:
    keys = f"{tmp_path / 'keys'}/"
    assert "no folder of keys is named" in rmem("keys", "new", "acme").err
    assert rmem("keys", "new", "acme", "--keys", keys).code == 0
    assert "there is a key for 'acme'" in rmem("keys", "new", "acme", "--keys", keys).err
    assert "say --yes" in rmem("keys", "destroy", "acme", "--keys", keys).err
    assert (
        rmem("--json", "--keys", keys, "keys", "destroy", "acme", "--yes").row["done"] == "destroy"
    )
    gone = rmem("keys", "destroy", "acme", "--keys", keys, "--yes")
    assert (gone.code, "no key for 'acme'" in gone.err) == (2, True)
    (tmp_path / "file").write_text("x")
    assert "is a file" in rmem("keys", "new", "acme", "--keys", tmp_path / "file").err


def test_an_encrypted_store_lives_and_dies_with_its_key(rmem: Rmem, tmp_path: Path) -> None:
    pytest.importorskip("sqlcipher3", reason="needs the extra crypto")
    keys = f"{tmp_path / 'keys'}/"
    rmem("add", "The plan of acme.", "--keys", keys)
    store = tmp_path / "memory.rmem"
    assert b"plan" not in store.read_bytes()
    assert rmem("list", "--keys", keys, "--json").row["text"] == "The plan of acme."
    shut = rmem("list")
    assert (shut.code, "--keys PATH says where its key is" in shut.err) == (2, True)
    [file] = (tmp_path / "keys").iterdir()
    assert rmem("list", "--keys", file).code == 0
    rmem("keys", "destroy", "memory.rmem", "--keys", keys, "--yes")
    lost = rmem("list", "--keys", keys)
    assert (lost.code, "it was destroyed or never made" in lost.err) == (2, True)
