"""`rmem bulk`, `rmem worker` and `rmem shards` as a person or a program uses them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from remanence import Memory
from remanence.errors import AccessDenied, InvalidInput, NotFound
from remanence.serve.cli import main
from remanence.store.choose import has_tenants, tenants_at
from remanence.store.postgres.dropping import drop_tenant
from remanence.store.postgres.jobs import Queue
from remanence.store.postgres.place import place
from tests.pg import Server, postgres_server

Rmem = Callable[..., tuple[int, list[Any], str]]


@pytest.fixture
def rmem(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Rmem:
    for name in ("STORE", "TENANT", "USER", "KEYS"):
        monkeypatch.delenv(f"REMANENCE_{name}", raising=False)
    monkeypatch.setenv("REMANENCE_EMBEDDER", "static")

    def run(*arguments: object) -> tuple[int, list[Any], str]:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        rows = [json.loads(line) for line in captured.out.splitlines() if line.startswith("{")]
        return code, rows, captured.out + captured.err

    return run


@pytest.fixture
def two() -> Iterator[tuple[Server, Server]]:
    servers = postgres_server(), postgres_server(number=1)
    yield servers
    for server in servers:
        server.wipe()


@pytest.fixture
def told(tmp_path: Path) -> Path:
    file = tmp_path / "told.jsonl"
    lines = [
        {"role": "user", "content": f"{user} saw heron {n}", "user_id": user, "id": f"{user}{n}"}
        for n in range(20)
        for user in ("ana", "bea")
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def test_in_bulk_from_an_import_to_a_night(
    rmem: Rmem, two: tuple[Server, Server], told: Path
) -> None:
    store = two[0].fresh()
    common = ("--store", store, "--workers", 1, "--json")
    code, rows, _ = rmem("bulk", "import", told, "--tenant", "acme", *common)
    assert (code, rows[0]["stored"]) == (0, 40)
    code, rows, _ = rmem("bulk", "import", told, "--tenant", "acme", *common)
    assert (code, rows[0]["duplicate"]) == (0, 40)
    assert rmem("bulk", "embed", *common)[1][0]["embedded"] == 40
    assert rmem("bulk", "embed", *common)[1][0]["embedded"] == 0
    assert rmem("bulk", "sleep", *common)[1][0]["users"] >= 1
    assert rmem("bulk", "embed", "--store", store, "--workers", 0)[0] == 2


def test_workers_say_what_waits_and_why_it_failed(rmem: Rmem, two: tuple[Server, Server]) -> None:
    store = two[0].fresh(embed="later")
    assert rmem("worker", "--store", store, "--status")[0] == 1
    with Memory.open(store, tenant="acme", embedder="none") as memory:
        memory.add(["one", "two"])
    code, rows, _ = rmem("worker", "--store", store, "--status", "--json")
    assert code == 0
    assert [(row["kind"], row["fresh"]) for row in rows] == [("embed", 2), ("sleep", 2)]
    assert rows[0]["stands"] == "due"
    queue = Queue(place(store), "w")
    job = queue.take(["embed"])
    assert job is not None
    assert "in hand: w" in rmem("worker", "--store", store, "--status")[2]
    queue.failed(job, "EndpointError: it answered 503")
    queue.close()
    assert "it answered 503" in rmem("worker", "--store", store, "--status")[2]
    assert rmem("worker", "--store", store, "--retry")[0] == 1
    code, rows, _ = rmem("worker", "--store", store, "--once", "--json")
    assert (code, rows[0]["failed"]) == (0, 0)


def test_a_folder_s_worker(rmem: Rmem, tmp_path: Path) -> None:
    store = f"{tmp_path}/stores/"
    with Memory.open(store, tenant="acme", embedder="none") as memory:
        memory.add(["one", "two"])
    code, rows, _ = rmem("worker", "--store", store, "--status", "--json")
    assert (code, rows[0]["tenant"], rows[0]["fresh"]) == (0, "acme", 2)
    assert rmem("worker", "--store", store, "--once", "--json")[1][0]["embedded"] == 2
    assert rmem("worker", "--store", store, "--status")[0] == 1
    assert rmem("worker", "--store", store, "--retry")[0] == 2
    assert rmem("worker", "--store", store, "--kinds", "dream")[0] == 2
    assert rmem("worker", "--store", f"{tmp_path}/no/", "--once")[0] == 2


def test_a_farm_from_its_first_server_to_a_dropped_tenant(
    rmem: Rmem, two: tuple[Server, Server], tmp_path: Path
) -> None:
    store = f"shards:///{tmp_path}/shards.toml"
    at = ("--store", store)
    assert rmem("shards", "list", *at)[0] == 2
    assert rmem("shards", "add", "a", two[0].fresh(), *at)[0] == 0
    for n in range(6):
        assert rmem("add", "hello", "--tenant", f"t{n}", *at)[0] == 0
    code, _, said = rmem("shards", "add", "b", two[1].fresh(), *at)
    assert code == 0
    assert "rmem shards balance" in said
    assert rmem("shards", "add", "b", two[1].fresh(), *at)[0] == 2
    code, plan, _ = rmem("shards", "balance", "--dry-run", "--json", *at)
    assert code == 0
    assert {(move["source"], move["target"]) for move in plan} == {("a", "b")}
    code, moved, _ = rmem("shards", "balance", "--json", *at)
    assert [move["tenant"] for move in moved] == [move["tenant"] for move in plan]
    assert rmem("shards", "balance", *at)[0] == 1
    code, servers, _ = rmem("shards", "list", "--tenants", "--json", *at)
    assert [server["tenants"] for server in servers] == [6 - len(plan), len(plan)]
    assert servers[1]["names"] == sorted(move["tenant"] for move in plan)
    assert rmem("shards", "move", servers[1]["names"][0], "a", *at)[0] == 0
    assert rmem("list", "--tenant", "t0", *at)[0] == 0
    assert rmem("shards", "drop", "t0", "--yes", *at)[0] == 0
    assert tenants_at(store) == [f"t{n}" for n in range(1, 6)]
    assert rmem("shards", "list", "--store", "memory.rmem")[0] == 2


def test_places_that_have_tenants(tmp_path: Path, two: tuple[Server, Server]) -> None:
    folder, file, url = f"{tmp_path}/stores/", f"{tmp_path}/one.rmem", two[0].fresh()
    assert [has_tenants(at) for at in (folder, file, url)] == [True, False, True]
    for at in (folder, url):
        for tenant in ("b", "a"):
            Memory.open(at, tenant=tenant, embedder="none").close()
        assert tenants_at(at) == ["a", "b"]
    with pytest.raises(InvalidInput, match="is one store"):
        tenants_at(file)
    with pytest.raises(InvalidInput, match="no store for"):
        has_tenants("redis://x")
    with pytest.raises(NotFound):
        tenants_at(f"{tmp_path}/none/")
    drop_tenant(url, "a")
    assert tenants_at(url) == ["b"]
    with pytest.raises(NotFound):
        drop_tenant(url, "a")
    with two[0].admin() as db:
        db.execute("CREATE ROLE one_app LOGIN; GRANT remanence_app TO one_app")
    try:
        with pytest.raises(AccessDenied):
            tenants_at(url.replace("postgres@", "one_app@", 1))
    finally:
        with two[0].admin() as db:
            db.execute("DROP ROLE one_app")
