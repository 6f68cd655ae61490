"""No tenant sees another one's rows; and it is the server that says so: without its policies the same looks would find them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remanence.errors import AccessDenied, InvalidInput, NotFound
from remanence.seams import Encoded
from remanence.store.choose import LOCAL, open_store
from remanence.store.postgres.schema import ROLE, TABLES
from remanence.store.postgres.shelf import PostgresShelf
from remanence.store.postgres.store import PostgresStore
from remanence.text.write.messages import TENANT
from remanence.types import Add, Forget, Link, Mark, Retract, Revise, Slot, Source, Touch
from tests.pg import Server, postgres_server
from tests.store.plain import plain
from tests.store.test_walls import IDS, steps

TENANTS = ("acme", "globex", "Ünïcode ’; DROP TABLE events; --")


@pytest.fixture
def server() -> Iterator[Server]:
    server = postgres_server()
    yield server
    server.wipe()


def opened(url: str, tenant: str, **more: Any) -> PostgresStore:
    return PostgresStore.open(url, analyze=plain, tenant=tenant, **more)


def canary(tenant: str) -> str:
    return f"kq{TENANTS.index(tenant)}zvcanary"


def fill(store: PostgresStore) -> None:
    """Leaves rows in every table."""
    name = store.tenant
    ana, word = (name, f"ana {canary(name)}"), canary(name)
    store.apply(
        [
            Add(scope=ana, id="1", text=f"one {word}", session=word, speaker=word),
            Add(scope=ana, id="2", text="two", sources=(Source("1"),)),
            Add(scope=ana, id="3", text="three", kind="fact", slot=Slot("I", "am", word)),
            Link(scope=ana, src="1", relation=word, dst="2"),
            Touch(scope=ana, id="1"),
            Mark(scope=ana, id="1", mark="pinned", why=word),
            Add(scope=ana, id="gone", text=f"gone {word}"),
        ],
        key=word,
        cursor=(ana, "sleeper", word),
    )
    store.apply([Revise(scope=ana, id="1", text=f"new {word}"), Retract(scope=ana, id="2")])
    store.apply([Forget(scope=ana, id="gone")])
    dense, raw = np.ones((2, 4), np.float32), [word.encode(), b"x"]
    store.put_vectors(f"encoder {word}", [1, 2], Encoded(dense, raw))
    assert PostgresShelf(store._connections, ana, segment=2).extend() > 0
    with store._connections.reading() as db:
        for table in TABLES:
            assert db.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone(), table


def looks(store: PostgresStore, folder: Path) -> dict[str, str]:
    """Everything that this tenant's session can be told: each table in full, and what the verbs say."""
    told = {}
    with store._connections.reading() as db:
        for table in TABLES:
            told[table] = repr(sorted(map(repr, db.execute(f"SELECT * FROM {table}"))))
        told["ledgers"] = repr(db.execute("SELECT tenant FROM ledgers").fetchall())
    store.export_jsonl(folder / "x")
    told["export"] = (folder / "x").read_text("utf-8", "surrogatepass")
    told["encoders"] = repr(store.encoders())
    told["waiting"] = repr(store.pending("e", 1000))
    told["counts"] = repr((store.counts().records, store.counts().events, store.spaces()))
    for scope in store.spaces():
        told[repr(scope)] = repr((store.list(scope), store.log(scope), list(store.events(scope))))
    return told


def test_each_tenant_sees_its_own_rows_only(server: Server, tmp_path: Path) -> None:
    url = server.fresh()
    stores = [opened(url, tenant) for tenant in TENANTS]
    for store in stores:
        fill(store)
    for store in stores:
        told = looks(store, tmp_path)
        others = [canary(tenant) for tenant in TENANTS if tenant != store.tenant]
        assert canary(store.tenant) in told["export"]
        for surface, answer in told.items():
            assert not any(word in answer for word in others), surface
        assert store.verify().ok
        assert store.head() == stores[0].head(), "numbers of its own"
        assert all(scope[0] == store.tenant for scope in store.spaces())
    for store in stores:
        store.close()


