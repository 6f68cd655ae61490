"""A folder of tenants: names that can't meet, files that can't be reached, and a tenant that is dropped."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remanence.errors import (
    AccessDenied,
    InvalidInput,
    NotAStore,
    NotFound,
    ReadOnly,
    StoreBusy,
    UsageError,
)
from remanence.store.choose import open_store
from remanence.store.folder import TenantStore, drop_tenant, tenant_file, tenants
from remanence.store.keys import KeyFolder
from remanence.store.names import LONGEST, file_name, name_of
from remanence.store.sqlite import SQLiteStore
from remanence.types import Add, Forget, Link, Mark, Retract, Revise, Scope, Touch, Undo
from tests.store.plain import plain

ACME: Scope = ("acme", "ana")
GLOBEX: Scope = ("globex", "ana")
CANARY = "quetzal-canary-wombat"
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=512)
NASTY = ["..", ".", "/", "a/b", "../acme", "con", "CON", "nul", "%61", "~", "a.rmem", "-", " ", "é"]
NASTY += [
    "e\u0301",
    "ﬁ",
    "İ",
    "ß",
    "💡" * 512,
    "A" * 512,
    "a" * 180,
    "a" * 181,
    "a-wal",
    "a%",
    "com1",
]


def opened(folder: Path, tenant: str, **more: Any) -> SQLiteStore:
    return open_store(f"{folder}/", analyze=plain, tenant=tenant, **more)


def bytes_of(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


# --- names ---


def check_name_of_file(name: str) -> None:
    spelled = file_name(name)
    assert len(spelled) <= LONGEST
    assert spelled.isascii()
    assert spelled == spelled.lower()
    assert not set(spelled) - set("abcdefghijklmnopqrstuvwxyz0123456789-_%~")
    if spelled.startswith("~"):
        assert name_of(spelled) is None
    else:
        assert name_of(spelled) == name


@given(NAMES)
def test_any_name_is_a_safe_file(name: str) -> None:
    check_name_of_file(name)


@pytest.mark.parametrize("name", NASTY)
def test_nasty_names_are_safe_files(name: str) -> None:
    check_name_of_file(name)


@given(NAMES, NAMES)
def test_two_names_never_have_one_file(one: str, two: str) -> None:
    """Neither where the file system folds case, nor where it normalises Unicode."""
    variants = {one, two, one.lower(), one.upper(), two.casefold()}
    variants |= {unicodedata.normalize(form, one) for form in ("NFC", "NFD", "NFKC")}  # type: ignore[arg-type]
    variants = {name for name in variants if 0 < len(name) <= 512}
    files = {unicodedata.normalize("NFD", file_name(name)).casefold() for name in variants}
    assert len(files) == len(variants)


@given(st.text(st.characters(max_codepoint=127), max_size=40))
def test_only_our_spelling_is_read_back(spelled: str) -> None:
    name = name_of(spelled)
    assert name is None or file_name(name) == spelled


@pytest.mark.parametrize("name", ["", "a\0b", "a\nb", "\ud800", "x" * 513, 7, None])
def test_what_can_be_no_tenant(tmp_path: Path, name: Any) -> None:
    with pytest.raises(InvalidInput):
        tenant_file(tmp_path, name)
    with pytest.raises(InvalidInput):
        opened(tmp_path / "f", name)
    assert list(tmp_path.iterdir()) == []


# --- opening ---


def test_each_tenant_has_a_file_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "memories"
    for name in NASTY:
        with opened(folder, name) as store:
            store.apply([Add(scope=(name, "ana"), text=f"of {name}", id="1")])
    (folder / "notes.txt").write_text("not ours")
    (folder / "Not-Ours.rmem").write_text("not ours")
    assert tenants(folder) == sorted(NASTY)
    assert len(list(folder.glob("*.rmem"))) == len(NASTY) + 1
    for name in NASTY:
        with opened(folder, name) as store:
            record = store.get((name, "ana"), "1")
            assert record is not None
            assert record.text == f"of {name}"
            assert store.spaces() == [(name, "ana")]


@pytest.mark.skipif(os.name == "nt", reason="no such permissions there")
def test_only_the_owner_may_read(tmp_path: Path) -> None:
    folder = tmp_path / "memories"
    with opened(folder, "acme") as store, opened(folder, "A" * 300) as other:
        for each, name in ((store, "acme"), (other, "A" * 300)):
            each.apply([Add(scope=(name, "ana"), text="one")])
        modes = {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}
    assert len(modes) == 7
    assert set(modes.values()) == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("spelling", ["{0}/", "{0}", "folder:///{0}"])
def test_ways_to_name_a_folder(tmp_path: Path, spelling: str) -> None:
    folder = tmp_path / "memories"
    opened(folder, "acme").close()
    with open_store(spelling.format(folder), analyze=plain, tenant="globex") as store:
        assert store.path == folder / "globex.rmem"
    with pytest.raises(InvalidInput, match="a store for each tenant") as caught:
        open_store(spelling.format(folder), analyze=plain)
    assert 'tenant="acme"' in caught.value.hint


def test_reading_only_makes_nothing(tmp_path: Path) -> None:
    keys = KeyFolder(tmp_path / "keys")
    with pytest.raises(NotFound, match="no store of 'acme'"):
        opened(tmp_path / "memories", "acme", read_only=True, key=keys)
    assert list(tmp_path.iterdir()) == []
    with opened(tmp_path / "memories", "acme") as store:
        store.apply([Add(scope=ACME, text="one", id="1")])
    with opened(tmp_path / "memories", "acme", read_only=True) as store:
        assert store.get(ACME, "1") is not None


def test_what_can_be_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("notes")
    with pytest.raises(ReadOnly, match="no store can be made"):
        opened(tmp_path / "file", "acme")
    with pytest.raises(NotFound):
        tenants(tmp_path / "nowhere")
    outside = tmp_path / "outside.rmem"
    open_store(str(outside), analyze=plain).close()
    folder = tmp_path / "memories"
    folder.mkdir()
    (folder / "acme.rmem").symlink_to(outside)
    with pytest.raises(NotAStore, match="is a link"):
        opened(folder, "acme")


# --- a tenant's store is that tenant's ---


def bound(tmp_path: Path, kind: str) -> TenantStore:
    where = f"{tmp_path / 'memories'}/" if kind == "folder" else str(tmp_path / "all.rmem")
    if kind == "file":
        with open_store(where, analyze=plain) as every:
            every.apply([Add(scope=GLOBEX, text=CANARY, id="g")])
    store = open_store(where, analyze=plain, tenant="acme")
    assert isinstance(store, TenantStore)
    return store


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_every_verb_refuses_other_tenants(tmp_path: Path, kind: str) -> None:
    """Every public verb that takes a scope, found by looking at the class: also those that come later."""
    fill: dict[str, Any] = {
        "id": "g",
        "ids": ["g"],
        "seqs": [1],
        "after": 0,
        "encoder": "e",
        "name": "n",
        "mark": "archived",
        "relation": "knows",
        "since": 0,
        "until": 2**62,
        "seq": 1,
        "limit": 10,
    }
    with bound(tmp_path, kind) as store:
        store.apply([Add(scope=ACME, text="ours", id="1")])
        verbs = {
            name: inspect.signature(verb).parameters
            for name, verb in inspect.getmembers(store, inspect.ismethod)
            if not name.startswith("_")
        }
        scoped = {name for name, takes in verbs.items() if "scope" in takes}
        assert {"get", "list", "delta", "vectors", "tokens", "forget", "history"} <= scoped
        for name in sorted(scoped):
            original = inspect.signature(getattr(SQLiteStore, name)).parameters.values()
            needed = {
                p.name: fill[p.name] for p in original if p.default is p.empty and p.name in fill
            }
            for other in (GLOBEX, ("nowhere", "ana")):
                with pytest.raises(AccessDenied, match="opened for 'acme'"):
                    list(getattr(store, name)(other, **needed) or ())
        assert store.state_digest()


@pytest.mark.parametrize("kind", ["folder", "file"])
@pytest.mark.parametrize("other", [GLOBEX, ("nowhere", "ana")])
def test_no_change_reaches_another_tenant(tmp_path: Path, kind: str, other: Scope) -> None:
    changes = [
        Add(scope=other, text="x"),
        Revise(scope=other, id="g", text="x"),
        Retract(scope=other, id="g"),
        Link(scope=other, src="g", relation="r", dst="g"),
        Touch(scope=other, id="g"),
        Mark(scope=other, id="g", mark="archived"),
        Undo(scope=other, seq=1),
        Forget(scope=other, id="g"),
    ]
    with bound(tmp_path, kind) as store:
        head = store.head()
        for change in changes:
            with pytest.raises(AccessDenied):
                store.apply([Add(scope=ACME, text="ours"), change])
        with pytest.raises(AccessDenied):
            store.apply([], cursor=(other, "n", "v"))
        assert store.head() == head, "and nothing of the call stands"
        assert store.spaces() == []
        (ack,) = store.apply([Add(scope="acme", text="x")])  # type: ignore[arg-type]
        assert ack.status == "rejected"


# --- dropping ---


@pytest.mark.parametrize("tenant", ["acme", "A" * 300])
def test_dropping_a_tenant(tmp_path: Path, tenant: str) -> None:
    folder = tmp_path / "memories"
    for name in (tenant, "globex", f"{tenant[:9]}-2"):
        with opened(folder, name) as store:
            store.apply([Add(scope=(name, "ana"), text=f"{CANARY} of {name[:20]}")])
    file = tenant_file(folder, tenant)
    for leftover in (f"{file.name}.99.part", f"{file.name}-journal"):
        (folder / leftover).write_text(CANARY)
    held = tmp_path / "held"
    os.link(file, held)  # another name for the same bytes
    size = file.stat().st_size
    dropped = drop_tenant(folder, tenant)
    assert dropped.tenant == tenant
    assert dropped.files[0] == file.name
    assert len(dropped.files) == (3 if tenant == "acme" else 4)
    assert dropped.bytes >= size + 2 * len(CANARY)
    assert not dropped.key
    assert held.read_bytes() == bytes(size)
    held.unlink()
    assert tenants(folder) == sorted(["globex", f"{tenant[:9]}-2"])
    assert f'{CANARY} of {tenant[:20]}"'.encode() not in bytes_of(folder)
    assert sorted(f.suffix for f in folder.iterdir()) == [".rmem", ".rmem"]
    with pytest.raises(NotFound, match="no store of"):
        drop_tenant(folder, tenant)
    with opened(folder, "globex") as store:
        assert len(store.list(("globex", "ana"))) == 1
    with opened(folder, tenant) as store:  # a new one
        assert store.head() == 0


def test_a_tenant_in_use_is_not_dropped(tmp_path: Path) -> None:
    folder = tmp_path / "memories"
    with opened(folder, "acme") as store:
        store.apply([Add(scope=ACME, text=CANARY, id="1")])
        with pytest.raises(UsageError, match="is open"):
            drop_tenant(folder, "acme")
        assert store.get(ACME, "1") is not None
    pytest.importorskip("fcntl")
    code = (
        "import sys\nfrom remanence.store.choose import open_store\n"
        "from tests.store.plain import plain\n"
        "store = open_store(sys.argv[1], analyze=plain, tenant='acme')\n"
        "store.list(('acme', 'ana'))\nprint('open', flush=True)\nsys.stdin.read()\nstore.close()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, f"{folder}/"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "open\n"
    with pytest.raises(StoreBusy, match="in another process"):
        drop_tenant(folder, "acme")
    assert CANARY.encode() in bytes_of(folder)
    other.communicate("", timeout=30)
    drop_tenant(folder, "acme")
    assert tenants(folder) == []


# --- a key for each tenant ---


def test_a_key_for_each_tenant(tmp_path: Path) -> None:
    pytest.importorskip("sqlcipher3")
    folder, keys = tmp_path / "memories", KeyFolder(tmp_path / "keys")
    for name in ("acme", "globex"):
        with opened(folder, name, key=keys) as store:
            store.apply([Add(scope=(name, "ana"), text=CANARY, id="1")])
            store.backup(tmp_path / f"{name}.copy")
    assert CANARY.encode() not in bytes_of(tmp_path)
    assert keys("acme") != keys("globex")
    with pytest.raises(AccessDenied, match="does not open"):
        opened(folder, "acme", key=keys("globex"))
    with opened(folder, "acme", key=lambda tenant: keys.get(tenant)) as store:
        assert store.get(ACME, "1") is not None
    dropped = drop_tenant(folder, "acme", keys=keys)
    assert dropped.key
    assert "acme" not in keys
    assert tenants(folder) == ["globex"]
    with pytest.raises(AccessDenied):
        open_store(str(tmp_path / "acme.copy"), analyze=plain, key=keys("globex"))
    with opened(folder, "globex", key=keys) as store:
        assert store.get(GLOBEX, "1") is not None


def test_keys_do_not_lie_beside_what_they_open(tmp_path: Path) -> None:
    folder = tmp_path / "memories"
    for inside in (KeyFolder(folder), KeyFolder(folder / "keys"), folder / "k", f"{folder}/k"):
        with pytest.raises(InvalidInput, match="inside the folder"):
            opened(folder, "acme", key=inside)
    assert list(tmp_path.iterdir()) == []
