"""A tenant is opened by the file of shards, wherever it is."""

from __future__ import annotations

import threading
from dataclasses import replace
from uuid import uuid4

import pytest

from remanence import Memory
from remanence.bulk.place import Place
from remanence.bulk.worker import Worker
from remanence.errors import AccessDenied, NotFound
from remanence.store.choose import has_tenants, tenants_at
from remanence.store.postgres.connections import Moved
from remanence.store.shards.directory import locate
from remanence.store.shards.file import read, write
from remanence.store.shards.move import astray, drop, move
from tests.store.shards.conftest import Farm


def told(farm: Farm, tenant: str, text: str) -> None:
    with Memory.open(farm.url, tenant=tenant, embedder="none") as memory:
        memory.add(text)


def test_tenants_are_spread_and_found_again(farm: Farm) -> None:
    names = [f"t{n}" for n in range(8)]
    for name in names:
        told(farm, name, f"a canary of {name}")
    assert has_tenants(farm.url)
    assert tenants_at(farm.url) == names
    assert {id for name in names for id in farm.live(name)} == {"a", "b"}
    assert list(astray(farm.shards)) == []
    for name in names:
        assert farm.live(name) == [farm.shards.ranked(name)[0].id]
        with Memory.open(farm.url, tenant=name, embedder="none", read_only=True) as memory:
            assert [hit.record.text for hit in memory.search("canary")] == [f"a canary of {name}"]


def test_no_tenant_is_made_by_reading(farm: Farm) -> None:
    with pytest.raises(NotFound, match="no store of 'nobody'"):
        Memory.open(farm.url, tenant="nobody", embedder="none", read_only=True)
    assert tenants_at(farm.url) == []


def test_two_that_meet_a_new_tenant_agree(farm: Farm) -> None:
    wrong: list[BaseException] = []

    def meet(number: int) -> None:
        try:
            for n in range(5):
                told(farm, f"new{n}", f"from {number}")
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=meet, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    for n in range(5):
        (server,) = farm.live(f"new{n}")
        assert farm.rows(server, f"new{n}") == 3


def test_who_was_there_before_the_file_stays_where_he_is(farm: Farm) -> None:
    stays = next(f"t{n}" for n in range(99) if farm.shards.ranked(f"t{n}")[0].id == "a")
    with Memory.open(farm.shards["b"].url, tenant=stays, embedder="none") as memory:
        memory.add("here before")
    told(farm, stays, "and after")
    assert farm.live(stays) == ["b"]
    assert list(astray(farm.shards)) == [(stays, "b", "a")]


def test_a_new_server_changes_nothing_for_who_is_there(farm: Farm) -> None:
    one = replace(farm.shards, servers=farm.shards.servers[:1])
    write(one)
    names = [f"t{n}" for n in range(6)]
    for name in names:
        told(farm, name, "x")
    write(farm.shards)
    for name in names:
        told(farm, name, "y")
        assert farm.live(name) == ["a"]
    assert {home for _, _, home in astray(farm.shards)} == {"b"}
    write(one)
    told(farm, next(iter(names)), "z")
    new = next(f"n{n}" for n in range(99) if farm.shards.ranked(f"n{n}")[0].id == "b")
    write(farm.shards)
    told(farm, new, "x")
    write(one)
    with pytest.raises(NotFound, match="no server 'b'"):
        told(farm, new, "y")


def test_the_old_place_refuses_and_says_where_to(farm: Farm) -> None:
    told(farm, "acme", "x")
    (old,) = farm.live("acme")
    with Memory.open(farm.shards[old].url, tenant="acme", embedder="none") as memory:
        move(farm.shards, "acme", farm.other(old))
        for act in (lambda: memory.add("y"), lambda: memory.list(), memory.verify, memory.users):
            with pytest.raises(Moved, match=f"to server '{farm.other(old)}'"):
                act()
    with pytest.raises(Moved):
        Memory.open(farm.shards[old].url, tenant="acme", embedder="none")
    told(farm, "acme", "y")
    assert farm.rows(farm.other(old), "acme") == 2


def test_only_the_owner_may_list_tenants(farm: Farm) -> None:
    told(farm, "acme", "x")
    (server,) = farm.live("acme")
    farm.ask(server, "CREATE ROLE only_app LOGIN")
    farm.ask(server, "GRANT remanence_app TO only_app")
    try:
        url = farm.shards[server].url.replace("postgres@", "only_app@", 1)
        with pytest.raises(AccessDenied, match="only the owner"):
            tenants_at(url)
    finally:
        farm.ask(server, "DROP ROLE only_app")


def test_a_dropped_tenant_is_gone_everywhere(farm: Farm) -> None:
    canary = f"a canary of {uuid4()}"
    told(farm, "acme", canary)
    (old,) = farm.live("acme")
    move(farm.shards, "acme", farm.other(old))
    with Memory.open(farm.url, tenant="acme", embedder="none") as memory:
        assert drop(farm.shards, "acme") > 0
        with pytest.raises(NotFound, match="was dropped"):
            memory.add("late")
    assert [farm.on_disk(id, canary) for id in "ab"] == [0, 0]
    assert locate(read(farm.shards.path), "acme", create=False) is None
    with pytest.raises(NotFound):
        drop(farm.shards, "acme")


def test_workers_look_at_every_server(farm: Farm) -> None:
    names = [f"t{n}" for n in range(6)]
    for name in names:
        told(farm, name, f"heron {name}")
    worker = Worker(Place(store=farm.url, embedder="static"), "w", kinds=["embed"])
    worker.run(once=True)
    assert worker.counts == {"embedded": 6}
    for name in names:
        with Memory.open(farm.url, tenant=name, embedder="static", read_only=True) as memory:
            assert memory.status().pending == 0