@contextmanager
def without_walls(server: Server, url: str, table: str, how: str) -> Iterator[None]:
    name = url.partition("@/")[2].partition("?")[0]
    with server.admin(name) as db:
        (policy,) = db.execute(
            "SELECT pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polname = 'wall' AND polrelid = %s::regclass",
            (f"remanence.{table}",),
        ).fetchone()
        try:
            if how == "disabled":
                db.execute(f"ALTER TABLE remanence.{table} DISABLE ROW LEVEL SECURITY")
            else:
                db.execute(f"ALTER POLICY wall ON remanence.{table} USING (true)")
            yield
        finally:
            db.execute(f"ALTER TABLE remanence.{table} ENABLE ROW LEVEL SECURITY")
            db.execute(f"ALTER POLICY wall ON remanence.{table} USING ({policy})")


@pytest.mark.parametrize("how", ["disabled", "open to all"])
def test_it_is_the_policies_that_hold(server: Server, tmp_path: Path, how: str) -> None:
    """Take the wall of one table away, and the same looks differ: each table's wall is needed, and each is looked at."""
    url = server.fresh()
    with opened(url, "acme") as store, opened(url, "globex") as other:
        fill(store)
        fill(other)
        before = looks(store, tmp_path)
        for table in (*TABLES, "ledgers"):
            with without_walls(server, url, table, how):
                with store._connections.reading() as db:
                    rows = db.execute(f"SELECT * FROM {table}").fetchall()
                assert repr(sorted(map(repr, rows))) != before[table], table
        with without_walls(server, url, "events", how):
            store.export_jsonl(tmp_path / "y")
            assert canary("globex") in (tmp_path / "y").read_text("utf-8")
            assert not store.verify().ok
        assert looks(store, tmp_path) == before


def test_a_session_that_says_no_ledger_sees_nothing(server: Server) -> None:
    psycopg = server.psycopg
    url = server.fresh()
    with opened(url, "acme") as store, opened(url, "globex") as other:
        fill(store)
        fill(other)
        ours, theirs = store._connections.ledger, other._connections.ledger
    name = url.partition("@/")[2].partition("?")[0]
    with server.admin(name) as db:
        db.execute(f"SET ROLE {ROLE}")
        db.execute("SET search_path = remanence")
        for table in (*TABLES, "ledgers"):
            assert db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
            assert db.execute(f"DELETE FROM {table}").rowcount == 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute("INSERT INTO lineage VALUES (1, 'a', 'b')")
        db.execute(f"SET remanence.ledger = '{ours}'")
        for table in TABLES:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                db.execute(f"SELECT 1 FROM {table}_0")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                db.execute(f"UPDATE {table} SET ledger = {theirs}")
            found = db.execute(
                f"SELECT DISTINCT ledger FROM {table} WHERE ledger = {theirs} OR true"
            )
            assert set(found.fetchall()) == {(ours,)}
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute(f"INSERT INTO lineage VALUES (1, 'a', 'b', {theirs})")
        # Where a policy would take rows away, turning policies off is an error and no way round.
        db.execute("SET row_security = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute("SELECT count(*) FROM events")
        for forbidden in (
            "ALTER TABLE events DISABLE ROW LEVEL SECURITY",
            "DROP POLICY wall ON events",
            "TRUNCATE events",
            "CREATE TABLE remanence.mine (id INT)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                db.execute(forbidden)


def test_a_leaky_function_sees_no_other_row(server: Server) -> None:
    """A predicate of the caller's own is not asked about rows behind the wall."""
    url = server.fresh()
    with opened(url, "acme") as store, opened(url, "globex") as other:
        fill(store)
        fill(other)
        ours = store._connections.ledger
    name = url.partition("@/")[2].partition("?")[0]
    with server.admin(name) as db:
        heard: list[str] = []
        db.add_notice_handler(lambda notice: heard.append(notice.message_primary))
        db.execute(
            "CREATE OR REPLACE FUNCTION pg_temp.tell(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 "
            "AS $$ BEGIN RAISE NOTICE '%', $1; RETURN true; END $$"
        )
        db.execute(f"SET ROLE {ROLE}")
        db.execute(f"SET remanence.ledger = '{ours}'")
        db.execute('SELECT count(*) FROM remanence.spaces WHERE pg_temp.tell(tenant || "user")')
    assert any("acme" in line for line in heard)
    assert not any("globex" in line for line in heard)


def test_another_tenant_s_scope_is_refused(server: Server) -> None:
    with opened(server.fresh(), "acme") as store:
        for call in (
            lambda: store.get(("globex", "ana"), "1"),
            lambda: store.apply([Add(scope=("globex", "ana"), text="x")]),
            lambda: store.forget_space(("globex",)),
        ):
            with pytest.raises(AccessDenied, match="opened for 'acme'"):
                call()
        assert store.head() == 0


# --- random programs ---


@settings(max_examples=6)
@given(st.lists(steps, min_size=4, max_size=16))
def test_random_programs_of_several_tenants(
    tmp_path_factory: pytest.TempPathFactory, program: Sequence[Any]
) -> None:
    """Whatever tenants do beside each other, each is told what it would be told alone."""
    server = postgres_server()
    folder = tmp_path_factory.mktemp("walls")
    shared, worlds = server.fresh(), {}
    try:
        for tenant in ("acme", "globex"):
            alone = server.fresh()
            with (
                opened(shared, tenant, clock=Steps()) as one,
                opened(alone, tenant, clock=Steps()) as two,
            ):
                worlds[tenant] = (shared, alone)
                assert one.head() == two.head() == 0
        with (
            opened(shared, "acme", clock=Steps()) as a, opened(worlds["acme"][1], "acme", clock=Steps()) as b,
            opened(shared, "globex", clock=Steps()) as c, opened(worlds["globex"][1], "globex", clock=Steps()) as d,
        ):  # fmt: skip
            pairs = {"acme": (a, b), "globex": (c, d)}
            for number, (scope, asked, key, _) in enumerate(program):
                answers = [run(store, scope, asked, key, number) for store in pairs[scope[0]]]
                assert answers[0] == answers[1]
            for one, two in pairs.values():
                assert one.state_digest() == two.state_digest()
                assert one.history_digest() == two.history_digest()
                assert one.verify().ok
                one.export_jsonl(folder / "one")
                two.export_jsonl(folder / "two")
                assert len((folder / "one").read_bytes()) == len((folder / "two").read_bytes())
    finally:
        server.wipe()


class Steps:
    """A clock of its own for each store: a microsecond a look."""

    def __init__(self) -> None:
        self.now = 10**15

    def __call__(self) -> int:
        self.now += 1000
        return self.now


def run(store: PostgresStore, scope: Any, asked: Sequence[Any], key: str, number: int) -> str:
    built = []
    for each in map(dict, asked):
        kind = each.pop("kind_")
        if "rank" in each:
            each = {"seq": each["rank"]}
        built.append(kind(scope=scope, **each))
    try:
        acks = store.apply(built, key=key and f"{key}{number}")
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    told = [
        store.list(scope),
        [store.history(scope, id) if known(store, scope, id) else None for id in IDS],
    ]
    return repr((acks, told))


def known(store: PostgresStore, scope: Any, id: str) -> bool:
    try:
        return store.get(scope, id) is not None
    except NotFound:
        return False


# --- whom it works as ---


def test_a_role_that_no_wall_holds_is_refused(server: Server) -> None:
    url = server.fresh()
    with server.admin() as db:
        try:
            for power in ("BYPASSRLS", "SUPERUSER"):
                db.execute(f"ALTER ROLE {ROLE} {power}")
                with pytest.raises(AccessDenied, match="could read every tenant's memories"):
                    opened(url + "&application_name=other", "acme")
                db.execute(f"ALTER ROLE {ROLE} NO{power}")
        finally:
            db.execute(f"ALTER ROLE {ROLE} NOSUPERUSER NOBYPASSRLS")
    opened(url + "&application_name=other", "acme").close()


@contextmanager
def login(server: Server, name: str, powers: str = "") -> Iterator[str]:
    """A database whose owner is an ordinary user, who may log in."""
    with server.admin() as db:
        db.execute(f"CREATE ROLE {name} LOGIN {powers}")
        db.execute(f"CREATE DATABASE of_{name} OWNER {name}")
    try:
        yield server.url(f"of_{name}").replace("postgres@", f"{name}@")
    finally:
        with server.admin() as db:
            db.execute(f"DROP DATABASE of_{name} WITH (FORCE)")
            db.execute(f"DROP OWNED BY {name}")
            db.execute(f"DROP ROLE {name}")


def test_an_owner_without_any_power_is_walled_too(server: Server, tmp_path: Path) -> None:
    with (
        login(server, "plainowner") as url,
        opened(url, "acme") as store,
        opened(url, "globex") as other,
    ):
        fill(store)
        fill(other)
        for each, stranger in ((store, "globex"), (other, "acme")):
            told = {k: v for k, v in looks(each, tmp_path).items() if k != "ledgers"}
            assert not any(canary(stranger) in answer for answer in told.values())
            assert each.verify().ok
        receipt = store.forget(("acme", f"ana {canary('acme')}"), ["1"])
        said = {check.surface: check for check in receipt.checks}
        assert not receipt.clean, "he can't look at the server's files, so nobody knows"
        for surface in ("pages", "log"):
            assert said[surface].looked == 0
            assert "may not be looked at" in said[surface].note
        assert not any(c.found for name, c in said.items() if name not in ("pages", "log"))


def test_a_user_who_may_make_roles(server: Server) -> None:
    with login(server, "rolemaker", "CREATEROLE") as url:
        with server.admin() as db:
            db.execute(f"GRANT {ROLE} TO rolemaker WITH ADMIN OPTION")
        with opened(url, "acme") as store:
            fill(store)
            with store._connections.reading() as session:
                row = session.execute("SELECT CAST(current_user AS text)").fetchone()
            assert row == (ROLE,)


# --- URLs ---


def test_the_default_tenant_is_everybody_s() -> None:
    assert LOCAL == TENANT


def test_a_password_is_never_shown(server: Server) -> None:
    url = server.fresh().replace("postgres@", "postgres:s3cr3t%40word@")
    with open_store(url, analyze=plain, tenant="acme") as store:
        shown = [repr(store.counts()), repr(store._connections.place), store._connections.name]
        store.close()
        with pytest.raises(Exception, match="is closed") as caught:
            store.head()
        shown.append(str(caught.value))
    for bad in (
        "postgresql://u:s3cr3t@[::1/x",
        "postgresql://u:s3cr3t@nowhere.invalid/x",
        "postgresql://u:s3cr3t@/x?host=/nowhere",
        "postgresql://u:s3cr3t@/x?colour=red",
        "postgresql://u:s3cr3t@/x?schema=a;b",
    ):
        with pytest.raises(Exception, match=r"\w") as caught:
            open_store(bad, analyze=plain)
        shown.append(f"{caught.value}")
    assert not any("s3cr3t" in text for text in shown), shown


def test_a_key_is_refused(server: Server) -> None:
    with pytest.raises(InvalidInput, match="takes no key"):
        open_store(server.fresh(), analyze=plain, key=bytes(32))


def test_two_schemas_in_one_database_are_two_stores(server: Server) -> None:
    url = server.fresh()
    with opened(url, "acme") as one, opened(url + "&schema=other", "acme") as two:
        one.apply([Add(scope=("acme", "ana"), id="1", text="here")])
        assert two.get(("acme", "ana"), "1") is None
        assert two.counts().path.endswith("schema=other")
    with server.admin(url.partition("@/")[2].partition("?")[0]) as db:
        db.execute("DROP SCHEMA other CASCADE")


def test_what_is_somebody_else_s_schema_is_left_alone(server: Server) -> None:
    from remanence.errors import NewerSchema, NotAStore

    url = server.fresh()
    with server.admin(url.partition("@/")[2].partition("?")[0]) as db:
        db.execute("CREATE SCHEMA theirs; CREATE TABLE theirs.spaces (id INT)")
        with pytest.raises(NotAStore, match="another program's"):
            opened(url + "&schema=theirs", "acme")
        assert db.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'theirs'"
        ).fetchone() == (1,)
        db.execute("DROP SCHEMA theirs CASCADE")
        with pytest.raises(NotFound, match="no store"):
            opened(url + "&schema=absent", "acme", read_only=True)
        with pytest.raises(NotFound, match="no store of 'nobody'"):
            opened(url, "nobody", read_only=True)
        opened(url + "&schema=later", "acme").close()
        db.execute("UPDATE later.remanence_schema SET version = 99")
        with pytest.raises(NewerSchema, match="version 99"):
            opened(url + "&schema=later", "acme")
        db.execute("DROP SCHEMA later CASCADE")
